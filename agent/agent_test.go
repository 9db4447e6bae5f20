// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

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
		return strings.Contains(string(b), `"state":"answered"`)
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
		{name: "dynamic, longer than AMQP takes", dynamic: true, own: strings.Repeat("o", 256), queue: "results", replyTo: `"` + strings.Repeat("o", 256) + `"`},
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
