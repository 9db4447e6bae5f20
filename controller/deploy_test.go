// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/sqlstore"
)

// A bench is a controller that runs, on a cloud and a store in memory.
type bench struct {
	*controller.Controller
	*cloud
	t *testing.T
}

func newBench(t *testing.T, change func(*controller.Controller, *cloud)) *bench {
	t.Helper()
	store, err := sqlstore.InMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cl := newCloud(t)
	c := &controller.Controller{Store: store, Stacks: cl, Transport: cl.broker.Conn(), UserData: userData}
	if change != nil {
		change(c, cl)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, files := range []map[string]string{postgres, web} {
		if _, err := c.PutPackage(ctx, zipped(t, files)); err != nil {
			t.Fatal(err)
		}
	}
	return &bench{c, cl, t}
}

func (b *bench) deploy(yaml string) controller.Deployment {
	b.t.Helper()
	d, err := b.Deploy(b.t.Context(), environment(b.t, yaml))
	return b.wait(d, err)
}

func (b *bench) delete(name controller.EnvironmentName) controller.Deployment {
	b.t.Helper()
	d, err := b.Controller.Delete(b.t.Context(), name)
	return b.wait(d, err)
}

func (b *bench) wait(d controller.Deployment, err error) controller.Deployment {
	b.t.Helper()
	if err == nil {
		ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
		defer cancel()
		d, err = b.Wait(ctx, d.ID)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *bench) status(name controller.EnvironmentName) controller.EnvironmentStatus {
	b.t.Helper()
	s, err := b.Environment(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestAnEnvironmentIsDeployedAndDeleted(t *testing.T) {
	b := newBench(t, nil)
	if d := b.deploy(shop); d.State != controller.Succeeded {
		t.Fatalf("deployment is %s: %s", d.State, d.Cause)
	}
	s := b.status("shop")
	if s.State != controller.StateDeployed || len(s.Applications) != 2 {
		t.Fatalf("environment: %+v", s)
	}
	web := s.Applications[1]
	if web.Outputs["url"] != "http://10.0.0.server_web_0/" || web.Outputs["said"] != "shop-web-web-1 hello" {
		t.Errorf("outputs of web: %v", web.Outputs)
	}
	want := []string{"shop-db-db-0 Install", "shop-web-web-0 Configure", "shop-web-web-0 Install", "shop-web-web-1 Install"}
	if got := b.executed(); !slices.Equal(got, want) {
		t.Errorf("executed %q, want %q", got, want)
	}
	if d := b.delete("shop"); d.State != controller.Succeeded || len(d.Leftovers) != 0 {
		t.Fatalf("deletion: %+v", d)
	}
	if len(b.stacks) != 0 {
		t.Errorf("stacks left: %v", b.stacks)
	}
	if got, want := b.broker.Queues(), []string{"murano-events", "murano-results"}; !slices.Equal(got, want) {
		t.Errorf("queues %q, want %q", got, want)
	}
	if n := len(b.deleted); n != 3 || !strings.HasSuffix(b.deleted[0], "-web") || !strings.HasSuffix(b.deleted[1], "-db") {
		t.Errorf("stacks deleted in the order %q", b.deleted)
	}
	if s := b.status("shop"); s.State != controller.StateDeleted {
		t.Errorf("environment is %s", s.State)
	}
}
