// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openmurano/murano/plans"
)

// cancelTimeout is how long an agent has to answer a cancellation. It answers
// as soon as it has it, whatever it runs.
const cancelTimeout = time.Minute

// CancelPlan asks the agent that reads queue to end a plan, and returns what the
// plan was: one of the states of plans.Cancelled. An empty queue means the one
// the plan was sent to. The plan's own result, of state cancelled, comes as
// every result. The error wraps ErrNotFound where the queue is not known,
// plans.ErrUnroutable where there is none, ErrSilent where no answer came: the
// cancellation then waits in the queue for its agent.
func (c *Controller) CancelPlan(ctx context.Context, queue, plan string) (plans.Cancelled, error) {
	if queue == "" {
		r, err := c.Store.Plan(ctx, plan)
		if err != nil {
			return plans.Cancelled{}, fmt.Errorf("plan %s: %w", plan, err)
		}
		queue = r.Queue
	}
	return c.Dispatcher().Cancel(ctx, queue, plan)
}

// Cancel is CancelPlan of one queue.
func (d *Dispatcher) Cancel(ctx context.Context, queue, plan string) (plans.Cancelled, error) {
	stamp, err := d.stamp(ctx, queue)
	if err != nil {
		return plans.Cancelled{}, err
	}
	results := or(d.ResultsQueue, "murano-results")
	request := plans.Cancel{ID: newID(), PlanID: plan, Stamp: stamp, ReplyTo: results}
	m := plans.Message{ID: request.ID, ContentType: "application/json", ReplyTo: results, Key: queue}
	if m.Body, err = request.Encode(); err != nil {
		return plans.Cancelled{}, err
	}
	if d.SigningKey != nil {
		if m.Signature, err = plans.Sign(d.SigningKey, queue, m.Body); err != nil {
			return plans.Cancelled{}, fmt.Errorf("sign the cancellation of plan %s for %s: %w", plan, queue, err)
		}
	}
	answer, stop := d.asked.listen(request.ID)
	defer stop()
	if err := d.Transport.Publish(ctx, m); err != nil {
		return plans.Cancelled{}, fmt.Errorf("publish the cancellation of plan %s to queue %s: %w", plan, queue, err)
	}
	late := time.NewTimer(cancelTimeout)
	defer late.Stop()
	select {
	case r := <-answer:
		return cancelled(plan, r)
	case <-ctx.Done():
		return plans.Cancelled{}, ctx.Err()
	case <-late.C:
		return plans.Cancelled{}, fmt.Errorf("the agent on queue %s has not answered: %w in %v; the cancellation of plan %s waits there for it", queue, ErrSilent, cancelTimeout, plan)
	}
}

// cancelled reads the answer to a cancellation.
func cancelled(plan string, r plans.Result) (out plans.Cancelled, err error) {
	if r.ErrorCode != plans.CodeOK {
		return out, fmt.Errorf("the agent did not cancel plan %s: %s", plan, explain(r))
	}
	if err := json.Unmarshal(r.Body, &out); err != nil || out.State == "" {
		return out, errors.Join(fmt.Errorf("the agent's answer to the cancellation of plan %s is none", plan), err)
	}
	out.PlanID, out.State = plan, oneLine(out.State, maxName)
	return out, nil
}

// asked are the questions that wait for their answers in this process, and are
// not recorded. The zero value is ready.
type asked struct {
	mu      sync.Mutex
	waiting map[string]chan plans.Result // by the question's ID
}

// listen waits for the answer to id; stop gives up.
func (a *asked) listen(id string) (answer <-chan plans.Result, stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = make(map[string]chan plans.Result)
	}
	c := make(chan plans.Result, 1)
	a.waiting[id] = c
	return c, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, id)
	}
}

// answer hands r to who waits for it, and tells whether anybody does. Of several
// the first counts.
func (a *asked) answer(r plans.Result) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.waiting[r.SourceID]
	if ok {
		select {
		case c <- r:
		default:
		}
	}
	return ok
}
