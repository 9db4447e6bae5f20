// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/internal/memq"
	"github.com/openmurano/murano/plans"
)

// A guest is a broker, a disk, and the agent that is on it now.
type guest struct {
	t       testing.TB
	broker  *memq.Broker
	sender  *memq.Conn
	dir     string
	change  func(*agent.Agent)
	log     lockedBuffer
	stop    func()
	answers chan plans.Message // of queue results
}

func newGuest(t testing.TB, change func(*agent.Agent)) *guest {
	g := &guest{t: t, broker: memq.NewBroker(), dir: t.TempDir(), change: change, answers: make(chan plans.Message, 100)}
	g.sender = g.broker.Conn()
	for _, q := range []string{"in", "results"} {
		g.declare(q)
	}
	go g.sender.Receive(t.Context(), "results", func(_ context.Context, m plans.Message) error {
		g.answers <- m
		return nil
	})
	t.Cleanup(func() {
		if g.stop != nil {
			g.stop()
		}
		if t.Failed() {
			t.Log(g.log.String())
		}
	})
	return g
}

func (g *guest) declare(queue string) {
	if err := g.sender.Declare(g.t.Context(), queue, plans.QueueOptions{}); err != nil {
		g.t.Fatal(err)
	}
}

// start starts an agent; g.stop ends it as SIGTERM would.
func (g *guest) start() {
	g.t.Helper()
	log := slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := spool.Open(filepath.Join(g.dir, "plans"), spool.Options{Log: log})
	if err != nil {
		g.t.Fatal(err)
	}
	r := newRunner(g.t)
	r.Workspaces, r.Plans, r.Log = filepath.Join(g.dir, "files"), filepath.Join(g.dir, "plans"), log
	conn := g.broker.Conn()
	a := &agent.Agent{
		Transport: conn, Store: store, Runner: r, Queue: "in", Results: agent.Address{Key: "results"},
		RetryMin: 20 * time.Millisecond, RetryMax: 100 * time.Millisecond, Log: log,
	}
	if g.change != nil {
		g.change(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	g.stop = func() {
		g.stop = nil
		cancel()
		if err := <-ended; err != nil {
			g.t.Errorf("Run: %v", err)
		}
		conn.Close()
		store.Close()
	}
}

func (g *guest) send(m plans.Message) {
	g.t.Helper()
	m.Key = "in"
	if err := g.sender.Publish(g.t.Context(), m); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) plan(id, script, body string, more object) plans.Message {
	g.t.Helper()
	p := document(script, body, more)
	p["ID"] = id
	return plans.Message{ID: id, Body: encoded(g.t, p)}
}

// result waits for the next one.
func (g *guest) result() plans.Result {
	g.t.Helper()
	return parse(g.t, g.message())
}

func (g *guest) message() plans.Message {
	g.t.Helper()
	select {
	case m := <-g.answers:
		return m
	case <-time.After(20 * time.Second):
		g.t.Fatal("no answer")
	}
	return plans.Message{}
}

func (g *guest) silence() {
	g.t.Helper()
	select {
	case m := <-g.answers:
		g.t.Errorf("one answer too many: %s", m.Body)
	case <-time.After(100 * time.Millisecond):
	}
}

func parse(t testing.TB, m plans.Message) plans.Result {
	t.Helper()
	r, err := plans.ParseResult(m.Body)
	if err != nil {
		t.Fatalf("%s: %v", m.Body, err)
	}
	return r
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func exists(path string) func() bool {
	return func() bool { _, err := os.Stat(path); return err == nil }
}
