// SPDX-License-Identifier: Apache-2.0

// Package storetest is the suite that every controller.Environments must pass.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openmurano/murano/controller"
)

// A Store is one that can be closed.
type Store interface {
	controller.Environments
	io.Closer
}

// A suite is one run of the tests on one implementation.
type suite struct {
	// open opens the store in the folder, which is empty the first time.
	open func(t *testing.T, folder string) Store
	// lasting stores hold what they held when they are opened again.
	lasting bool
}

// Run tests stores that open makes. One that is lasting is also closed and
// opened again in the same folder, where it must hold what it held.
func Run(t *testing.T, lasting bool, open func(t *testing.T, folder string) Store) {
	s := suite{open, lasting}
	for name, test := range map[string]func(*testing.T, Store){
		"a package is found by name and by digest":                        packages,
		"of a package's versions the newest are kept and those in use":    packageVersions,
		"an environment has one living record a name":                     names,
		"a new wish cancels the one before":                               wishes,
		"a deployment that was overtaken changes nothing when it ends":    overtaken,
		"a deleted environment keeps its events and loses its secrets":    deleted,
		"an application comes back as it was put":                         applications,
		"a hello stays when its server is put again":                      servers,
		"the first result of a plan stays":                                results,
		"a plan given up takes a late result, a plan with a result stays": givenUp,
		"events come in order, after a Seq and up to a limit":             events,
		"an event that happens once is recorded once in its deployment":   once,
		"goroutines may write side by side":                               sideBySide,
		"a context that has ended is told, and is no fault of the store":  ended,
		"what is not there is ErrNotFound":                                absent,
	} {
		t.Run(name, func(t *testing.T) {
			store := s.open(t, t.TempDir())
			defer shut(t, store)
			test(t, store)
		})
	}
	if lasting {
		t.Run("a store that is opened again holds what it held", s.reopened)
	}
}

func shut(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// start is the time of all records; stores must keep its nanoseconds.
var start = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want[T any](t *testing.T, got, want T, err error) {
	t.Helper()
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func shop(id string) controller.EnvironmentRecord {
	return controller.EnvironmentRecord{
		ID: id, Name: "shop", Spec: []byte("name: shop\npassword: s3cret\n"), State: controller.StateDeploying, Created: start, Updated: start,
	}
}

func wish(id controller.DeploymentID, environmentID string) controller.Deployment {
	return controller.Deployment{
		ID: id, EnvironmentID: environmentID, Environment: "shop", Wish: controller.WishDeploy, State: controller.Running,
		Packages: map[string]string{"a.B": "digest"}, Started: start,
	}
}

// begun gives the store the environment e1 with the deployment d1.
func begun(t *testing.T, s Store) {
	t.Helper()
	must(t, s.Begin(t.Context(), shop("e1"), wish("d1", "e1")))
}

func packages(t *testing.T, s Store) {
	old := controller.PackageRecord{Digest: "1", Name: "a.B", Title: "B", Zip: []byte("old"), Added: start}
	young := controller.PackageRecord{Digest: "2", Name: "a.B", Title: "B", Zip: []byte("new"), Added: start}
	other := controller.PackageRecord{Digest: "3", Name: "a.A", Title: "A", Zip: []byte{0, 255}, Added: start}
	for _, p := range []controller.PackageRecord{young, old, young, other} {
		must(t, s.PutPackage(t.Context(), p))
	}
	got, err := s.PackageNamed(t.Context(), "a.B")
	want(t, got, young, err)
	got, err = s.PackageOf(t.Context(), "1")
	want(t, got, old, err)
	list, err := s.Packages(t.Context())
	young.Zip, other.Zip = nil, nil
	want(t, list, []controller.PackageRecord{other, young}, err)
}

func packageVersions(t *testing.T, s Store) {
	put := func(i int) {
		must(t, s.PutPackage(t.Context(), controller.PackageRecord{Digest: fmt.Sprint("digest-", i, "."), Name: "a.B", Title: "B", Zip: []byte("x"), Added: start}))
	}
	put(0)
	put(1)
	put(2)
	d := wish("d1", "e1")
	d.Packages = map[string]string{"a.B": "digest-0."}
	must(t, s.Begin(t.Context(), shop("e1"), d))
	must(t, s.PutApplication(t.Context(), controller.ApplicationRecord{EnvironmentID: "e1", Name: "b", Package: "a.B", PackageDigest: "digest-1."}))
	const newest = 3 + controller.KeptPackages
	for i := 3; i <= newest; i++ {
		put(i)
	}
	for i := range newest + 1 {
		_, err := s.PackageOf(t.Context(), fmt.Sprint("digest-", i, "."))
		if gone := i == 2 || i == 3; gone != errors.Is(err, controller.ErrNotFound) {
			t.Errorf("version %d of %d, of which a deployment uses 0 and an application 1: %v", i, newest, err)
		}
	}
}

func names(t *testing.T, s Store) {
	begun(t, s)
	if err := s.Begin(t.Context(), shop("e2"), wish("d2", "e2")); !errors.Is(err, controller.ErrStore) {
		t.Errorf("a second living environment of the name: %v", err)
	}
	d := wish("d1", "e1")
	d.State, d.Ended = controller.Succeeded, start
	must(t, s.Finish(t.Context(), d, controller.StateDeleted))
	list, err := s.Environments(t.Context())
	want(t, list, nil, err)
	if e, err := s.Environment(t.Context(), "shop"); err != nil || e.ID != "e1" || e.State != controller.StateDeleted {
		t.Errorf("the deleted one: %+v, %v", e, err)
	}
	must(t, s.Begin(t.Context(), shop("e2"), wish("d2", "e2")))
	e := shop("e2")
	e.Deployment = "d2"
	got, err := s.Environment(t.Context(), "shop")
	want(t, got, e, err)
	list, err = s.Environments(t.Context())
	want(t, list, []controller.EnvironmentRecord{e}, err)
}

func wishes(t *testing.T, s Store) {
	begun(t, s)
	network := controller.StackRecord{Name: "net", Digest: "x", Complete: true, ID: "h1", Outputs: map[string]any{"network_id": "n"}, Since: start}
	must(t, s.PutNetwork(t.Context(), "e1", network))
	e := shop("e1")
	e.Spec, e.State = []byte("name: shop\n"), controller.StateDeleting
	second := wish("d2", "e1")
	second.Started = start.Add(time.Minute)
	must(t, s.Begin(t.Context(), e, second))

	first := wish("d1", "e1")
	first.State, first.Ended = controller.Cancelled, second.Started
	list, err := s.Deployments(t.Context(), "e1")
	want(t, list, []controller.Deployment{first, second}, err)
	list, err = s.Unfinished(t.Context())
	want(t, list, []controller.Deployment{second}, err)
	e.Deployment, e.Network = "d2", network // which a wish does not touch
	got, err := s.Environment(t.Context(), "shop")
	want(t, got, e, err)
}

func overtaken(t *testing.T, s Store) {
	begun(t, s)
	must(t, s.Begin(t.Context(), shop("e1"), wish("d2", "e1")))
	d := wish("d1", "e1")
	d.State, d.Cause = controller.Failed, "late"
	must(t, s.Finish(t.Context(), d, controller.StateFailed))
	if e, err := s.Environment(t.Context(), "shop"); err != nil || e.State != controller.StateDeploying || e.Cause != "" {
		t.Errorf("environment: %+v, %v", e, err)
	}
	if d, err := s.Deployment(t.Context(), "d1"); err != nil || d.State != controller.Cancelled {
		t.Errorf("deployment: %+v, %v", d, err)
	}
}

func deleted(t *testing.T, s Store) {
	begun(t, s)
	must(t, s.PutApplication(t.Context(), controller.ApplicationRecord{EnvironmentID: "e1", Name: "web", State: controller.StateDeleted}))
	must(t, s.PutServer(t.Context(), server("q1", 0)))
	must(t, s.PutPlan(t.Context(), plan("p1", 1)))
	_, err := s.AddEvent(t.Context(), controller.Event{EnvironmentID: "e1", Time: start, Text: "x"})
	must(t, err)
	d := wish("d1", "e1")
	d.State, d.Ended = controller.Succeeded, start.Add(time.Hour)
	d.Leftovers = []controller.Leftover{{Service: "nova", Type: "OS::Nova::Server", ID: "1"}}
	must(t, s.Finish(t.Context(), d, controller.StateDeleted))

	got, err := s.Deployment(t.Context(), "d1")
	want(t, got, d, err)
	e, err := s.Environment(t.Context(), "shop")
	must(t, err)
	apps, err := s.Applications(t.Context(), "e1")
	must(t, err)
	sent, err := s.Plans(t.Context(), "e1")
	must(t, err)
	_, err = s.Server(t.Context(), "q1")
	if len(e.Spec) != 0 || len(apps) != 0 || len(sent) != 0 || !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("still there: spec %q, applications %v, plans %v, server %v", e.Spec, apps, sent, err)
	}
	if ev, err := s.Events(t.Context(), "e1", 0, 10); err != nil || len(ev) != 1 {
		t.Errorf("events: %v, %v", ev, err)
	}
}

func applications(t *testing.T, s Store) {
	begun(t, s)
	a := controller.ApplicationRecord{
		EnvironmentID: "e1", Name: "web", Package: "a.B", PackageDigest: "x", Deployment: "d1", State: controller.StateFailed, Cause: "because",
		After: []controller.ApplicationName{"db"}, Parameters: map[string]any{"n": 1.5, "list": []any{"a", nil, true}},
		Stack: controller.StackRecord{Name: "s", Digest: "d", ID: "h", Outputs: map[string]any{"k": "v"}, Since: start, Completed: start,
			Deleted: true, Leftovers: []controller.Leftover{{ID: "1"}}},
		Outputs: map[string]any{"url": "http://x/"}, Updated: start,
	}
	must(t, s.PutApplication(t.Context(), controller.ApplicationRecord{EnvironmentID: "e1", Name: "web"}))
	must(t, s.PutApplication(t.Context(), a))
	must(t, s.PutServer(t.Context(), server("q1", 0)))
	must(t, s.PutPlan(t.Context(), plan("p1", 1)))
	list, err := s.Applications(t.Context(), "e1")
	want(t, list, []controller.ApplicationRecord{a}, err)

	must(t, s.RemoveApplication(t.Context(), "e1", "web"))
	must(t, s.RemoveApplication(t.Context(), "e1", "web"))
	list, err = s.Applications(t.Context(), "e1")
	want(t, list, nil, err)
	left, err := s.Servers(t.Context(), "e1")
	want(t, left, nil, err)
	sent, err := s.Plans(t.Context(), "e1")
	want(t, sent, nil, err)
}

func server(queue string, index int) controller.ServerRecord {
	return controller.ServerRecord{
		ServerIdentity: controller.ServerIdentity{
			EnvironmentID: "e1", Environment: "shop", Application: "web", Group: "web", Index: index, HostID: "h" + queue, Queue: queue, Hostname: "host",
		},
		UserData: []byte("#cloud-config\n"),
	}
}

func servers(t *testing.T, s Store) {
	begun(t, s)
	first, second := server("q1", 10), server("q2", 9)
	must(t, s.PutServer(t.Context(), first))
	must(t, s.PutServer(t.Context(), second))
	first.Hello = controller.Hello{Time: start, Version: "1.0", BootID: "b", Inventory: map[string]string{"os": "Debian"}}
	got, err := s.PutHello(t.Context(), "q1", first.Hello)
	want(t, got, first, err)
	again := first
	again.ID, again.Address, again.Floating, again.Since, again.Hello = "nova", "10.0.0.1", "192.0.2.1", start, controller.Hello{}
	must(t, s.PutServer(t.Context(), again))
	again.Hello = first.Hello
	got, err = s.Server(t.Context(), "q1")
	want(t, got, again, err)
	list, err := s.Servers(t.Context(), "e1")
	want(t, list, []controller.ServerRecord{second, again}, err)
	must(t, s.RemoveServer(t.Context(), "q1"))
	must(t, s.RemoveServer(t.Context(), "q1"))
	if _, err := s.PutHello(t.Context(), "q1", first.Hello); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("hello of a server that is gone: %v", err)
	}
}

func plan(id string, stamp int64) controller.PlanRecord {
	return controller.PlanRecord{
		ID: id, Queue: "q1", EnvironmentID: "e1", Deployment: "d1", Application: "web", Phase: "deploy", Step: "Install", Server: "web[0]",
		Digest: "d", Stamp: stamp, Body: []byte(`{"Body": "return"}`), Signature: []byte{0, 1}, Timeout: time.Hour + 1, Created: start, State: controller.PlanSent,
	}
}

func results(t *testing.T, s Store) {
	begun(t, s)
	p := plan("p1", 7)
	must(t, s.PutPlan(t.Context(), p))
	other := p
	other.Body = []byte("other")
	if err := s.PutPlan(t.Context(), other); !errors.Is(err, controller.ErrKnownPlan) {
		t.Errorf("a plan of the same ID: %v", err)
	}
	must(t, s.PutPlan(t.Context(), plan("p2", 5)))
	for i, first := range []bool{true, false} {
		got, err := s.PutResult(t.Context(), "p1", controller.PlanSucceeded, "", fmt.Appendf(nil, "%d", i), start)
		want(t, got, first, err)
	}
	p.State, p.Result, p.ResultAt = controller.PlanSucceeded, []byte("0"), start
	got, err := s.Plan(t.Context(), "p1")
	want(t, got, p, err)
	short := []controller.PlanRecord{p, plan("p2", 5)}
	for i := range short {
		short[i].Body, short[i].Signature = nil, nil
	}
	list, err := s.Plans(t.Context(), "e1")
	want(t, list, short, err)
	stamp, err := s.LastStamp(t.Context(), "q1")
	want(t, stamp, 7, err)
	stamp, err = s.LastStamp(t.Context(), "q2")
	want(t, stamp, 0, err)

	byHand := plan("p3", 1)
	byHand.EnvironmentID, byHand.Signature = "", nil
	must(t, s.PutPlan(t.Context(), byHand))
	got, err = s.Plan(t.Context(), "p3")
	want(t, got, byHand, err)
}

func givenUp(t *testing.T, s Store) {
	begun(t, s)
	must(t, s.PutPlan(t.Context(), plan("p1", 1)))
	must(t, s.GiveUp(t.Context(), "p1", "silence"))
	if p, err := s.Plan(t.Context(), "p1"); err != nil || p.State != controller.PlanFailed || p.Cause != "silence" || p.Result != nil {
		t.Errorf("given up: %+v, %v", p, err)
	}
	first, err := s.PutResult(t.Context(), "p1", controller.PlanSucceeded, "", []byte("{}"), start)
	want(t, first, true, err)
	must(t, s.GiveUp(t.Context(), "p1", "silence"))
	if p, err := s.Plan(t.Context(), "p1"); err != nil || p.State != controller.PlanSucceeded || p.Cause != "" {
		t.Errorf("with its result: %+v, %v", p, err)
	}
}

func events(t *testing.T, s Store) {
	begun(t, s)
	other := shop("e2")
	other.Name = "other"
	must(t, s.Begin(t.Context(), other, wish("d2", "e2")))
	var all []controller.Event
	for i := range 5 {
		e, err := s.AddEvent(t.Context(), controller.Event{
			Time: start, EnvironmentID: "e1", Environment: "shop", Deployment: "d1", Application: "web", Server: "web[0]",
			Kind: controller.EventStep, Status: "begun", Text: fmt.Sprint(i), Fields: map[string]any{"plan": "p"},
		})
		must(t, err)
		if len(all) > 0 && e.Seq <= all[len(all)-1].Seq {
			t.Errorf("Seq %d after %d", e.Seq, all[len(all)-1].Seq)
		}
		all = append(all, e)
		_, err = s.AddEvent(t.Context(), controller.Event{EnvironmentID: "e2", Environment: "other"})
		must(t, err)
	}
	got, err := s.Events(t.Context(), "e1", 0, 100)
	want(t, got, all, err)
	got, err = s.Events(t.Context(), "e1", all[1].Seq, 2)
	want(t, got, all[2:4], err)
	got, err = s.Events(t.Context(), "e1", all[4].Seq, 2)
	want(t, got, nil, err)
}

func once(t *testing.T, s Store) {
	begun(t, s)
	e := controller.Event{Time: start, EnvironmentID: "e1", Deployment: "d1", Text: "first", Once: "x"}
	first, err := s.AddEvent(t.Context(), e)
	must(t, err)
	e.Text = "second"
	got, err := s.AddEvent(t.Context(), e)
	want(t, got, first, err)
	e.Deployment = "d2"
	if got, err = s.AddEvent(t.Context(), e); err != nil || got.Seq == first.Seq {
		t.Errorf("in another deployment: %+v, %v", got, err)
	}
	list, err := s.Events(t.Context(), "e1", 0, 10)
	want(t, list, []controller.Event{first, got}, err)
}

func sideBySide(t *testing.T, s Store) {
	begun(t, s)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 10 {
				id := fmt.Sprintf("p%d-%d", i, j)
				if err := s.PutPlan(t.Context(), plan(id, int64(j))); err != nil {
					t.Error(err)
				}
				if _, err := s.AddEvent(t.Context(), controller.Event{EnvironmentID: "e1", Text: id}); err != nil {
					t.Error(err)
				}
				if first, err := s.PutResult(t.Context(), id, controller.PlanSucceeded, "", []byte("{}"), start); err != nil || !first {
					t.Errorf("result of %s: %v, %v", id, first, err)
				}
				if _, err := s.Plans(t.Context(), "e1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if list, err := s.Plans(t.Context(), "e1"); err != nil || len(list) != 80 {
		t.Errorf("%d plans, %v", len(list), err)
	}
	if list, err := s.Events(t.Context(), "e1", 0, 1000); err != nil || len(list) != 80 {
		t.Errorf("%d events, %v", len(list), err)
	}
}

func ended(t *testing.T, s Store) {
	begun(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, readErr := s.Environment(ctx, "shop")
	writeErr := s.PutNetwork(ctx, "e1", controller.StackRecord{})
	for _, err := range []error{readErr, writeErr} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, controller.ErrStore) {
			t.Errorf("error %v", err)
		}
	}
	if _, err := s.Environment(t.Context(), "shop"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func absent(t *testing.T, s Store) {
	ctx := t.Context()
	for what, call := range map[string]func() error{
		"package by name":   func() error { _, err := s.PackageNamed(ctx, "x"); return err },
		"package by digest": func() error { _, err := s.PackageOf(ctx, "x"); return err },
		"environment":       func() error { _, err := s.Environment(ctx, "x"); return err },
		"network":           func() error { return s.PutNetwork(ctx, "x", controller.StackRecord{}) },
		"deployment":        func() error { _, err := s.Deployment(ctx, "x"); return err },
		"server":            func() error { _, err := s.Server(ctx, "x"); return err },
		"hello":             func() error { _, err := s.PutHello(ctx, "x", controller.Hello{}); return err },
		"plan":              func() error { _, err := s.Plan(ctx, "x"); return err },
		"result":            func() error { _, err := s.PutResult(ctx, "x", controller.PlanFailed, "", nil, start); return err },
	} {
		if err := call(); !errors.Is(err, controller.ErrNotFound) || errors.Is(err, controller.ErrStore) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func (s suite) reopened(t *testing.T) {
	folder := t.TempDir()
	store := s.open(t, folder)
	begun(t, store)
	must(t, store.PutPlan(t.Context(), plan("p1", 1)))
	event, err := store.AddEvent(t.Context(), controller.Event{EnvironmentID: "e1", Time: start, Text: "x"})
	must(t, err)
	shut(t, store)

	store = s.open(t, folder)
	defer shut(t, store)
	list, err := store.Unfinished(t.Context())
	want(t, list, []controller.Deployment{wish("d1", "e1")}, err)
	p, err := store.Plan(t.Context(), "p1")
	want(t, p, plan("p1", 1), err)
	next, err := store.AddEvent(t.Context(), controller.Event{EnvironmentID: "e1", Time: start, Text: "y"})
	must(t, err)
	if next.Seq <= event.Seq {
		t.Errorf("Seq %d after %d", next.Seq, event.Seq)
	}
}
