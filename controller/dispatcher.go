// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openmurano/murano/plans"
)

// ErrSilent says that no result came in the time a plan has.
var ErrSilent = errors.New("no result came")

// A Dispatcher sends plans to agents and waits for their results. A plan is
// recorded before it is published, and its result before it is acknowledged.
type Dispatcher struct {
	Store          StoredPlans
	Transport      Transport
	ResultsQueue   string        // empty means murano-results
	StepTimeout    time.Duration // for plans without one of their own; 0 means an hour
	SilenceTimeout time.Duration // how long after its timeout a result may come; 0 means 5 minutes
	SigningKey     crypto.Signer // nil: plans are sent unsigned
	Now            func() time.Time
	Log            *slog.Logger

	mu     sync.Mutex
	stamps map[string]int64 // the last one of each queue
	bells  bells
	asked  asked
}

// Run declares the queue of results and records those that come, until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) error {
	queue := or(d.ResultsQueue, "murano-results")
	if err := d.Transport.Declare(ctx, queue, plans.QueueOptions{}); err != nil {
		return fmt.Errorf("declare queue %s: %w", queue, err)
	}
	return d.Transport.Receive(ctx, queue, d.keep)
}

// keep records a result. What can never be recorded is logged and dropped; a
// result that cannot be read, or is too large to keep, fails its plan.
func (d *Dispatcher) keep(ctx context.Context, m plans.Message) error {
	var r plans.Result
	var err error
	state, cause, result := PlanSucceeded, "", m.Body
	if len(m.Body) > maxResult {
		err = fmt.Errorf("its result has %d bytes, a controller keeps %d; return less from the Body", len(m.Body), maxResult)
	} else if r, err = plans.ParseResult(m.Body); err != nil {
		err = fmt.Errorf("its result cannot be read: %w", err)
	} else if d.asked.answer(r) {
		return nil
	} else if r.ErrorCode != plans.CodeOK {
		state, cause = PlanFailed, explain(r)
	}
	id := or(r.SourceID, m.ID)
	shown := oneLine(id, maxName) // whoever can publish can write it
	if err != nil {
		d.log().Warn("a message in the queue of results is no result to keep", "plan", shown, "error", err)
		state, cause = PlanFailed, err.Error()
		substitute := plans.Result{SourceID: id, ErrorCode: plans.CodeOther, Body: plans.Failure(plans.CodeOther, cause, nil), Time: d.now()}
		if result, err = substitute.Encode(); err != nil {
			return nil
		}
	}
	first, err := d.Store.PutResult(ctx, id, state, shortText(cause, maxCause), result, d.now())
	switch {
	case errors.Is(err, ErrNotFound):
		d.log().Warn("a result of an unknown plan; dropped", "plan", shown)
		return nil
	case err != nil:
		return fmt.Errorf("record result of plan %s: %w", id, err)
	case !first:
		d.log().Debug("the result is known already", "plan", id)
	}
	d.bells.ring(ringPlan(id))
	return nil
}

// Dispatch sends p to the agent that reads queue, and returns its result, a
// failed one too. It gives p an ID and a Stamp where it has none. The error
// wraps ErrSilent when no result came in time, plans.ErrUnroutable when there
// is no such queue.
func (d *Dispatcher) Dispatch(ctx context.Context, queue string, p plans.Plan) (plans.Result, error) {
	return d.dispatch(ctx, queue, p, "")
}

// dispatch is Dispatch for a server of the environment, with which the plan is forgotten.
func (d *Dispatcher) dispatch(ctx context.Context, queue string, p plans.Plan, environmentID string) (plans.Result, error) {
	r, err := d.prepare(ctx, queue, p)
	if err != nil {
		return plans.Result{}, err
	}
	r.EnvironmentID = environmentID
	if err := d.Store.PutPlan(ctx, r); err != nil {
		if errors.Is(err, ErrKnownPlan) {
			err = fmt.Errorf("plan %s: %w; give it another ID, or none", r.ID, err)
		}
		return plans.Result{}, err
	}
	done, err := d.deliver(ctx, r.ID)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrStore) {
			err = errors.Join(err, d.Store.GiveUp(ctx, r.ID, err.Error()))
		}
		return plans.Result{}, err
	}
	return plans.ParseResult(done.Result)
}

// prepare makes the record of p: complete, encoded and signed, but not yet stored.
func (d *Dispatcher) prepare(ctx context.Context, queue string, p plans.Plan) (PlanRecord, error) {
	p.ID = or(p.ID, newID())
	p.Options.Timeout = or(p.Options.Timeout, d.StepTimeout, time.Hour)
	if p.Stamp == 0 {
		stamp, err := d.stamp(ctx, queue)
		if err != nil {
			return PlanRecord{}, err
		}
		p.Stamp = stamp
	}
	p.ReplyTo = or(d.ResultsQueue, "murano-results") // ours, whatever it says: Dispatch waits there
	if err := p.Validate(); err != nil {
		return PlanRecord{}, fmt.Errorf("plan %s: %w", p.Name, err)
	}
	encoded, err := p.Encode()
	if err != nil {
		return PlanRecord{}, fmt.Errorf("encode plan %s: %w", p.Name, err)
	}
	r := PlanRecord{
		ID: p.ID, Queue: queue, Stamp: p.Stamp, Body: encoded,
		Timeout: p.Options.Timeout + or(d.SilenceTimeout, 5*time.Minute),
		Created: d.now(), State: PlanSent,
	}
	if d.SigningKey != nil {
		if r.Signature, err = plans.Sign(d.SigningKey, queue, encoded); err != nil {
			return PlanRecord{}, fmt.Errorf("sign plan %s for %s: %w", p.ID, queue, err)
		}
	}
	return r, nil
}

// stamp gives the next Stamp for queue: the time in tenths of a millisecond,
// and always more than the one before, even if the clock went back.
func (d *Dispatcher) stamp(ctx context.Context, queue string) (int64, error) {
	last, err := d.Store.LastStamp(ctx, queue)
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stamps == nil {
		d.stamps = make(map[string]int64)
	}
	next := max(d.now().UnixMicro()/100, last+1, d.stamps[queue]+1)
	d.stamps[queue] = next
	return next, nil
}

// deliver publishes the recorded plan, unless its result is known, and waits
// for the result, which the record it returns holds. A plan that was published
// before is published again: its agent knows it by its ID, and does not run it
// twice.
func (d *Dispatcher) deliver(ctx context.Context, id string) (PlanRecord, error) {
	ring, stop := d.bells.listen(ringPlan(id))
	defer stop()
	r, err := d.Store.Plan(ctx, id)
	if err != nil || r.Result != nil {
		return r, err
	}
	m := plans.Message{
		ID: r.ID, Body: r.Body, ContentType: "application/json", Signature: r.Signature,
		ReplyTo: or(d.ResultsQueue, "murano-results"), Key: r.Queue,
	}
	if err := d.Transport.Publish(ctx, m); err != nil {
		return r, fmt.Errorf("publish plan %s to queue %s: %w", r.ID, r.Queue, err)
	}
	silent := time.NewTimer(r.Timeout)
	defer silent.Stop()
	for {
		known, err := d.Store.Plan(ctx, r.ID)
		if err != nil || known.Result != nil {
			return known, err
		}
		select {
		case <-ring:
		case <-ctx.Done():
			return r, ctx.Err()
		case <-silent.C:
			return r, fmt.Errorf("plan %s on queue %s: %w in %v", r.ID, r.Queue, ErrSilent, r.Timeout)
		}
	}
}

func (d *Dispatcher) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

func (d *Dispatcher) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.New(slog.DiscardHandler)
}

// explain says in one line why a plan failed: what its report names as the
// cause, else the message of Murano's failure body.
func explain(r plans.Result) string {
	if r.Report != nil && r.Report.Cause != nil {
		c := r.Report.Cause
		text := c.Text
		if c.Code != "" {
			text = c.Code + ": " + text
		}
		if c.Hint != "" {
			text += "; " + c.Hint
		}
		return text
	}
	var failure struct{ Message string }
	if json.Unmarshal(r.Body, &failure) == nil && failure.Message != "" {
		return fmt.Sprintf("ErrorCode %d: %s", r.ErrorCode, failure.Message)
	}
	return fmt.Sprintf("ErrorCode %d: %s", r.ErrorCode, bytes.TrimSpace(r.Body))
}
