// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
)

const (
	// absentMax bounds the pause between looks for a queue that is not there.
	absentMax = 5 * time.Second
	// A message that keep refused goes back after refusedMin, growing to
	// refusedMax while keep goes on failing.
	refusedMin = 100 * time.Millisecond
	refusedMax = 5 * time.Second
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
	if err := short("the queue's name", queue); err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	defer c.board.forget(queue)
	absent := newPause(c.o.RetryMin, max(min(c.o.RetryMax, absentMax), c.o.RetryMin))
	pause := newPause(refusedMin, refusedMax)
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
			err := c.consume(ctx, s, ch, queue, keep, pause, absent.Reset)
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
			wait(ctx, absent.NextBackOff())
		}
	}
}

// consume hands out the messages of a queue until ch has closed, the broker has
// cancelled the consumer, or ctx is done. It calls found once the queue is there.
func (c *Conn) consume(ctx context.Context, s *session, ch *amqp091.Channel, queue string,
	keep func(context.Context, plans.Message) error, pause *backoff.ExponentialBackOff, found func(),
) error {
	var deliveries <-chan amqp091.Delivery
	if err := s.guard(ctx, func() (err error) {
		if err := ch.Qos(1, 0, false); err != nil {
			return err
		}
		// Passive: RabbitMQ asks for no permission and changes nothing.
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil {
			return err
		}
		if q.Consumers > 0 {
			c.o.Log.Warn("somebody else receives from this queue too, and gets a part of its messages; see rabbitmqctl list_consumers",
				"queue", queue, "others", q.Consumers)
		}
		deliveries, err = ch.Consume(queue, "", false, false, false, false, nil)
		return err
	}); err != nil {
		return err
	}
	found()
	c.board.post(Status{State: Consuming, Host: s.host, Queue: queue})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-deliveries:
			switch {
			case !ok && ch.IsClosed():
				return amqp091.ErrClosed
			case !ok:
				return errCancelled
			case ctx.Err() != nil:
				return ctx.Err() // closing the channel gives the delivery back
			}
			settle := func() error { return d.Ack(false) }
			if err := keep(ctx, received(d)); err == nil {
				pause.Reset()
			} else {
				wait(ctx, pause.NextBackOff())
				settle = func() error { return d.Nack(false, true) }
			}
			if err := s.guard(ctx, settle); err != nil {
				return err
			}
		}
	}
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
