// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

func TestABrokerThatGoesAwayIsWaitedFor(t *testing.T) {
	tests := []struct {
		name string
		stop func(*rabbitmq.Server, testing.TB)
		said string // in the fault
	}{
		// A broker that stops says so, and resets the connection; which of both is
		// seen first is chance.
		{"stopped", (*rabbitmq.Server).Stop, "the broker 127.0.0.1"},
		{"killed", (*rabbitmq.Server).Kill, "the connection to the broker 127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := rabbitmq.Start(t)
			c := connect(t, options(server))
			q, kept := c.queue(), c.queue()
			got := c.receive(q)
			c.wantState(amqp.Consuming)
			if err := c.Publish(within(t), plans.Message{ID: "before", Key: kept}); err != nil {
				t.Fatal(err)
			}
			tt.stop(server, t)
			if s := c.wantState(amqp.Lost); !strings.Contains(s.Fault.Error(), tt.said) {
				t.Errorf("got %q, want it to hold %q", s.Fault, tt.said)
			}
			published := make(chan error, 1)
			go func() { published <- c.Publish(within(t), plans.Message{ID: "during", Key: q}) }()
			server.Up(t)
			began := time.Now()
			if err := <-published; err != nil {
				t.Error(err)
			}
			wantMessage(t, got, "during")
			t.Logf("delivered %v after the broker was up", time.Since(began).Round(time.Millisecond))
			wantMessage(t, c.receive(kept), "before")
		})
	}
}

func TestALoginRefusedIsSaidAndTriedAgain(t *testing.T) {
	server := rabbitmq.Start(t)
	vhost := server.NewVHost(t)
	const user, password = "agent-é", `p@ss:/w#or%d? "é&`
	server.Ctl(t, "add_user", user, "another")
	t.Cleanup(func() { server.Ctl(t, "delete_user", user) })
	o := options(server)
	o.User, o.Password, o.VHost = user, password, vhost
	c := connect(t, o)
	got := c.receive("q")
	c.wantFault(amqp.NoLogin, user, "rabbitmq.login", "rabbitmq.password")

	server.Ctl(t, "change_password", user, password)
	c.wantFault(amqp.NoVHost, user, vhost, "rabbitmq.virtual_host", "set_permissions")

	server.Ctl(t, "set_permissions", "-p", vhost, user, ".*", ".*", ".*")
	c.wantState(amqp.Connected)
	if s := c.wantState(amqp.Waiting); s.Fault.Kind != amqp.NoQueue || s.Queue != "q" || !strings.Contains(s.Fault.Error(), `"q"`) {
		t.Errorf("got %+v, want that queue q is absent", s)
	}
	time.Sleep(500 * time.Millisecond) // several looks for the queue
	if err := c.Declare(within(t), "q", plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	c.wantState(amqp.Consuming)
	if err := c.Publish(within(t), plans.Message{ID: "m", Key: "q"}); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, got, "m")
	log := c.log.String()
	for text, want := range map[string]int{
		"refuses user": 1, "but not into the virtual host": 1, "broker waiting": 1, "broker connected": 1, "broker consuming": 1, password: 0, "p@ss": 0,
	} {
		if n := strings.Count(log, text); n != want {
			t.Errorf("%q is %d times in the log, want %d:\n%s", text, n, want, log)
		}
	}
	var states []string
	for _, s := range c.Status() {
		states = append(states, string(s.State)+" "+s.Queue)
	}
	if got := strings.Join(states, ","); got != "connected ,consuming q" {
		t.Errorf("got status %q", got)
	}
}

func TestAMissingPermissionIsSaid(t *testing.T) {
	server := rabbitmq.Start(t)
	vhost := server.NewVHost(t)
	server.Ctl(t, "add_user", "nobody", "nobody")
	t.Cleanup(func() { server.Ctl(t, "delete_user", "nobody") })
	server.Ctl(t, "set_permissions", "-p", vhost, "nobody", "^$", "^$", "^$")
	o := options(server)
	o.VHost = vhost
	if err := connect(t, o).Declare(within(t), "q", plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	o.User, o.Password = "nobody", "nobody"
	c := connect(t, o)
	c.receive("q")
	if s := c.wantState(amqp.Waiting); s.Fault.Kind != amqp.NoAccess || !strings.Contains(s.Fault.Error(), "set_permissions") {
		t.Errorf("got %+v, want that a permission is missing", s)
	}
	err := c.Publish(within(t), plans.Message{Key: "q"})
	if !errors.Is(err, amqp.ErrRefused) || !strings.Contains(err.Error(), "set_permissions") {
		t.Errorf("publish: got %v, want ErrRefused with the next step", err)
	}
	for what, err := range map[string]error{
		"declare": c.Declare(within(t), "other", plans.QueueOptions{}),
		"remove":  c.Remove(within(t), "q"),
	} {
		if err == nil || !strings.Contains(err.Error(), "set_permissions") {
			t.Errorf("%s: got %v, want the next step", what, err)
		}
	}
}

func TestTLS(t *testing.T) {
	server := rabbitmq.Start(t)
	if server.TLSPort == 0 {
		t.Skip("needs a RabbitMQ of its own")
	}
	pem, err := os.ReadFile(server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	tests := []struct {
		name  string
		host  string
		tls   *tls.Config
		parts []string // of the fault; nil means that it connects
	}{
		{"the authority is known", server.TLSAddr(), &tls.Config{RootCAs: pool}, nil},
		{"nothing is verified, as asked", server.TLSAddr(), &tls.Config{InsecureSkipVerify: true}, nil},
		{"the authority is unknown", server.TLSAddr(), &tls.Config{}, []string{"authority unknown", "rabbitmq.ca_certs"}},
		{"the certificate is for another name", server.TLSAddr(), &tls.Config{RootCAs: pool, ServerName: "broker.example"},
			[]string{"is for localhost, 127.0.0.1", "rabbitmq.host"}},
		{"the certificate has expired", server.TLSAddr(), &tls.Config{RootCAs: pool, Time: func() time.Time { return time.Now().AddDate(1, 0, 0) }},
			[]string{"out of date", "clock"}},
		{"the port does not speak TLS", server.Addr(), &tls.Config{RootCAs: pool}, []string{"does not speak TLS", "rabbitmq.port"}},
		{"the port speaks nothing but TLS", server.TLSAddr(), nil, []string{"before AMQP begins", "rabbitmq.ssl"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(server)
			o.Hosts, o.TLS = []string{tt.host}, tt.tls
			c := connect(t, o)
			if tt.parts != nil {
				c.receive("q")
				f := c.wantFault(map[bool]amqp.Kind{true: amqp.NoTLS, false: amqp.NoAnswer}[tt.tls != nil], tt.parts...)
				t.Log(f)
				return
			}
			q := c.queue()
			got := c.receive(q)
			if err := c.Publish(within(t), plans.Message{ID: "m", Key: q, Body: make([]byte, 1<<20)}); err != nil {
				t.Fatal(err)
			}
			wantMessage(t, got, "m")
		})
	}
}

func TestAMessageAboveTheBrokersLimitIsRefusedAndNoOtherSuffers(t *testing.T) {
	server := rabbitmq.Start(t)
	before := strings.TrimSpace(server.Ctl(t, "eval", "{ok, N} = application:get_env(rabbit, max_message_size), io:format(\"~b\", [N])."))
	before = strings.Fields(before)[0]
	server.Ctl(t, "eval", "application:set_env(rabbit, max_message_size, 100000), persistent_term:erase(max_message_size).")
	t.Cleanup(func() {
		before = strings.TrimSuffix(before, "ok")
		server.Ctl(t, "eval", "application:set_env(rabbit, max_message_size, "+before+"), persistent_term:erase(max_message_size).")
	})
	c := connect(t, options(server))
	q := c.queue()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 5 {
				m := plans.Message{ID: string(rune('a' + i)), Key: q}
				if i == 0 {
					m.Body = make([]byte, 200_000)
				}
				err := c.Publish(within(t), m)
				if i == 0 && !errors.Is(err, amqp.ErrRefused) {
					t.Errorf("too large: got %v, want ErrRefused", err)
				}
				if i != 0 && err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestABrokerShortOfMemoryIsWaitedFor(t *testing.T) {
	server := rabbitmq.Start(t)
	o := options(server)
	o.Heartbeat = time.Second
	c := connect(t, o)
	q := c.queue()
	got := c.receive(q)
	c.wantState(amqp.Consuming)
	alarm := "{{resource_limit, memory, node()}, []}"
	server.Ctl(t, "eval", "rabbit_alarm:set_alarm("+alarm+").")
	cleared := false
	release := func() {
		if !cleared {
			server.Ctl(t, "eval", "rabbit_alarm:clear_alarm({resource_limit, memory, node()}).")
		}
		cleared = true
	}
	t.Cleanup(release)

	// RabbitMQ still takes the message by which it notices that a connection publishes.
	if err := c.Publish(within(t), plans.Message{ID: "noticed", Key: q}); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, got, "noticed")
	ctx, cancel := context.WithTimeout(within(t), time.Second)
	defer cancel()
	if err := c.Publish(ctx, plans.Message{ID: "first", Key: q}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
	if s := c.wantState(amqp.Blocked); s.Fault.Kind != amqp.Overloaded || s.Fault.Hint == "" {
		t.Errorf("got %+v", s)
	}
	published := make(chan error, 1)
	go func() {
		published <- c.Publish(within(t), plans.Message{ID: "second", Key: q, Body: make([]byte, 5<<20)})
	}()
	time.Sleep(3 * time.Second) // more than two heartbeats, with a write that blocks
	release()
	if err := <-published; err != nil {
		t.Error(err)
	}
	wantMessage(t, got, "first") // was on the wire when its context ended
	wantMessage(t, got, "second")
	c.wantState(amqp.Connected)
	if log := c.log.String(); strings.Contains(log, "broker lost") {
		t.Errorf("the connection was given up:\n%s", log)
	}
}

// What other programs see of a message, and send.
func TestTheWireIsMuranos(t *testing.T) {
	server := rabbitmq.Start(t)
	c := connect(t, options(server))
	q := c.queue()
	raw, err := amqp091.Dial(server.URL(server.VHost))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	ch, err := raw.Channel()
	if err != nil {
		t.Fatal(err)
	}
	signature := []byte{0, 1, 0xff}
	for _, transient := range []bool{false, true} {
		m := plans.Message{ID: "id", Key: q, Body: []byte("{}"), ReplyTo: "r", Signature: signature, Transient: transient}
		if err := c.Publish(within(t), m); err != nil {
			t.Fatal(err)
		}
		d, ok, err := ch.Get(q, true)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		mode := map[bool]uint8{false: 2, true: 1}[transient]
		if d.ContentType != "text/plain" || d.ContentEncoding != "utf-8" || d.DeliveryMode != mode || d.Priority != 0 ||
			d.MessageId != "id" || d.ReplyTo != "r" || len(d.Headers) != 1 || d.Headers["signature"] != string(signature) {
			t.Errorf("got %+v", d)
		}
	}

	got := c.receive(q)
	tests := []struct {
		name string
		p    amqp091.Publishing
		want string // signature
	}{
		{"a signature as string", amqp091.Publishing{Headers: amqp091.Table{"signature": "\x00\xff"}}, "\x00\xff"},
		{"a signature as bytes", amqp091.Publishing{Headers: amqp091.Table{"signature": []byte("\x00\xff")}}, "\x00\xff"},
		{"a signature of another type", amqp091.Publishing{Headers: amqp091.Table{"signature": int32(5)}}, ""},
		{"no properties at all", amqp091.Publishing{}, ""},
		{"pickle", amqp091.Publishing{ContentType: "application/x-python-serialize", ContentEncoding: "binary"}, ""},
		{"JSON that is none", amqp091.Publishing{ContentType: "application/json", Body: []byte("{")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := ch.PublishWithContext(t.Context(), "", q, false, false, tt.p); err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-got:
				if string(m.Signature) != tt.want || string(m.Body) != string(tt.p.Body) || m.ContentType != tt.p.ContentType {
					t.Errorf("got %+v", m)
				}
			case <-time.After(patience):
				t.Fatal("nothing came")
			}
		})
	}
}

func TestAQueueThatExpiresIsGoneAndItsReceiverWaits(t *testing.T) {
	server := rabbitmq.Start(t)
	c := connect(t, options(server))
	const q = "amqp-test-expires"
	if err := c.Declare(within(t), q, plans.QueueOptions{Expires: 500 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := c.Publish(within(t), plans.Message{Key: q})
		if errors.Is(err, amqp.ErrUnroutable) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("got %v, want ErrUnroutable", err)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	server := rabbitmq.Start(b)
	c := amqp.New(options(server))
	defer c.Close()
	const q = "amqp-bench"
	if err := c.Declare(b.Context(), q, plans.QueueOptions{Expires: time.Minute}); err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 4<<10)
	b.Run("one at a time", func(b *testing.B) {
		for b.Loop() {
			if err := c.Publish(b.Context(), plans.Message{ID: "m", Key: q, Body: body}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64 at a time", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				m := plans.Message{ID: time.Now().String(), Key: q, Body: body}
				if err := c.Publish(b.Context(), m); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	if err := c.Remove(context.WithoutCancel(b.Context()), q); err != nil {
		b.Error(err)
	}
}
