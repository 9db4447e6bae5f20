// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

func (g *guest) cancel(id, plan string) plans.Message {
	g.t.Helper()
	body, err := plans.Cancel{ID: id, PlanID: plan}.Encode()
	if err != nil {
		g.t.Fatal(err)
	}
	return plans.Message{ID: id, Body: body}
}

// results waits for n results and gives them by SourceID.
func (g *guest) results(n int) map[string]plans.Result {
	g.t.Helper()
	all := map[string]plans.Result{}
	for range n {
		r := g.result()
		if _, twice := all[r.SourceID]; twice {
			g.t.Errorf("%q is answered twice", r.SourceID)
		}
		all[r.SourceID] = r
	}
	return all
}

func stateOf(t *testing.T, r plans.Result) string {
	t.Helper()
	var c plans.Cancelled
	if err := json.Unmarshal(r.Body, &c); err != nil || r.ErrorCode != plans.CodeOK {
		t.Errorf("%d %s: %v", r.ErrorCode, r.Body, err)
	}
	return c.State
}

// endless is a script that says where it runs and goes on until it is stopped.
func endless(mark string) string {
	return "#!/bin/sh\necho before\ntouch " + mark + "\nwhile :; do sleep 0.02; done\n"
}

func TestAPlanIsCancelledByAMessage(t *testing.T) {
	g := newGuest(t, nil)
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(g.plan("one", endless(mark), "deploy()\nreturn 1", nil))
	until(t, "the script runs", exists(mark))
	g.send(g.plan("two", "", "return 2", nil))
	g.send(g.cancel("c-two", "two"))
	all := g.results(2)
	if got := stateOf(t, all["c-two"]); got != plans.CancelDone {
		t.Errorf("the plan that waited was %q", got)
	}
	if r := all["two"]; r.State() != plans.StateCancelled || r.ErrorCode != plans.CodeOther || r.Report.Cause.Code != plans.CausePlanCancelled {
		t.Errorf("got %+v", r)
	}
	g.send(g.cancel("c-one", "one"))
	all = g.results(2)
	if got := stateOf(t, all["c-one"]); got != plans.CancelRunning {
		t.Errorf("the plan that ran was %q", got)
	}
	one := all["one"]
	message, _ := failure(t, one)
	if one.State() != plans.StateCancelled || one.ErrorCode != plans.CodeOther || !strings.Contains(string(one.Body), "before") || !strings.Contains(message+one.Report.Cause.Text, "c-one") {
		t.Errorf("got %d %s, report %+v, cause %+v", one.ErrorCode, one.Body, one.Report, one.Report.Cause)
	}
	g.send(g.cancel("c-again", "one"))
	g.send(g.cancel("c-none", "none"))
	all = g.results(2)
	if a, b := stateOf(t, all["c-again"]), stateOf(t, all["c-none"]); a != plans.CancelEnded || b != plans.CancelUnknown {
		t.Errorf("the plan that had ended was %q, one that never came %q", a, b)
	}
	g.send(g.plan("three", "", "return 3", nil))
	if r := g.result(); string(r.Body) != "3" {
		t.Errorf("the next plan: %s", r.Body)
	}
	g.silence()
}

func TestACancellationIsNotAPlanAndItsFaultsAreAnswered(t *testing.T) {
	g := newGuest(t, nil)
	g.start()
	for body, want := range map[string]int{
		`{"FormatVersion": "2.3.0", "Action": "Cancel", "ID": "c"}`:                                  plans.CodeFormat,
		`{"FormatVersion": "2.3.0", "Action": "Cancel", "ID": "c", "PlanID": 7}`:                     plans.CodeFormat,
		`{"FormatVersion": "9.0.0", "Action": "Cancel", "ID": "c", "PlanID": "one"}`:                 plans.CodeVersion,
		`{"FormatVersion": "2.0.0", "Action": "Cancel", "ID": "c", "Body": "return", "Scripts": {}}`: plans.CodeOK,
	} {
		g.send(plans.Message{ID: "m", Body: []byte(body)})
		if r := g.result(); r.SourceID != "c" && r.SourceID != "m" || r.ErrorCode != want {
			t.Errorf("%s: got %q %d %s", body, r.SourceID, r.ErrorCode, r.Body)
		}
	}
	g.silence()
}

func TestACancellationThatOvertakesItsPlanIsAnsweredAsUnknown(t *testing.T) {
	g := newGuest(t, nil)
	g.send(g.cancel("c", "one"))
	g.send(g.plan("one", "", "return 1", nil))
	g.send(g.cancel("c", "one"))
	g.start()
	states := map[string]int{}
	for range 3 {
		r := g.result()
		if r.SourceID == "one" {
			states[r.State()]++
			continue
		}
		states[stateOf(t, r)]++
	}
	// The second comes with its plan or after it; both have one answer each.
	if states[plans.CancelUnknown] != 1 || states[plans.StateSucceeded]+states[plans.StateCancelled] == 0 {
		t.Errorf("got %v", states)
	}
	g.silence()
}

func TestACancellationInABatchFollowsItsPlan(t *testing.T) {
	g := newGuest(t, nil)
	for i := range 20 { // before the agent is there, so that they come at once
		g.send(g.plan(fmt.Sprint("plan-", i), "", "return 1", nil))
		g.send(g.cancel(fmt.Sprint("c-", i), fmt.Sprint("plan-", i)))
	}
	g.start()
	all := g.results(40)
	for i := range 20 {
		said, was := stateOf(t, all[fmt.Sprint("c-", i)]), all[fmt.Sprint("plan-", i)].State()
		if said == plans.CancelUnknown || (said == plans.CancelDone) && was != plans.StateCancelled || said == plans.CancelEnded && was != plans.StateSucceeded {
			t.Errorf("plan %d: said %q, was %q", i, said, was)
		}
	}
	g.silence()
}

func TestACancelledPlanDoesNotRunAfterACrash(t *testing.T) {
	for _, begun := range []bool{false, true} {
		t.Run(fmt.Sprintf("begun %v", begun), func(t *testing.T) {
			g := newGuest(t, nil)
			mark := filepath.Join(g.dir, "mark")
			store, err := spool.Open(filepath.Join(g.dir, "plans"), spool.Options{})
			if err != nil {
				t.Fatal(err)
			}
			// What an agent does that is killed after it has marked the plan.
			m := g.plan("one", "#!/bin/sh\ntouch "+mark+"\n", "deploy()\nreturn 1", object{"FormatVersion": "2.3.0", "Options": object{"onInterrupt": "rerun"}})
			if err := store.Put(t.Context(), []plans.Message{m})[0]; err != nil {
				t.Fatal(err)
			}
			if begun {
				e, err := store.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := store.Begin(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if _, state, err := store.Cancel(t.Context(), "one", "the test"); err != nil || state == "" {
				t.Fatalf("%q, %v", state, err)
			}
			store.Close()
			g.start()
			r := g.result()
			if r.SourceID != "one" || r.State() != plans.StateCancelled {
				t.Errorf("got %q %s: %s", r.SourceID, r.State(), r.Body)
			}
			if exists(mark)() {
				t.Error("it ran")
			}
			g.silence()
		})
	}
}

func TestAnAdminCancelsRetriesAndPrunes(t *testing.T) {
	var a *agent.Agent
	g := newGuest(t, func(made *agent.Agent) { a = made })
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(g.plan("one", endless(mark), "return deploy().stdout", nil))
	until(t, "the script runs", exists(mark))
	if state, err := a.Cancel(t.Context(), "one", "an admin"); err != nil || state != plans.CancelRunning {
		t.Fatalf("%q, %v", state, err)
	}
	if r := g.result(); r.State() != plans.StateCancelled || !strings.Contains(r.Report.Cause.Text, "an admin") {
		t.Errorf("got %s: %+v", r.State(), r.Report.Cause)
	}
	os.Remove(mark)
	if err := a.Retry(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	until(t, "the script runs again", exists(mark))
	if err := a.Retry(t.Context(), "one"); err == nil {
		t.Error("a plan that runs was begun again")
	}
	if state, err := a.Cancel(t.Context(), "one", "an admin"); err != nil || state != plans.CancelRunning {
		t.Errorf("%q, %v", state, err)
	}
	g.result()
	if state, err := a.Cancel(t.Context(), "none", "an admin"); err != nil || state != plans.CancelUnknown {
		t.Errorf("%q, %v", state, err)
	}
	until(t, "the plan is history", func() bool { return a.Status().History == 1 })
	if keys, err := a.Prune(t.Context(), agent.PruneOptions{}); err != nil || len(keys) != 1 {
		t.Errorf("%v, %v", keys, err)
	}
	g.silence()
}

func TestOnlyWhoSignsCancels(t *testing.T) {
	key := newKey(t)
	g := newGuest(t, func(a *agent.Agent) { a.Runner.Key, a.Runner.Queue = key.Public(), "in" })
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(signed(t, key, g.plan("one", endless(mark), "deploy()", nil)))
	until(t, "the script runs", exists(mark))
	g.send(g.cancel("c", "one"))
	if r := g.result(); r.SourceID != "c" || r.Report.Cause.Code != plans.CausePlanSignature {
		t.Errorf("got %q %s", r.SourceID, r.Body)
	}
	g.silence()
	g.send(signed(t, key, g.cancel("c2", "one")))
	if all := g.results(2); all["one"].State() != plans.StateCancelled {
		t.Errorf("got %v", all)
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func signed(t *testing.T, key ed25519.PrivateKey, m plans.Message) plans.Message {
	t.Helper()
	var err error
	if m.Signature, err = plans.Sign(key, "in", m.Body); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCancellingWhilePlansAreTakenUpEndsEachOnce(t *testing.T) {
	const n = 100
	var a *agent.Agent
	g := newGuest(t, func(made *agent.Agent) { a = made })
	g.start()
	for i := range n {
		g.send(g.plan(fmt.Sprint("plan-", i), "", "return 1", nil))
	}
	var all sync.WaitGroup
	said := make([]string, n)
	for i := range n {
		all.Go(func() {
			id := fmt.Sprint("plan-", i)
			for said[i] == "" || said[i] == plans.CancelUnknown {
				state, err := a.Cancel(t.Context(), id, "the test")
				if err != nil {
					t.Error(err)
					return
				}
				said[i] = state
			}
		})
	}
	results := g.results(n)
	all.Wait()
	count := map[string]int{}
	for i := range n {
		was := results[fmt.Sprint("plan-", i)].State()
		count[said[i]+" "+was]++
		// One that ran may have ended by itself before it was stopped.
		ok := was == plans.StateCancelled && said[i] != plans.CancelEnded || was == plans.StateSucceeded && said[i] != plans.CancelDone
		if !ok {
			t.Errorf("plan %d was %s when its end was asked for, and %s", i, said[i], was)
		}
	}
	t.Log(count)
	if s := a.Status(); s.Ended[plans.StateCancelled]+s.Ended[plans.StateSucceeded] != n {
		t.Errorf("status counts %v", s.Ended)
	}
	g.silence()
	// None of this is left for a plan that comes later.
	g.send(g.plan("later", "", "return 2", nil))
	if r := g.result(); string(r.Body) != "2" {
		t.Errorf("got %s", r.Body)
	}
}

func TestACancellationWhoseResultWasNotKeptIsAskedForAgain(t *testing.T) {
	var full atomic.Bool
	var a *agent.Agent
	g := newGuest(t, func(b *agent.Agent) { a, b.Store = b, &fullStore{Store: b.Store, full: &full} })
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(g.plan("runs", endless(mark), "deploy()", nil))
	until(t, "the script runs", exists(mark))
	g.send(g.plan("waits", "", "return 1", nil))
	until(t, "the plan is kept", func() bool { pending, _, _ := a.Store.Counts(); return pending == 1 })
	full.Store(true)
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if state, err := a.Cancel(soon, "waits", "somebody"); err == nil {
		t.Errorf("on a full disk: %q", state)
	}
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			if state, err := a.Cancel(t.Context(), "waits", "somebody"); err != nil || state != plans.CancelDone {
				t.Errorf("asked again: %q, %v", state, err)
			}
		})
	}
	full.Store(false)
	asking.Wait()
	if r := g.result(); r.SourceID != "waits" || r.State() != plans.StateCancelled {
		t.Errorf("got %q %s", r.SourceID, r.State())
	}
	if err := a.Retry(t.Context(), "waits"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Cancel(t.Context(), "runs", "somebody"); err != nil {
		t.Fatal(err)
	}
	if all := g.results(2); all["waits"].State() != plans.StateSucceeded || all["runs"].State() != plans.StateCancelled {
		t.Errorf("run again after it was cancelled several times: %+v", all)
	}
	g.silence()
}

func TestAPlanThatWaitsForTheDiskIsCancelled(t *testing.T) {
	var full atomic.Bool
	var a *agent.Agent
	g := newGuest(t, func(b *agent.Agent) { a, b.Store = b, &fullStore{Store: b.Store, full: &full} })
	mark := filepath.Join(g.dir, "mark")
	g.start()
	g.send(g.plan("first", "#!/bin/sh\ntouch "+mark+"; sleep 0.2", "deploy()", nil))
	g.send(g.plan("one", "", "return 1", nil))
	until(t, "the script runs", exists(mark))
	until(t, "the plan is kept", func() bool { pending, _, _ := a.Store.Counts(); return pending == 1 })
	a.Store.(*fullStore).begin.Store(true)
	g.result()
	until(t, "it waits", func() bool { return strings.Contains(g.log.String(), "attempt was not counted") })
	if state, err := a.Cancel(t.Context(), "one", "somebody"); err != nil || state != plans.CancelRunning {
		t.Errorf("got %q, %v", state, err)
	}
	if r := g.result(); r.State() != plans.StateCancelled || r.Report.Attempts != 0 {
		t.Errorf("got %+v", r.Report)
	}
	g.silence()
}
