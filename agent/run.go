// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

	Version, Hostname, BootID string // of the hello

	// A result that cannot be published is tried again after RetryMin, doubling
	// to RetryMax, without end. 0 means 1 second and 5 minutes.
	RetryMin, RetryMax time.Duration
	// PublishTimeout bounds one try, so that one result cannot hold up the
	// others. 0 means 1 minute.
	PublishTimeout time.Duration
	// Farewell bounds the publishing, at the end of Run, of the result of a plan
	// that this end interrupted. 0 means 3 seconds.
	Farewell time.Duration

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil means nowhere

	once     sync.Once
	greet    chan struct{}    // a hello is due
	progress chan plans.Event // what a plan says; full means the oldest news is lost
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
	})
}

// Run runs until ctx is done and then returns nil. A script that runs at that
// moment is stopped, and its plan gets a result that says so. Another error
// means that the agent cannot work at all.
func (a *Agent) Run(ctx context.Context) error {
	a.init()
	if err := a.check(); err != nil {
		return err
	}
	runner := *a.Runner
	if err := runner.Clean(a.Store.Has); err != nil {
		a.log().Warn("workspaces of an earlier agent were not removed", "error", err)
	}
	g, work := errgroup.WithContext(ctx)
	if a.Events != (Address{}) {
		runner.Progress = a.note
		a.Connected()
		g.Go(func() error { return a.tellAll(work) })
	}
	g.Go(func() error { return a.receive(work) })
	g.Go(func() error { return a.deliverAll(work) })
	interrupted := ""
	g.Go(func() error {
		var err error
		interrupted, err = a.workAll(work, &runner)
		return err
	})
	err := g.Wait()
	if interrupted != "" {
		a.farewell(ctx, interrupted)
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

// receive keeps every message; what is not kept is not acknowledged.
func (a *Agent) receive(ctx context.Context) error {
	return a.Transport.Receive(ctx, a.Queue, func(ctx context.Context, m plans.Message) error {
		if key := a.Runner.Key; key != nil && plans.Verify(key, a.Queue, m) != nil {
			return a.turnAway(ctx, m)
		}
		if err := a.Store.Put(ctx, []plans.Message{m})[0]; err != nil {
			a.log().Error("plan was not kept; the broker will deliver it again", "plan", m.ID, "error", err)
			return err
		}
		a.log().Info("plan kept", "plan", m.ID, "bytes", len(m.Body))
		return nil
	})
}

// turnAway answers a message that is not signed by the key. Nothing of its body
// is read and nothing of it is kept: it can neither take the ID of a plan nor
// have the recorded result of one sent to a queue of its choice.
func (a *Agent) turnAway(ctx context.Context, m plans.Message) error {
	a.log().Warn("a message that is not signed by engine_key was refused", "plan", m.ID, "bytes", len(m.Body))
	result := a.Runner.Answer(ctx, Entry{Message: plans.Message{ID: m.ID}})
	_, err := a.publish(ctx, Answer{Result: result})
	if errors.Is(err, plans.ErrUnroutable) {
		return nil // nobody listens; what is not signed is not worth waiting for that
	}
	return err
}

// workAll runs plan after plan. It returns the Key of the plan that the end of
// ctx interrupted, if it did.
func (a *Agent) workAll(ctx context.Context, r *Runner) (interrupted string, err error) {
	for {
		e, err := a.Store.Next(ctx)
		if err != nil {
			return "", err
		}
		result, ok := a.work(ctx, r, e)
		if !ok {
			return "", ctx.Err()
		}
		if err := a.finish(ctx, e, result); err != nil {
			return "", err
		}
		a.log().Info("plan ended", "plan", result.SourceID, "state", result.State(), "code", result.ErrorCode)
		if ctx.Err() != nil {
			return e.Key, ctx.Err()
		}
	}
}

// work gives the result of one plan; false if there is none yet, because the
// agent stops and the plan is to run at its next start.
func (a *Agent) work(ctx context.Context, r *Runner, e Entry) (plans.Result, bool) {
	if e.Attempts > 0 && !r.GoesOn(e) {
		return r.Interrupted(e), true
	}
	if err := a.insist(ctx, "attempt was not counted", func() error { return a.Store.Begin(ctx, e) }); err != nil {
		return plans.Result{}, false
	}
	result := r.Answer(ctx, e)
	if result.State() == plans.StateInterrupted && r.GoesOn(e) {
		return plans.Result{}, false
	}
	return result, true
}

// finish keeps the result. On a full disk it waits: no plan could run anyway.
func (a *Agent) finish(ctx context.Context, e Entry, r plans.Result) error {
	return a.insist(ctx, "result was not kept", func() error {
		return a.Store.Finish(context.WithoutCancel(ctx), e, r)
	})
}

// insist calls do until it succeeds or ctx is done, but at least once.
func (a *Agent) insist(ctx context.Context, what string, do func() error) error {
	for n := 0; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		pause := a.backoff(n)
		a.log().Error(what+"; trying again", "error", err, "in", pause)
		if wait(ctx, pause) != nil {
			return err
		}
	}
}

// deliverAll publishes results as they become due.
func (a *Agent) deliverAll(ctx context.Context) error {
	for {
		answer, err := a.Store.Owed(ctx)
		if err != nil {
			return err
		}
		a.deliver(ctx, answer)
	}
}

// deliver publishes one result. One that cannot be is owed again, later.
func (a *Agent) deliver(ctx context.Context, answer Answer) {
	log := a.log().With("plan", answer.Result.SourceID)
	m, err := a.publish(ctx, answer)
	if refused(err) && len(m.Body) > smallResult {
		log.Warn("the broker refuses the result; publishing it without its content", "bytes", len(m.Body), "error", err)
		small := answer
		small.Result = shortened(answer.Result, len(m.Body), err)
		m, err = a.publish(ctx, small)
	}
	if err == nil {
		log.Info("result published", "queue", m.Key)
		err := a.insist(ctx, "answer was not archived", func() error {
			return a.Store.Archive(context.WithoutCancel(ctx), answer)
		})
		if err != nil {
			log.Error("answer was not archived; it will be published again", "error", err)
		}
		return
	}
	at := a.now()
	if ctx.Err() == nil {
		at = at.Add(a.backoff(answer.Tries))
		log.Warn("result was not published; it is kept and tried again", "queue", m.Key, "attempt", answer.Tries+1, "error", err)
	}
	if err := a.Store.Defer(context.WithoutCancel(ctx), answer, at); err != nil {
		log.Error("result waits for the agent's next start", "error", err)
	}
}

// publish tries once.
func (a *Agent) publish(ctx context.Context, answer Answer) (plans.Message, error) {
	m, err := a.message(answer)
	if err != nil {
		return m, err
	}
	timeout := a.PublishTimeout
	if timeout <= 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return m, a.Transport.Publish(ctx, m)
}

// refused tells whether the broker itself will not have a message, however
// long one waits.
func refused(err error) bool {
	return err != nil && !errors.Is(err, plans.ErrUnroutable) &&
		!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// smallResult is a size that every broker takes. RabbitMQ 4 takes 16 MiB unless
// max_message_size says otherwise.
const smallResult = 64 << 10

// shortened is r without what made it too large: size bytes, which the broker
// refused for cause. A plan that succeeded fails by it: what it returned is missing.
func shortened(r plans.Result, size int, cause error) plans.Result {
	text := fmt.Sprintf("the plan %s, but its result of %d bytes was refused: %v; it is in result.json, in the plan's directory on the guest", r.State(), size, cause)
	report := plans.Report{State: r.State()}
	if r.Report != nil {
		report = *r.Report
		report.Phases, report.Scripts = nil, nil
	}
	if report.Cause == nil {
		report.Cause = &plans.Cause{Code: plans.CauseBodyLimit, Text: text, Owner: plans.OwnerPackage, Hint: "return less from the Body, or raise max_message_size of the broker"}
	}
	if r.ErrorCode == plans.CodeOK {
		r.ErrorCode, report.State = plans.CodeOther, plans.StateFailed
	}
	r.Report, r.Body = &report, plans.Failure(r.ErrorCode, text, nil)
	return r
}

// longestProperty is how long AMQP 0-9-1 lets a short string be.
const longestProperty = 255

// message is the result as murano-agent publishes it: with enable_dynamic_result_queue
// the reply-to is the routing key and is not in the body (murano-agent 12.0.0 app.py).
// A plan's ID or reply-to that is longer than a property of AMQP may be is in the
// body alone.
func (a *Agent) message(answer Answer) (plans.Message, error) {
	r := answer.Result
	m := plans.Message{ID: r.SourceID, ContentType: "text/plain", Exchange: a.Results.Exchange, Key: a.Results.Key}
	if len(m.ID) > longestProperty {
		m.ID = r.ID
	}
	if answer.ReplyTo != "" {
		r.ReplyTo = &answer.ReplyTo
		if a.DynamicResultQueue && len(answer.ReplyTo) <= longestProperty {
			m.Key, r.OmitReplyTo = answer.ReplyTo, true
		}
	} else {
		r.ReplyTo = nil
	}
	var err error
	m.Body, err = r.Encode()
	return m, err
}

// farewell publishes what is owed until the answer for key is out, or time is up.
func (a *Agent) farewell(ctx context.Context, key string) {
	bound := a.Farewell
	if bound <= 0 {
		bound = 3 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	for {
		answer, err := a.Store.Owed(ctx)
		if err != nil {
			return
		}
		a.deliver(ctx, answer)
		if answer.Key == key {
			return
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
