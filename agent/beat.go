// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"time"
)

// The work loop beats by itself: between its steps, and in those steps that may
// take long and are healthy meanwhile: waiting for a plan, running one, waiting
// for room on the disk. It does not beat while the store keeps something, so a
// disk that hangs stops the beats, and whoever counts them may act.

// beat tells that the work loop is alive.
func (a *Agent) beat() {
	if a.Beat != nil && a.BeatEvery > 0 {
		a.Beat()
	}
}

// next is Store.Next, given up and begun again for each beat: a store that does
// not come back when it is told to gets none.
func (a *Agent) next(ctx context.Context) (Entry, error) {
	if a.Beat == nil || a.BeatEvery <= 0 {
		return a.Store.Next(ctx)
	}
	for {
		a.beat()
		turn, cancel := context.WithTimeout(ctx, a.BeatEvery)
		e, err := a.Store.Next(turn)
		over := turn.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil || !over || !errors.Is(err, context.DeadlineExceeded) {
			return e, err
		}
	}
}

// beating calls do and beats until it has returned.
func (a *Agent) beating(do func()) {
	if a.Beat == nil || a.BeatEvery <= 0 {
		do()
		return
	}
	done := make(chan struct{})
	go func() { // waited for below
		defer close(done)
		do()
	}()
	tick := time.NewTicker(a.BeatEvery)
	defer tick.Stop()
	for {
		a.beat()
		select {
		case <-tick.C:
		case <-done:
			return
		}
	}
}

// pause waits as wait does, beating.
func (a *Agent) pause(ctx context.Context, d time.Duration) (err error) {
	a.beating(func() { err = wait(ctx, d) })
	return err
}
