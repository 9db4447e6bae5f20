// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

func batch(t *testing.T, p Place) {
	s := p.Open(t)
	put(t, s, Message("known"))
	answer(t, s)
	var ms []plans.Message
	var want []string
	for n := range 70 {
		id := fmt.Sprint("plan", 70-n)
		ms, want = append(ms, Message(id)), append(want, id)
	}
	ms = append(ms, Message("plan7"), Message("known"))
	for i, err := range s.Put(t.Context(), ms) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if errs := s.Put(t.Context(), nil); len(errs) != 0 {
		t.Errorf("no messages: %v", errs)
	}
	if a := owed(t, s); a.Result.SourceID != "known" {
		t.Errorf("got the result of %q", a.Result.SourceID)
	} else {
		archive(t, s, a)
	}
	s = p.Open(t)
	var got []string
	for range want {
		e := next(t, s)
		got = append(got, e.Message.ID)
		begin(t, s, e)
		finish(t, s, e)
		archive(t, s, owed(t, s))
		if e.Message.ID == "plan7" {
			archive(t, s, owed(t, s))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	noneToRun(t, s)
	noneOwed(t, s)
}

func cancel(t *testing.T, s agent.Store, id, want string) agent.Entry {
	t.Helper()
	e, state, err := s.Cancel(t.Context(), id, "somebody")
	if err != nil || state != want {
		t.Fatalf("Cancel %q: %q, %v, want %q", id, state, err, want)
	}
	if running := want == agent.StorePending || want == agent.StoreRunning; running && (e.Cancelled != "somebody" || e.Message.ID != id || e.Key == "") {
		t.Errorf("Cancel %q gave %+v", id, e)
	}
	return e
}

func cancelWaiting(t *testing.T, p Place) {
	s := p.Open(t)
	for _, id := range []string{"one", "two", "three"} {
		put(t, s, Message(id))
	}
	e := cancel(t, s, "two", agent.StorePending)
	if again, state, err := s.Cancel(t.Context(), "two", "somebody else"); err != nil || state != agent.StorePending || again.Key != e.Key || again.Cancelled != "somebody" {
		t.Errorf("a second time, not yet finished: %q, %v, %+v", state, err, again)
	}
	put(t, s, Message("two")) // which is owed an answer too
	finish(t, s, e)
	if err := s.Finish(t.Context(), e, Result("two")); !errors.Is(err, agent.ErrEnded) {
		t.Errorf("a second result: %v", err)
	}
	for range 2 {
		if a := owed(t, s); a.Result.SourceID != "two" {
			t.Errorf("got the result of %q", a.Result.SourceID)
		} else {
			archive(t, s, a)
		}
	}
	for _, want := range []string{"one", "three"} {
		if e := next(t, s); e.Message.ID != want || e.Cancelled != "" {
			t.Errorf("got %q, cancelled %q, want %q", e.Message.ID, e.Cancelled, want)
		}
	}
	noneToRun(t, s)
}

func cancelRunning(t *testing.T, p Place) {
	s := p.Open(t)
	put(t, s, Message("one"))
	e := next(t, s)
	cancel(t, s, "one", agent.StoreRunning) // given out, not begun
	begin(t, s, e)
	cancel(t, s, "one", agent.StoreRunning)
	s = p.Open(t)
	if e = next(t, s); e.Cancelled != "somebody" || e.Attempts != 1 {
		t.Errorf("after a crash: cancelled %q, attempts %d", e.Cancelled, e.Attempts)
	}
	finish(t, s, e)
	archive(t, s, owed(t, s))
	noneToRun(t, p.Open(t))
}

func cancelEnded(t *testing.T, p Place) {
	s := p.Open(t)
	for _, id := range []string{"", "unknown"} {
		cancel(t, s, id, "")
	}
	put(t, s, Message("one"))
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	cancel(t, s, "one", agent.StoreEnded)
	archive(t, s, owed(t, s))
	s = p.Open(t)
	cancel(t, s, "one", agent.StoreEnded)
	if _, err := s.Prune(t.Context(), agent.PruneOptions{}); err != nil {
		t.Error(err)
	}
	cancel(t, s, "one", agent.StoreEnded)
	noneOwed(t, s)
	noneToRun(t, s)
}

func again(t *testing.T, s agent.Store, id string) {
	t.Helper()
	if err := s.Retry(t.Context(), id); err != nil {
		t.Fatalf("Retry %q: %v", id, err)
	}
}

func retry(t *testing.T, p Place) {
	s := p.Open(t)
	m := Message("one")
	for _, to := range []string{"a", "b"} {
		m.ReplyTo = to
		put(t, s, m)
	}
	put(t, s, Message("two"))
	for round := range 3 {
		e := next(t, s)
		if e.Message.ID != "one" || e.Attempts != 0 {
			t.Errorf("round %d: got %q with %d attempts", round, e.Message.ID, e.Attempts)
		}
		begin(t, s, e)
		r := finish(t, s, e)
		var to []string
		for range 2 {
			a := owed(t, s)
			if a.Result.ID != r.ID {
				t.Errorf("round %d: got an earlier result", round)
			}
			to = append(to, a.ReplyTo)
			archive(t, s, a)
		}
		if slices.Sort(to); fmt.Sprint(to) != "[a b]" {
			t.Errorf("round %d: answered to %v", round, to)
		}
		noneOwed(t, s)
		again(t, s, "one")
		if round == 1 {
			s = p.Open(t)
		}
	}
	if e := next(t, s); e.Message.ID != "one" {
		t.Errorf("got %q", e.Message.ID)
	}
	if e := next(t, s); e.Message.ID != "two" {
		t.Errorf("got %q", e.Message.ID)
	}
	noneToRun(t, s)
}

func retryOwed(t *testing.T, p Place) {
	s := p.Open(t)
	m := Message("one")
	for _, to := range []string{"in hand", "waiting"} {
		m.ReplyTo = to
		put(t, s, m)
	}
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	early := owed(t, s)
	again(t, s, "one")
	noneOwed(t, s)
	e = next(t, s)
	archive(t, s, early) // published while it began again
	begin(t, s, e)
	r := finish(t, s, e)
	if err := s.Defer(t.Context(), early, time.Now()); err != nil {
		t.Error(err)
	}
	for range 2 {
		a := owed(t, s)
		if a.Result.ID != r.ID {
			t.Error("got the earlier result")
		}
		archive(t, s, a)
	}
	noneOwed(t, s)
	noneToRun(t, p.Open(t))
}

func retryUnended(t *testing.T, p Place) {
	s := p.Open(t)
	refused := func(id string) {
		t.Helper()
		if err := s.Retry(t.Context(), id); err == nil {
			t.Errorf("%q was run again", id)
		}
	}
	refused("unknown")
	refused("")
	put(t, s, Message("one"))
	refused("one")
	e := next(t, s)
	refused("one")
	begin(t, s, e)
	refused("one")
}

func prune(t *testing.T, p Place) {
	s := p.Open(t)
	var keys []string
	for n := range 6 {
		put(t, s, Message(fmt.Sprint("plan", n)))
		e := next(t, s)
		keys = append(keys, e.Key)
		begin(t, s, e)
		finish(t, s, e)
		archive(t, s, owed(t, s))
	}
	put(t, s, Message("waiting"))
	for _, step := range []struct {
		o    agent.PruneOptions
		want []string
	}{
		{agent.PruneOptions{OlderThan: time.Hour}, nil},
		{agent.PruneOptions{Keep: 4, DryRun: true}, keys[:2]},
		{agent.PruneOptions{Keep: 4}, keys[:2]},
		{agent.PruneOptions{Keep: 4}, nil},
		{agent.PruneOptions{}, keys[2:]},
	} {
		got, err := s.Prune(t.Context(), step.o)
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("%+v removed %v, %v, want %v", step.o, got, err, step.want)
		}
	}
	s = p.Open(t)
	if e := next(t, s); e.Message.ID != "waiting" || e.Refused != "" {
		t.Errorf("got %q, refused %q", e.Message.ID, e.Refused)
	}
	put(t, s, Message("plan0"))
	if e := next(t, s); e.Message.ID != "plan0" || e.Refused == "" {
		t.Errorf("got %q, refused %q", e.Message.ID, e.Refused)
	}
	if err := s.Retry(t.Context(), "plan1"); err == nil {
		t.Error("what was pruned was run again")
	}
}

func counts(t *testing.T, p Place) {
	s := p.Open(t)
	var e agent.Entry
	var a agent.Answer
	var first string
	for _, step := range []struct {
		name                   string
		do                     func()
		pending, owed, history int
		has                    bool
	}{
		{"nothing", func() {}, 0, 0, 0, false},
		{"two put", func() { put(t, s, Message("one")); put(t, s, Message("two")); put(t, s, Message("one")) }, 2, 0, 0, false},
		{"one taken", func() { e = next(t, s); first = e.Key }, 1, 0, 0, true},
		{"begun", func() { begin(t, s, e) }, 1, 0, 0, true},
		{"finished", func() { finish(t, s, e) }, 1, 2, 0, false},
		{"an answer in hand", func() { a = owed(t, s) }, 1, 2, 0, false},
		{"deferred", func() { s.Defer(t.Context(), a, time.Now()) }, 1, 2, 0, false},
		{"one published", func() { archive(t, s, owed(t, s)) }, 1, 1, 0, false},
		{"after a crash", func() { s = p.Open(t); owed(t, s) }, 1, 1, 0, false},
		{"run again", func() { again(t, s, "one") }, 2, 0, 0, true},
		{"and both answered", func() {
			e = next(t, s)
			begin(t, s, e)
			finish(t, s, e)
			archive(t, s, owed(t, s))
			archive(t, s, owed(t, s))
		}, 1, 0, 1, false},
		{"asked for once more", func() { put(t, s, Message("one")) }, 1, 1, 0, false},
		{"cancelled", func() { cancel(t, s, "two", agent.StorePending) }, 0, 1, 0, false},
	} {
		step.do()
		has := s.Has(first) // waits until all is read
		pending, owed, history := s.Counts()
		if pending != step.pending || owed != step.owed || history != step.history {
			t.Errorf("%s: %d pending, %d owed, %d history, want %d, %d, %d", step.name, pending, owed, history, step.pending, step.owed, step.history)
		}
		if has != step.has {
			t.Errorf("%s: has the first: %v", step.name, has)
		}
	}
}

func commandCrashes(t *testing.T, p Place) {
	for _, last := range []string{"Cancel", "Finish", "Retry", "Next", "Begin", "Archive"} {
		s := p.Open(t)
		id := "crash after " + last
		put(t, s, Message(id))
		e := cancel(t, s, id, agent.StorePending)
		answers := 1
		if last != "Cancel" {
			finish(t, s, e)
		}
		if last != "Cancel" && last != "Finish" {
			archive(t, s, owed(t, s))
			again(t, s, id)
		}
		if last == "Next" || last == "Begin" || last == "Archive" {
			e = next(t, s)
		}
		if last == "Begin" || last == "Archive" {
			begin(t, s, e)
		}
		if last == "Archive" {
			finish(t, s, e)
			archive(t, s, owed(t, s))
			answers = 0
		}
		s = p.Open(t)
		if last != "Finish" && last != "Archive" {
			e = next(t, s)
			if e.Message.ID != id || (e.Cancelled != "") != (last == "Cancel") || (e.Attempts > 0) != (last == "Begin") {
				t.Errorf("%s: got %q, cancelled %q, attempts %d", id, e.Message.ID, e.Cancelled, e.Attempts)
			}
			finish(t, s, e)
		}
		for range answers {
			archive(t, s, owed(t, s))
		}
		noneToRun(t, s)
		noneOwed(t, s)
		s = p.Open(t)
		noneToRun(t, s)
		noneOwed(t, s)
	}
}
