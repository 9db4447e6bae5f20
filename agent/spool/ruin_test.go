// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

func failed(id string) plans.Result {
	r := storetest.Result(id)
	r.ErrorCode = plans.CodeScript
	r.Report = &plans.Report{State: plans.StateFailed, Cause: &plans.Cause{Code: plans.CauseScriptExit, Text: "no route", Owner: "network"}}
	return r
}

func TestHowAPlanEndedIsRecordedThoughTheAgentDiedBeforeItsAnswer(t *testing.T) {
	p := &place{dir: filepath.Join(t.TempDir(), "plans")}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	e := begun(t, d)
	if err := d.Finish(t.Context(), e, failed("one")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(e.Dir, whyName)); err != nil { // which is not synced
		t.Fatal(err)
	}
	d = p.spool(t)
	answered := answerOf(t, d)
	if err := d.Archive(t.Context(), answered); err != nil {
		t.Fatal(err)
	}
	s, err := readState(e.Dir)
	if err != nil || s.Result != plans.StateFailed || s.State != stateAnswered || s.Finished == nil {
		t.Errorf("state %+v, %v", s, err)
	}
	if why, _ := os.ReadFile(filepath.Join(e.Dir, whyName)); !strings.Contains(string(why), "no route") {
		t.Errorf("WHY.txt %q", why)
	}
}

func TestADirectoryThatWasRemovedUnderTheAgentIsMadeAgain(t *testing.T) {
	removals := map[string]func(t *testing.T, p *place, e agent.Entry){
		"the whole spool": func(t *testing.T, p *place, _ agent.Entry) { must(t, os.RemoveAll(p.dir)) },
		"the plan":        func(t *testing.T, _ *place, e agent.Entry) { must(t, os.RemoveAll(e.Dir)) },
	}
	for name, remove := range removals {
		t.Run(name+", before the plan ends", func(t *testing.T) {
			p := &place{dir: filepath.Join(t.TempDir(), "plans")}
			d := p.spool(t)
			put(t, d, storetest.Message("one"))
			put(t, d, storetest.Message("two"))
			e := begun(t, d)
			remove(t, p, e)
			must(t, d.Finish(t.Context(), e, failed("one")))
			d = p.spool(t) // and the result survives the agent
			a := answerOf(t, d)
			if a.Result.SourceID != "one" || a.Result.State() != plans.StateFailed {
				t.Errorf("answer %+v", a)
			}
			must(t, d.Archive(t.Context(), a))
		})
		t.Run(name+", before its answer is out", func(t *testing.T) {
			p := &place{dir: filepath.Join(t.TempDir(), "plans")}
			d := p.spool(t)
			put(t, d, storetest.Message("one"))
			e := begun(t, d)
			must(t, d.Finish(t.Context(), e, failed("one")))
			remove(t, p, e)
			a := answerOf(t, d)
			if a.Result.SourceID != "one" || !strings.Contains(string(a.Result.Body), "cannot be read again") {
				t.Errorf("answer %s", a.Result.Body)
			}
			must(t, d.Archive(t.Context(), a))
		})
		t.Run(name+", before the plan is begun", func(t *testing.T) {
			p := &place{dir: filepath.Join(t.TempDir(), "plans")}
			d := p.spool(t)
			put(t, d, storetest.Message("one"))
			remove(t, p, agent.Entry{Dir: filepath.Join(p.dir, d.pending[0].key)})
			if e := begun(t, d); !strings.Contains(e.Refused, "cannot be read again") || e.Message.ID != "one" {
				t.Errorf("entry %+v", e)
			}
		})
	}
	t.Run("the whole spool, while nothing runs", func(t *testing.T) {
		p := &place{dir: filepath.Join(t.TempDir(), "plans"), o: Options{Count: 1}}
		d := p.spool(t)
		for _, id := range []string{"one", "two"} {
			put(t, d, storetest.Message(id))
			live(t, d, nil)
		}
		must(t, os.RemoveAll(p.dir))
		put(t, d, storetest.Message("three"))
		live(t, d, nil)
		if _, err := Open(p.dir, Options{}); err == nil || !strings.Contains(err.Error(), "another agent") {
			t.Errorf("a second agent opened it: %v", err)
		}
		d = p.spool(t)
		put(t, d, storetest.Message("one"))
		if e := begun(t, d); !strings.Contains(e.Refused, "was run before") {
			t.Errorf("a plan that was run is run again: %+v", e)
		}
	})
}

func TestIDsOfAnyLengthAreKnownAndATornLineCostsOnlyItself(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	p := &place{dir: t.TempDir(), o: Options{Count: 1}}
	d := p.spool(t)
	for _, id := range []string{"one", long, "two", "three"} {
		put(t, d, storetest.Message(id))
		live(t, d, nil)
	}
	p.crash()
	file := filepath.Join(p.dir, knownName)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(`0 "to`)
	must(t, err)
	must(t, f.Close())
	d = p.spool(t)
	put(t, d, storetest.Message("four"))
	live(t, d, nil) // three is pruned
	d = p.spool(t)
	for _, id := range []string{"one", long, "two", "three"} {
		if !d.known.has(id) {
			t.Errorf("%.10s is no longer known", id)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begun takes the next plan and begins it.
func begun(t *testing.T, d *Dir) agent.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e, err := d.Next(ctx)
	must(t, err)
	must(t, d.Begin(ctx, e))
	return e
}

func answerOf(t *testing.T, d *Dir) agent.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, err := d.Owed(ctx)
	must(t, err)
	return a
}
