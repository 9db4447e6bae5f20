// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

func TestStatusSaysWhatTheAgentDoes(t *testing.T) {
	var a *agent.Agent
	told := make(chan agent.Status, 1000)
	g := newGuest(t, func(made *agent.Agent) {
		a = made
		a.Version, a.Hostname, a.BootID, a.Storage = "1.2.3", "web-0", "boot", t.TempDir()
		a.Broker = func() string { return "consuming" }
		a.OnStatus = func(s agent.Status) { told <- s }
	})
	if s := (&agent.Agent{}).Status(); s.State != agent.Idle || s.Ended == nil {
		t.Errorf("before anything: %+v", s)
	}
	mark, release := filepath.Join(g.dir, "mark"), filepath.Join(g.dir, "release")
	g.start()
	g.send(g.plan("one", "#!/bin/sh\ntouch "+mark+"\nwhile [ ! -e "+release+" ]; do sleep 0.01; done\nexit 3\n", "deploy()\nreturn 1", object{"Name": "case"}))
	until(t, "the script runs", exists(mark))
	for _, id := range []string{"two", "three"} {
		g.send(g.plan(id, "", "return 1", nil))
	}
	until(t, "the others are kept", func() bool { return a.Status().Pending == 2 })
	s := a.Status()
	if s.State != agent.Running || s.Plan != "one" || s.PlanName != "case" || s.Phase != "script deploy" || s.Script != "deploy" ||
		s.Version != "1.2.3" || s.Hostname != "web-0" || s.BootID != "boot" || s.Queue != "in" || s.Broker != "consuming" ||
		s.Started.IsZero() || s.Since.Before(s.Started) || s.Disk.Free == 0 || s.Disk.Total < s.Disk.Free || s.LastError != nil {
		t.Errorf("while it runs: %+v", s)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g.results(3)
	until(t, "all is history", func() bool { return a.Status().History == 3 })
	s = a.Status()
	if s.State != agent.Idle || s.Plan != "" || s.Phase != "" || s.Pending+s.Owed != 0 || s.Ended[plans.StateSucceeded] != 2 || s.Ended[plans.StateFailed] != 1 {
		t.Errorf("afterwards: %+v", s)
	}
	until(t, "the last status is told", func() bool {
		select {
		case s := <-told:
			return s.State == agent.Idle && s.History == 3
		default:
			return false
		}
	})
	g.stop()
	if s := a.Status(); s.State != agent.Stopping {
		t.Errorf("at the end: %+v", s)
	}
}

func TestTheLastErrorIsTheAgentsOwn(t *testing.T) {
	var a *agent.Agent
	var full atomic.Bool
	full.Store(true)
	g := newGuest(t, func(made *agent.Agent) {
		a = made
		a.Store = &fullStore{Store: a.Store, full: &full}
	})
	g.start()
	g.send(g.plan("one", "", "return 1", nil))
	until(t, "it is told", func() bool { return a.Status().LastError != nil })
	if e := a.Status().LastError; e.Time.IsZero() || !strings.Contains(e.Text, "a plan was not kept: no space left") {
		t.Errorf("got %+v", e)
	}
	full.Store(false)
	g.result()
}

func TestAHeartbeatSaysHowTheAgentIs(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) {
		a.Events, a.HeartbeatEvery, a.Version, a.Storage = agent.Address{Key: "events"}, 20*time.Millisecond, "1.2.3", t.TempDir()
		a.Inventory = func() map[string]string { return map[string]string{"os": "Debian"} }
	})
	g.declare("events")
	events := make(chan plans.Event, 1000)
	go g.broker.Conn().Receive(t.Context(), "events", func(_ context.Context, m plans.Message) error {
		e, err := plans.ParseEvent(m.Body)
		if err != nil || !m.Transient {
			t.Errorf("%s: %v", m.Body, err)
		}
		events <- e
		return nil
	})
	seen := func(what string, ok func(plans.Event) bool) {
		t.Helper()
		until(t, what, func() bool {
			select {
			case e := <-events:
				return ok(e)
			default:
				return false
			}
		})
	}
	g.start()
	seen("hello with the inventory", func(e plans.Event) bool { return e.Kind == plans.EventHello && e.Inventory["os"] == "Debian" })
	beats := func(state string) func(plans.Event) bool {
		return func(e plans.Event) bool {
			return e.Kind == plans.EventHeartbeat && e.State == state && e.Queue == "in" && e.Version == "1.2.3" && e.Disk != nil && e.Since != nil && !e.Time.IsZero()
		}
	}
	seen("a heartbeat of an idle agent", beats(agent.Idle))
	mark := filepath.Join(g.dir, "mark")
	g.send(g.plan("one", endless(mark), "deploy()", nil))
	until(t, "the script runs", exists(mark))
	seen("a heartbeat of one that runs a plan", func(e plans.Event) bool {
		return beats(agent.Running)(e) && e.Plan == "one" && e.Phase == "script deploy"
	})
	g.broker.Cut()
	quiet, done := time.NewTimer(300*time.Millisecond), false
	for !done {
		select {
		case <-events:
		case <-quiet.C:
			done = true
		}
	}
	g.broker.Heal()
	seen("heartbeats go on", beats(agent.Running))
	lost := time.NewTimer(100 * time.Millisecond)
	n := 0
	for done = false; !done; {
		select {
		case <-events:
			n++
		case <-lost.C:
			done = true
		}
	}
	if n > 12 { // 5 are due; 15 of the time without a broker are lost
		t.Errorf("%d heartbeats in 100 ms: they were kept for later", n)
	}
}

// stuckStore hangs in one of its methods, whatever its context says.
type stuckStore struct {
	agent.Store
	begin, finish bool
	stuck         chan struct{} // closed: they go on
}

func (s *stuckStore) Begin(ctx context.Context, e agent.Entry) error {
	if s.begin {
		<-s.stuck
	}
	return s.Store.Begin(ctx, e)
}

func (s *stuckStore) Finish(ctx context.Context, e agent.Entry, r plans.Result) error {
	if s.finish {
		<-s.stuck
	}
	return s.Store.Finish(ctx, e, r)
}

func TestTheWorkLoopBeatsWhileItIsAlive(t *testing.T) {
	const every = 20 * time.Millisecond
	for _, tt := range []struct {
		name          string
		begin, finish bool
		script        string
		fails         bool // the store has no room
		beats         bool
	}{
		{name: "while it waits for a plan", beats: true},
		{name: "while a script runs", script: "sleep 2", beats: true},
		{name: "while the disk has no room for the result", script: "true", fails: true, beats: true},
		{name: "not while Begin hangs", begin: true, script: "true"},
		{name: "not while Finish hangs", finish: true, script: "true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			var full atomic.Bool
			stuck := make(chan struct{})
			mark := ""
			g := newGuest(t, func(a *agent.Agent) {
				a.Store = &stuckStore{Store: a.Store, begin: tt.begin, finish: tt.finish, stuck: stuck}
				if tt.fails {
					a.Store = &fullFinish{Store: a.Store, full: &full}
				}
				a.Beat, a.BeatEvery = func() { n.Add(1) }, every
			})
			defer close(stuck)
			full.Store(tt.fails)
			defer full.Store(false)
			g.start()
			if tt.script != "" {
				mark = filepath.Join(g.dir, "mark")
				g.send(g.plan("one", "#!/bin/sh\ntouch "+mark+"\n"+tt.script+"\n", "deploy()", nil))
				if tt.begin {
					until(t, "the plan is taken up", func() bool { return strings.Contains(g.log.String(), "plan kept") })
				} else {
					until(t, "the script runs", exists(mark))
				}
				rest(t, 200*time.Millisecond) // a script that is to end has ended
			}
			before := n.Load()
			rest(t, 20*every)
			got := n.Load() - before
			if tt.beats && got < 5 || !tt.beats && got > 0 {
				t.Errorf("%d beats in %v", got, 20*every)
			}
		})
	}
}

// rest lets time pass.
func rest(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// fullFinish is a store without room for results.
type fullFinish struct {
	agent.Store
	full *atomic.Bool
}

func (s *fullFinish) Finish(ctx context.Context, e agent.Entry, r plans.Result) error {
	if s.full.Load() {
		return errors.New("no space left on device")
	}
	return s.Store.Finish(ctx, e, r)
}

func TestAPlanInHandMayEndByItself(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		state   string
	}{
		{"within StopTimeout", 10 * time.Second, plans.StateSucceeded},
		{"not beyond it", 100 * time.Millisecond, plans.StateInterrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, func(a *agent.Agent) { a.StopTimeout = tt.timeout })
			mark := filepath.Join(g.dir, "mark")
			g.start()
			g.send(g.plan("one", "#!/bin/sh\ntouch "+mark+"\nsleep 1\n", "deploy()\nreturn 1", nil))
			g.send(g.plan("two", "#!/bin/sh\ntouch "+mark+"-two\n", "deploy()\nreturn 2", nil))
			until(t, "the script runs", exists(mark))
			until(t, "both are kept", func() bool { r, u := g.broker.Depth("in"); return r+u == 0 })
			g.stop()
			if r := g.result(); r.SourceID != "one" || r.State() != tt.state {
				t.Errorf("got %q %s: %s", r.SourceID, r.State(), r.Body)
			}
			g.silence()
			if exists(mark + "-two")() {
				t.Error("a plan was begun after the end")
			}
			g.start()
			if r := g.result(); r.SourceID != "two" || string(r.Body) != "2" {
				t.Errorf("got %q %s", r.SourceID, r.Body)
			}
		})
	}
}

func TestAPlanThatWaitsForARebootHoldsUpNoStop(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) {
		a.StopTimeout = time.Minute
		a.Runner.Reboot, a.Runner.BootID = func(context.Context) error { return nil }, "boot"
	})
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(g.plan("one", "#!/bin/sh\ntouch "+mark+"\nsleep 0.3\nexit 194\n", "deploy()\nreturn 1", object{"FormatVersion": "2.3.0"}))
	until(t, "the script runs", exists(mark))
	began := time.Now()
	g.stop() // while the script runs; then it asks for the reboot
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	g.silence()
}

func TestAPlanThatRunsAgainStaysBegunAtTheEnd(t *testing.T) {
	g := newGuest(t, nil)
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(g.plan("one", "#!/bin/sh\n[ -e "+mark+" ] && exit 0\ntouch "+mark+"\nsleep 20\n", "deploy()\nreturn 1",
		object{"FormatVersion": "2.3.0", "Options": object{"onInterrupt": "rerun"}}))
	until(t, "the script runs", exists(mark))
	g.stop()
	g.silence()
	g.start()
	if r := g.result(); r.State() != plans.StateSucceeded || r.Report.Attempts != 2 {
		t.Errorf("got %s after %d attempts: %s", r.State(), r.Report.Attempts, r.Body)
	}
	g.silence()
}
