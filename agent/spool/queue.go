// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"container/heap"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/plans"
)

// Next is agent.Store's. A plan whose body cannot be read is returned refused.
func (d *Dir) Next(ctx context.Context) (agent.Entry, error) {
	r, err := wait(ctx, d, func() (*record, time.Duration) {
		if len(d.pending) == 0 {
			return nil, -1
		}
		r := d.pending[0]
		d.pending[0] = nil
		d.pending = d.pending[1:]
		r.waits = false
		return r, 0
	})
	if err != nil {
		return agent.Entry{}, err
	}
	return d.entry(r), nil
}

// entry reads the plan of r.
func (d *Dir) entry(r *record) agent.Entry {
	dir := filepath.Join(d.path, r.key)
	body, err := os.ReadFile(filepath.Join(dir, planName))
	d.mu.Lock()
	defer d.mu.Unlock()
	e := agent.Entry{
		Key: r.key, Message: r.state.Message.message(body), Dir: dir,
		Received: r.state.Received, Attempts: r.state.Attempts, Refused: r.state.Refused, Cancelled: r.state.Cancelled,
	}
	if err != nil {
		e.Refused = fmt.Sprintf("the plan, kept on the guest's disk, cannot be read again: %v", err)
		if e.Message.ID == "" {
			e.Message.ID = r.state.ID
		}
	}
	return e
}

// Begin is agent.Store's.
func (d *Dir) Begin(ctx context.Context, e agent.Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.record(e.Key)
	if err != nil {
		return err
	}
	s, now := r.state, d.o.Now().UTC()
	s.State, s.Begun = stateRunning, &now
	s.Attempts++
	if err := d.write(r, s); err != nil {
		return fmt.Errorf("count an attempt of plan %q: %w", s.ID, err)
	}
	return nil
}

// Finish is agent.Store's. On a full disk it uses what was reserved.
func (d *Dir) Finish(ctx context.Context, e agent.Entry, result plans.Result) error {
	text, err := result.Encode()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.record(e.Key)
	if err != nil {
		return err
	}
	if r.finished {
		return fmt.Errorf("keep the result of plan %q: it has one", r.state.ID)
	}
	if err := d.replace(r, resultName, text, atomicfile.WriteFile); err != nil {
		os.Remove(filepath.Join(d.path, reserveName))
		if err := d.replace(r, resultName, text, atomicfile.WriteFile); err != nil {
			return fmt.Errorf("keep the result of plan %q: %w", r.state.ID, err)
		}
	}
	d.explain(r, result)
	now := d.o.Now().UTC()
	r.finished, r.result = true, result.ID
	r.state.State, r.state.Finished, r.state.Result = stateFinished, &now, result.State()
	d.oweAll(r)
	d.notify()
	return nil
}

// Owed is agent.Store's.
func (d *Dir) Owed(ctx context.Context) (agent.Answer, error) {
	for {
		a, err := wait(ctx, d, func() (*answer, time.Duration) {
			if len(d.owed.heap) == 0 {
				return nil, -1
			}
			if due := d.owed.heap[0].notBefore.Sub(d.o.Now()); due > 0 {
				return nil, due
			}
			return heap.Pop(&d.owed).(*answer), 0
		})
		if err != nil {
			return agent.Answer{}, err
		}
		result, err := readResult(filepath.Join(d.path, a.r.key))
		if err == nil {
			d.mu.Lock()
			a.r.result = result.ID
			d.mu.Unlock()
			return agent.Answer{Key: a.r.key, ReplyTo: a.replyTo, Tries: a.tries, Result: result}, nil
		}
		if err := d.lost(a, err); err != nil {
			return agent.Answer{}, err
		}
	}
}

// oweAll makes all answers due that r owes.
func (d *Dir) oweAll(r *record) {
	for _, to := range r.state.Owed {
		d.owed.push(&answer{r: r, replyTo: to})
	}
	d.owing += len(r.state.Owed)
}

// lost replaces a result that was there and cannot be read any more.
func (d *Dir) lost(a *answer, cause error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := a.r
	d.o.Log.Error("result cannot be read", "plan", r.state.ID, "error", cause)
	message := fmt.Sprintf("the plan ended, but its result, kept on the guest's disk, cannot be read again: %v", cause)
	result := plans.Result{
		ID: plans.NewResultID(), SourceID: r.state.ID, ErrorCode: plans.CodeOther, Time: d.o.Now(),
		Body: plans.Failure(plans.CodeOther, message, nil),
		Report: &plans.Report{State: plans.StateInterrupted, Cause: &plans.Cause{
			Code: plans.CauseDiskFull, Text: message, Owner: plans.OwnerGuest, Hint: "check the guest's file system",
		}},
	}
	text, err := result.Encode()
	if err != nil {
		return err
	}
	r.result, r.state.Result = result.ID, result.State()
	if err := d.replace(r, resultName, text, atomicfile.WriteFile); err != nil {
		return fmt.Errorf("replace the result of plan %q: %w", r.state.ID, err)
	}
	d.owed.push(a)
	return nil
}

// Archive is agent.Store's. After a power loss the answer may be owed again; to
// be sent twice is what every receiver must bear anyway.
func (d *Dir) Archive(ctx context.Context, a agent.Answer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.record(a.Key)
	if err != nil {
		return err
	}
	if r.earlier(a) {
		return nil
	}
	i := slices.Index(r.state.Owed, a.ReplyTo)
	if i < 0 {
		return fmt.Errorf("archive plan %q: no answer to %q is owed", r.state.ID, a.ReplyTo)
	}
	s := r.state
	s.Owed = slices.Delete(slices.Clone(s.Owed), i, i+1)
	s.Told = append(slices.Clone(s.Told), a.ReplyTo)
	s.Answers++
	if len(s.Owed) == 0 {
		now := d.o.Now().UTC()
		s.State, s.Answered = stateAnswered, &now
		s.Bytes = size(filepath.Join(d.path, r.key))
	}
	if err := d.change(r, s, atomicfile.Replace); err != nil {
		return fmt.Errorf("archive plan %q: %w", s.ID, err)
	}
	d.owing--
	if len(s.Owed) == 0 {
		d.remember(r)
		d.prune()
		d.makeReserve()
	}
	return nil
}

// Defer is agent.Store's.
func (d *Dir) Defer(ctx context.Context, a agent.Answer, at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.record(a.Key)
	if err != nil {
		return err
	}
	if r.earlier(a) {
		return nil
	}
	d.owed.push(&answer{r: r, replyTo: a.ReplyTo, notBefore: at, tries: a.Tries + 1})
	d.notify()
	return nil
}

func (d *Dir) record(key string) (*record, error) {
	if d.closed {
		return nil, ErrClosed
	}
	if r := d.byKey[key]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("the spool has no plan %q", key)
}

// wait blocks until take, called with d.mu held, gives something. take's
// duration says when to ask again, below zero: when something changed.
func wait[T any](ctx context.Context, d *Dir, take func() (*T, time.Duration)) (*T, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			return nil, ErrClosed
		}
		v, again := take()
		changed := d.changed
		d.mu.Unlock()
		if v != nil {
			return v, nil
		}
		var due <-chan time.Time
		stop := func() bool { return true }
		if again >= 0 {
			t := time.NewTimer(again)
			due, stop = t.C, t.Stop
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
		}
		stop()
	}
}

// An answer is a result that is owed to one sender.
type answer struct {
	r         *record
	replyTo   string
	notBefore time.Time
	tries     int
	seq       uint64
}

// answers is a heap: what is due first, in the order it came.
type answers struct {
	heap []*answer
	seq  uint64
}

func (q *answers) push(a *answer) {
	q.seq++
	a.seq = q.seq
	heap.Push(q, a)
}

// drop removes the answers of r.
func (q *answers) drop(r *record) {
	q.heap = slices.DeleteFunc(q.heap, func(a *answer) bool { return a.r == r })
	heap.Init(q)
}

func (q *answers) Len() int { return len(q.heap) }
func (q *answers) Less(i, j int) bool {
	a, b := q.heap[i], q.heap[j]
	if !a.notBefore.Equal(b.notBefore) {
		return a.notBefore.Before(b.notBefore)
	}
	return a.seq < b.seq
}
func (q *answers) Swap(i, j int) { q.heap[i], q.heap[j] = q.heap[j], q.heap[i] }
func (q *answers) Push(v any)    { q.heap = append(q.heap, v.(*answer)) }
func (q *answers) Pop() any {
	a := q.heap[len(q.heap)-1]
	q.heap[len(q.heap)-1] = nil
	q.heap = q.heap[:len(q.heap)-1]
	return a
}
