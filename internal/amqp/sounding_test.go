// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

func TestASoundingSaysHowFarItCame(t *testing.T) {
	server := rabbitmq.Start(t)
	c := connect(t, options(server))
	q := c.queue()
	if err := c.Publish(within(t), plans.Message{ID: "waits", Key: q}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*amqp.Options, *string)
		kind   amqp.Kind // empty: the queue is found
	}{
		"to a queue that is there":       {func(*amqp.Options, *string) {}, ""},
		"to a queue that is not there":   {func(_ *amqp.Options, q *string) { *q = "nowhere" }, amqp.NoQueue},
		"with a wrong password":          {func(o *amqp.Options, _ *string) { o.Password = "wrong" }, amqp.NoLogin},
		"to a virtual host that is none": {func(o *amqp.Options, _ *string) { o.VHost = "none" }, amqp.NoVHost},
		"to a port where nobody listens": {func(o *amqp.Options, _ *string) { o.Hosts = []string{"127.0.0.1:1"} }, amqp.NoAnswer},
		"with TLS to a port without":     {func(o *amqp.Options, _ *string) { o.TLS = &tls.Config{} }, amqp.NoTLS},
	} {
		t.Run(name, func(t *testing.T) {
			o, queue := options(server), q
			o.DialTimeout = 5 * time.Second
			tt.change(&o, &queue)
			all := amqp.Sound(within(t), o, queue)
			if len(all) != 1 || all[0].Host != o.Hosts[0] {
				t.Fatalf("%+v", all)
			}
			s := all[0]
			if tt.kind != "" {
				if s.Fault == nil || s.Fault.Kind != tt.kind || s.Fault.Hint == "" {
					t.Errorf("got %v, want %s", s.Fault, tt.kind)
				}
				return
			}
			if s.Fault != nil || s.Messages != 1 || s.Consumers != 0 || !strings.HasPrefix(s.Broker, "RabbitMQ 3.") {
				t.Errorf("got %+v", s)
			}
		})
	}
	t.Run("takes nothing", func(t *testing.T) { wantMessage(t, c.receive(q), "waits") })
}

func TestASoundingNeedsNoRightsBeyondTheAgents(t *testing.T) {
	server := rabbitmq.Start(t)
	o := options(server)
	q := connect(t, o).queue()
	user := fmt.Sprintf("sounding-%d", time.Now().UnixNano())
	server.Ctl(t, "add_user", user, "secret")
	t.Cleanup(func() { server.Ctl(t, "delete_user", user) })
	server.Ctl(t, "set_permissions", "-p", o.VHost, user, "^$", "^amq\\.default$", "^"+q+"$")
	o.User, o.Password = user, "secret"
	if s := amqp.Sound(within(t), o, q)[0]; s.Fault != nil {
		t.Errorf("got %v", s.Fault)
	}
}

func TestASoundingShowsTheCertificate(t *testing.T) {
	server := rabbitmq.Start(t)
	o := options(server)
	q := connect(t, o).queue()
	o.Hosts, o.TLS = []string{server.TLSAddr()}, &tls.Config{InsecureSkipVerify: true}
	s := amqp.Sound(within(t), o, q)[0]
	if s.Fault != nil || s.Certificate == nil || s.Certificate.NotAfter.IsZero() {
		t.Errorf("got %+v", s)
	}
}
