// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cenkalti/backoff/v5"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

const (
	// inFlight is how many messages may wait for their confirms at once.
	inFlight = 64

	signatureHeader = "signature"
)

var (
	// errBroken says that the session ended before the confirm.
	errBroken = errors.New("the connection broke before the broker confirmed")
	// errNotStored says that the broker did not take responsibility (basic.nack).
	errNotStored = errors.New("the broker could not store the message")
)

// ErrRefused says that the broker will never take this message as it is: the
// user lacks a permission, or the Body is above the broker's limit. The error
// around it tells which.
var ErrRefused = errors.New("the broker refuses the message")

// Publish returns nil once the broker has confirmed m and routed it to a queue.
// What a break left unconfirmed is sent again, so it may arrive twice, and
// Publish waits through breaks until ctx is done: its error then wraps ctx's and
// tells why there was no connection, and m may or may not have arrived.
//
// The error wraps ErrUnroutable when no queue takes m, or its exchange does not
// exist, and ErrRefused when the broker will not have it.
func (c *Conn) Publish(ctx context.Context, m plans.Message) error {
	if err := c.publish(ctx, m); err != nil {
		to := fmt.Sprintf("queue %q", m.Key)
		if m.Exchange != "" {
			to = fmt.Sprintf("exchange %q with key %q", m.Exchange, m.Key)
		}
		return fmt.Errorf("publish message %q to %s: %w", m.ID, to, err)
	}
	return nil
}

func (c *Conn) publish(ctx context.Context, m plans.Message) error {
	for _, name := range [...]struct{ what, is string }{
		{"the exchange's name", m.Exchange}, {"the routing key", m.Key},
		{"message_id", m.ID}, {"reply_to", m.ReplyTo}, {"content_type", m.ContentType},
	} {
		if err := short(name.what, name.is); err != nil {
			return err
		}
	}
	// A message the broker refuses closes the channel, and so fails all that
	// are in flight on it. Each of them is then sent alone, to tell the culprit.
	weight := int64(1)
	var again *backoff.ExponentialBackOff // made when it is needed
	for {
		s, err := c.session(ctx)
		if err != nil {
			return err
		}
		if err := c.slots.Acquire(ctx, weight); err != nil {
			return err
		}
		err = s.publish(ctx, m)
		c.slots.Release(weight)

		var refusal *amqp091.Error
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errBroken):
			select {
			case <-s.gone:
			case <-ctx.Done():
			}
		case errors.Is(err, errNotStored):
			if again == nil {
				again = newPause(c.o.RetryMin, c.o.RetryMax)
			}
			wait(ctx, again.NextBackOff())
		case !errors.As(err, &refusal):
			return err // ErrUnroutable, or ctx's
		case weight == 1:
			weight = inFlight
		case refusal.Code == amqp091.NotFound:
			return fmt.Errorf("%w: %s", ErrUnroutable, refusal.Reason)
		case refusal.Code == amqp091.AccessRefused:
			return fmt.Errorf("%w: %w", ErrRefused, accessFault(fmt.Sprintf("user %q may not publish there", c.o.User), c.o, refusal))
		default:
			return fmt.Errorf("%w: %s", ErrRefused, refusal.Reason)
		}
	}
}

// publish sends m once over this session. The error is errBroken, errNotStored,
// ErrUnroutable, the *amqp091.Error by which the broker closed the channel, or
// ctx's.
func (s *session) publish(ctx context.Context, m plans.Message) error {
	p, err := s.publisher(ctx)
	if err != nil {
		return err
	}
	fault.Point("amqp.publish.write")
	confirm, err := p.send(ctx, s, m)
	if err != nil {
		return err
	}
	fault.Point("amqp.publish.written")
	select {
	case <-confirm.Done():
		fault.Point("amqp.publish.confirmed")
	case <-ctx.Done():
		// The confirm comes, or the channel ends: either closes Done.
		go func() {
			<-confirm.Done()
			p.settle(routeOf(m))
		}()
		return ctx.Err()
	}
	unroutable := p.settle(routeOf(m))
	switch {
	case unroutable:
		return ErrUnroutable
	case confirm.Acked():
		return nil
	case p.ch.IsClosed():
		return p.reason()
	}
	return errNotStored
}

// publisher returns the session's publishing channel, and opens it, in confirm
// mode, where there is none or the broker closed it.
func (s *session) publisher(ctx context.Context) (*publisher, error) {
	select {
	case <-s.opening:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { s.opening <- struct{}{} }()
	if s.pub != nil && !s.pub.ch.IsClosed() {
		return s.pub, nil
	}
	var ch *amqp091.Channel
	err := s.guard(ctx, func() (err error) {
		if ch, err = s.conn.Channel(); err != nil {
			return err
		}
		return ch.Confirm(false)
	})
	if err != nil {
		return nil, s.failed(err)
	}
	p := &publisher{
		ch: ch, gone: make(chan struct{}), asks: make(chan ask), sending: make(chan struct{}, 1),
		waiting: make(map[route]chan struct{}), returned: make(map[route]bool),
	}
	p.sending <- struct{}{}
	// Not buffered: what the library handed over is seen before the confirm
	// that follows it, see settle.
	returns := ch.NotifyReturn(make(chan amqp091.Return))
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	go p.watch(returns, closed)
	s.pub = p
	return p, nil
}

// A publisher is a channel in confirm mode. A message no queue takes comes back
// as basic.return, then is confirmed all the same; AMQP gives a return no number
// to tell which publishing it speaks of. So of messages with the same route one
// only is under way at any time.
type publisher struct {
	ch      *amqp091.Channel
	sending chan struct{} // holds one token: whoever has it may write

	mu      sync.Mutex
	waiting map[route]chan struct{} // under way; closed when settled

	asks     chan ask       // to watch
	returned map[route]bool // watch's; anybody's once gone is closed
	cause    *amqp091.Error // why the channel ended; to be read once gone is closed
	gone     chan struct{}  // closed when watch has returned
}

// A route is what a basic.return repeats of a message.
type route struct{ exchange, key, id string }

func routeOf(m plans.Message) route { return route{m.Exchange, m.Key, m.ID} }

// An ask wants to know whether a message of that route came back.
type ask struct {
	route  route
	answer chan bool
}

// watch notes returns until the channel has ended.
func (p *publisher) watch(returns <-chan amqp091.Return, closed <-chan *amqp091.Error) {
	defer close(p.gone)
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				p.cause = <-closed // nil when we closed it
				return
			}
			p.returned[route{r.Exchange, r.RoutingKey, r.MessageId}] = true
		case a := <-p.asks:
			a.answer <- p.returned[a.route]
			delete(p.returned, a.route)
		}
	}
}

// send writes m, once no message of the same route is under way.
func (p *publisher) send(ctx context.Context, s *session, m plans.Message) (*amqp091.DeferredConfirmation, error) {
	r := routeOf(m)
	for {
		select {
		case <-p.sending:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		p.mu.Lock()
		before := p.waiting[r]
		p.mu.Unlock()
		if before == nil {
			confirm, err := p.write(ctx, s, m)
			p.sending <- struct{}{}
			return confirm, err
		}
		p.sending <- struct{}{}
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// write puts m on the wire. The caller holds the token of sending.
func (p *publisher) write(ctx context.Context, s *session, m plans.Message) (*amqp091.DeferredConfirmation, error) {
	out := amqp091.Publishing{
		ContentType: cmp.Or(m.ContentType, "text/plain"), ContentEncoding: "utf-8", DeliveryMode: amqp091.Persistent,
		MessageId: m.ID, ReplyTo: m.ReplyTo, Body: m.Body,
	}
	if m.Transient {
		out.DeliveryMode = amqp091.Transient
	}
	if m.Signature != nil {
		// A long string, as Murano's engine sends it; Go's bytes would become
		// RabbitMQ's own type 'x', which not every client reads.
		out.Headers = amqp091.Table{signatureHeader: string(m.Signature)}
	}
	var confirm *amqp091.DeferredConfirmation
	err := s.guard(ctx, func() (err error) {
		confirm, err = p.ch.PublishWithDeferredConfirm(m.Exchange, m.Key, true, false, out)
		return err
	})
	switch {
	case err == nil:
		p.mu.Lock()
		p.waiting[routeOf(m)] = make(chan struct{})
		p.mu.Unlock()
		return confirm, nil
	case p.ch.IsClosed():
		return nil, p.reason()
	}
	return nil, s.failed(err)
}

// settle ends the wait for a message that was confirmed, and says whether it
// had come back. The library handles frames one after another, and hands a
// return to watch before it sees the confirm; so watch knows by now.
func (p *publisher) settle(r route) bool {
	answer := make(chan bool, 1)
	back := false
	select {
	case p.asks <- ask{r, answer}:
		back = <-answer
	case <-p.gone:
		back = p.returned[r]
	}
	p.mu.Lock()
	close(p.waiting[r])
	delete(p.waiting, r)
	p.mu.Unlock()
	return back
}

// reason says why the channel ended: the broker's refusal of a message, or errBroken.
func (p *publisher) reason() error {
	<-p.gone
	if refused(p.cause) {
		return p.cause
	}
	return errBroken
}
