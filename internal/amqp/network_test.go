// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

func TestABlackHoleIsNoticedWithinTwoHeartbeatsAndSurvived(t *testing.T) {
	server := rabbitmq.Start(t)
	p := newProxy(t, server.Addr())
	o := options(server)
	o.Hosts, o.Heartbeat, o.DialTimeout = []string{p.addr()}, time.Second, time.Second
	c := connect(t, o)
	q := c.queue()
	got := c.receive(q)
	c.wantState(amqp.Consuming)
	if err := c.Publish(within(t), plans.Message{ID: "before", Key: q}); err != nil { // opens the channel
		t.Fatal(err)
	}
	wantMessage(t, got, "before")

	p.set(func(p *proxy) { p.stalled = true })
	began := time.Now()
	published := make(chan error, 1)
	body := make([]byte, 24<<20) // more than the kernel buffers: the write blocks
	go func() { published <- c.Publish(within(t), plans.Message{ID: "during", Key: q, Body: body}) }()
	c.wantFault(amqp.Silence, p.addr(), "2s")
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("noticed after %v, want within 2 heartbeats of 1s and some", d)
	}
	c.wantFault(amqp.NoAnswer, p.addr()) // the way is still blocked, so is the login
	p.set(func(p *proxy) { p.stalled = false })
	c.wantState(amqp.Connected)
	if err := <-published; err != nil {
		t.Error(err)
	}
	wantMessage(t, got, "during")
}

func TestCallsEndWithTheirContextInABlackHole(t *testing.T) {
	server := rabbitmq.Start(t)
	q := connect(t, options(server)).queue()
	var c *watched
	tests := []struct {
		name string
		call func(context.Context) error
	}{
		{"publish of what the kernel buffers", func(ctx context.Context) error { return c.Publish(ctx, plans.Message{Key: q}) }},
		{"declare", func(ctx context.Context) error { return c.Declare(ctx, q, plans.QueueOptions{}) }},
		{"publish of more than the kernel buffers", func(ctx context.Context) error {
			return c.Publish(ctx, plans.Message{Key: q, Body: make([]byte, 24<<20)})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProxy(t, server.Addr())
			o := options(server)
			o.Hosts = []string{p.addr()} // the heartbeat of 10 s is no help here
			c = connect(t, o)
			c.receive(q)
			c.wantState(amqp.Consuming)
			if err := c.Publish(within(t), plans.Message{Key: q}); err != nil { // opens the channel
				t.Fatal(err)
			}
			p.set(func(p *proxy) { p.stalled = true })
			ctx, cancel := context.WithTimeout(within(t), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			if err := tt.call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want context.DeadlineExceeded", err)
			}
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestCloseEndsInABlackHoleAndLeavesNoGoroutine(t *testing.T) {
	server := rabbitmq.Start(t)
	p := newProxy(t, server.Addr())
	o := options(server)
	o.Hosts = []string{p.addr()}
	leak := goleak.IgnoreCurrent()
	c := amqp.New(o)
	if err := c.Declare(within(t), "amqp-test-close", plans.QueueOptions{Expires: time.Minute}); err != nil {
		t.Fatal(err)
	}
	p.set(func(p *proxy) { p.stalled = true })
	began := time.Now()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
	p.set(func(p *proxy) { p.stalled = false })
	p.cut()
	goleak.VerifyNone(t, leak)
}

func TestASlowLinkIsNotTakenForABrokenOne(t *testing.T) {
	server := rabbitmq.Start(t)
	p := newProxy(t, server.Addr())
	o := options(server)
	o.Hosts, o.Heartbeat = []string{p.addr()}, time.Second
	c := connect(t, o)
	q := c.queue()
	got := c.receive(q)
	c.wantState(amqp.Consuming)
	p.set(func(p *proxy) { p.delay = 20 * time.Millisecond }) // 800 KB/s
	began := time.Now()
	if err := c.Publish(within(t), plans.Message{ID: "slow", Key: q, Body: make([]byte, 3<<20)}); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < 3*time.Second {
		t.Errorf("took only %v: the test is not slow enough", d)
	}
	wantMessage(t, got, "slow")
	if n := p.connections(); n != 1 {
		t.Errorf("connected %d times, want once", n)
	}
}

func TestAPublishingCutInItsMiddleIsSentAgain(t *testing.T) {
	server := rabbitmq.Start(t)
	p := newProxy(t, server.Addr())
	o := options(server)
	o.Hosts = []string{p.addr()}
	c := connect(t, o)
	q := c.queue()
	got := c.receive(q)
	for range 3 {
		p.set(func(p *proxy) { p.budget = 1 << 20 })
		if err := c.Publish(within(t), plans.Message{ID: "cut", Key: q, Body: make([]byte, 3<<20)}); err != nil {
			t.Fatal(err)
		}
		wantMessage(t, got, "cut")
	}
	if n := p.connections(); n < 4 {
		t.Errorf("connected %d times, want 4: nothing was cut", n)
	}
}

func TestPublishersDoNotWaitForEachOthersConfirms(t *testing.T) {
	server := rabbitmq.Start(t)
	p := newProxy(t, server.Addr())
	direct := connect(t, options(server))
	q := direct.queue()
	got := direct.receive(q)
	o := options(server)
	o.Hosts, o.Heartbeat = []string{p.addr()}, patience
	c := connect(t, o)
	if err := c.Publish(within(t), plans.Message{ID: "opens the channel", Key: q}); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, got, "opens the channel")
	p.set(func(p *proxy) { p.muted = true })
	const n = 30
	published := make(chan error, n)
	for i := range n {
		go func() { published <- c.Publish(within(t), plans.Message{ID: strconv.Itoa(i), Key: q}) }()
	}
	for i := range n {
		select {
		case <-got:
		case err := <-published:
			t.Fatalf("a publish ended without its confirm: %v", err)
		case <-time.After(patience):
			t.Fatalf("%d of %d messages arrived while no confirm did", i, n)
		}
	}
	p.set(func(p *proxy) { p.muted = false })
	for range n {
		if err := <-published; err != nil {
			t.Error(err)
		}
	}
	if n := p.connections(); n != 1 {
		t.Errorf("connected %d times, want once", n)
	}
}

func TestHostsAreTriedInTurn(t *testing.T) {
	server := rabbitmq.Start(t)
	one, two := newProxy(t, server.Addr()), newProxy(t, server.Addr())
	o := options(server)
	o.Hosts = []string{closedPort(t), one.addr(), two.addr()}
	c := connect(t, o)
	q := c.queue()
	got := c.receive(q)
	if s := c.wantState(amqp.Connected); s.Host != one.addr() {
		t.Errorf("connected to %s, want %s", s.Host, one.addr())
	}
	one.set(func(p *proxy) { p.refusing = true })
	one.cut()
	if s := c.wantState(amqp.Connected); s.Host != two.addr() {
		t.Errorf("connected to %s, want %s", s.Host, two.addr())
	}
	if err := c.Publish(within(t), plans.Message{ID: "m", Key: q}); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, got, "m")
}

func TestOnConnectMayPublishAfterEachConnect(t *testing.T) {
	server := rabbitmq.Start(t)
	p := newProxy(t, server.Addr())
	o := options(server)
	q := connect(t, o).queue()
	o.Hosts = []string{p.addr()}
	var hello func()
	o.OnConnect = func() { hello() }
	c := connect(t, o)
	var calls atomic.Int32
	hello = func() {
		err := c.Publish(within(t), plans.Message{ID: "hello", Key: q})
		if err != nil && !errors.Is(err, amqp.ErrClosed) && t.Context().Err() == nil {
			t.Error(err)
		}
		calls.Add(1)
	}
	got := c.receive(q)
	for i := range int32(4) {
		wantMessage(t, got, "hello")
		for deadline := time.Now().Add(patience); calls.Load() <= i; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("called %d times after %d connects", calls.Load(), i+1)
			}
		}
		p.cut()
	}
	wantMessage(t, got, "hello")
}

func TestAnUnreachableBrokerIsNamedWithTheNextStep(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	rude, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer rude.Close()
	go func() {
		for {
			c, err := rude.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	tests := []struct {
		name, host string
		kind       amqp.Kind
		parts      []string
	}{
		{"a closed port", closedPort(t), amqp.NoAnswer, []string{"refuses connections", "rabbitmq.port"}},
		{"a name that does not resolve", "broker.invalid", amqp.NoAddress, []string{"broker.invalid:5672", "rabbitmq.host"}},
		{"a port that stays silent", silent.Addr().String(), amqp.NoAnswer, []string{"does not answer within 300ms", "rabbitmq.ssl"}},
		{"something that is no broker", rude.Addr().String(), amqp.NoAnswer, []string{"before AMQP begins", "rabbitmq.port"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, amqp.Options{Hosts: []string{tt.host}, Password: "hidden-word", User: "u", DialTimeout: 300 * time.Millisecond, RetryMin: 10 * time.Millisecond, RetryMax: 20 * time.Millisecond})
			ctx, cancel := context.WithTimeout(within(t), time.Second)
			defer cancel()
			err := c.Publish(ctx, plans.Message{Key: "q"})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want context.DeadlineExceeded", err)
			}
			f := c.wantFault(tt.kind, tt.parts...)
			t.Log(f)
			if !strings.Contains(err.Error(), f.Hint) {
				t.Errorf("the error of publish, %q, does not tell the next step", err)
			}
			log := c.log.String()
			if n := strings.Count(log, "broker lost"); n != 1 {
				t.Errorf("logged %d times, want once:\n%s", n, log)
			}
			if strings.Contains(log+err.Error(), "hidden-word") {
				t.Error("the password is in the log")
			}
		})
	}
}

// closedPort is an address of loopback where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func TestNamesAMQPCannotCarryAreRefused(t *testing.T) {
	c := connect(t, amqp.Options{Hosts: []string{closedPort(t)}})
	long := rand.Text() + strings.Repeat("x", 256)
	for what, err := range map[string]error{
		"publish": c.Publish(within(t), plans.Message{Key: long}),
		"id":      c.Publish(within(t), plans.Message{ID: long}),
		"receive": c.Receive(within(t), long, nil),
		"declare": c.Declare(within(t), long, plans.QueueOptions{}),
		"remove":  c.Remove(within(t), ""),
	} {
		if err == nil || !(strings.Contains(err.Error(), "255") || strings.Contains(err.Error(), "empty")) {
			t.Errorf("%s: got %v, want what is wrong with the name", what, err)
		}
	}
}
