// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

// receive keeps every message; what is not kept is not acknowledged.
func (a *Agent) receive(ctx context.Context) error {
	return a.Transport.ReceiveBatch(ctx, a.Queue, a.keep)
}

// keep keeps plans, obeys what cancels one and turns away what is not signed:
// each as if they had come one by one. The i-th error says that the i-th message
// is to be delivered again. Answers are published together.
func (a *Agent) keep(ctx context.Context, ms []plans.Message) []error {
	defer a.tellStatus()
	errs := make([]error, len(ms))
	var answers errgroup.Group
	answers.SetLimit(deliverers)
	answer := func(i int, publish func() error) {
		answers.Go(func() error { errs[i] = publish(); return nil })
	}
	begin := 0       // of the plans that are not yet put
	var failed error // of one that was not kept
	for i, m := range ms {
		signed := a.Runner.Key == nil || plans.Verify(a.Runner.Key, a.Queue, m) == nil
		if signed && !plans.ReadHead(m).Cancel {
			continue
		}
		failed = errors.Join(failed, a.put(ctx, ms[begin:i], errs[begin:i]))
		begin = i + 1
		switch {
		case !signed:
			answer(i, func() error { return a.turnAway(ctx, m) })
		case failed != nil:
			errs[i] = fmt.Errorf("not before what came first: %w", failed)
		default:
			publish, err := a.obey(ctx, m)
			if errs[i] = err; err == nil {
				answer(i, publish)
			}
		}
	}
	a.put(ctx, ms[begin:], errs[begin:]) // its errors are in errs
	answers.Wait()                       // so are theirs
	fault.Point("agent.keep.acknowledge")
	return errs
}

// put keeps plans and returns an error if one was not kept.
func (a *Agent) put(ctx context.Context, ms []plans.Message, errs []error) error {
	if len(ms) == 0 {
		return nil
	}
	copy(errs, a.Store.Put(ctx, ms))
	for i, m := range ms {
		if errs[i] != nil {
			a.log().Error("plan was not kept; the broker will deliver it again", "plan", m.ID, "error", errs[i])
			a.fault("a plan was not kept", errs[i])
			continue
		}
		a.log().Info("plan kept", "plan", m.ID, "bytes", len(m.Body))
	}
	return errors.Join(errs...)
}

// turnAway answers a message that is not signed by the key. Nothing of its body
// is read and nothing of it is kept: it can neither take the ID of a plan nor
// have the recorded result of one sent to a queue of its choice.
func (a *Agent) turnAway(ctx context.Context, m plans.Message) error {
	a.log().Warn("a message that is not signed by engine_key was refused", "plan", m.ID, "bytes", len(m.Body))
	return a.reply(ctx, Answer{Result: a.Runner.Answer(ctx, Entry{Message: plans.Message{ID: m.ID}})})
}
