// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

func TestAFailureSaysWhatAndWhereAndCutsOnlyItsBranch(t *testing.T) {
	withLog := strings.Replace(shop, "  web:\n", "  log: {package: test.Postgres, parameters: {password: another-secret}}\n  web:\n", 1)
	failing := func(host string) func(string, plans.Plan) plans.Result {
		return func(hostname string, p plans.Plan) plans.Result {
			if hostname != host {
				return plans.Result{}
			}
			stderr := "E: s3cret-password is refused"
			return plans.Result{SourceID: p.ID, ErrorCode: plans.CodeScript, Time: time.Now(),
				Body: plans.Failure(plans.CodeScript, "Script run returned 3: "+stderr, &plans.ScriptOutcome{ExitCode: 3, Stderr: &stderr})}
		}
	}
	for name, c := range map[string]struct {
		change  func(*controller.Controller, *cloud)
		spec    string
		want    []string // in the deployment's cause
		states  string   // of the applications, by name
		stacks  int      // that are there
		notWant string
	}{
		"Heat finds no host for the database": {
			change: func(_ *controller.Controller, c *cloud) {
				c.fault = func(verb, stack string) error {
					if verb == "apply" && strings.HasSuffix(stack, "-db") {
						return errNoHost
					}
					return nil
				}
			},
			spec: withLog, want: []string{"application db: stack murano-shop-", "No valid host"},
			states: "db failed, log deployed, web skipped", stacks: 2,
		},
		"the network cannot be made": {
			change: func(_ *controller.Controller, c *cloud) {
				c.fault = func(verb, stack string) error {
					if verb == "apply" && strings.Count(stack, "-") == 2 {
						return errors.New("Quota exceeded for resources: ['network']")
					}
					return nil
				}
			},
			spec: shop, want: []string{"network: stack murano-shop-", "Quota exceeded"}, states: "",
		},
		"a guest stays silent": {
			change: func(c *controller.Controller, cl *cloud) {
				c.Options.BootTimeout = 50 * time.Millisecond
				c.Options.Agent.Hosts = []string{"broker.example"}
				cl.mute["shop-web-web-1"] = true
			},
			spec:   shop,
			want:   []string{"application web: server web[1] (shop-web-web-1, Nova ", "is ACTIVE since", "in 50ms", "broker.example", "debian login:"},
			states: "db deployed, web failed", stacks: 3,
		},
		"a script fails, and its text holds a secret": {
			change: func(_ *controller.Controller, c *cloud) { c.answer = failing("shop-db-db-0") },
			spec:   withLog, want: []string{`application db: step "Install": on db[0], plan `, "ErrorCode 100: Script run returned 3", "*** is refused"},
			states: "db failed, log deployed, web skipped", stacks: 3, notWant: "s3cret",
		},
		"one of two servers fails": {
			change: func(_ *controller.Controller, c *cloud) { c.answer = failing("shop-web-web-1") },
			spec:   shop, want: []string{`application web: step "Install": on web[1], plan `}, states: "db deployed, web failed", stacks: 3, notWant: "web[0]",
		},
		"an agent never answers": {
			change: func(c *controller.Controller, cl *cloud) {
				c.Options.StepTimeout, c.Options.SilenceTimeout = time.Second/20, time.Second/20
				cl.answer = func(hostname string, p plans.Plan) plans.Result {
					return plans.Result{SourceID: "another-plan", Body: json.RawMessage("null")}
				}
			},
			spec: shop, want: []string{`application db: step "Install": on db[0], plan `, "no result came in 100ms", "murano-agent.service"},
			states: "db failed, web skipped", stacks: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.change)
			d := b.deploy(c.spec)
			if d.State != controller.Failed {
				t.Fatalf("deployment is %s", d.State)
			}
			for _, want := range c.want {
				if !strings.Contains(d.Cause, want) {
					t.Errorf("cause lacks %q:\n%s", want, d.Cause)
				}
			}
			if c.notWant != "" && strings.Contains(d.Cause, c.notWant) {
				t.Errorf("cause holds %q:\n%s", c.notWant, d.Cause)
			}
			s := b.status("shop")
			var states []string
			for _, a := range s.Applications {
				states = append(states, string(a.Name)+" "+string(a.State))
			}
			if got := strings.Join(states, ", "); got != c.states || s.State != controller.StateFailed || s.Cause != d.Cause {
				t.Errorf("environment %s: %s; want failed: %s", s.State, got, c.states)
			}
			if n := len(b.stacks); n != c.stacks {
				t.Errorf("%d stacks, want %d", n, c.stacks)
			}
			b.fault, b.answer = nil, nil
			if d := b.delete("shop"); d.State != controller.Succeeded || len(b.stacks) != 0 {
				t.Errorf("deletion is %s: %s; %d stacks left", d.State, d.Cause, len(b.stacks))
			}
		})
	}
}

func TestAReferenceThatLeadsNowhereIsRefusedBeforeAnythingIsMade(t *testing.T) {
	b := newBench(t, func(*controller.Controller, *cloud) {})
	e, err := controller.ParseEnvironment([]byte(strings.Replace(shop, "applications.db.outputs.host", "applications.db.outputs.hots", 1)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Deploy(t.Context(), e)
	if err == nil || !strings.Contains(err.Error(), `applications.web.parameters.dbHost: ${applications.db.outputs.hots}`) || !strings.Contains(err.Error(), `did you mean "host"?`) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Environment(t.Context(), "shop"); !errors.Is(err, controller.ErrNotFound) || len(b.stacks) != 0 {
		t.Errorf("something was made: %v, %d stacks", err, len(b.stacks))
	}
}

func TestAFailedDeploymentIsDeployedAgainFromWhereItFailed(t *testing.T) {
	var mu sync.Mutex
	broken := true
	b := newBench(t, func(_ *controller.Controller, c *cloud) {
		c.answer = func(hostname string, p plans.Plan) plans.Result {
			mu.Lock()
			defer mu.Unlock()
			if broken && p.Name == "Configure" {
				return plans.Result{SourceID: p.ID, ErrorCode: plans.CodeOther, Body: plans.Failure(plans.CodeOther, "no", nil)}
			}
			return plans.Result{}
		}
	})
	if d := b.deploy(shop); d.State != controller.Failed {
		t.Fatalf("deployment is %s", d.State)
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	want := []string{"shop-db-db-0 Install", "shop-web-web-0 Configure", "shop-web-web-0 Configure", "shop-web-web-0 Install", "shop-web-web-1 Install"}
	if got := b.executed(); !slices.Equal(got, want) {
		t.Errorf("executed %q, want %q", got, want)
	}
}

func TestRedeployTouchesOnlyWhatChanged(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string   // replaced in the spec
		want     []string // executed by the second deployment
		applied  int      // stacks the second deployment had Heat look at
		stacks   int      // that are there
		booted   int      // servers made in all
	}{
		"nothing":                    {old: "name", new: "name", stacks: 3, booted: 3},
		"a parameter":                {old: `outputs.dsn}"`, new: `outputs.dsn}", motd: bye`, want: []string{"shop-web-web-0 Configure"}, stacks: 3, booted: 3},
		"one server more":            {old: "  web:\n", new: "  web:\n    servers: {web: {count: 3}}\n", want: []string{"shop-web-web-2 Install"}, applied: 1, stacks: 3, booted: 4},
		"one application more":       {old: "  web:\n", new: "  log: {package: test.Postgres, parameters: {password: x}}\n  web:\n", want: []string{"shop-log-db-0 Install"}, applied: 1, stacks: 4, booted: 4},
		"the application taken away": {old: shop[strings.Index(shop, "  web:"):], new: "", want: []string{"shop-web-web-0 Drain", "shop-web-web-1 Drain"}, stacks: 2, booted: 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.deploy(shop)
			b.mu.Lock()
			b.order, b.applied = nil, 0
			b.mu.Unlock()
			if d := b.deploy(strings.Replace(shop, c.old, c.new, 1)); d.State != controller.Succeeded {
				t.Fatalf("deployment is %s: %s", d.State, d.Cause)
			}
			if got := b.executed(); !slices.Equal(got, c.want) {
				t.Errorf("executed %q, want %q", got, c.want)
			}
			if b.applied != c.applied {
				t.Errorf("%d stacks applied, want %d", b.applied, c.applied)
			}
			booted := 0
			for _, n := range b.booted {
				booted += n
			}
			if len(b.stacks) != c.stacks || booted != c.booted {
				t.Errorf("%d stacks and %d servers made, want %d and %d", len(b.stacks), booted, c.stacks, c.booted)
			}
			if got, want := len(b.broker.Queues())-2, len(b.servers()); got != want {
				t.Errorf("%d queues for %d servers", got, want)
			}
		})
	}
}

// servers lists the servers of all applications of shop.
func (b *bench) servers() []controller.ServerStatus {
	var out []controller.ServerStatus
	for _, a := range b.status("shop").Applications {
		out = append(out, a.Servers...)
	}
	return out
}

func TestAnApplicationThatWasTakenAwayCanComeBack(t *testing.T) {
	b := newBench(t, nil)
	without := shop[:strings.Index(shop, "  web:")]
	for _, spec := range []string{shop, without, shop} {
		if d := b.deploy(spec); d.State != controller.Succeeded {
			t.Fatalf("deployment is %s: %s", d.State, d.Cause)
		}
	}
	if n := b.booted["shop-web-web-0"]; n != 2 {
		t.Errorf("the server was made %d times", n)
	}
}

func TestDeleteEndsADeploymentThatStillRuns(t *testing.T) {
	b := newBench(t, func(_ *controller.Controller, c *cloud) { c.mute["shop-web-web-0"] = true })
	d, err := b.Deploy(t.Context(), environment(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	b.await("waiting", "web[0]")
	deleted := b.delete("shop")
	if deleted.State != controller.Succeeded || len(b.stacks) != 0 {
		t.Errorf("deletion is %s: %s; %d stacks left", deleted.State, deleted.Cause, len(b.stacks))
	}
	if d, err = b.Deployment(t.Context(), d.ID); err != nil || d.State != controller.Cancelled {
		t.Errorf("the deployment is %s, %v", d.State, err)
	}
	if _, err := b.Controller.Delete(t.Context(), "shop"); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("deleting it again: %v", err)
	}
	if d := b.deploy("name: shop\nnetwork: {create: {dns: [192.0.2.53]}}\ndefaults: {image: i, flavor: f}\napplications: {db: {package: test.Postgres, parameters: {password: p}}}\n"); d.State != controller.Succeeded {
		t.Errorf("deploying it anew is %s: %s", d.State, d.Cause)
	}
}

// await follows the timeline until an event of this status and server.
func (b *bench) await(status, server string) controller.Event {
	b.t.Helper()
	var after int64
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		events, err := b.Events(b.t.Context(), "shop", after, time.Second)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range events {
			if after = e.Seq; e.Status == status && e.Server == server {
				return e
			}
		}
	}
	b.t.Fatalf("no event %s of %s came", status, server)
	return controller.Event{}
}

func TestAStackThatCannotBeDeletedIsReportedAndDeletedLater(t *testing.T) {
	var broken bool
	b := newBench(t, func(_ *controller.Controller, c *cloud) {
		c.fault = func(verb, stack string) error {
			if broken && verb == "delete" && strings.HasSuffix(stack, "-db") {
				return errors.New("DELETE_FAILED: ConnectFailure: resources.port_db_0")
			}
			return nil
		}
	})
	b.deploy(shop)
	broken = true
	d := b.delete("shop")
	if d.State != controller.Failed || !strings.Contains(d.Cause, "application db: delete stack") || !strings.Contains(d.Cause, "ConnectFailure") {
		t.Errorf("deletion is %s: %s", d.State, d.Cause)
	}
	if len(b.stacks) != 2 {
		t.Errorf("%d stacks are left, want db and the network", len(b.stacks))
	}
	broken = false
	b.leave = []controller.Leftover{{Service: "cinder", Type: "OS::Cinder::Volume", ID: "v-1"}}
	d = b.delete("shop")
	if d.State != controller.Succeeded || len(d.Leftovers) != 2 {
		t.Errorf("deletion is %s: %s; leftovers %v", d.State, d.Cause, d.Leftovers)
	}
}

func TestSecretsAreShownNowhere(t *testing.T) {
	b := newBench(t, nil)
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatal(d.Cause)
	}
	events, err := b.Events(t.Context(), "shop", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for what, v := range map[string]any{"the timeline": events, "the status": b.status("shop")} {
		text, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "s3cret") {
			t.Errorf("%s shows the password:\n%s", what, text)
		}
	}
	if got := b.status("shop").Applications[0].Outputs["dsn"]; got != "***" {
		t.Errorf("output dsn: %v", got)
	}
	if !slices.ContainsFunc(b.bodies, func(s string) bool {
		return strings.Contains(s, "s3cret-password") && strings.Contains(s, `"secrets": ["value"]`)
	}) {
		t.Errorf("no plan names its secret parameter:\n%s", strings.Join(b.bodies, "\n"))
	}
}

func TestASecretThatWasChangedIsStillNotShown(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	if d := b.deploy(strings.ReplaceAll(shop, "s3cret-password", "another-password")); d.State != controller.Succeeded {
		t.Fatal(d.Cause)
	}
	text, err := json.Marshal(b.status("shop"))
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"s3cret-password", "another-password"} {
		if strings.Contains(string(text), password) {
			t.Errorf("the status shows %s:\n%s", password, text)
		}
	}
}

func TestWhatIsWrongIsFoundBeforeAnythingIsRecorded(t *testing.T) {
	b := newBench(t, nil)
	for name, c := range map[string]struct{ old, new, want string }{
		"a package nobody put":   {"test.Web", "test.Webb", "the controller has no package test.Webb"},
		"a parameter too few":    {"password: s3cret-password", "", "password"},
		"a parameter too many":   {"password:", "pasword: x, password:", "pasword"},
		"a server without image": {"image: debian, ", "", "image"},
		"a network without DNS":  {"dns: [192.0.2.53]", "", "dns"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Deploy(t.Context(), environment(t, strings.Replace(shop, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %q", err, c.want)
			}
			if _, err := b.Environment(t.Context(), "shop"); !errors.Is(err, controller.ErrNotFound) {
				t.Errorf("an environment was recorded: %v", err)
			}
		})
	}
}

func TestAPlanIsSentByHand(t *testing.T) {
	b := newBench(t, func(c *controller.Controller, _ *cloud) {
		c.Options.StepTimeout, c.Options.SilenceTimeout = time.Second, time.Second
	})
	b.deploy(shop)
	queue := b.servers()[0].Queue
	p := plans.Plan{Name: "by hand", Body: "return 1"}
	p.FormatVersion = plans.Version{Major: 2}
	r, err := b.SendPlan(t.Context(), queue, p)
	if err != nil || r.ErrorCode != plans.CodeOK {
		t.Errorf("result %+v, %v", r, err)
	}
	status := b.status("shop")
	recorded, err := b.Store.Plans(t.Context(), status.ID)
	if err != nil || !slices.ContainsFunc(recorded, func(one controller.PlanRecord) bool { return one.ID == r.SourceID }) {
		t.Errorf("the plan does not belong to its server's environment: %v, %v", recorded, err)
	}
	for _, a := range status.Applications {
		if slices.ContainsFunc(a.Steps, func(s controller.StepStatus) bool { return s.Plan == r.SourceID }) {
			t.Errorf("the plan is shown as a step of %s", a.Name)
		}
	}
	p.ID = r.SourceID
	if _, err := b.SendPlan(t.Context(), queue, p); !errors.Is(err, controller.ErrKnownPlan) {
		t.Errorf("the same ID again: %v", err)
	}
	p.ID = ""
	if _, err := b.SendPlan(t.Context(), "e1-h1", p); !errors.Is(err, plans.ErrUnroutable) {
		t.Errorf("a queue that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.SendPlan(ctx, queue, p); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
}
