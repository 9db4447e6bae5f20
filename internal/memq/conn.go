// SPDX-License-Identifier: Apache-2.0

package memq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openmurano/murano/plans"
)

// ErrUnroutable says that no queue takes a message; it wraps plans.ErrUnroutable.
var ErrUnroutable = fmt.Errorf("memq: %w", plans.ErrUnroutable)

// ErrClosed is what every method returns once its Conn was closed.
var ErrClosed = errors.New("the connection to the broker was closed by this program")

// A message that keep refused is handed out again after pauseMin, doubling to
// pauseMax while keep goes on failing.
const (
	pauseMin = 50 * time.Millisecond
	pauseMax = 5 * time.Second
)

// A batch holds so many messages at most, and none is added to one of so many bytes.
const (
	batch      = 64
	batchBytes = 16 << 20
)

// A Conn is one connection to a Broker. Its methods may be called at once from
// several goroutines. It fits agent.Transport and controller.Transport.
type Conn struct {
	broker *Broker
	closed bool // under broker.mu
}

// Receive hands each message of the queue to keep, oldest first and one at a
// time, and acknowledges it once keep has returned nil. When keep fails, the
// message goes back to its place after a pause and is handed out again, marked
// as redelivered; so it is after a Cut during keep, whatever keep returned. The
// queue may be declared later. Receive returns ctx's error when ctx is done,
// after keep has returned, and ErrClosed after Close.
func (c *Conn) Receive(ctx context.Context, name string, keep func(context.Context, plans.Message) error) error {
	return c.receive(ctx, name, 1, func(ctx context.Context, ms []plans.Message) []error {
		return []error{keep(ctx, ms[0])}
	})
}

// ReceiveBatch is Receive for many messages at once: keep gets what the queue
// holds (at most 64, and none beyond 16 MiB), oldest first, and returns an error
// for each, nil for those it accepts; one it says nothing about is refused. What
// it accepts is acknowledged at once, what it refuses goes back to its place
// after a pause. The slice is keep's to have.
func (c *Conn) ReceiveBatch(ctx context.Context, name string, keep func(context.Context, []plans.Message) []error) error {
	return c.receive(ctx, name, batch, keep)
}

func (c *Conn) receive(ctx context.Context, name string, most int, keep func(context.Context, []plans.Message) []error) error {
	pause := pauseMin
	for {
		q, items, err := c.take(ctx, name, most)
		if err != nil {
			return err
		}
		ms := make([]plans.Message, len(items))
		for i, it := range items {
			ms[i] = clone(it.m)
		}
		errs := keep(ctx, ms)
		var kept, refused []*item
		for i, it := range items {
			if i < len(errs) && errs[i] == nil {
				kept = append(kept, it)
			} else {
				refused = append(refused, it)
			}
		}
		c.settle(q, kept, true)
		if len(refused) == 0 {
			pause = pauseMin
			continue
		}
		wait(ctx, pause)
		c.settle(q, refused, false)
		pause = min(2*pause, pauseMax)
	}
}

// take waits for messages of the queue and marks them as handed out.
func (c *Conn) take(ctx context.Context, name string, most int) (*queue, []*item, error) {
	b := c.broker
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		b.mu.Lock()
		if c.closed {
			b.mu.Unlock()
			return nil, nil, ErrClosed
		}
		if q := b.queues[name]; q != nil && !b.cut && len(q.ready) > 0 {
			items := q.take(c, most)
			b.mu.Unlock()
			return q, items, nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// settle acknowledges or requeues messages, but for those that were requeued or
// whose queue was removed in the meantime.
func (c *Conn) settle(q *queue, items []*item, ack bool) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, it := range items {
		switch _, mine := q.unacked[it]; {
		case mine && ack:
			delete(q.unacked, it)
		case mine:
			q.requeue(it)
		}
	}
	if !ack {
		b.notify()
	}
}

// Publish returns nil once the queue m.Key holds m. The error wraps
// ErrUnroutable when there is no such queue, or m.Exchange is not the default
// one. During a Cut it waits; then and only then ctx's error can be returned.
func (c *Conn) Publish(ctx context.Context, m plans.Message) error {
	err := c.do(ctx, func(b *Broker) error {
		if m.Exchange != "" {
			return fmt.Errorf("exchange %q: %w", m.Exchange, ErrUnroutable)
		}
		q := b.queues[m.Key]
		if q == nil {
			return ErrUnroutable
		}
		b.seq++
		m := clone(m)
		m.Redelivered = false
		q.ready = append(q.ready, &item{seq: b.seq, m: m})
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish message %q to %q: %w", m.ID, m.Key, err)
	}
	return nil
}

// Declare makes the queue unless it is there already. Its messages live as long
// as the Broker; o.Expires is not acted on.
func (c *Conn) Declare(ctx context.Context, name string, o plans.QueueOptions) error {
	err := c.do(ctx, func(b *Broker) error {
		switch q := b.queues[name]; {
		case name == "":
			return errors.New("its name is empty")
		case q == nil:
			b.queues[name] = &queue{unacked: make(map[*item]*Conn), options: o}
		case q.options != o:
			return fmt.Errorf("it exists with other options (%+v); remove it first", q.options)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("declare queue %q: %w", name, err)
	}
	return nil
}

// Remove removes the queue and what it holds. A queue that is not there is no
// error.
func (c *Conn) Remove(ctx context.Context, name string) error {
	err := c.do(ctx, func(b *Broker) error {
		if q := b.queues[name]; q != nil {
			clear(q.unacked)
			delete(b.queues, name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove queue %q: %w", name, err)
	}
	return nil
}

// Close ends the connection: messages it holds unacknowledged go back to their
// queues, and its methods return ErrClosed. It always returns nil.
func (c *Conn) Close() error {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	c.closed = true
	for _, q := range b.queues {
		for it, holder := range q.unacked {
			if holder == c {
				q.requeue(it)
			}
		}
	}
	b.notify()
	return nil
}

// do calls act with the broker locked, once it is not cut.
func (c *Conn) do(ctx context.Context, act func(*Broker) error) error {
	b := c.broker
	for {
		b.mu.Lock()
		switch {
		case c.closed:
			b.mu.Unlock()
			return ErrClosed
		case !b.cut:
			err := act(b)
			b.notify()
			b.mu.Unlock()
			return err
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait returns after d, or as soon as ctx is done.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
