// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

// deliverAll publishes results as they become due.
// Those of one plan keep their order.
func (a *Agent) deliverAll(ctx context.Context) error {
	var out errgroup.Group
	out.SetLimit(deliverers)
	defer out.Wait() // no error comes
	var order turns
	for {
		answer, err := a.Store.Owed(ctx)
		if err != nil {
			return err
		}
		wait, done := order.take(answer.Key)
		out.Go(func() error {
			defer done()
			<-wait
			a.deliver(ctx, answer)
			return nil
		})
	}
}

// deliverers is how many results are on their way at once: the confirms of a
// broker far away are waited for together.
const deliverers = 16

// turns lets those of one key go one after another, in the order of take. The
// zero value is ready.
type turns struct {
	mu   sync.Mutex
	last map[string]chan struct{} // closed when the last one of the key is through
}

// take queues up behind the last one of key: wait is closed when it is through,
// done says that this one is.
func (t *turns) take(key string) (wait <-chan struct{}, done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string]chan struct{}{}
	}
	before, mine := t.last[key], make(chan struct{})
	if before == nil {
		before = make(chan struct{})
		close(before)
	}
	t.last[key] = mine
	return before, func() {
		close(mine)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.last[key] == mine {
			delete(t.last, key)
		}
	}
}

// deliver publishes one result. One that cannot be is owed again, later.
func (a *Agent) deliver(ctx context.Context, answer Answer) {
	defer a.tellStatus()
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
		err := a.insist(ctx, wait, "answer was not archived", func() error {
			return a.Store.Archive(context.WithoutCancel(ctx), answer)
		})
		if err != nil {
			log.Error("answer was not archived; it will be published again", "error", err)
		}
		fault.Point("agent.deliver.archived")
		return
	}
	at := a.now()
	if ctx.Err() == nil {
		at = at.Add(a.backoff(answer.Tries))
		log.Warn("result was not published; it is kept and tried again", "queue", m.Key, "attempt", answer.Tries+1, "error", err)
		a.fault("a result was not published", err)
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
	fault.Point("agent.publish.before")
	err = a.Transport.Publish(ctx, m)
	fault.Point("agent.publish.after")
	return m, err
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
