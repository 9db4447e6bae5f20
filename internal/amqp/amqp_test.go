// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/internal/transporttest"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

var _ transporttest.Transport = (*amqp.Conn)(nil)

// patience bounds what must happen, on a machine that does much else.
const patience = 30 * time.Second

func TestTransport(t *testing.T) {
	server := rabbitmq.Start(t)
	o := options(server)
	transporttest.Run(t, func(t *testing.T) transporttest.Broker {
		p := newProxy(t, server.Addr())
		o := o
		o.Hosts = []string{p.addr()}
		return transporttest.Broker{
			Connect: func(testing.TB) transporttest.Transport { return amqp.New(o) },
			Cut: func() {
				p.set(func(p *proxy) { p.refusing = true })
				p.cut()
			},
			Heal: func() { p.set(func(p *proxy) { p.refusing = false }) },
		}
	})
}

// options are those of the server, with short pauses.
func options(s *rabbitmq.Server) amqp.Options {
	return amqp.Options{
		Hosts: []string{s.Addr()}, User: s.User, Password: s.Password, VHost: s.VHost,
		RetryMin: 20 * time.Millisecond, RetryMax: 200 * time.Millisecond,
	}
}

// A watched connection records its states and its log.
type watched struct {
	*amqp.Conn
	t      *testing.T
	states chan amqp.Status
	log    *lockedBuffer
}

func connect(t *testing.T, o amqp.Options) *watched {
	w := &watched{t: t, states: make(chan amqp.Status, 1000), log: new(lockedBuffer)}
	o.OnState = func(s amqp.Status) { w.states <- s }
	o.Log = slog.New(slog.NewTextHandler(w.log, nil))
	w.Conn = amqp.New(o)
	t.Cleanup(func() { w.Close() })
	return w
}

// within is the context of what must happen.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// wantState waits for a state and returns it.
func (w *watched) wantState(state amqp.State) amqp.Status {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case s := <-w.states:
			if s.State == state {
				return s
			}
		case <-timeout:
			w.t.Fatalf("state %q did not come; now %+v", state, w.Status())
		}
	}
}

// wantFault waits until the connection is lost with a fault of this kind whose
// text holds all the parts.
func (w *watched) wantFault(kind amqp.Kind, parts ...string) *amqp.Fault {
	w.t.Helper()
	s := w.wantState(amqp.Lost)
	if s.Fault.Kind != kind {
		w.t.Fatalf("got fault %q (%v), want %q", s.Fault.Kind, s.Fault, kind)
	}
	for _, part := range parts {
		if !strings.Contains(s.Fault.Error(), part) {
			w.t.Errorf("got %q, want it to hold %q", s.Fault, part)
		}
	}
	if s.Fault.Hint == "" {
		w.t.Errorf("%q has no next step", s.Fault)
	}
	return s.Fault
}

// receive runs Receive until the test ends and passes on what comes.
func (w *watched) receive(queue string) <-chan plans.Message {
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan plans.Message, 1000)
	var running sync.WaitGroup
	running.Go(func() {
		w.Receive(ctx, queue, func(_ context.Context, m plans.Message) error { got <- m; return nil })
	})
	w.t.Cleanup(func() { cancel(); running.Wait() })
	return got
}

func (w *watched) queue() string {
	w.t.Helper()
	q := "amqp-test-" + rand.Text()
	if err := w.Declare(within(w.t), q, plans.QueueOptions{}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Remove(ctx, q); err != nil {
			w.t.Errorf("remove: %v", err)
		}
	})
	return q
}

func wantMessage(t *testing.T, got <-chan plans.Message, id string) {
	t.Helper()
	select {
	case m := <-got:
		if m.ID != id {
			t.Errorf("got message %q, want %q", m.ID, id)
		}
	case <-time.After(patience):
		t.Fatalf("message %q did not come", id)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
