// SPDX-License-Identifier: Apache-2.0

// Package storetest is the suite that every agent.Store must pass, crashes
// between any two calls included.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

// A Place is where a store keeps what must survive.
type Place interface {
	// Open opens the store as a new process would after the one before was
	// killed: stores that were opened earlier are abandoned, not closed in order.
	Open(t *testing.T) agent.Store
}

// Run runs the suite; fresh makes an empty Place.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Place)
	}{
		{"a message comes back whole", wholeMessage},
		{"plans come in the order they were put", order},
		{"Next waits for a plan and ends with its context", nextWaits},
		{"Owed waits for a result and ends with its context", owedWaits},
		{"a result comes back byte for byte", wholeResult},
		{"a plan sent twice runs once and is answered twice", sentTwice},
		{"a plan sent again after its answer is answered again and not run", sentAfterAnswer},
		{"a message delivered again while its plan waits is one message", redelivered},
		{"a message delivered again after the answer is answered again", redeliveredAfterAnswer},
		{"messages without any ID are all run", withoutID},
		{"a message that is no plan is kept with its properties", noPlan},
		{"each answer goes where its message asked", replyTo},
		{"a deferred answer comes back, not before its time", deferred},
		{"a deferred answer does not hold up another", deferredAside},
		{"after a crash at any point each plan ends once", crashes},
		{"after a crash between two answers one is owed", crashBetweenAnswers},
		{"many goroutines at once lose nothing", concurrent},
		{"a batch is kept in its order, what is twice in it once", batch},
		{"a plan cancelled while it waits is the canceller's to end", cancelWaiting},
		{"a plan cancelled while it runs is cancelled after a crash", cancelRunning},
		{"a plan that ended or is unknown is not cancelled", cancelEnded},
		{"a plan run again is answered again and keeps its place", retry},
		{"a plan run again before its answer was out is answered once", retryOwed},
		{"a plan that has not ended is not run again", retryUnended},
		{"pruned plans are history no more and are not run again", prune},
		{"what waits, is owed and was answered is counted", counts},
		{"after a crash at any point of a command each plan ends once", commandCrashes},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// Message makes the message of a small plan; its Name and ID are id.
func Message(id string) plans.Message {
	return plans.Message{
		ID: id, ContentType: "text/plain", Key: "queue",
		Body: fmt.Appendf(nil, `{"FormatVersion": "2.0.0", "ID": %q, "Name": %q, "Body": "return 1", "Scripts": {}, "Files": {}}`, id, id),
	}
}

// Result makes a result of the plan id.
func Result(id string) plans.Result {
	return plans.Result{
		ID: plans.NewResultID(), SourceID: id, Body: []byte(`{"exitCode": 0, "stdout": "\u0436", "n": 1e+301}`),
		Time:   time.Date(2026, 11, 23, 14, 13, 52, 71498000, time.UTC),
		Report: &plans.Report{State: plans.StateSucceeded, Attempts: 1},
	}
}

func wholeMessage(t *testing.T, p Place) {
	m := Message("one")
	m.ReplyTo, m.Signature, m.Exchange = "answers", []byte{0, 1, 255}, "plans"
	m.Body = append(m.Body, "\n\xff trailing bytes stay"...)
	put(t, p.Open(t), m)
	got := next(t, p.Open(t))
	if string(got.Message.Body) != string(m.Body) || got.Message.ID != m.ID || got.Message.ReplyTo != m.ReplyTo ||
		string(got.Message.Signature) != string(m.Signature) || got.Message.Key != m.Key || got.Message.Exchange != m.Exchange ||
		got.Message.ContentType != m.ContentType {
		t.Errorf("got %+v\nwant %+v", got.Message, m)
	}
	if got.Attempts != 0 || got.Refused != "" || got.Received.IsZero() {
		t.Errorf("got attempts %d, refused %q, received %s", got.Attempts, got.Refused, got.Received)
	}
}

func order(t *testing.T, p Place) {
	s := p.Open(t)
	var want []string
	for n := range 20 {
		id := fmt.Sprintf("plan-%d", 20-n)
		want = append(want, id)
		put(t, s, Message(id))
	}
	s = p.Open(t)
	var got []string
	for range want {
		got = append(got, next(t, s).Message.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func nextWaits(t *testing.T, p Place) {
	s := p.Open(t)
	noneToRun(t, s)
	got := make(chan string)
	go func() {
		e, _ := s.Next(t.Context())
		got <- e.Message.ID
	}()
	put(t, s, Message("late"))
	if id := <-got; id != "late" {
		t.Errorf("got %q", id)
	}
}

func owedWaits(t *testing.T, p Place) {
	s := p.Open(t)
	noneOwed(t, s)
	got := make(chan string)
	go func() {
		a, _ := s.Owed(t.Context())
		got <- a.Result.SourceID
	}()
	put(t, s, Message("late"))
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	if id := <-got; id != "late" {
		t.Errorf("got %q", id)
	}
}

func wholeResult(t *testing.T, p Place) {
	s := p.Open(t)
	put(t, s, Message("one"))
	e := next(t, s)
	begin(t, s, e)
	want, err := finish(t, s, e).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []agent.Store{s, p.Open(t)} {
		got, err := owed(t, s).Result.Encode()
		if err != nil || string(got) != string(want) {
			t.Errorf("got %s, %v\nwant %s", got, err, want)
		}
	}
}

func sentTwice(t *testing.T, p Place) {
	for _, when := range []string{"before it is taken", "while it runs", "after it ended"} {
		s := p.Open(t)
		m := Message(when)
		put(t, s, m)
		if when == "before it is taken" {
			put(t, s, m)
		}
		e := next(t, s)
		begin(t, s, e)
		if when == "while it runs" {
			put(t, s, m)
		}
		finish(t, s, e)
		if when == "after it ended" {
			put(t, s, m)
		}
		noneToRun(t, s)
		archive(t, s, owed(t, s))
		archive(t, s, owed(t, s))
		noneOwed(t, s)
		noneToRun(t, p.Open(t))
	}
}

func sentAfterAnswer(t *testing.T, p Place) {
	s := p.Open(t)
	put(t, s, Message("one"))
	answer(t, s)
	for _, s := range []agent.Store{s, p.Open(t)} {
		put(t, s, Message("one"))
		noneToRun(t, s)
		if a := owed(t, s); a.Result.SourceID != "one" {
			t.Errorf("got the result of %q", a.Result.SourceID)
		} else {
			archive(t, s, a)
		}
		noneOwed(t, s)
	}
}

func redelivered(t *testing.T, p Place) {
	s := p.Open(t)
	m := Message("one")
	put(t, s, m)
	m.Redelivered = true
	s = p.Open(t)
	put(t, s, m)
	answer(t, s)
	noneOwed(t, s)
	noneToRun(t, s)
}

func redeliveredAfterAnswer(t *testing.T, p Place) {
	s := p.Open(t)
	m := Message("one")
	put(t, s, m)
	answer(t, s)
	m.Redelivered = true // it may be a second message, whose first delivery never reached the agent
	put(t, s, m)
	archive(t, s, owed(t, s))
	noneToRun(t, s)
}

func withoutID(t *testing.T, p Place) {
	s := p.Open(t)
	m := plans.Message{Body: []byte(`{"Body": "return 1", "FormatVersion": "2.0.0", "Scripts": {}}`)}
	put(t, s, m)
	put(t, s, m)
	s = p.Open(t)
	answer(t, s)
	answer(t, s)
	noneToRun(t, s)
}

func noPlan(t *testing.T, p Place) {
	s := p.Open(t)
	bodies := []string{"this is not json", "", "[1,2,3]", "\xef\xbb\xbf{}", `{"ID": "../../x", "Name": "../y"}`, `{"Name": 5, "ReplyTo": {}}`}
	for n, b := range bodies {
		put(t, s, plans.Message{ID: fmt.Sprint("m", n), Body: []byte(b)})
	}
	s = p.Open(t)
	for n, b := range bodies {
		e := next(t, s)
		if string(e.Message.Body) != b || e.Message.ID != fmt.Sprint("m", n) {
			t.Errorf("got %q of %q, want %q", e.Message.Body, e.Message.ID, b)
		}
		begin(t, s, e)
		finish(t, s, e)
		archive(t, s, owed(t, s))
	}
}

func replyTo(t *testing.T, p Place) {
	s := p.Open(t)
	m := Message("one")
	for _, to := range []string{"first", "", "second"} {
		m.ReplyTo = to
		put(t, s, m)
	}
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	s = p.Open(t)
	var got []string
	for range 3 {
		a := owed(t, s)
		got = append(got, a.ReplyTo)
		archive(t, s, a)
	}
	if want := []string{"first", "", "second"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	put(t, s, plans.Message{ID: "two", ReplyTo: "property", Body: []byte(`{"ReplyTo": "in the plan"}`)})
	e = next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	if a := owed(t, s); a.ReplyTo != "in the plan" {
		t.Errorf("got %q, want the plan's own word", a.ReplyTo)
	}
}

func deferred(t *testing.T, p Place) {
	s := p.Open(t)
	put(t, s, Message("one"))
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	at := time.Now().Add(2 * soon)
	if err := s.Defer(t.Context(), owed(t, s), at); err != nil {
		t.Fatal(err)
	}
	a := owed(t, s)
	if early := time.Until(at); early > 0 {
		t.Errorf("came %s early", early)
	}
	if a.Tries != 1 {
		t.Errorf("tries %d, want 1", a.Tries)
	}
	if err := s.Defer(t.Context(), a, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	noneOwed(t, s)
	archive(t, p.Open(t), owed(t, p.Open(t)))
}

func deferredAside(t *testing.T, p Place) {
	s := p.Open(t)
	for _, id := range []string{"stuck", "fine"} {
		put(t, s, Message(id))
		e := next(t, s)
		begin(t, s, e)
		finish(t, s, e)
	}
	if err := s.Defer(t.Context(), owed(t, s), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if a := owed(t, s); a.Result.SourceID != "fine" {
		t.Errorf("got the result of %q", a.Result.SourceID)
	}
}

func crashes(t *testing.T, p Place) {
	steps := []string{"Put", "Next", "Begin", "Finish", "Owed", "Archive"}
	for after := range steps {
		s := p.Open(t)
		id := "crash after " + steps[after]
		put(t, s, Message(id))
		var e agent.Entry
		var a agent.Answer
		for step := 1; step <= after; step++ {
			switch steps[step] {
			case "Next":
				e = next(t, s)
			case "Begin":
				begin(t, s, e)
			case "Finish":
				finish(t, s, e)
			case "Owed":
				a = owed(t, s)
			case "Archive":
				archive(t, s, a)
			}
		}
		s = p.Open(t)
		switch steps[after] {
		case "Put", "Next":
			e = next(t, s)
			if e.Message.ID != id || e.Attempts != 0 {
				t.Errorf("%s: got %q with %d attempts, want 0", id, e.Message.ID, e.Attempts)
			}
			begin(t, s, e)
			finish(t, s, e)
			archive(t, s, owed(t, s))
		case "Begin":
			e = next(t, s)
			if e.Message.ID != id || e.Attempts != 1 {
				t.Errorf("%s: got %q with %d attempts, want 1", id, e.Message.ID, e.Attempts)
			}
			finish(t, s, e)
			archive(t, s, owed(t, s))
		case "Finish", "Owed":
			if a := owed(t, s); a.Result.SourceID != id {
				t.Errorf("%s: got the result of %q", id, a.Result.SourceID)
			} else {
				archive(t, s, a)
			}
		}
		noneToRun(t, s)
		noneOwed(t, s)
		s = p.Open(t)
		noneToRun(t, s)
		noneOwed(t, s)
	}
}

func crashBetweenAnswers(t *testing.T, p Place) {
	s := p.Open(t)
	put(t, s, Message("one"))
	put(t, s, Message("one"))
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	archive(t, s, owed(t, s))
	s = p.Open(t)
	noneToRun(t, s)
	archive(t, s, owed(t, s))
	noneOwed(t, s)
}

func concurrent(t *testing.T, p Place) {
	s := p.Open(t)
	const senders, each = 4, 10
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var sending, rest sync.WaitGroup
	for n := range senders {
		sending.Go(func() {
			for i := range each {
				if err := s.Put(ctx, []plans.Message{Message(fmt.Sprintf("%d-%d", n, i))})[0]; err != nil {
					t.Error(err)
				}
			}
		})
	}
	ran := map[string]int{}
	rest.Go(func() {
		for range senders * each {
			e, err := s.Next(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			ran[e.Message.ID]++
			if err := errors.Join(s.Begin(ctx, e), s.Finish(ctx, e, Result(e.Message.ID))); err != nil {
				t.Error(err)
			}
		}
	})
	answered := map[string]int{}
	rest.Go(func() {
		for range senders * each {
			a, err := s.Owed(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			answered[a.Result.SourceID]++
			if err := s.Archive(ctx, a); err != nil {
				t.Error(err)
			}
		}
	})
	sending.Wait()
	rest.Wait()
	if len(ran) != senders*each || len(answered) != senders*each {
		t.Errorf("%d plans ran and %d were answered, want %d", len(ran), len(answered), senders*each)
	}
	noneToRun(t, s)
	noneOwed(t, s)
}
