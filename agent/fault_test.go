// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

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
			if err := store.Put(t.Context(), []plans.Message{m})[0]; err != nil {
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
	full  *atomic.Bool
	begin atomic.Bool // for Begin alone
}

var errFull = errors.New("no space left on device")

func (s *fullStore) Put(ctx context.Context, ms []plans.Message) []error {
	if s.full.Load() {
		return slices.Repeat([]error{errFull}, len(ms))
	}
	return s.Store.Put(ctx, ms)
}

func (s *fullStore) Begin(ctx context.Context, e agent.Entry) error {
	if s.begin.Load() {
		return errFull
	}
	return s.Store.Begin(ctx, e)
}

func (s *fullStore) Finish(ctx context.Context, e agent.Entry, r plans.Result) error {
	if s.full.Load() {
		return errFull
	}
	return s.Store.Finish(ctx, e, r)
}
