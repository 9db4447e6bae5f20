// SPDX-License-Identifier: Apache-2.0

package transporttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
)

// receiveBatches starts a receiver whose keep passes each message on to got, and
// then returns what keep returns; a nil keep accepts.
func (b *bench) receiveBatches(c Transport, queue string, keep func(context.Context, []plans.Message) []error) *receiver {
	return b.start(func(ctx context.Context, got chan<- plans.Message) error {
		return c.ReceiveBatch(ctx, queue, func(ctx context.Context, ms []plans.Message) []error {
			for _, m := range ms {
				got <- m
			}
			if keep == nil {
				return make([]error, len(ms))
			}
			return keep(ctx, ms)
		})
	})
}

func texts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("m", i)
	}
	return all
}

func batchGathers(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	var mu sync.Mutex
	var sizes []int
	r := b.receiveBatches(c, q, func(_ context.Context, ms []plans.Message) []error {
		mu.Lock()
		sizes = append(sizes, len(ms))
		mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		return make([]error, len(ms))
	})
	b.publish(c, q, "alone")
	r.want("alone")
	all := texts(100)
	b.publish(c, q, all...)
	r.want(all...)
	r.wantNone()
	mu.Lock()
	defer mu.Unlock()
	if slices.Max(sizes) > 64 {
		t.Errorf("got batches of %v, want none above 64", sizes)
	}
	if slices.Max(sizes) < 10 {
		t.Errorf("got batches of %v: what arrived while keep ran was not handed over at once", sizes)
	}
}

func batchBytes(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	body := make([]byte, 6<<20)
	const n = 8
	for i := range n {
		if err := c.Publish(b.ctx, plans.Message{ID: fmt.Sprint(i), Key: q, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	r := b.receiveBatches(c, q, func(_ context.Context, ms []plans.Message) []error {
		if len(ms) > 3 {
			t.Errorf("got %d messages of 6 MB at once, want 3 at most", len(ms))
		}
		time.Sleep(50 * time.Millisecond)
		return make([]error, len(ms))
	})
	for i := range n {
		if m := r.next(); m.ID != fmt.Sprint(i) || len(m.Body) != len(body) {
			t.Errorf("got %q of %d bytes, want %d", m.ID, len(m.Body), i)
		}
	}
}

func batchRefusesSome(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	all := texts(20)
	b.publish(c, q, all...)
	refuse := map[string]bool{"m3": true, "m7": true, "m8": true} // once
	r := b.receiveBatches(c, q, func(_ context.Context, ms []plans.Message) []error {
		errs := make([]error, len(ms))
		for i, m := range ms {
			if refuse[m.ID] {
				errs[i] = errors.New("disk full")
				delete(refuse, m.ID)
			}
		}
		return errs
	})
	seen := make(map[string]int)
	var again []string
	for range len(all) + 3 {
		m := r.next()
		if seen[m.ID]++; seen[m.ID] > 1 {
			again = append(again, m.ID)
			if !m.Redelivered {
				t.Errorf("%q came again without being marked as redelivered", m.ID)
			}
		}
	}
	if want := []string{"m3", "m7", "m8"}; !slices.Equal(again, want) {
		t.Errorf("%v came again, want %v", again, want)
	}
	r.wantNone()
	r.stop()
	b.receive(c, q, nil).wantNone()
}

func batchAcknowledgesAtOnce(t *testing.T, b *bench) {
	c, other := b.connect(), b.connect()
	q := b.queue(c)
	b.publish(c, q, texts(5)...)
	refused := make(chan string, 100)
	first := b.receiveBatches(c, q, func(_ context.Context, ms []plans.Message) []error {
		errs := make([]error, len(ms))
		for i, m := range ms {
			if m.ID == "m1" {
				errs[i] = errors.New("never")
				refused <- m.ID
			}
		}
		return errs
	})
	for range 3 { // the pause grows
		select {
		case <-refused:
		case <-b.ctx.Done():
			t.Fatal("the message that was refused did not come again")
		}
	}
	time.Sleep(50 * time.Millisecond) // into the pause
	first.stop()
	second := b.receive(other, q, nil)
	if m := second.next(); m.ID != "m1" || !m.Redelivered {
		t.Errorf("got %q, redelivered %v", m.ID, m.Redelivered)
	}
	second.wantNone()
}

func batchRefusesAll(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	all := texts(30)
	b.publish(c, q, all[:20]...)
	var mu sync.Mutex
	full, kept := true, []string(nil)
	r := b.receiveBatches(c, q, func(_ context.Context, ms []plans.Message) []error {
		mu.Lock()
		defer mu.Unlock()
		errs := make([]error, len(ms))
		for i, m := range ms {
			if full {
				errs[i] = errors.New("disk full")
			} else {
				kept = append(kept, m.ID)
			}
		}
		return errs
	})
	r.next()
	b.publish(c, q, all[20:]...)
	time.Sleep(500 * time.Millisecond) // a few rounds
	mu.Lock()
	full = false
	mu.Unlock()
	for {
		r.next()
		mu.Lock()
		n := len(kept)
		mu.Unlock()
		if n >= len(all) {
			break
		}
	}
	if !slices.Equal(kept, all) {
		t.Errorf("kept %v, want them in the order they were sent", kept)
	}
}

func batchUnanswered(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, texts(4)...)
	unanswered := make(chan int, 1)
	calls := 0
	r := b.receiveBatches(c, q, func(_ context.Context, ms []plans.Message) []error {
		if calls++; calls == 1 {
			unanswered <- len(ms)
			return nil
		}
		return make([]error, len(ms))
	})
	n := <-unanswered
	r.want(texts(4)[:n]...)
	r.want(texts(4)...)
	r.wantNone()
}

func batchHandedOver(t *testing.T, b *bench) {
	one, two := b.connect(), b.connect()
	q := b.queue(one)
	all := texts(10)
	b.publish(one, q, all...)
	first := b.receiveBatches(one, q, func(ctx context.Context, ms []plans.Message) []error {
		<-ctx.Done()
		errs := make([]error, len(ms))
		for i, m := range ms {
			if m.ID != "m0" {
				errs[i] = ctx.Err()
			}
		}
		return errs
	})
	first.want("m0")
	first.stop()
	b.receiveBatches(two, q, nil).want(all[1:]...)
}

// cutBatch is cutKeep for batches: an acknowledgement for all up to a number,
// sent on another channel than the deliveries came from, would lose many.
func cutBatch(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	all := texts(40)
	b.publish(c, q, all...)
	cut := false
	r := b.receiveBatches(c, q, func(ctx context.Context, ms []plans.Message) []error {
		if !cut && len(ms) > 1 {
			cut = true
			b.broker.Cut()
			time.Sleep(50 * time.Millisecond)
			b.broker.Heal()
			if err := c.Publish(ctx, message(q, "last")); err != nil {
				t.Errorf("publish: %v", err)
			}
			if err := ctx.Err(); err != nil {
				t.Errorf("the context of keep ended with the connection: %v", err)
			}
		}
		time.Sleep(20 * time.Millisecond) // more arrive
		return make([]error, len(ms))
	})
	seen := make(map[string]int)
	repeated := 0
	for seen["last"] == 0 {
		m := r.next()
		if seen[m.ID]++; seen[m.ID] > 1 {
			repeated++
			if !m.Redelivered {
				t.Errorf("%q came again without being marked as redelivered", m.ID)
			}
		}
	}
	for _, id := range all {
		if seen[id] == 0 {
			t.Errorf("%q is lost", id)
		}
	}
	if !cut || repeated < 2 {
		t.Errorf("cut: %v; %d messages came again, want those of the batch that keep held", cut, repeated)
	}
}
