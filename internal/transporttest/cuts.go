// SPDX-License-Identifier: Apache-2.0

package transporttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
)

// cutKeep is the case in which a client that acknowledges an old delivery on its
// new channel loses a message: there the numbers of deliveries start again.
func cutKeep(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "one", "two", "three", "four")
	healed := make(chan struct{})
	first := true
	r := b.receive(c, q, func(ctx context.Context, m plans.Message) error {
		if m.ID != "two" || !first {
			return nil
		}
		first = false
		b.broker.Cut()
		time.Sleep(50 * time.Millisecond)
		b.broker.Heal()
		close(healed)
		// Another connection is up, and busy, before this keep returns.
		other := b.broker.Connect(t)
		defer other.Close()
		if err := other.Publish(ctx, message(q, "five")); err != nil {
			t.Errorf("publish: %v", err)
		}
		if err := c.Publish(ctx, message(q, "six")); err != nil {
			t.Errorf("publish: %v", err)
		}
		if err := ctx.Err(); err != nil {
			t.Errorf("the context of keep ended with the connection: %v", err)
		}
		return nil
	})
	// "one" was acknowledged just before the cut: it may come again, or not.
	var got []plans.Message
	for len(got) == 0 || got[len(got)-1].ID != "six" {
		got = append(got, r.next())
	}
	seen := make(map[string]int)
	for _, m := range got {
		if seen[m.ID]++; seen[m.ID] > 1 && !m.Redelivered {
			t.Errorf("%q came again without being marked as redelivered", m.ID)
		}
	}
	if seen["two"] < 2 {
		t.Error("the message that keep held when the connection broke was not delivered again")
	}
	for _, id := range []string{"one", "three", "four", "five"} {
		if seen[id] == 0 {
			t.Errorf("%q is lost", id)
		}
	}
	select {
	case <-healed:
	default:
		t.Error("keep never cut")
	}
}

func cutIdle(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	r := b.receive(c, q, nil)
	for i := range 3 {
		text := fmt.Sprint("m", i)
		b.publish(c, q, text)
		// The cut may come before the acknowledgement of the one before.
		m := r.next()
		for m.ID != text && m.Redelivered {
			m = r.next()
		}
		if m.ID != text {
			t.Errorf("got message %q, want %q", m.ID, text)
		}
		b.broker.Cut()
		time.Sleep(50 * time.Millisecond)
		b.broker.Heal()
	}
	b.publish(c, q, "last")
	for r.next().ID != "last" {
	}
}

func cutPublish(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "before")
	b.broker.Cut()
	published := make(chan error, 1)
	go func() { published <- c.Publish(b.ctx, message(q, "during")) }()
	select {
	case err := <-published:
		t.Fatalf("publish returned %v during the cut", err)
	case <-time.After(silence):
	}
	b.broker.Heal()
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	b.receive(c, q, nil).want("before", "during")
}

func cutPublishEnds(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "before")
	b.broker.Cut()
	ctx, cancel := context.WithTimeout(b.ctx, silence)
	defer cancel()
	begin := time.Now()
	for what, err := range map[string]error{
		"publish": c.Publish(ctx, message(q, "never")),
		"declare": c.Declare(ctx, q, plans.QueueOptions{}),
		"remove":  c.Remove(ctx, q),
		"receive": c.Receive(ctx, q, nil),
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want context.DeadlineExceeded", what, err)
		}
	}
	if d := time.Since(begin); d > silence+3*time.Second {
		t.Errorf("took %v, with a context of %v", d, silence)
	}
	b.broker.Heal()
	b.publish(c, q, "after")
}

func cutStream(t *testing.T, b *bench) {
	c, receiving := b.connect(), b.connect()
	q := b.queue(c)
	r := b.receive(receiving, q, nil)
	var publishers sync.WaitGroup
	stop := make(chan struct{})
	var mu sync.Mutex
	var confirmed []string
	for p := range 4 {
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprint(p, "-", i)
				if err := c.Publish(b.ctx, message(q, id)); err != nil {
					t.Errorf("publish: %v", err)
					return
				}
				mu.Lock()
				confirmed = append(confirmed, id)
				mu.Unlock()
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range 3 {
		time.Sleep(150 * time.Millisecond)
		b.broker.Cut()
		time.Sleep(50 * time.Millisecond)
		b.broker.Heal()
	}
	time.Sleep(150 * time.Millisecond)
	close(stop)
	publishers.Wait()

	missing := make(map[string]bool)
	for _, id := range confirmed {
		missing[id] = true
	}
	for len(missing) > 0 {
		select {
		case m := <-r.got:
			delete(missing, m.ID)
		case <-b.ctx.Done():
			t.Fatalf("%d of %d confirmed messages did not arrive", len(missing), len(confirmed))
		}
	}
	t.Logf("%d messages confirmed around 3 cuts", len(confirmed))
}
