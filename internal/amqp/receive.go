// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

const (
	// absentMax bounds the pause between looks for a queue that is not there.
	absentMax = 5 * time.Second
	// A message that keep refused goes back after refusedMin, growing to
	// refusedMax while keep goes on failing.
	refusedMin = 100 * time.Millisecond
	refusedMax = 5 * time.Second
	// batch is how many messages may wait here for ReceiveBatch's keep, where
	// they are small; cautious is how many until their size is known. RabbitMQ
	// bounds the number of messages on their way, not their bytes.
	batch, cautious = 64, 4
	// batchBytes is how large a batch may be before no message is added to it.
	batchBytes = 16 << 20
	// consumer names our consumer on its channel, where it is alone.
	consumer = "murano"
)

// errCancelled says that the broker ended a consumer: its queue was removed.
var errCancelled = errors.New("the broker cancelled the consumer")

// Receive hands each message of the queue to keep, oldest first and one at a
// time (prefetch 1), and acknowledges it once keep has returned nil. When keep
// fails, the message goes back to its place after a pause and is delivered
// again, marked as redelivered. So is one whose connection broke while keep had
// it, whatever keep returned: an acknowledgement never goes to another
// connection than the delivery came from. A break does not end keep's context.
//
// The queue may appear later, vanish and come back; breaks are waited out.
// Receive returns ctx's error when ctx is done, after keep has returned, and
// ErrClosed after Close.
func (c *Conn) Receive(ctx context.Context, queue string, keep func(context.Context, plans.Message) error) error {
	return c.receive(ctx, queue, 1, func(ctx context.Context, ms []plans.Message) []error {
		return []error{keep(ctx, ms[0])}
	})
}

// ReceiveBatch is Receive for many messages at once: keep gets what has arrived
// (at most 64, and none beyond 16 MiB), oldest first, and returns an error for
// each, nil for those it accepts; one it says nothing about is refused. What it
// accepts is acknowledged at once. What it refuses goes back to its place after
// a pause, and with it what arrived in the meantime, so that the order stays but
// for what was accepted. The slice is keep's to have.
//
// The prefetch is 4 at first, and as many as fit into 16 MiB, at most 64, once
// the size of the messages is known.
func (c *Conn) ReceiveBatch(ctx context.Context, queue string, keep func(context.Context, []plans.Message) []error) error {
	return c.receive(ctx, queue, batch, keep)
}

func (c *Conn) receive(ctx context.Context, queue string, most int, keep func(context.Context, []plans.Message) []error) error {
	if err := short("the queue's name", queue); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	defer c.board.forget(queue)
	r := &receiver{
		c: c, queue: queue, most: most, prefetch: min(most, cautious), keep: keep,
		absent: newPause(c.o.RetryMin, max(min(c.o.RetryMax, absentMax), c.o.RetryMin)),
		pause:  newPause(refusedMin, refusedMax),
	}
	for {
		s, err := c.session(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		err = s.channel(ctx, func(ch *amqp091.Channel) error {
			closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
			err := r.consume(ctx, s, ch)
			switch {
			case ctx.Err() != nil, errors.Is(err, errCancelled):
				return err
			case ch.IsClosed():
				if e := <-closed; e != nil {
					err = e // the broker's reason, where the call that hit it says "closed"
				}
			}
			return s.failed(err)
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errBroken):
			select {
			case <-s.gone:
			case <-ctx.Done():
			}
		default:
			c.board.post(Status{State: Waiting, Host: s.host, Queue: queue, Fault: queueFault(queue, c.o, err)})
			wait(ctx, r.absent.NextBackOff())
		}
	}
}

// A receiver is one call of Receive or ReceiveBatch.
type receiver struct {
	c        *Conn
	queue    string
	most     int // that prefetch may be
	prefetch int
	keep     func(context.Context, []plans.Message) []error
	absent   *backoff.ExponentialBackOff // between looks for the queue
	pause    *backoff.ExponentialBackOff // before what keep refused goes back
	refused  bool                        // something of the last batch
}

// consume hands out the messages of the queue until ch has closed, the broker
// has cancelled the consumer, or ctx is done.
func (r *receiver) consume(ctx context.Context, s *session, ch *amqp091.Channel) error {
	for {
		deliveries, err := r.begin(ctx, s, ch)
		if err != nil {
			return err
		}
		r.absent.Reset()
		r.c.board.post(Status{State: Consuming, Host: s.host, Queue: r.queue})

		// The library hands over one delivery at a time. Here they gather while keep
		// runs; there are never more than the prefetch.
		arrived := make(chan amqp091.Delivery, r.prefetch)
		go func() {
			defer close(arrived)
			for d := range deliveries {
				arrived <- d
			}
		}()
		if err := r.handAll(ctx, s, ch, arrived); err != nil {
			s.leave(ctx, ch) // ends deliveries, and gives back what was not settled
			for range arrived {
			}
			return err
		}
	}
}

// handAll hands out what arrives. It returns nil when another prefetch fits
// better, all that arrived with this one is settled, and ch is as good as before.
func (r *receiver) handAll(ctx context.Context, s *session, ch *amqp091.Channel, arrived <-chan amqp091.Delivery) error {
	changing := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-arrived:
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case ch.IsClosed():
				return amqp091.ErrClosed // what came over it will come again
			case !ok && changing:
				return nil
			case !ok:
				return errCancelled
			}
			ds := r.gather(d, arrived)
			if err := r.hand(ctx, s, ds, arrived); err != nil {
				return err
			}
			if fits := r.fitting(ds, len(arrived)); fits != r.prefetch && !changing {
				changing, r.prefetch = true, fits
				if err := s.guard(ctx, func() error { return ch.Cancel(consumer, false) }); err != nil {
					return err
				}
			}
		}
	}
}

// fitting is the prefetch for messages like these: fewer where they are large,
// more where they, with those that wait behind them, fill the prefetch there is.
func (r *receiver) fitting(ds []amqp091.Delivery, behind int) int {
	largest := 1
	for _, d := range ds {
		largest = max(largest, len(d.Body))
	}
	fits := min(max(batchBytes/largest, 1), r.most)
	if fits > r.prefetch && len(ds)+behind < r.prefetch {
		return r.prefetch
	}
	return fits
}

// begin starts a consumer.
func (r *receiver) begin(ctx context.Context, s *session, ch *amqp091.Channel) (deliveries <-chan amqp091.Delivery, err error) {
	err = s.guard(ctx, func() error {
		if err := ch.Qos(r.prefetch, 0, false); err != nil {
			return err
		}
		// Passive: RabbitMQ asks for no permission and changes nothing.
		q, err := ch.QueueDeclarePassive(r.queue, true, false, false, false, nil)
		if err != nil {
			return err
		}
		if q.Consumers > 0 {
			r.c.o.Log.Warn("somebody else receives from this queue too, and gets a part of its messages; see rabbitmqctl list_consumers",
				"queue", r.queue, "others", q.Consumers)
		}
		deliveries, err = ch.Consume(r.queue, consumer, false, false, false, false, nil)
		return err
	})
	return deliveries, err
}

// gather returns first, and after it what else has arrived, up to batchBytes.
// After a refusal it waits for that a moment: first may be refused again, and go
// back with what is not gathered, for ever.
func (r *receiver) gather(first amqp091.Delivery, arrived <-chan amqp091.Delivery) []amqp091.Delivery {
	ds := []amqp091.Delivery{first}
	var moment <-chan time.Time
	if r.refused {
		moment = time.After(refusedMin)
	}
	for size := len(first.Body); size < batchBytes && len(ds) < r.prefetch; {
		d, ok := next(arrived, moment)
		if !ok {
			break
		}
		ds, size = append(ds, d), size+len(d.Body)
	}
	return ds
}

// next is the next delivery, if there is one until the moment has passed. A nil
// moment is none.
func next(arrived <-chan amqp091.Delivery, moment <-chan time.Time) (d amqp091.Delivery, ok bool) {
	if moment == nil {
		select {
		case d, ok = <-arrived:
		default:
		}
		return d, ok
	}
	select {
	case d, ok = <-arrived:
	case <-moment:
	}
	return d, ok
}

// hand gives deliveries, the oldest that are not settled, to keep, and settles them.
func (r *receiver) hand(ctx context.Context, s *session, ds []amqp091.Delivery, arrived <-chan amqp091.Delivery) error {
	ms := make([]plans.Message, len(ds))
	for i, d := range ds {
		ms[i] = received(d)
	}
	errs := r.keep(ctx, ms)
	rejected := func(i int) bool { return i >= len(errs) || errs[i] != nil }
	// Up to the first that was refused one acknowledgement is for all, beyond it
	// each has its own.
	first := 0
	for first < len(ds) && !rejected(first) {
		first++
	}
	if first > 0 {
		if err := s.acknowledge(ctx, ds[first-1], true); err != nil {
			return err
		}
	}
	if r.refused = first < len(ds); !r.refused {
		r.pause.Reset()
		return nil
	}
	for i := first + 1; i < len(ds); i++ {
		if rejected(i) {
			continue
		}
		if err := s.acknowledge(ctx, ds[i], false); err != nil {
			return err
		}
	}
	wait(ctx, r.pause.NextBackOff())
	last := ds[len(ds)-1]
	for range len(arrived) {
		last = <-arrived
	}
	return s.giveBack(ctx, last)
}

// acknowledge takes d, or all up to d, from the queue.
func (s *session) acknowledge(ctx context.Context, d amqp091.Delivery, all bool) error {
	fault.Point("amqp.ack.write")
	defer fault.Point("amqp.ack.written")
	return s.guard(ctx, func() error { return d.Ack(all) })
}

// giveBack puts what was not acknowledged, up to d, back into its place in the queue.
func (s *session) giveBack(ctx context.Context, d amqp091.Delivery) error {
	fault.Point("amqp.nack.write")
	defer fault.Point("amqp.nack.written")
	return s.guard(ctx, func() error { return d.Nack(true, true) })
}

// received makes a message of a delivery. Absent properties are empty. The
// signature is a long string from Murano's engine, bytes from other clients.
func received(d amqp091.Delivery) plans.Message {
	m := plans.Message{
		ID: d.MessageId, Body: d.Body, ContentType: d.ContentType, ReplyTo: d.ReplyTo,
		Exchange: d.Exchange, Key: d.RoutingKey,
		Redelivered: d.Redelivered, Transient: d.DeliveryMode != amqp091.Persistent,
	}
	switch signature := d.Headers[signatureHeader].(type) {
	case []byte:
		m.Signature = signature
	case string:
		m.Signature = []byte(signature)
	}
	return m
}
