// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"errors"
	"fmt"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
)

// Declare makes a durable queue unless it is there already. It waits through
// breaks until ctx is done. A queue of that name with other options is an error.
func (c *Conn) Declare(ctx context.Context, queue string, o plans.QueueOptions) error {
	var args amqp091.Table
	if o.Expires > 0 {
		args = amqp091.Table{"x-expires": max(o.Expires.Milliseconds(), 1)}
	}
	err := c.call(ctx, queue, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, args)
		return err
	})
	var e *amqp091.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Code == amqp091.PreconditionFailed:
		return fmt.Errorf("declare queue %q: it exists with other options (%s); remove it first", queue, e.Reason)
	case errors.As(err, &e) && e.Code == amqp091.AccessRefused:
		err = accessFault(fmt.Sprintf("user %q may not configure it", c.o.User), c.o, e)
	}
	return fmt.Errorf("declare queue %q: %w", queue, err)
}

// Remove removes a queue and what it holds, whoever uses it. A queue that is
// not there is no error. It waits through breaks until ctx is done.
func (c *Conn) Remove(ctx context.Context, queue string) error {
	err := c.call(ctx, queue, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDelete(queue, false, false, false)
		return err
	})
	var e *amqp091.Error
	switch {
	case err == nil, errors.As(err, &e) && e.Code == amqp091.NotFound:
		return nil
	case errors.As(err, &e) && e.Code == amqp091.AccessRefused:
		err = accessFault(fmt.Sprintf("user %q may not configure it", c.o.User), c.o, e)
	}
	return fmt.Errorf("remove queue %q: %w", queue, err)
}

// call runs what concerns queue on a channel of its own, again after each break.
// The error is the broker's refusal, an *amqp091.Error, or session's.
func (c *Conn) call(ctx context.Context, queue string, what func(*amqp091.Channel) error) error {
	if queue == "" {
		return errors.New("its name is empty") // for AMQP: the queue last declared
	}
	if err := short("its name", queue); err != nil {
		return err
	}
	for {
		s, err := c.session(ctx)
		if err != nil {
			return err
		}
		err = s.channel(ctx, func(ch *amqp091.Channel) error {
			if err := s.guard(ctx, func() error { return what(ch) }); err != nil {
				return s.failed(err)
			}
			return nil
		})
		if !errors.Is(err, errBroken) {
			return err
		}
		select {
		case <-s.gone:
		case <-ctx.Done():
		}
	}
}
