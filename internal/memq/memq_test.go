// SPDX-License-Identifier: Apache-2.0

package memq_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/openmurano/murano/internal/memq"
	"github.com/openmurano/murano/internal/transporttest"
	"github.com/openmurano/murano/plans"
)

var _ transporttest.Transport = (*memq.Conn)(nil)

func TestTransport(t *testing.T) {
	transporttest.Run(t, func(*testing.T) transporttest.Broker {
		b := memq.NewBroker()
		return transporttest.Broker{
			Connect: func(testing.TB) transporttest.Transport { return b.Conn() },
			Cut:     b.Cut, Heal: b.Heal,
		}
	})
}

func TestErrUnroutableIsThatOfPlansToo(t *testing.T) {
	err := memq.NewBroker().Conn().Publish(t.Context(), plans.Message{Key: "absent"})
	if !errors.Is(err, memq.ErrUnroutable) || !errors.Is(err, plans.ErrUnroutable) {
		t.Errorf("got %v", err)
	}
}

func TestDepthAndQueuesShowWhatTheBrokerHolds(t *testing.T) {
	b := memq.NewBroker()
	c := b.Conn()
	for _, q := range []string{"b", "a"} {
		if err := c.Declare(t.Context(), q, plans.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := c.Publish(t.Context(), plans.Message{Key: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.Receive(ctx, "a", func(context.Context, plans.Message) error {
		if ready, unacked := b.Depth("a"); ready != 2 || unacked != 1 {
			t.Errorf("in keep: got %d ready and %d unacknowledged, want 2 and 1", ready, unacked)
		}
		cancel()
		return nil
	})
	if ready, unacked := b.Depth("a"); ready != 2 || unacked != 0 {
		t.Errorf("got %d ready and %d unacknowledged, want 2 and 0", ready, unacked)
	}
	if got := b.Queues(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got queues %v", got)
	}
}

// Sender and receiver share no memory.
func TestAMessageIsACopy(t *testing.T) {
	c := memq.NewBroker().Conn()
	if err := c.Declare(t.Context(), "q", plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	body := []byte("body")
	if err := c.Publish(t.Context(), plans.Message{Key: "q", Body: body}); err != nil {
		t.Fatal(err)
	}
	body[0] = 'X'
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	c.Receive(ctx, "q", func(_ context.Context, m plans.Message) error {
		if string(m.Body) != "body" {
			t.Errorf("got %q, want the body as it was published", m.Body)
		}
		m.Body[0] = 'Y'
		if calls++; calls == 1 {
			return errors.New("again")
		}
		cancel()
		return nil
	})
}

func BenchmarkPublishReceive(b *testing.B) {
	c := memq.NewBroker().Conn()
	if err := c.Declare(b.Context(), "q", plans.QueueOptions{}); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() {
		for range b.N {
			if err := c.Publish(ctx, plans.Message{Key: "q", Body: []byte("body")}); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	n := 0
	c.Receive(ctx, "q", func(context.Context, plans.Message) error {
		if n++; n == b.N {
			cancel()
		}
		return nil
	})
}
