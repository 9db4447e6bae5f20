// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
)

const hello = `{"FormatVersion": "2.0.0", "Name": "Hello", "Body": "return 'hello ' + args.name", "Parameters": {"name": "you"}, "Scripts": {}}`

// environment is an environment of one vault.
func environment(name, password, exit string) []byte {
	return []byte("name: " + name + "\napplications:\n  vault:\n    package: com.example.Vault\n    parameters: {password: " + password + ", exit: " + exit + "}\n")
}

// ended waits for a deployment's end.
func (b *bench) ended(t *testing.T, d controller.Deployment) controller.Deployment {
	t.Helper()
	d, err := b.Deployment(t.Context(), d.ID, time.Minute)
	if err != nil || d.State == controller.Running {
		t.Fatalf("deployment %s is %s: %v", d.ID, d.State, err)
	}
	return d
}

func TestEveryOperation(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	put, err := b.PutPackage(ctx, vault(t))
	if err != nil || put.Name != "com.example.Vault" || put.Title != "Vault" || len(put.Digest) != 64 {
		t.Fatalf("put package: %+v, %v", put, err)
	}
	packages, err := b.Packages(ctx)
	if err != nil || len(packages) != 1 || packages[0].Digest != put.Digest || packages[0].Added.IsZero() {
		t.Errorf("packages: %+v, %v", packages, err)
	}
	if all, err := b.Environments(ctx); err != nil || all == nil || len(all) != 0 {
		t.Errorf("environments before the first: %#v, %v, want an empty list", all, err)
	}

	d, err := b.Deploy(ctx, environment("safe", "swordfish", "0"))
	if err != nil || d.State != controller.Running {
		t.Fatalf("deploy: %+v, %v", d, err)
	}
	if d = b.ended(t, d); d.State != controller.Succeeded {
		t.Fatalf("deployment: %+v", d)
	}
	if again, err := b.Deployment(ctx, d.ID, 0); err != nil || again.State != controller.Succeeded {
		t.Errorf("deployment without waiting: %+v, %v", again, err)
	}
	if all, err := b.Environments(ctx); err != nil || len(all) != 1 || all[0].Name != "safe" || all[0].State != controller.StateDeployed {
		t.Errorf("environments: %+v, %v", all, err)
	}
	e, err := b.Environment(ctx, "safe")
	if err != nil || len(e.Applications) != 1 || len(e.Applications[0].Servers) != 1 || len(e.Applications[0].Steps) != 1 {
		t.Fatalf("environment: %+v, %v", e, err)
	}
	server := e.Applications[0].Servers[0]
	if server.Hello.IsZero() || server.Address != "127.0.0.1" {
		t.Errorf("server: %+v, want one whose agent has spoken", server)
	}
	events, err := b.Events(ctx, "safe", 0, 0)
	if err != nil || len(events) < 5 {
		t.Fatalf("events: %+v, %v", events, err)
	}
	last := events[len(events)-1]
	if later, err := b.Events(ctx, "safe", events[0].Seq, 0); err != nil || len(later) != len(events)-1 {
		t.Errorf("events after the first: %d, %v, want %d", len(later), err, len(events)-1)
	}
	begun := time.Now()
	if none, err := b.Events(ctx, "safe", last.Seq, time.Second); err != nil || len(none) != 0 || time.Since(begun) < 900*time.Millisecond {
		t.Errorf("events after the last: %+v, %v after %v, want none after a second", none, err, time.Since(begun))
	}

	r, err := b.SendPlan(ctx, server.Queue, []byte(hello))
	if err != nil || r.ErrorCode != 0 || string(r.Body) != `"hello you"` {
		t.Errorf("send plan: %+v %s, %v", r, r.Body, err)
	}
	r, err = b.SendPlan(ctx, server.Queue, []byte(`{"FormatVersion": "2.0.0", "Body": "return {}['x']", "Scripts": {}}`))
	if err != nil || r.ErrorCode == 0 {
		t.Errorf("a plan that fails: %+v, %v, want its result", r, err)
	}

	if d, err = b.Delete(ctx, "safe"); err != nil || d.Wish != controller.WishDelete {
		t.Fatalf("delete: %+v, %v", d, err)
	}
	if d = b.ended(t, d); d.State != controller.Succeeded || len(d.Leftovers) != 0 {
		t.Errorf("deletion: %+v", d)
	}
	if e, err = b.Environment(ctx, "safe"); err != nil || e.State != controller.StateDeleted {
		t.Errorf("a deleted environment: %+v, %v, want it to be shown with its deletion", e, err)
	}
}

func TestRefusals(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	if _, err := b.PutPackage(ctx, vault(t)); err != nil {
		t.Fatal(err)
	}
	d, err := b.Deploy(ctx, environment("safe", "swordfish", "0"))
	if err != nil {
		t.Fatal(err)
	}
	b.ended(t, d)
	e, err := b.Environment(ctx, "safe")
	if err != nil {
		t.Fatal(err)
	}
	queue := e.Applications[0].Servers[0].Queue
	known := strings.Replace(hello, "{", `{"ID": "twice", `, 1)
	if _, err := b.SendPlan(ctx, queue, []byte(known)); err != nil {
		t.Fatal(err)
	}

	for name, tt := range map[string]struct {
		do     func() error
		status int
		says   []string
	}{
		"an environment that is not there": {
			func() error { _, err := b.Environment(ctx, "lost"); return err }, 404, []string{"lost"}},
		"an environment whose name needs escaping": {
			func() error { _, err := b.Environment(ctx, "a/b?c"); return err }, 404, []string{"a/b?c"}},
		"the events of one that is not there": {
			func() error { _, err := b.Events(ctx, "lost", 0, 0); return err }, 404, nil},
		"the deletion of one that is not there": {
			func() error { _, err := b.Delete(ctx, "lost"); return err }, 404, []string{"lost"}},
		"a deployment that is not there": {
			func() error { _, err := b.Deployment(ctx, "0123", 0); return err }, 404, nil},
		"waiting for a deployment that is not there": {
			func() error { _, err := b.Deployment(ctx, "0123", time.Second); return err }, 404, nil},
		"a queue that is not there": {
			func() error { _, err := b.SendPlan(ctx, "nobody", []byte(hello)); return err }, 404, []string{"nobody", "is the name of the queue right"}},
		"a plan that was sent before": {
			func() error { _, err := b.SendPlan(ctx, queue, []byte(known)); return err }, 409, []string{"twice", "another ID"}},
		"a plan that is no JSON": {
			func() error { _, err := b.SendPlan(ctx, queue, []byte("Body: x")); return err }, 422, nil},
		"a plan without a Body": {
			func() error {
				_, err := b.SendPlan(ctx, queue, []byte(`{"FormatVersion": "2.0.0", "Scripts": {}}`))
				return err
			}, 422, []string{"Body"}},
		"a plan of a later format": {
			func() error {
				_, err := b.SendPlan(ctx, queue, []byte(`{"FormatVersion": "9.0.0", "Body": "x"}`))
				return err
			}, 422, []string{"9.0.0"}},
		"a package that is no zip": {
			func() error { _, err := b.PutPackage(ctx, []byte("no zip")); return err }, 422, []string{"package is a .zip"}},
		"a package without a manifest": {
			func() error { _, err := b.PutPackage(ctx, zipped(t, "README.md", "x")); return err }, 422, []string{"manifest.yaml"}},
		"a package with several faults": {
			func() error {
				_, err := b.PutPackage(ctx, zipped(t, "manifest.yaml", "Format: Agent/1.0\nType: Application\nFullName: com.example.Bad\nName: Bad\n",
					"application.yaml", "Format: Agent/1.0\nservers: {a: {count: many}}\ndeploy:\n  - {on: a, plan: None.template}\n"))
				return err
			}, 422, []string{"manifest.yaml:1: Version", "application.yaml:2: servers.a.count"}},
		"an environment that is no YAML": {
			func() error { _, err := b.Deploy(ctx, []byte("a: [")); return err }, 422, []string{"line 1"}},
		"an environment with several faults": {
			func() error {
				_, err := b.Deploy(ctx, []byte("name: Bad Name\nnetwrk: {}\napplications:\n  a: {package: 5}\n"))
				return err
			}, 422, []string{"line 1: name", "line 2: ", "line 4: "}},
		"a package that nobody has added, and a bad parameter of another": {
			func() error {
				_, err := b.Deploy(ctx, []byte("name: two\napplications:\n  a: {package: com.example.Lost}\n  b: {package: com.example.Vault, parameters: {exit: five, colour: red}}\n"))
				return err
			}, 422, []string{"applications.a.package: the controller has no package com.example.Lost; add it", "applications.b.parameters.exit", "applications.b.parameters.colour", "applications.b.parameters.password"}},
		"a wait that is too long": {
			func() error {
				_, text := b.request(t, "GET", "/v1/environments/safe/events?wait=61", "Bearer "+token, nil)
				return refusalOf(t, text)
			}, 422, []string{"query.wait"}},
		"a body that is too large": {
			func() error { _, err := b.Deploy(ctx, bytes.Repeat([]byte("#\n"), api.MaxEnvironment)); return err }, 413, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.do()
			var refused *api.Error
			if !errors.As(err, &refused) || refused.Status != tt.status {
				t.Fatalf("got %v (%+v), want a refusal with %d", err, refused, tt.status)
			}
			for _, part := range tt.says {
				if !strings.Contains(refused.Detail, part) {
					t.Errorf("got %q, want %q in it", refused.Detail, part)
				}
			}
		})
	}
	t.Run("what was refused is not there", func(t *testing.T) {
		all, err := b.Environments(ctx)
		packages, packagesErr := b.Packages(ctx)
		if err != nil || packagesErr != nil || len(all) != 1 || len(packages) != 1 {
			t.Errorf("environments %+v, packages %+v, %v, %v", all, packages, err, packagesErr)
		}
	})
	t.Run("a store that is gone is 503", func(t *testing.T) {
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := b.Environments(ctx)
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || !errors.Is(err, api.ErrUnreachable) {
			t.Errorf("got %v (%+v), want 503 that can be waited out", err, refused)
		}
	})
}

// refusalOf reads a problem document the way a client of another language would.
func refusalOf(t *testing.T, text string) error {
	t.Helper()
	var p struct {
		Status int
		Errors []struct{ Location, Message string }
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil || len(p.Errors) == 0 {
		t.Fatalf("%v in %s", err, text)
	}
	return &api.Error{Status: p.Status, Detail: p.Errors[0].Location + ": " + p.Errors[0].Message}
}

func TestADeletionThatIsUnderWayRefusesADeployment(t *testing.T) {
	b, _ := idleBench(t) // nobody carries out what is wished: it stays under way
	ctx := t.Context()
	if _, err := b.PutPackage(ctx, vault(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Deploy(ctx, environment("safe", "swordfish", "0")); err != nil {
		t.Fatal(err)
	}
	first, err := b.Delete(ctx, "safe")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Delete(ctx, "safe"); err != nil || again.ID != first.ID {
		t.Errorf("a second deletion: %+v, %v, want the first one", again, err)
	}
	_, err = b.Deploy(ctx, environment("safe", "swordfish", "0"))
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("deploy: %v, want 409", err)
	}
}

func TestRequestsThatWaitEndWithTheServer(t *testing.T) {
	b, ctx := newBench(t), t.Context()
	if _, err := b.PutPackage(ctx, vault(t)); err != nil {
		t.Fatal(err)
	}
	d, err := b.Deploy(ctx, environment("safe", "swordfish", "0"))
	if err != nil {
		t.Fatal(err)
	}
	b.ended(t, d)
	var last int64
	for { // what the agent says last may come behind the end
		events, err := b.Events(ctx, "safe", last, 300*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		last = events[len(events)-1].Seq
	}
	got := make(chan error, 1)
	go func() {
		_, err := b.Events(ctx, "safe", last, time.Minute)
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	b.stop()
	select {
	case err := <-got:
		if !errors.Is(err, api.ErrUnreachable) || !strings.Contains(err.Error(), "stopping") {
			t.Errorf("got %v, want that the controller is stopping, which a client waits out", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits on after the server's end")
	}
}

func TestNoAnswerHoldsASecretParameter(t *testing.T) {
	const secret = "swordfish-0451"
	b, ctx := newBench(t), t.Context()
	if _, err := b.PutPackage(ctx, vault(t)); err != nil {
		t.Fatal(err)
	}
	for name, exit := range map[string]string{"open": "0", "shut": "3"} {
		d, err := b.Deploy(ctx, environment(name, secret, exit))
		if err != nil {
			t.Fatal(err)
		}
		if d = b.ended(t, d); (d.State == controller.Succeeded) != (exit == "0") {
			t.Errorf("%s: %+v", name, d)
		}
		for _, path := range []string{
			"/v1/environments", "/v1/environments/" + name, "/v1/environments/" + name + "/events", "/v1/deployments/" + string(d.ID), "/v1/packages",
		} {
			resp, text := b.request(t, "GET", path, "Bearer "+token, nil)
			if resp.StatusCode != http.StatusOK || strings.Contains(text, secret) {
				t.Errorf("%s of %s: %d with the secret in it:\n%s", path, name, resp.StatusCode, text)
			}
		}
		e, err := b.Environment(ctx, controller.EnvironmentName(name))
		if err != nil || !strings.Contains(e.Spec, "***") {
			t.Errorf("the spec shows no masked parameter: %s, %v", e.Spec, err)
		}
		if exit == "0" && e.Applications[0].Outputs["said"] != "the key is ***" {
			t.Errorf("output: %v", e.Applications[0].Outputs)
		}
	}
	_, err := b.Deploy(ctx, []byte("name: bad\napplications:\n  vault: {package: com.example.Vault, parameters: {password: [swordfish-0451]}}\n"))
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a refused secret: %v, want a refusal without it", err)
	}
}

func TestTheClientTellsWhereNoControllerIs(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "Bearer proxy":
			w.WriteHeader(http.StatusBadGateway)
		case "Bearer lost":
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "<html>not a controller</html>")
	}))
	defer page.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, tt := range map[string]struct {
		client      api.Client
		unreachable bool
		says        string
	}{
		"nobody listens":                        {api.Client{URL: gone.URL}, true, gone.URL + ": "},
		"a host that has no address":            {api.Client{URL: "http://controller.invalid"}, true, "controller.invalid"},
		"a proxy whose controller is away":      {api.Client{URL: page.URL, Token: "proxy"}, true, "502"},
		"another server's page":                 {api.Client{URL: page.URL}, false, "does not answer as a controller does"},
		"another server without that page":      {api.Client{URL: page.URL, Token: "lost"}, false, "404"},
		"an address that is none":               {api.Client{URL: "http://[::1"}, false, "missing ']'"},
		"a URL that ends in a slash is no harm": {api.Client{URL: gone.URL + "/"}, true, "serve (or dev) running"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tt.client.Packages(t.Context())
			if err == nil || errors.Is(err, api.ErrUnreachable) != tt.unreachable || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want one that says %q, unreachable: %t", err, tt.says, tt.unreachable)
			}
		})
	}
}
