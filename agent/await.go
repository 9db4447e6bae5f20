// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"time"
)

// How often a Wait is asked: the pause doubles from the first to the second.
const (
	waitMin = 250 * time.Millisecond
	waitMax = 2 * time.Second
)

// awaitGuest waits for the guest as the Runner's Waits say. A plan without
// scripts needs nothing of it.
func (a *attempt) awaitGuest(ctx context.Context) error {
	if len(a.plan.Scripts) == 0 {
		return nil
	}
	for _, w := range a.r.Waits {
		if err := a.await(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// await is one Wait. It is a phase only if something blocked.
func (a *attempt) await(ctx context.Context, w Wait) error {
	blocked := a.blocked(ctx, w)
	if blocked == "" {
		return nil
	}
	defer a.phase(w.Phase, time.Time{})()
	if !a.past.waits {
		if err := a.journal.writeSync(step{Step: stepWait}); err != nil {
			a.log.Warn("the plan does not go on if it is cut now", "error", err)
		}
		a.past.waits = true
	}
	a.log.Info("plan waits for the guest", "phase", w.Phase, "for", blocked)
	a.tell(w.Phase, "", "waiting for "+blocked)
	start := a.r.now()
	bound, over := context.WithTimeout(ctx, w.Timeout)
	defer over()
	first, pause := blocked, waitMin
	for blocked != "" {
		if wait(bound, pause) != nil {
			break
		}
		pause = min(2*pause, waitMax)
		if b := a.blocked(bound, w); bound.Err() == nil {
			blocked = b
		}
	}
	if a.cutIn(ctx, w.Phase) {
		return ctx.Err()
	}
	took := a.r.now().Sub(start).Round(time.Second)
	text := fmt.Sprintf("%s: waited %s for %s", w.Phase, took, first)
	if blocked != "" {
		text = fmt.Sprintf("%s: waited %s and went on all the same; still blocked by %s", w.Phase, took, blocked)
		a.log.Warn("plan goes on although the guest is not ready", "phase", w.Phase, "for", blocked)
	}
	a.waited = append(a.waited, text)
	return nil
}

// blocked asks w. What it cannot know blocks nothing.
func (a *attempt) blocked(ctx context.Context, w Wait) string {
	blocked, err := w.For(ctx, a.plan)
	if err == nil || ctx.Err() != nil {
		return blocked
	}
	a.log.Warn("what a plan waits for cannot be seen", "phase", w.Phase, "error", err)
	a.waited = append(a.waited, fmt.Sprintf("%s: %v", w.Phase, err))
	return ""
}
