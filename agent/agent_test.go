// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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
	r.Workspaces, r.Log = filepath.Join(g.dir, "files"), log
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

func TestAPlanIsReceivedRunAndAnswered(t *testing.T) {
	g := newGuest(t, nil)
	g.start()
	g.send(g.plan("one", "#!/bin/sh\necho hello\n", "return deploy().stdout", nil))
	m := g.message()
	if m.ID != "one" || m.ContentType != "text/plain" || m.Transient {
		t.Errorf("properties %+v", m)
	}
	var keys struct {
		FormatVersion, SourceID, Action, Body string
		ErrorCode                             int
		ReplyTo                               json.RawMessage
	}
	if err := json.Unmarshal(m.Body, &keys); err != nil || keys.FormatVersion != "2.0.0" || keys.SourceID != "one" ||
		keys.Action != "Execution:Result" || keys.Body != "hello" || keys.ErrorCode != 0 || string(keys.ReplyTo) != "null" {
		t.Errorf("%s: %v", m.Body, err)
	}
	g.silence()
	until(t, "the plan is history", func() bool {
		all, _ := filepath.Glob(filepath.Join(g.dir, "plans", "*-case", "state.json"))
		if len(all) != 1 {
			return false
		}
		b, _ := os.ReadFile(all[0])
		return strings.Contains(string(b), `"state": "answered"`)
	})
	logs, _ := filepath.Glob(filepath.Join(g.dir, "plans", "*-case", "001-deploy.stdout.log"))
	if len(logs) != 1 {
		t.Error("the script's log is gone")
	}
	if ready, unacked := g.broker.Depth("in"); ready+unacked != 0 {
		t.Errorf("%d messages are not acknowledged", ready+unacked)
	}
}

func TestEveryMessageGetsExactlyOneAnswer(t *testing.T) {
	g := newGuest(t, nil)
	count := filepath.Join(g.dir, "count")
	script := "#!/bin/sh\necho x >>" + count + "\n"
	m := g.plan("twice", script, "deploy()\nreturn 1", nil)
	g.send(m)
	g.send(m)
	g.start()
	g.send(plans.Message{ID: "no-plan", Body: []byte("this is not json")})
	g.send(plans.Message{ID: "empty"})
	g.send(g.plan("escape", "", "return 1", object{"ID": "../../escape"}))
	want := map[string]int{"twice": 2, "no-plan": 1, "empty": 1, "escape": 1}
	for range 5 {
		r := g.result()
		want[r.SourceID]--
		if bad := r.SourceID != "twice" && r.SourceID != "escape"; bad != (r.ErrorCode == plans.CodeFormat) {
			t.Errorf("%s: ErrorCode %d", r.SourceID, r.ErrorCode)
		}
	}
	for id, left := range want {
		if left != 0 {
			t.Errorf("%q: %d answers are missing", id, left)
		}
	}
	g.send(m)
	if r := g.result(); r.SourceID != "twice" || string(r.Body) != "1" {
		t.Errorf("got %q %s", r.SourceID, r.Body)
	}
	g.silence()
	if b, _ := os.ReadFile(count); string(b) != "x\n" {
		t.Errorf("the plan ran %d times", strings.Count(string(b), "x"))
	}
}

func TestAnIDIsANameAndNotAPath(t *testing.T) {
	g := newGuest(t, nil)
	victim := filepath.Join(g.dir, "victim")
	if err := os.MkdirAll(filepath.Join(victim, "file"), 0o700); err != nil {
		t.Fatal(err)
	}
	g.start()
	for _, id := range []string{victim, "../../escape-id", "../victim"} {
		g.send(plans.Message{ID: "m", Body: encoded(t, document("", "return 1", object{"ID": id}))})
		if r := g.result(); r.ErrorCode != plans.CodeFormat || r.SourceID != id {
			t.Errorf("%s: got %d from %q", id, r.ErrorCode, r.SourceID)
		}
	}
	if !exists(filepath.Join(victim, "file"))() {
		t.Error("the directory is gone")
	}
}

func TestWhereResultsGo(t *testing.T) {
	tests := []struct {
		name          string
		dynamic       bool
		property, own string // reply_to of the message, ReplyTo of the plan
		broken        bool
		queue         string
		replyTo       string // in the result; "-" means no such key
	}{
		{name: "static, nobody says where", queue: "results", replyTo: "null"},
		{name: "static, the message says where", property: "p", queue: "results", replyTo: `"p"`},
		{name: "static, the plan says where", own: "o", queue: "results", replyTo: `"o"`},
		{name: "static, the plan's word is stronger", property: "p", own: "o", queue: "results", replyTo: `"o"`},
		{name: "dynamic, nobody says where", dynamic: true, queue: "results", replyTo: "null"},
		{name: "dynamic, the message says where", dynamic: true, property: "p", queue: "p", replyTo: "-"},
		{name: "dynamic, the plan says where", dynamic: true, own: "o", queue: "o", replyTo: "-"},
		{name: "dynamic, the plan's word is stronger", dynamic: true, property: "p", own: "o", queue: "o", replyTo: "-"},
		{name: "dynamic, a plan that breaks its format", dynamic: true, property: "p", broken: true, queue: "p", replyTo: "-"},
		{name: "static, a plan that breaks its format", property: "p", broken: true, queue: "results", replyTo: "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, func(a *agent.Agent) { a.DynamicResultQueue = tt.dynamic })
			for _, q := range []string{"p", "o"} {
				g.declare(q)
				go g.broker.Conn().Receive(t.Context(), q, func(_ context.Context, m plans.Message) error { g.answers <- m; return nil })
			}
			g.start()
			m := g.plan("one", "", "return 1", nil)
			if tt.own != "" {
				m = g.plan("one", "", "return 1", object{"ReplyTo": tt.own})
			}
			if tt.broken {
				m = g.plan("one", "", "return 1", object{"Scripts": []any{}})
			}
			m.ReplyTo = tt.property
			g.send(m)
			got := g.message()
			var keys map[string]json.RawMessage
			if err := json.Unmarshal(got.Body, &keys); err != nil {
				t.Fatal(err)
			}
			replyTo := "-"
			if v, ok := keys["ReplyTo"]; ok {
				replyTo = string(v)
			}
			if got.Key != tt.queue || replyTo != tt.replyTo {
				t.Errorf("to %q with ReplyTo %s, want %q with %s", got.Key, replyTo, tt.queue, tt.replyTo)
			}
			g.silence()
		})
	}
}

func TestAResultWithoutAQueueIsKeptAndBlocksNothing(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) { a.DynamicResultQueue = true })
	g.start()
	m := g.plan("stuck", "", "return 'stuck'", nil)
	m.ReplyTo = "later"
	g.send(m)
	g.send(g.plan("fine", "", "return 'fine'", nil))
	if r := g.result(); r.SourceID != "fine" {
		t.Errorf("got %q", r.SourceID)
	}
	until(t, "it was tried more than once", func() bool { return strings.Contains(g.log.String(), "attempt=2") })
	g.stop()
	g.start()
	g.declare("later")
	go g.broker.Conn().Receive(t.Context(), "later", func(_ context.Context, m plans.Message) error { g.answers <- m; return nil })
	if r := g.result(); r.SourceID != "stuck" {
		t.Errorf("got %q", r.SourceID)
	}
	g.silence()
}

func TestABrokerThatIsAwayCostsNothing(t *testing.T) {
	g := newGuest(t, nil)
	go1 := filepath.Join(g.dir, "go")
	g.start()
	g.send(g.plan("one", "#!/bin/sh\nwhile [ ! -e "+go1+" ]; do sleep 0.01; done; echo done\n", "return deploy().stdout", nil))
	until(t, "the script runs", func() bool { return strings.Contains(g.log.String(), "script starts") })
	g.broker.Cut()
	if err := os.WriteFile(go1, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the plan ended", func() bool { return strings.Contains(g.log.String(), "plan ended") })
	g.broker.Heal()
	if r := g.result(); string(r.Body) != `"done"` {
		t.Errorf("got %s", r.Body)
	}
	g.silence()
}

func TestStoppingTheAgentEndsThePlanWithAResult(t *testing.T) {
	for _, tt := range []struct {
		name string
		cut  bool // the broker is away at the end
	}{{"published at once", false}, {"published at the next start", true}} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, func(a *agent.Agent) { a.Farewell = 200 * time.Millisecond })
			pid := filepath.Join(g.dir, "pid")
			g.start()
			g.send(g.plan("one", "#!/bin/sh\ntrap 'echo cleaned; exit 9' TERM\necho $$ >"+pid+".new; mv "+pid+".new "+pid+"\nwhile :; do sleep 0.02; done\n", "deploy()\nreturn 1", nil))
			g.send(g.plan("two", "", "return 2", nil))
			until(t, "the script runs", exists(pid))
			until(t, "the second plan is kept", func() bool { r, u := g.broker.Depth("in"); return r+u == 0 })
			if tt.cut {
				g.broker.Cut()
			}
			g.stop()
			if tt.cut {
				g.silence()
				g.broker.Heal()
				g.start()
			}
			r := g.result()
			if r.SourceID != "one" || r.ErrorCode != plans.CodeOther || r.State() != plans.StateInterrupted || r.Report.Scripts[0].ExitCode == 0 {
				t.Errorf("got %q %d %s", r.SourceID, r.ErrorCode, r.Body)
			}
			if message, _ := failure(t, r); message != "the agent was stopped while the plan was in phase script deploy" {
				t.Errorf("message %q", message)
			}
			if !tt.cut {
				g.silence()
				g.start()
			}
			if r := g.result(); r.SourceID != "two" || string(r.Body) != "2" {
				t.Errorf("got %q %s", r.SourceID, r.Body)
			}
			g.silence()
		})
	}
}

func TestAPlanInWhichTheAgentDiedIsInterruptedOrRunAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		more  object
		state string
	}{
		{"interrupted is the default", nil, plans.StateInterrupted},
		{"rerun runs it again", object{"FormatVersion": "2.3.0", "Options": object{"onInterrupt": "rerun"}}, plans.StateSucceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, nil)
			m := g.plan("one", "", "return 1", tt.more)
			m.ReplyTo = "asked"
			// What an agent does before it is killed in a script.
			store, err := spool.Open(filepath.Join(g.dir, "plans"), spool.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Put(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			e, err := store.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Begin(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(g.dir, "files", e.Key, "deploy"), 0o700); err != nil {
				t.Fatal(err)
			}
			store.Close()
			g.start()
			r := g.result()
			if r.SourceID != "one" || r.State() != tt.state || r.ReplyTo == nil || *r.ReplyTo != "asked" {
				t.Errorf("got %q %s, state %s, reply to %v", r.SourceID, r.Body, r.State(), r.ReplyTo)
			}
			g.silence()
			if left, _ := os.ReadDir(filepath.Join(g.dir, "files")); len(left) > 0 {
				t.Errorf("workspaces left: %v", left)
			}
		})
	}
}

func TestAMessageThatCannotBeKeptIsDeliveredAgain(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	g := newGuest(t, func(a *agent.Agent) { a.Store = &fullStore{Store: a.Store, full: &full} })
	g.start()
	g.send(g.plan("one", "", "return 1", nil))
	until(t, "it was refused twice", func() bool { return strings.Count(g.log.String(), "plan was not kept") >= 2 })
	full.Store(false)
	if r := g.result(); r.SourceID != "one" || r.ErrorCode != 0 {
		t.Errorf("got %q %d", r.SourceID, r.ErrorCode)
	}
	g.silence()
}

func TestAResultThatCannotBeKeptWaitsForRoom(t *testing.T) {
	var full atomic.Bool
	g := newGuest(t, func(a *agent.Agent) { a.Store = &fullStore{Store: a.Store, full: &full} })
	g.start()
	marker := filepath.Join(g.dir, "ran")
	g.send(g.plan("one", "#!/bin/sh\ntouch "+marker+"; sleep 0.3", "deploy()\nreturn 1", nil))
	until(t, "the script runs", exists(marker))
	full.Store(true)
	until(t, "the result was refused", func() bool { return strings.Contains(g.log.String(), "result was not kept") })
	full.Store(false)
	if r := g.result(); r.SourceID != "one" || r.ErrorCode != 0 {
		t.Errorf("got %q %d %s", r.SourceID, r.ErrorCode, r.Body)
	}
	g.silence()
}

// fullStore is a store whose disk can be full.
type fullStore struct {
	agent.Store
	full *atomic.Bool
}

var errFull = errors.New("no space left on device")

func (s *fullStore) Put(ctx context.Context, m plans.Message) error {
	if s.full.Load() {
		return errFull
	}
	return s.Store.Put(ctx, m)
}

func (s *fullStore) Finish(ctx context.Context, e agent.Entry, r plans.Result) error {
	if s.full.Load() {
		return errFull
	}
	return s.Store.Finish(ctx, e, r)
}

func TestAResultThatTheBrokerRefusesIsAnsweredWithoutItsContent(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) { a.Transport = picky{a.Transport} })
	g.start()
	g.send(g.plan("large", "", "return 'x' * 200000", nil))
	r := g.result()
	message, _ := failure(t, r)
	if r.SourceID != "large" || r.ErrorCode != plans.CodeOther || r.State() != plans.StateFailed ||
		!strings.Contains(message, "the plan succeeded, but its result of 200") || !strings.Contains(message, "result.json") {
		t.Errorf("got %q %d %s, state %s", r.SourceID, r.ErrorCode, message, r.State())
	}
	g.send(g.plan("next", "", "return 2", nil))
	if r := g.result(); string(r.Body) != "2" {
		t.Errorf("got %s", r.Body)
	}
	g.silence()
}

// picky is a broker with a bound on messages.
type picky struct{ agent.Transport }

func (p picky) Publish(ctx context.Context, m plans.Message) error {
	if len(m.Body) > 100_000 {
		return fmt.Errorf("message of %d bytes is above the limit", len(m.Body))
	}
	return p.Transport.Publish(ctx, m)
}

func TestEventsSayHelloAndWhereAPlanIs(t *testing.T) {
	var a *agent.Agent
	g := newGuest(t, func(made *agent.Agent) {
		a = made
		a.Events, a.Version, a.Hostname, a.BootID = agent.Address{Key: "events"}, "1.2.3", "web-0", "boot"
	})
	g.declare("events")
	events := make(chan plans.Event, 100)
	go g.broker.Conn().Receive(t.Context(), "events", func(_ context.Context, m plans.Message) error {
		e, err := plans.ParseEvent(m.Body)
		if err != nil {
			t.Errorf("%s: %v", m.Body, err)
		}
		events <- e
		return nil
	})
	g.start()
	hello := func() {
		t.Helper()
		select {
		case e := <-events:
			if e.Kind != plans.EventHello || e.Queue != "in" || e.Version != "1.2.3" || e.Hostname != "web-0" || e.BootID != "boot" || e.MaxFormatVersion != "2.3.0" || e.Time.IsZero() {
				t.Errorf("hello %+v", e)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no hello")
		}
	}
	hello()
	a.Connected()
	hello()
	g.send(g.plan("one", "#!/bin/sh\nexit 0\n", "deploy()\nreturn 1", nil))
	g.result()
	g.silence() // nothing of this on the queue of results
	var told []string
	for len(told) < 5 {
		select {
		case e := <-events:
			if e.Plan != "one" || e.Kind != plans.EventProgress || e.Queue != "in" {
				t.Errorf("event %+v", e)
			}
			told = append(told, e.Phase)
		case <-time.After(10 * time.Second):
			t.Fatalf("only %v", told)
		}
	}
	if got := fmt.Sprint(told[:5]); got != "[files body files script deploy script deploy]" {
		t.Errorf("told %s", got)
	}
}

func TestEventsThatNobodyTakesHoldUpNothing(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) { a.Events = agent.Address{Exchange: "none", Key: "events"} })
	g.start()
	g.send(g.plan("one", "", "return 1", nil))
	g.result()
}

func TestAnAgentThatCannotWorkSaysWhatToSet(t *testing.T) {
	for want, a := range map[string]*agent.Agent{
		"input_queue":        {},
		"result_routing_key": {Queue: "in"},
	} {
		if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPlansThatCameTogetherAreAllAnswered(t *testing.T) {
	g := newGuest(t, nil)
	g.start()
	// Stamps fall: the order of an engine that sends in parallel (murano-agent 12.0.0 loses 7 of 10).
	const n = 30
	for i := range n {
		g.send(g.plan(fmt.Sprint("plan-", i), "", "return 1", object{"Stamp": 17954422286073 - i}))
	}
	seen := map[string]bool{}
	for range n {
		r := g.result()
		if seen[r.SourceID] || r.ErrorCode != 0 {
			t.Errorf("got %q %d %s", r.SourceID, r.ErrorCode, r.Body)
		}
		seen[r.SourceID] = true
	}
	g.silence()
}

func BenchmarkAPlanWithOneScript(b *testing.B) {
	g := newGuest(b, nil)
	g.start()
	for n := 0; b.Loop(); n++ {
		g.send(g.plan(fmt.Sprint("plan-", n), "#!/bin/sh\n", "deploy()\nreturn 1", nil))
		g.message()
	}
}

func BenchmarkAPlanWithoutAScript(b *testing.B) {
	g := newGuest(b, nil)
	g.start()
	for n := 0; b.Loop(); n++ {
		g.send(g.plan(fmt.Sprint("plan-", n), "", "return 1", nil))
		g.message()
	}
}
