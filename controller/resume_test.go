// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestADeploymentWaitsForABrokerThatComesBack(t *testing.T) {
	var once sync.Once
	b := newBench(t, func(_ *controller.Controller, c *cloud) {
		c.answer = func(string, plans.Plan) plans.Result {
			once.Do(func() { // the plan is executed, its result cannot be sent
				c.broker.Cut()
				time.AfterFunc(100*time.Millisecond, c.broker.Heal)
			})
			return plans.Result{}
		}
	})
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	for id, n := range b.ran {
		if n != 1 {
			t.Errorf("plan %s was executed %d times", id, n)
		}
	}
}

func TestWishesThatComeAtOnceEndInOneState(t *testing.T) {
	b := newBench(t, nil)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			d, err := b.Deploy(t.Context(), environment(t, shop))
			if err != nil {
				t.Error(err)
				return
			}
			if d, err = b.Wait(t.Context(), d.ID); err != nil || d.State != controller.Succeeded && d.State != controller.Cancelled {
				t.Errorf("deployment is %s: %s, %v", d.State, d.Cause, err)
			}
		})
	}
	all.Wait()
	s := &scene{cloud: b.cloud, t: t}
	s.check([]string{"shop-db-db-0 Install", "shop-web-web-0 Configure", "shop-web-web-0 Install", "shop-web-web-1 Install"})
	if s := b.status("shop"); s.State != controller.StateDeployed {
		t.Errorf("environment is %s: %s", s.State, s.Cause)
	}
}

func TestProgressComesIntoTheTimelineMasked(t *testing.T) {
	b := newBench(t, func(_ *controller.Controller, c *cloud) {
		c.answer = func(hostname string, p plans.Plan) plans.Result {
			e := plans.Event{Kind: plans.EventProgress, Time: time.Now(), Plan: p.ID, Phase: plans.PhaseScript, Script: "run", Text: "login with s3cret-password"}
			body, err := e.Encode()
			if err == nil {
				err = c.broker.Conn().Publish(t.Context(), plans.Message{Body: body, Key: "murano-events"})
			}
			if err != nil {
				t.Error(err)
			}
			return plans.Result{}
		}
	})
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	if e := b.await("progress", "db[0]"); e.Text != "login with ***" || e.Fields["step"] != "Install" {
		t.Errorf("event: %+v", e)
	}
}

func TestEventsWaitForTheFirstOne(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	events, err := b.Events(t.Context(), "shop", 0, 0)
	if err != nil || len(events) == 0 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	last := events[len(events)-1].Seq
	if more, err := b.Events(t.Context(), "shop", last, 20*time.Millisecond); err != nil || len(more) != 0 {
		t.Errorf("nothing happened, but %v came, %v", more, err)
	}
	came := make(chan string, 1)
	go func() {
		more, err := b.Events(t.Context(), "shop", last, 10*time.Second)
		came <- fmt.Sprint(len(more) > 0, err)
	}()
	b.delete("shop")
	if got := <-came; got != "true <nil>" {
		t.Errorf("after a deletion: %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Events(ctx, "shop", 1<<40, time.Hour); err == nil {
		t.Error("a caller who left still waits")
	}
}

func TestWhatIsNoResultOrEventIsDropped(t *testing.T) {
	b := newBench(t, nil)
	conn := b.broker.Conn()
	for _, queue := range []string{"murano-results", "murano-events"} {
		for _, body := range []string{"", "{", "[]", "null", `{"SourceID": "nobody's", "ErrorCode": 0, "Body": 1}`,
			`{"Action": "Agent:Event", "Kind": "hello", "Queue": "e1-h1"}`, `{"Action": "Agent:Event", "Kind": "progress", "Plan": "x"}`,
			`{"Action": "Agent:Event", "Kind": "of the future"}`} {
			eventually(t, "the queue is declared", func() bool {
				return conn.Publish(t.Context(), plans.Message{Key: queue, Body: []byte(body)}) == nil
			})
		}
	}
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	for _, queue := range []string{"murano-results", "murano-events"} {
		eventually(t, "queue "+queue+" is empty", func() bool {
			ready, unacked := b.broker.Depth(queue)
			return ready+unacked == 0
		})
	}
}

func TestANewerPackageIsForLaterDeployments(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	newer := map[string]string{}
	for name, text := range postgres {
		newer[name] = strings.Replace(text, "echo $1", "echo new", 1)
	}
	if _, err := b.PutPackage(t.Context(), zipped(t, newer)); err != nil {
		t.Fatal(err)
	}
	if n := len(b.executed()); n != 4 {
		t.Errorf("%d plans ran before the next deployment", n)
	}
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	if got := b.executed(); len(got) != 5 || got[1] != "shop-db-db-0 Install" {
		t.Errorf("executed %q", got)
	}
}

// eventually fails the test when what is expected does not come true in two minutes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(2 * time.Minute) // with the race detector on a busy machine
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("not in two minutes: %s", what)
		}
	}
}
