// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

func TestTheBrokersChecksTellHowFarTheHostsCame(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	until := func(left time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(left)}
	}
	const year = 365 * 24 * time.Hour
	down := amqp.Sounding{Host: "down:5671", Fault: &amqp.Fault{Kind: amqp.NoAnswer, Text: "down:5671 refuses connections", Hint: "start it"}}
	good := amqp.Sounding{Host: "good:5671", Broker: "RabbitMQ 3.10", Certificate: until(year), Messages: 2, Consumers: 1}
	old := good
	old.Certificate = until(24 * time.Hour)
	closed := amqp.Sounding{Host: "closed:5671", Certificate: until(year), Fault: &amqp.Fault{Kind: amqp.NoLogin, Text: "closed refuses user", Hint: "check rabbitmq.login"}}
	forged := amqp.Sounding{Host: "forged:5671", Fault: &amqp.Fault{Kind: amqp.NoTLS, Text: "unknown authority", Hint: "set rabbitmq.ca_certs"}}

	for name, tt := range map[string]struct {
		hosts    []amqp.Sounding
		insecure bool
		err      error
		want     string // verdicts of tcp, tls, login, queue
		told     string
	}{
		"all is well":                        {[]amqp.Sounding{good}, false, nil, "ok ok ok ok", "e1-h1: 2 messages wait, 1 consumers"},
		"a certificate that ends soon":       {[]amqp.Sounding{old}, false, nil, "ok warn ok ok", "renew the broker's certificate"},
		"a certificate that is not verified": {[]amqp.Sounding{good}, true, nil, "ok warn ok ok", "it is not verified"},
		"one of two hosts is down":           {[]amqp.Sounding{down, good}, false, nil, "warn ok ok ok", "start it"},
		"all hosts are down":                 {[]amqp.Sounding{down, down}, false, nil, "fail skipped skipped skipped", "down:5671 refuses connections"},
		"a host that is not whom it says":    {[]amqp.Sounding{forged}, false, nil, "ok fail skipped skipped", "set rabbitmq.ca_certs"},
		"a login that is refused":            {[]amqp.Sounding{closed}, false, nil, "ok ok fail skipped", "check rabbitmq.login"},
		"different faults of two hosts":      {[]amqp.Sounding{down, closed}, false, nil, "warn ok fail skipped", "check rabbitmq.login"},
		"a configuration that is wrong":      {nil, false, errors.New("wrong"), "skipped skipped skipped skipped", "the configuration cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			c.InputQueue, c.RabbitMQ.SSL, c.RabbitMQ.Insecure = "e1-h1", true, tt.insecure
			s := &scene{config: c, configErr: tt.err, now: func() time.Time { return now }, soundings: func() []amqp.Sounding { return tt.hosts }}
			var verdicts, told []string
			for _, look := range []func(context.Context, *scene) observation{checkTCP, checkTLS, checkLogin, checkQueue} {
				o := look(t.Context(), s)
				verdicts, told = append(verdicts, o.Verdict), append(told, o.Text, o.Next)
			}
			if got := strings.Join(verdicts, " "); got != tt.want {
				t.Errorf("got %s, want %s: %q", got, tt.want, told)
			}
			if all := strings.Join(told, "\n"); !strings.Contains(all, tt.told) {
				t.Errorf("%q is not in\n%s", tt.told, all)
			}
		})
	}
}

func TestAClockThatIsPlainlyWrongIsTold(t *testing.T) {
	dir := t.TempDir()
	d, err := spool.Open(filepath.Join(dir, "plans"), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, err := range d.Put(t.Context(), []plans.Message{{Body: []byte(`{"FormatVersion": "2.0.0", "ID": "x", "Body": "return 1", "Scripts": {}}`)}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	v := spool.View{Path: filepath.Join(dir, "plans")}
	for name, tt := range map[string]struct {
		now  time.Time
		want string
		text string
	}{
		"at the beginning of time":   {time.Unix(0, 0), verdictFail, "it says 1970"},
		"before a plan was received": {time.Now().Add(-time.Hour), verdictWarn, "it was set back, or was wrong then"},
	} {
		t.Run(name, func(t *testing.T) {
			o := checkClock(t.Context(), &scene{view: v, now: func() time.Time { return tt.now }})
			if o.Verdict != tt.want || !strings.Contains(o.Text, tt.text) || o.Next == "" {
				t.Errorf("got %+v, want %s: %s", o, tt.want, tt.text)
			}
		})
	}
}

func TestChecksThatFindNoTimeAreSkipped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	seen := diagnose(ctx, nil, []check{
		{"first", func(context.Context, *scene) observation { cancel(); return fine("looked at") }},
		{"second", func(context.Context, *scene) observation { t.Error("it was looked at"); return fine("") }},
	})
	want := "[{first ok looked at } {second skipped no time was left }]"
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoTwoChecksHaveOneName(t *testing.T) {
	help := newDiagnose().Long
	names := map[string]bool{}
	for _, c := range checks() {
		if names[c.name] {
			t.Errorf("%s stands twice", c.name)
		}
		names[c.name] = true
		if !strings.Contains(strings.Join(strings.Fields(help), " "), c.name) {
			t.Errorf("the help does not name %s", c.name)
		}
	}
}
