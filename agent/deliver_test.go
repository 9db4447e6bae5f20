// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/memq"
	"github.com/openmurano/murano/plans"
)

// far is a broker whose confirms take a while.
type far struct {
	agent.Transport
	trip time.Duration
	now  atomic.Int64
	most atomic.Int64
}

func (f *far) Publish(ctx context.Context, m plans.Message) error {
	n := f.now.Add(1)
	defer f.now.Add(-1)
	for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
	}
	select {
	case <-time.After(f.trip):
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.Transport.Publish(ctx, m)
}

func TestManyResultsAreOnTheirWayAtOnce(t *testing.T) {
	const trip, n = 100 * time.Millisecond, 64
	f := &far{trip: trip}
	g := newGuest(t, func(a *agent.Agent) { f.Transport, a.Transport = a.Transport, f })
	for i := range n {
		g.send(g.plan(fmt.Sprint("plan-", i), "", "return 1", nil))
	}
	g.start()
	began := time.Now()
	g.results(n)
	if took := time.Since(began); took > n*trip/2 {
		t.Errorf("%d results took %v, one by one it is %v", n, took, n*trip)
	}
	if most := f.most.Load(); most < 4 || most > 16 {
		t.Errorf("%d were on their way at once", most)
	}
	g.silence()
}

// onePerPlan fails if two answers of one plan are on their way at once.
type onePerPlan struct {
	agent.Transport
	mu  sync.Mutex
	out map[string]bool
	t   *testing.T
}

func (o *onePerPlan) Publish(ctx context.Context, m plans.Message) error {
	o.mu.Lock()
	if o.out[m.ID] {
		o.t.Errorf("two answers of %q are on their way at once", m.ID)
	}
	o.out[m.ID] = true
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.out[m.ID] = false
	}()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	return o.Transport.Publish(ctx, m)
}

func TestAnswersOfOnePlanKeepTheirOrder(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) { a.Transport = &onePerPlan{Transport: a.Transport, out: map[string]bool{}, t: t} })
	g.start()
	for range 4 {
		for _, id := range []string{"one", "two"} {
			g.send(g.plan(id, "", "return 1", nil))
		}
	}
	for range 8 {
		g.result()
	}
	g.silence()
}

func TestMessagesThatComeTogetherAreAnsweredEachForItself(t *testing.T) {
	key := newKey(t)
	g := newGuest(t, func(a *agent.Agent) { a.Runner.Key, a.Runner.Queue = key.Public(), "in" })
	want := map[string]string{}
	for i := range 12 { // before the agent is there, so that they come as one batch
		id := fmt.Sprint("plan-", i)
		m := g.plan(id, "", "return 1", nil)
		switch want[id] = plans.StateSucceeded; {
		case i%3 == 0:
			want[id] = plans.StateRejected
		default:
			m = signed(t, key, m)
		}
		g.send(m)
	}
	g.start()
	for id, r := range g.results(12) {
		if r.State() != want[id] {
			t.Errorf("%s: %s, want %s", id, r.State(), want[id])
		}
	}
	g.silence()
	// What was not signed is not kept: the same ID, signed, is a new plan.
	g.send(signed(t, key, g.plan("plan-0", "", "return 0", nil)))
	if r := g.result(); string(r.Body) != "0" {
		t.Errorf("got %s", r.Body)
	}
}

func TestWhatCannotBeKeptDoesNotCostWhatCameWithIt(t *testing.T) {
	var refused atomic.Int64
	g := newGuest(t, func(a *agent.Agent) { a.Store = &pickyStore{Store: a.Store, refused: &refused} })
	for _, id := range []string{"one", "heavy", "two"} {
		g.send(g.plan(id, "", "return 1", nil))
	}
	g.send(g.cancel("c", "heavy")) // must not overtake it
	g.start()
	all := g.results(4)
	if all["one"].ErrorCode+all["two"].ErrorCode != 0 || refused.Load() != 2 {
		t.Errorf("got %v; refused %d times", all, refused.Load())
	}
	if stateOf(t, all["c"]) == plans.CancelUnknown {
		t.Error("the cancellation overtook its plan")
	}
	g.silence()
}

// pickyStore refuses one plan twice.
type pickyStore struct {
	agent.Store
	refused *atomic.Int64
}

func (s *pickyStore) Put(ctx context.Context, ms []plans.Message) []error {
	errs := make([]error, 0, len(ms))
	for _, m := range ms {
		if m.ID == "heavy" && s.refused.Load() < 2 {
			s.refused.Add(1)
			errs = append(errs, errFull)
			continue
		}
		errs = append(errs, s.Store.Put(ctx, []plans.Message{m})[0])
	}
	return errs
}

func TestTwoControllersWhoseClocksAreApartLoseNothing(t *testing.T) {
	g := newGuest(t, nil)
	g.start()
	const n, day = 10, 24 * 3600 * 10_000
	ahead, behind := g.broker.Conn(), g.broker.Conn()
	send := func(conn *memq.Conn, name string, i, stamp int) {
		m := g.plan(fmt.Sprint(name, i), "", "return 1", object{"Stamp": stamp + i})
		m.Key = "in"
		if err := conn.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 { // all are sent twice, the second time to an agent that has been started anew
		for i := range n {
			send(ahead, "ahead-", i, 17954422286073+day)
			send(behind, "behind-", i, 17954422286073)
		}
		for id, r := range g.results(2 * n) {
			if r.ErrorCode != 0 || r.Report.Attempts != 1 {
				t.Errorf("round %d: %s: %d %s", round, id, r.ErrorCode, r.Body)
			}
		}
		g.silence()
		g.stop()
		g.start()
	}
}

func TestAnAnswerToACancellationWithoutAQueueHoldsUpNothing(t *testing.T) {
	g := newGuest(t, func(a *agent.Agent) { a.DynamicResultQueue = true })
	g.start()
	m := g.cancel("c", "one")
	m.ReplyTo = "none"
	g.send(m)
	if r := g.result(); r.SourceID != "c" || stateOf(t, r) != plans.CancelUnknown {
		t.Errorf("got %q %s", r.SourceID, r.Body)
	}
	if err := g.sender.Remove(t.Context(), "results"); err != nil {
		t.Fatal(err)
	}
	g.send(g.cancel("lost", "one"))
	until(t, "it is dropped", func() bool { return strings.Contains(g.log.String(), "an answer was dropped") })
	until(t, "it is acknowledged", func() bool { ready, unacked := g.broker.Depth("in"); return ready+unacked == 0 })
}

func TestAPlanWhoseDirectorySomebodyRemovedHoldsUpNothing(t *testing.T) {
	g := newGuest(t, nil)
	mark, release := filepath.Join(g.dir, "mark"), filepath.Join(g.dir, "release")
	g.start()
	g.send(g.plan("one", "#!/bin/sh\ntouch "+mark+"\nwhile [ ! -e "+release+" ]; do sleep 0.01; done\n", "deploy()\nreturn 1", object{"Name": "first"}))
	until(t, "the script runs", exists(mark))
	g.send(g.plan("two", "", "return 2", object{"Name": "second"}))
	g.send(g.plan("three", "", "return 3", object{"Name": "third"}))
	until(t, "all are kept", func() bool { ready, unacked := g.broker.Depth("in"); return ready+unacked == 0 })
	gone, err := filepath.Glob(filepath.Join(g.dir, "plans", "*-second"))
	if err != nil || len(gone) != 1 {
		t.Fatalf("%v, %v", gone, err)
	}
	if err := os.RemoveAll(gone[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all := g.results(3)
	if all["one"].ErrorCode != 0 || all["three"].ErrorCode != 0 || all["two"].State() != plans.StateRejected {
		t.Errorf("got %v", all)
	}
}
