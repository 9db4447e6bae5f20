// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/sqlstore"
	"github.com/openmurano/murano/internal/memq"
	"github.com/openmurano/murano/plans"
)

func TestPlansAreSignedForTheirQueue(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *controller.Controller, cl *cloud) { c.Options.SigningKey, cl.key = key, key.Public() })
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Errorf("deployment is %s: %s", d.State, d.Cause)
	}
}

func TestStampsRiseThoughTheClockGoesBack(t *testing.T) {
	var seconds atomic.Int64
	seconds.Store(2_000_000_000)
	b := newBench(t, func(c *controller.Controller, _ *cloud) {
		c.Now = func() time.Time { return time.Unix(seconds.Load(), 0) }
	})
	b.deploy("name: shop\nnetwork: {create: {dns: [192.0.2.53]}}\ndefaults: {image: i, flavor: f}\napplications: {db: {package: test.Postgres, parameters: {password: p}}}\n")
	for range 3 {
		seconds.Add(-3600)
		p := plans.Plan{FormatVersion: plans.Version{Major: 2}, Body: "return"}
		if _, err := b.SendPlan(t.Context(), b.servers()[0].Queue, p); err != nil {
			t.Fatal(err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	const first = 2_000_000_000 * 10_000 // tenths of a millisecond
	if want := []int64{first, first + 1, first + 2, first + 3}; !slices.Equal(b.stamps, want) {
		t.Errorf("stamps %v, want %v", b.stamps, want)
	}
}

// A result that came while nobody waited is found by whoever waits next, and
// the plan is not sent again.
func TestAResultThatIsRecordedIsNotAskedForAgain(t *testing.T) {
	store, err := sqlstore.InMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	broker := memq.NewBroker()
	conn := broker.Conn()
	if err := conn.Declare(t.Context(), "q1", plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	d := &controller.Dispatcher{Store: recorded{store}, Transport: conn}
	r, err := d.Dispatch(t.Context(), "q1", plans.Plan{FormatVersion: plans.Version{Major: 2}, Body: "return"})
	if err != nil || string(r.Body) != `"early"` {
		t.Errorf("result %+v, %v", r, err)
	}
	if ready, _ := broker.Depth("q1"); ready != 0 {
		t.Errorf("the plan was published %d times", ready)
	}
}

// recorded is a store where each plan has a result as soon as it is recorded.
type recorded struct{ controller.StoredPlans }

func (r recorded) PutPlan(ctx context.Context, p controller.PlanRecord) error {
	if err := r.StoredPlans.PutPlan(ctx, p); err != nil {
		return err
	}
	b, err := plans.Result{SourceID: p.ID, Body: []byte(`"early"`), Time: time.Now()}.Encode()
	if err != nil {
		return err
	}
	_, err = r.PutResult(ctx, p.ID, controller.PlanSucceeded, "", b, time.Now())
	return err
}
