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
	"github.com/openmurano/murano/internal/fault"
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
		r.taken = true
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
	body, err := readFile(filepath.Join(dir, planName))
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := r.state.Length; err == nil && n != nil && *n != len(body) {
		err = fmt.Errorf("%s has %d bytes of %d", planName, len(body), *n)
	}
	e := agent.Entry{
		Key: r.key, Message: r.state.Message.message(body), Dir: dir,
		Received: r.state.Received, Attempts: r.state.Attempts, Refused: r.state.Refused, Cancelled: r.state.Cancelled,
	}
	if err != nil {
		e.Refused = fmt.Sprintf("the plan, kept on the guest's disk, cannot be read again: %v", err)
		e.Message.Body = nil
		if e.Message.ID == "" {
			e.Message.ID = r.state.ID
		}
	}
	return e
}

// Begin is agent.Store's. It adds a line to state.json, with one sync.
func (d *Dir) Begin(ctx context.Context, e agent.Entry) error {
	r, err := d.hold(e.Key)
	if err != nil {
		return err
	}
	defer r.disk.Unlock()
	now := d.o.Now().UTC()
	s := r.state
	s.State, s.Begun = stateRunning, &now
	s.Attempts++
	if err := d.amend(r, s, change{State: s.State, Attempts: s.Attempts, Begun: s.Begun}, atomicfile.Amend); err != nil {
		return fmt.Errorf("count an attempt of plan %q: %w", s.ID, err)
	}
	return nil
}

// Finish is agent.Store's. On a full disk it uses what was reserved, and should
// that not do, it keeps a short result in the place of the whole.
func (d *Dir) Finish(ctx context.Context, e agent.Entry, result plans.Result) error {
	text, err := result.Encode()
	if err != nil {
		return err
	}
	r, err := d.hold(e.Key)
	if err != nil {
		return err
	}
	defer r.disk.Unlock()
	if r.finished {
		return fmt.Errorf("keep the result of plan %q: %w", r.state.ID, agent.ErrEnded)
	}
	err = d.replace(r, resultName, text)
	if err != nil {
		fault.Point("spool.finish.before-remove")
		os.Remove(filepath.Join(d.path, reserveName))
		err = d.replace(r, resultName, text)
	}
	if full(err) {
		d.o.Log.Error("the disk is full; the result is kept without its content", "plan", r.state.ID, "bytes", len(text), "error", err)
		result = shortened(result, len(text), err)
		if text, err = result.Encode(); err == nil {
			err = d.replace(r, resultName, text)
		}
	}
	if err != nil {
		return fmt.Errorf("keep the result of plan %q: %w", r.state.ID, err)
	}
	d.explain(r, result)
	now := d.o.Now().UTC()
	d.mu.Lock()
	defer d.mu.Unlock()
	r.finished, r.result = true, result.ID
	r.state.State, r.state.Finished, r.state.Result = stateFinished, &now, result.State()
	d.oweAll(r)
	return nil
}

// shortened is r without what made it too large for a disk that is full. A plan
// that succeeded fails by it: what it returned is lost.
func shortened(r plans.Result, size int, cause error) plans.Result {
	text := fmt.Sprintf("the plan %s, but its result of %d bytes did not fit on the guest's disk and is lost: %v", r.State(), size, cause)
	report := plans.Report{State: r.State()}
	if r.Report != nil {
		report.Attempts = r.Report.Attempts
	}
	report.Cause = &plans.Cause{Code: plans.CauseDiskFull, Text: text, Owner: plans.OwnerGuest, Hint: "free space on the guest, or return less from the Body"}
	if r.ErrorCode == plans.CodeOK {
		r.ErrorCode, report.State = plans.CodeOther, plans.StateFailed
	}
	r.Report, r.Body = &report, plans.Failure(r.ErrorCode, text, nil)
	return r
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
		result, ok, err := d.result(a)
		if err != nil {
			return agent.Answer{}, err
		}
		if ok {
			return agent.Answer{Key: a.r.key, ReplyTo: a.replyTo, Tries: a.tries, Result: result}, nil
		}
	}
}

// result reads the result of a; false if Retry came between.
func (d *Dir) result(a *answer) (plans.Result, bool, error) {
	r := a.r
	r.disk.Lock()
	defer r.disk.Unlock()
	if a.round != r.round {
		return plans.Result{}, false, nil
	}
	result, err := readResult(filepath.Join(d.path, r.key))
	if err != nil {
		if result, err = d.lost(r, err); err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			a.notBefore = d.o.Now().Add(time.Minute)
			d.owed.push(a)
			return plans.Result{}, false, nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r.result, r.state.Result = result.ID, result.State()
	return result, true, nil
}

// owe makes one answer of r due. The caller holds d.mu.
func (d *Dir) owe(r *record, replyTo string) {
	d.owed.push(&answer{r: r, round: r.round, replyTo: replyTo})
	d.owing++
	d.notify()
}

// oweAll makes all answers due that r owes. The caller holds d.mu.
func (d *Dir) oweAll(r *record) {
	for _, to := range r.state.Owed {
		d.owe(r, to)
	}
}

// lost replaces a result that was there and cannot be read any more.
func (d *Dir) lost(r *record, cause error) (plans.Result, error) {
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
		return plans.Result{}, err
	}
	if err := d.replace(r, resultName, text); err != nil {
		d.o.Log.Error("result was not replaced; trying again", "plan", r.state.ID, "error", err)
		return plans.Result{}, err
	}
	d.explain(r, result)
	return result, nil
}

// Archive is agent.Store's. After a power loss the answer may be owed again; to
// be sent twice is what every receiver must bear anyway.
func (d *Dir) Archive(ctx context.Context, a agent.Answer) error {
	ended, err := d.archive(a)
	if err == nil && ended {
		d.prune()
		d.makeReserve()
	}
	return err
}

// archive tells whether a was the last answer of its plan.
func (d *Dir) archive(a agent.Answer) (ended bool, err error) {
	r, err := d.hold(a.Key)
	if err != nil {
		return false, err
	}
	defer r.disk.Unlock()
	if r.earlier(a) {
		return false, nil
	}
	i := slices.Index(r.state.Owed, a.ReplyTo)
	if i < 0 {
		return false, fmt.Errorf("archive plan %q: no answer to %q is owed", r.state.ID, a.ReplyTo)
	}
	s := r.state
	s.Owed = slices.Delete(slices.Clone(s.Owed), i, i+1)
	s.Told = append(slices.Clone(s.Told), a.ReplyTo)
	s.Answers++
	if ended = len(s.Owed) == 0; ended {
		now := d.o.Now().UTC()
		s.State, s.Answered = stateAnswered, &now
		s.Bytes = size(filepath.Join(d.path, r.key))
	}
	c := change{
		State: s.State, Result: s.Result, Attempts: s.Attempts, Begun: s.Begun, Finished: s.Finished, Answered: s.Answered,
		Owed: s.Owed, Told: s.Told, Answers: s.Answers, Bytes: s.Bytes,
	}
	if err := d.amend(r, s, c, atomicfile.Note); err != nil {
		return false, fmt.Errorf("archive plan %q: %w", s.ID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owing--
	if ended {
		d.remember(r)
	}
	return ended, nil
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
	d.owed.push(&answer{r: r, round: r.round, replyTo: a.ReplyTo, notBefore: at, tries: a.Tries + 1})
	d.notify()
	return nil
}

// wait blocks until take, called with d.mu held, gives something. take's
// duration says when to ask again, below zero: when something changed.
func wait[T any](ctx context.Context, d *Dir, take func() (*T, time.Duration)) (*T, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.mu.Lock()
		if err := d.ended; err != nil {
			d.mu.Unlock()
			return nil, err
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
