// SPDX-License-Identifier: Apache-2.0

package transporttest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
)

func queueLater(t *testing.T, b *bench) {
	c := b.connect()
	q := name()
	r := b.receive(c, q, nil)
	r.wantNone()
	if err := c.Declare(b.ctx, q, plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	b.publish(c, q, "m")
	r.want("m")
	if err := c.Remove(b.ctx, q); err != nil {
		t.Error(err)
	}
}

func queueAgain(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	r := b.receive(c, q, nil)
	for _, text := range []string{"one", "two"} {
		b.publish(c, q, text)
		r.want(text)
		if err := c.Remove(b.ctx, q); err != nil {
			t.Fatal(err)
		}
		if err := c.Declare(b.ctx, q, plans.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	b.publish(c, q, "three")
	r.want("three")
}

func unroutable(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	for what, m := range map[string]plans.Message{
		"no such queue":    message(name(), "m"),
		"no such exchange": {Exchange: name(), Key: q, ID: "m"},
	} {
		err := c.Publish(b.ctx, m)
		if !errors.Is(err, plans.ErrUnroutable) {
			t.Errorf("%s: got %v, want plans.ErrUnroutable", what, err)
		}
	}
	b.publish(c, q, "m") // the connection is as good as before
	b.receive(c, q, nil).want("m")
}

func publishers(t *testing.T, b *bench) {
	c := b.connect()
	q, absent, exchange := b.queue(c), name(), name()
	r := b.receive(c, q, nil)
	const publishers, each = 8, 25
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				// All use the same IDs, so that the answers could be confused.
				id := fmt.Sprint(i % 3)
				good, bad := message(q, id), message(absent, id)
				if p == 0 && i%10 == 0 {
					bad = plans.Message{Exchange: exchange, Key: q, ID: id} // closes an AMQP channel
				}
				if err := c.Publish(b.ctx, good); err != nil {
					t.Errorf("publisher %d: %v", p, err)
				}
				if err := c.Publish(b.ctx, bad); !errors.Is(err, plans.ErrUnroutable) {
					t.Errorf("publisher %d: got %v, want plans.ErrUnroutable", p, err)
				}
			}
		})
	}
	all.Wait()
	// What was in flight when a channel closed may have come twice.
	for range publishers * each {
		r.next()
	}
}

func declare(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "m")
	if err := c.Declare(b.ctx, q, plans.QueueOptions{}); err != nil {
		t.Errorf("declared alike: %v", err)
	}
	if err := c.Declare(b.ctx, q, plans.QueueOptions{Expires: time.Hour}); err == nil {
		t.Error("declared with other options: got nil, want an error")
	}
	if err := c.Declare(b.ctx, "", plans.QueueOptions{}); err == nil {
		t.Error("declared without a name: got nil, want an error")
	}
	b.receive(c, q, nil).want("m")

	expiring := name()
	if err := c.Declare(b.ctx, expiring, plans.QueueOptions{Expires: time.Hour}); err != nil {
		t.Error(err)
	}
	if err := c.Remove(b.ctx, expiring); err != nil {
		t.Error(err)
	}
}

func remove(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "old")
	for range 2 { // the second time it is not there
		if err := c.Remove(b.ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Publish(b.ctx, message(q, "m")); !errors.Is(err, plans.ErrUnroutable) {
		t.Errorf("got %v, want plans.ErrUnroutable", err)
	}
	if err := c.Declare(b.ctx, q, plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	b.publish(c, q, "new")
	b.receive(c, q, nil).want("new")
}
