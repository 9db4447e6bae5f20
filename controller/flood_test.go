// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// say publishes a message as a guest would.
func (b *bench) say(queue string, m plans.Message) {
	b.t.Helper()
	m.Key = queue
	if err := b.broker.Conn().Publish(b.t.Context(), m); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) event(e plans.Event) {
	b.t.Helper()
	body, err := e.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	b.say("murano-events", plans.Message{Body: body})
}

// heard waits until the controller has taken all that was said.
func (b *bench) heard(queue string) {
	b.t.Helper()
	eventually(b.t, "queue "+queue+" is empty", func() bool {
		ready, unacked := b.broker.Depth(queue)
		return ready+unacked == 0
	})
}

// all gives the whole timeline.
func (b *bench) all(name controller.EnvironmentName) (out []controller.Event) {
	b.t.Helper()
	for {
		after := int64(0)
		if len(out) > 0 {
			after = out[len(out)-1].Seq
		}
		some, err := b.Events(b.t.Context(), name, after, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(some) == 0 {
			return out
		}
		out = append(out, some...)
	}
}

func TestAGuestThatNeverStopsTalkingFillsNoTimeline(t *testing.T) {
	const flood = 2100 // more than is kept
	var b *bench
	b = newBench(t, func(_ *controller.Controller, c *cloud) {
		c.answer = func(hostname string, p plans.Plan) plans.Result {
			if hostname != "shop-db-db-0" {
				return plans.Result{}
			}
			for i := range flood {
				b.event(plans.Event{Kind: plans.EventProgress, Plan: p.ID, Phase: plans.PhaseScript, Script: strings.Repeat("s", 600),
					Text: fmt.Sprint(i, "\x1b[2J\n", strings.Repeat("é", 1500))})
			}
			b.heard("murano-events") // before the result ends it
			return plans.Result{}
		}
	})
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	progress := 0
	var last controller.Event
	for _, e := range b.all("shop") {
		if e.Status != "progress" {
			continue
		}
		progress, last = progress+1, e
		script, _ := e.Fields["script"].(string)
		if len(e.Text) > 2500 || len(script) > 500 || strings.ContainsAny(e.Text+script, "\x1b\n") {
			t.Fatalf("an event of %d and %d bytes is kept: %.60q", len(e.Text), len(script), e.Text)
		}
	}
	if progress != 500 || !strings.Contains(last.Text, "no more of them are recorded") {
		t.Errorf("%d of %d events are kept, the last says %q", progress, flood, last.Text)
	}

	queue := b.servers()[0].Queue
	for i := range flood {
		b.event(plans.Event{Kind: plans.EventHello, Queue: queue, Version: "1.0.0", BootID: fmt.Sprint(i)})
	}
	b.say("murano-events", plans.Message{Body: []byte(`{"Action": "Agent:Event", "Kind": "hello", "Queue": "` + queue + `", "Version": "` + strings.Repeat("x", 1<<20) + `"}`)})
	b.heard("murano-events")
	hellos := 0
	for _, e := range b.all("shop") {
		if e.Status == "hello" && e.Application == "db" {
			hellos, last = hellos+1, e
		}
	}
	if hellos != 20 || !strings.Contains(last.Text, "no more of these are recorded") {
		t.Errorf("%d words of one agent are kept, the last is %q", hellos, last.Text)
	}
}

func TestProgressAfterTheEndOfADeploymentIsNotRecorded(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	plan := b.status("shop").Applications[0].Steps[0].Plan
	before := len(b.all("shop"))
	for range 100 {
		b.event(plans.Event{Kind: plans.EventProgress, Plan: plan, Text: "still here"})
	}
	b.heard("murano-events")
	if n := len(b.all("shop")); n != before {
		t.Errorf("the timeline has grown from %d to %d events", before, n)
	}
}

// A hostile guest knows the IDs of its own plans, and no others.
func TestNoResultCanHurtMoreThanItsOwnPlan(t *testing.T) {
	for name, c := range map[string]struct {
		body  func(id string) string
		state controller.PlanState
		cause string
	}{
		"an ErrorCode that is text": {
			body:  func(id string) string { return `{"SourceID": "` + id + `", "ErrorCode": "1", "Body": null}` },
			state: controller.PlanFailed, cause: "cannot be read",
		},
		"NaN": {
			body:  func(id string) string { return `{"SourceID": "` + id + `", "ErrorCode": 0, "Body": NaN}` },
			state: controller.PlanSucceeded,
		},
		"no JSON": {
			body:  func(string) string { return "\xff\x00{" },
			state: controller.PlanFailed, cause: "cannot be read",
		},
		"nothing": {
			body:  func(string) string { return "" },
			state: controller.PlanFailed, cause: "cannot be read",
		},
		"JSON as deep as a well": {
			body:  func(id string) string { return `{"SourceID": "` + id + `", "Body": ` + strings.Repeat("[", 5<<20) },
			state: controller.PlanFailed, cause: "cannot be read",
		},
		"NaN as deep as a well": {
			body: func(id string) string {
				return `{"SourceID": "` + id + `", "Body": ` + strings.Repeat("[", 1<<20) + "NaN" + strings.Repeat("]", 1<<20) + "}"
			},
			state: controller.PlanFailed, cause: "cannot be read",
		},
		"a Body of 10 MB": {
			body: func(id string) string {
				return `{"SourceID": "` + id + `", "Body": "` + strings.Repeat("x", 10<<20) + `"}`
			},
			state: controller.PlanSucceeded,
		},
		"a Body larger than is kept": {
			body: func(id string) string {
				return `{"SourceID": "` + id + `", "Body": "` + strings.Repeat("x", 33<<20) + `"}`
			},
			state: controller.PlanFailed, cause: "return less from the Body",
		},
		"a failure of 10 MB": {
			body: func(id string) string {
				return `{"SourceID": "` + id + `", "ErrorCode": 1, "Body": {"Message": "` + strings.Repeat("x", 10<<20) + `the reason"}}`
			},
			state: controller.PlanFailed, cause: "the reason",
		},
		"a Report that is none": {
			body:  func(id string) string { return `{"SourceID": "` + id + `", "Body": 1, "Report": [1]}` },
			state: controller.PlanFailed, cause: "cannot be read",
		},
		"an ErrorCode beyond an integer": {
			body:  func(id string) string { return `{"SourceID": "` + id + `", "ErrorCode": 1e400, "Body": 1}` },
			state: controller.PlanFailed, cause: "cannot be read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			const two = "name: two\nnetwork: {create: {dns: [192.0.2.53]}}\ndefaults: {image: i, flavor: f}\n" +
				"applications: {bad: {package: test.Postgres, parameters: {password: p}}, good: {package: test.Postgres, parameters: {password: p}}}\n"
			var b *bench
			b = newBench(t, func(_ *controller.Controller, cl *cloud) {
				cl.answer = func(hostname string, p plans.Plan) plans.Result {
					if hostname == "two-bad-db-0" {
						b.say("murano-results", plans.Message{ID: p.ID, Body: []byte(c.body(p.ID))})
					}
					return plans.Result{}
				}
			})
			b.deploy(two)
			apps := b.status("two").Applications
			if got := apps[0].Steps[0]; got.State != c.state || !strings.Contains(got.Cause, c.cause) || len(got.Cause) > 5000 {
				t.Errorf("the plan is %s: %.200s; want %s: %s", got.State, got.Cause, c.state, c.cause)
			}
			if apps[1].State != controller.StateDeployed {
				t.Errorf("the other application is %s: %s", apps[1].State, apps[1].Cause)
			}
			b.heard("murano-results")
		})
	}
}

func TestAResultForAPlanNobodyKnowsIsDropped(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	plan := b.status("shop").Applications[0].Steps[0]
	for _, body := range []string{
		`{"SourceID": "00000000000000000000000000000000", "ErrorCode": 0}`,
		`{"SourceID": "` + strings.Repeat("x", 1<<20) + `", "ErrorCode": 0}`,
		`{"SourceID": {"a": 1}, "ErrorCode": 0}`,
		`{"SourceID": "", "ErrorCode": 1}`,
		`{"SourceID": "` + plan.Plan + `", "ErrorCode": 1, "Body": {"Message": "a second one"}}`,
	} {
		b.say("murano-results", plans.Message{Body: []byte(body)})
	}
	b.heard("murano-results")
	if again := b.status("shop").Applications[0].Steps[0]; again.State != controller.PlanSucceeded || !again.Ended.Equal(plan.Ended) {
		t.Errorf("the plan was %+v and is %+v", plan, again)
	}
	if d := b.delete("shop"); d.State != controller.Succeeded {
		t.Errorf("deletion is %s: %s", d.State, d.Cause)
	}
}

// The plan is given up, its result comes, and the next deployment goes on from it.
func TestAResultThatComesAfterItsPlanWasGivenUpIsKept(t *testing.T) {
	late := make(chan string, 1)
	b := newBench(t, func(c *controller.Controller, cl *cloud) {
		c.Options.StepTimeout, c.Options.SilenceTimeout = 50*time.Millisecond, 50*time.Millisecond
		cl.answer = func(_ string, p plans.Plan) plans.Result {
			select {
			case late <- p.ID: // the first one is answered to nobody
				return plans.Result{SourceID: "nobody's"}
			default:
				return plans.Result{}
			}
		}
	})
	const one = "name: one\nnetwork: {create: {dns: [192.0.2.53]}}\ndefaults: {image: i, flavor: f}\napplications: {db: {package: test.Postgres, parameters: {password: p}}}\n"
	if d := b.deploy(one); d.State != controller.Failed || !strings.Contains(d.Cause, "no result came") {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	b.say("murano-results", plans.Message{Body: []byte(`{"SourceID": "` + <-late + `", "ErrorCode": 0, "Body": {"value": 1}}`)})
	b.heard("murano-results")
	if d := b.deploy(one); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	if got := b.executed(); len(got) != 1 {
		t.Errorf("executed %q; the late result was enough", got)
	}
}
