// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

// Cancel ends the plan with this ID on behalf of by, whose name goes to its
// result: one that waits will not run, one that runs is stopped. It returns one
// of the states of plans.Cancelled at once; the plan's result comes when its
// scripts have ended. After an error nothing or all of it was done: ask again.
func (a *Agent) Cancel(ctx context.Context, id, by string) (state string, err error) {
	a.init()
	defer a.tellStatus()
	e, state, err := a.markCancelled(ctx, id, by)
	if err != nil {
		return "", fmt.Errorf("cancel plan %q: %w", id, err)
	}
	fault.Point("agent.cancel.kept")
	switch state {
	case StorePending:
		e.Cancelled = cmp.Or(e.Cancelled, by)
		result := a.Runner.Cancelled(e)
		if err := a.finish(ctx, wait, e, result); err != nil {
			return "", fmt.Errorf("cancel plan %q: it will not run, but its result was not kept: %w", id, err)
		}
		a.turn(func(s *Status) { s.count(result.State()) })
		a.log().Info("plan was cancelled before it ran", "plan", id, "by", by)
		return plans.CancelDone, nil
	case StoreRunning:
		a.log().Info("plan is being stopped", "plan", id, "by", by)
		return plans.CancelRunning, nil
	case StoreEnded:
		if e.Cancelled == by { // asked again, for an answer that did not arrive
			return plans.CancelDone, nil
		}
		return plans.CancelEnded, nil
	}
	return plans.CancelUnknown, nil
}

// markCancelled keeps that the plan is cancelled and, if it is or is about to be
// in hand, stops it.
func (a *Agent) markCancelled(ctx context.Context, id, by string) (e Entry, state string, err error) {
	a.hand.Lock()
	defer a.hand.Unlock()
	e, state, err = a.Store.Cancel(ctx, id, by)
	if err == nil && state == StoreRunning {
		a.hand.cancelled[e.Key] = by
		if a.hand.key == e.Key {
			a.hand.stop(Cancellation{By: by})
		}
	}
	return e, state, err
}

// Retry has a plan that ended run again, as Store.Retry says.
func (a *Agent) Retry(ctx context.Context, id string) error {
	a.init()
	defer a.tellStatus()
	return a.Store.Retry(ctx, id)
}

// Prune removes history, as Store.Prune says.
func (a *Agent) Prune(ctx context.Context, o PruneOptions) (keys []string, err error) {
	a.init()
	defer a.tellStatus()
	return a.Store.Prune(ctx, o)
}

// grip holds e as the plan in hand until release. ctx's end stops it after
// StopTimeout, or as soon as it only waits for the guest to reboot; Cancel at
// once. by is who cancelled it before.
func (a *Agent) grip(ctx context.Context, e Entry) (held context.Context, by string, release func()) {
	held, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	unwatch := context.AfterFunc(ctx, func() {
		for left := a.StopTimeout; left > 0 && !a.awaitsReboot(); left -= stopCheck {
			if wait(held, min(left, stopCheck)) != nil {
				return
			}
		}
		stop(context.Cause(ctx))
	})
	a.hand.Lock()
	defer a.hand.Unlock()
	a.hand.key, a.hand.stop = e.Key, stop
	by = cmp.Or(e.Cancelled, a.hand.cancelled[e.Key])
	return held, by, func() {
		unwatch()
		stop(nil)
		a.hand.Lock()
		defer a.hand.Unlock()
		a.hand.key, a.hand.stop = "", nil
		delete(a.hand.cancelled, e.Key)
	}
}

// stopCheck is how often a stopping agent looks what its plan in hand does.
const stopCheck = 100 * time.Millisecond

// awaitsReboot tells whether the plan in hand asked for a reboot and waits.
func (a *Agent) awaitsReboot() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status.Phase == phaseReboot
}

// obey acts on a message that cancels a plan and answers it. It is acknowledged
// only then: what is redelivered finds the plan cancelled and says so, under the
// same ID as the first time.
func (a *Agent) obey(ctx context.Context, m plans.Message) (answer func() error, err error) {
	head := plans.ReadHead(m)
	var value json.RawMessage
	c, failed := plans.ParseCancel(m.Body)
	if failed == nil {
		state, err := a.Cancel(ctx, c.PlanID, fmt.Sprintf("the controller, message %q", head.ID))
		if err != nil {
			return nil, err
		}
		if value, failed = json.Marshal(plans.Cancelled{PlanID: c.PlanID, State: state}); failed == nil {
			a.log().Info("plan was to be cancelled", "plan", c.PlanID, "state", state, "message", head.ID)
		}
	}
	m.ReplyTo = head.ReplyTo
	result := a.Runner.attempt(Entry{Message: m}).result(value, failed)
	if head.ID != "" {
		sum := sha256.Sum256([]byte("the answer to " + head.ID))
		result.ID = hex.EncodeToString(sum[:16])
	}
	return func() error { return a.reply(ctx, Answer{ReplyTo: head.ReplyTo, Result: result}) }, nil
}

// reply publishes an answer that the store does not keep. Where nobody listens
// it is dropped: its message must not hold up others.
func (a *Agent) reply(ctx context.Context, answer Answer) error {
	_, err := a.publish(ctx, answer)
	if errors.Is(err, plans.ErrUnroutable) && answer.ReplyTo != "" && a.DynamicResultQueue {
		_, err = a.publish(ctx, Answer{Result: answer.Result})
	}
	if errors.Is(err, plans.ErrUnroutable) {
		a.log().Warn("an answer was dropped: there is no queue for it", "plan", answer.Result.SourceID)
		return nil
	}
	return err
}
