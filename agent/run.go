// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

// An Address is where messages are published to.
type Address struct{ Exchange, Key string }

// An Agent receives plans, runs them one after another in the order they came,
// and answers each message exactly once. Its fields are not changed while it runs.
type Agent struct {
	Transport Transport
	Store     Store
	Runner    *Runner

	Queue   string  // input queue; somebody else declares it
	Results Address // result_exchange and result_routing_key
	// DynamicResultQueue sends a result to its plan's ReplyTo instead of
	// Results.Key, if it has one (enable_dynamic_result_queue).
	DynamicResultQueue bool
	// Events is where the agent says hello and where a plan is. The zero value
	// means it does not.
	Events Address

	// HeartbeatEvery is how often it says there how it is; 0 means never.
	HeartbeatEvery time.Duration
	// Inventory is what the guest is and has, for the hello; nil means nothing is said.
	Inventory func() map[string]string

	Version, Hostname, BootID string // of the hello
	Storage                   string // a directory on the disk that holds the plans, for Status; empty means it is not measured

	// A result that cannot be published is tried again after RetryMin, doubling
	// to RetryMax, without end. 0 means 1 second and 5 minutes.
	RetryMin, RetryMax time.Duration
	// PublishTimeout bounds one try, so that one result cannot hold up the
	// others. 0 means 1 minute.
	PublishTimeout time.Duration
	// Farewell bounds the publishing, at the end of Run, of the result of a plan
	// that this end interrupted. 0 means 3 seconds.
	Farewell time.Duration
	// StopTimeout is how long the plan in hand may go on by itself after ctx
	// ended, before its script is stopped. 0 means not at all.
	StopTimeout time.Duration

	// OnStatus, unless nil, is called with the Status when it has changed, from
	// one goroutine and not more often than ten times a second. Run waits for it
	// at its end.
	OnStatus func(Status)
	// Broker says in words how the connection to the broker is; nil means nothing is said.
	Broker func() string
	// Beat, unless nil, is called by the loop that runs the plans at least every
	// BeatEvery while it is alive; it stops when that loop hangs. 0 means never.
	Beat      func()
	BeatEvery time.Duration

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil means nowhere

	once     sync.Once
	greet    chan struct{}    // a hello is due
	progress chan plans.Event // what a plan says; full means the newest news is lost
	changed  chan struct{}    // OnStatus is due

	mu     sync.Mutex
	status Status // what the loops say of it; see Status
	hand   hand
}

// A hand is what Cancel must know of the plan that runs.
type hand struct {
	sync.Mutex                         // held while the store is asked how far a plan is
	key        string                  // of the plan in hand; empty means none is
	stop       context.CancelCauseFunc // of it
	cancelled  map[string]string       // by whom, by the key of a plan that has been taken up or is about to be
}

// Connected is to be called when the connection to the broker is there, or
// there again: the agent says hello. It does not block.
func (a *Agent) Connected() {
	a.init()
	select {
	case a.greet <- struct{}{}:
	default:
	}
}

func (a *Agent) init() {
	a.once.Do(func() {
		a.greet = make(chan struct{}, 1)
		a.progress = make(chan plans.Event, 256)
		a.changed = make(chan struct{}, 1)
		a.hand.cancelled = map[string]string{}
	})
}

// Run runs until ctx is done and then returns nil. No plan is begun any more
// from then on; the one in hand may go on for StopTimeout, then its script is
// stopped, and it gets a result that says so, unless it is to go on at the next
// start. Another error means that the agent cannot work at all.
func (a *Agent) Run(ctx context.Context) error {
	a.init()
	if err := a.check(); err != nil {
		return err
	}
	runner := *a.Runner
	runner.Progress = a.note
	if err := runner.Clean(a.Store.Has); err != nil {
		a.log().Warn("workspaces of an earlier agent were not removed", "error", err)
	}
	defer a.watch(ctx)()
	g, work := errgroup.WithContext(ctx)
	if a.Events != (Address{}) {
		a.Connected()
		g.Go(func() error { return a.tellAll(work) })
	}
	g.Go(func() error { return a.receive(work) })
	g.Go(func() error { return a.deliverAll(work) })
	last := ""
	g.Go(func() error {
		var err error
		last, err = a.workAll(work, &runner)
		return err
	})
	err := g.Wait()
	if last != "" {
		a.farewell(ctx, last)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *Agent) check() error {
	switch {
	case a.Queue == "":
		return errors.New("no input queue; set input_queue in the agent's configuration")
	case a.Results.Key == "" && a.Results.Exchange == "" && !a.DynamicResultQueue:
		return errors.New("nowhere to send results; set result_routing_key in the agent's configuration")
	}
	return nil
}

// workAll runs plan after plan. It returns the Key of the plan that was in hand
// when ctx ended and has a result, if there is one.
func (a *Agent) workAll(ctx context.Context, r *Runner) (last string, err error) {
	for {
		e, err := a.next(ctx)
		if err != nil {
			return "", err
		}
		if ctx.Err() != nil {
			return "", ctx.Err() // it has not begun and is there at the next start
		}
		ended, err := a.handle(ctx, r, e)
		switch {
		case err != nil:
			return "", err
		case ctx.Err() != nil && ended:
			return e.Key, ctx.Err()
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
	}
}

// handle runs one plan and keeps its result. ended is false if it has none yet:
// the agent stops, and the plan is to go on at its next start.
func (a *Agent) handle(ctx context.Context, r *Runner, e Entry) (ended bool, err error) {
	held, by, release := a.grip(ctx, e)
	defer release()
	a.takeUp(e)
	state := ""
	defer func() { a.layDown(state) }()
	if by != "" {
		e.Cancelled = by
	}
	result, ok := a.work(ctx, held, r, e)
	if !ok {
		return false, nil
	}
	fault.Point("agent.work.answered")
	if err := a.finish(ctx, a.pause, e, result); err != nil {
		return false, err
	}
	fault.Point("agent.work.finished")
	state = result.State()
	a.log().Info("plan ended", "plan", result.SourceID, "state", state, "code", result.ErrorCode)
	return true, nil
}

// work gives the result of one plan; false if there is none yet.
func (a *Agent) work(ctx, held context.Context, r *Runner, e Entry) (result plans.Result, ok bool) {
	switch {
	case e.Cancelled != "":
		return r.Cancelled(e), true
	case e.Attempts > 0 && !r.GoesOn(e):
		return r.Interrupted(e), true
	}
	fault.Point("agent.work.begin")
	if a.begin(ctx, held, e) != nil {
		var by Cancellation
		if ctx.Err() == nil && errors.As(context.Cause(held), &by) {
			e.Cancelled = by.By
			return r.Cancelled(e), true
		}
		return plans.Result{}, false
	}
	fault.Point("agent.work.begun")
	a.beating(func() { result = r.Answer(held, e) })
	if ctx.Err() != nil && result.State() == plans.StateInterrupted && r.GoesOn(e) {
		return plans.Result{}, false
	}
	return result, true
}

// begin counts an attempt. On a full disk it waits, until the plan is cancelled.
func (a *Agent) begin(ctx, held context.Context, e Entry) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(held, stop)()
	return a.insist(waiting, a.pause, "attempt was not counted", func() error { return a.Store.Begin(ctx, e) })
}

// finish keeps the result, unless somebody who cancelled the plan at the same
// time was first. On a full disk it waits: no plan could run anyway.
func (a *Agent) finish(ctx context.Context, pause func(context.Context, time.Duration) error, e Entry, r plans.Result) error {
	return a.insist(ctx, pause, "result was not kept", func() error {
		err := a.Store.Finish(context.WithoutCancel(ctx), e, r)
		if errors.Is(err, ErrEnded) {
			return nil
		}
		return err
	})
}

// insist calls do until it succeeds or ctx is done, but at least once. pause is
// how it waits in between.
func (a *Agent) insist(ctx context.Context, pause func(context.Context, time.Duration) error, what string, do func() error) error {
	for n := 0; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		in := a.backoff(n)
		a.log().Error(what+"; trying again", "error", err, "in", in)
		a.fault(what, err)
		if pause(ctx, in) != nil {
			return err
		}
	}
}

// backoff is the pause after the nth failure, from 0.
func (a *Agent) backoff(n int) time.Duration {
	d, bound := a.RetryMin, a.RetryMax
	if d <= 0 {
		d = time.Second
	}
	if bound <= 0 {
		bound = 5 * time.Minute
	}
	for ; n > 0 && d < bound; n-- {
		d *= 2
	}
	return min(d, bound)
}

func (a *Agent) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

func (a *Agent) log() *slog.Logger {
	if a.Log != nil {
		return a.Log
	}
	return slog.New(slog.DiscardHandler)
}
