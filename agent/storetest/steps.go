// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

const soon = 50 * time.Millisecond // long enough for what must not happen

func put(t *testing.T, s agent.Store, m plans.Message) {
	t.Helper()
	if err := s.Put(t.Context(), []plans.Message{m})[0]; err != nil {
		t.Fatalf("Put %q: %v", m.ID, err)
	}
}

func next(t *testing.T, s agent.Store) agent.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return e
}

func begin(t *testing.T, s agent.Store, e agent.Entry) {
	t.Helper()
	if err := s.Begin(t.Context(), e); err != nil {
		t.Fatalf("Begin: %v", err)
	}
}

func finish(t *testing.T, s agent.Store, e agent.Entry) plans.Result {
	t.Helper()
	id, _ := plans.Identify(e.Message)
	r := Result(id)
	if err := s.Finish(t.Context(), e, r); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	return r
}

func owed(t *testing.T, s agent.Store) agent.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, err := s.Owed(ctx)
	if err != nil {
		t.Fatalf("Owed: %v", err)
	}
	return a
}

func archive(t *testing.T, s agent.Store, a agent.Answer) {
	t.Helper()
	if err := s.Archive(t.Context(), a); err != nil {
		t.Fatalf("Archive: %v", err)
	}
}

// answer takes the plan from Next to Archive.
func answer(t *testing.T, s agent.Store) {
	t.Helper()
	e := next(t, s)
	begin(t, s, e)
	finish(t, s, e)
	archive(t, s, owed(t, s))
}

func noneToRun(t *testing.T, s agent.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if e, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next gave plan %q, %v; want none", e.Message.ID, err)
	}
}

func noneOwed(t *testing.T, s agent.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if a, err := s.Owed(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Owed gave the result of %q, %v; want none", a.Result.SourceID, err)
	}
}
