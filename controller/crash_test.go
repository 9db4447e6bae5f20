// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/sqlstore"
)

var errCrash = fmt.Errorf("the controller was killed: %w", controller.ErrStore)

// records is the store under a mortal.
type records interface{ controller.Environments }

// A mortal is a store whose controller is killed at one of its writes: just
// before it, or just after. From then on nothing answers.
type mortal struct {
	records
	kill func()

	mu    sync.Mutex
	left  int  // writes until the end
	after bool // the last write is still done
	dead  bool
}

// step runs a write, or ends everything.
func (m *mortal) step(write func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errCrash
	}
	m.left--
	if m.left > 0 {
		return write()
	}
	if m.after {
		if err := write(); err != nil {
			return err
		}
	}
	m.dead = true
	m.kill()
	return errCrash
}

func (m *mortal) Begin(ctx context.Context, e controller.EnvironmentRecord, d controller.Deployment) error {
	return m.step(func() error { return m.records.Begin(ctx, e, d) })
}

func (m *mortal) Finish(ctx context.Context, d controller.Deployment, s controller.State) error {
	return m.step(func() error { return m.records.Finish(ctx, d, s) })
}

func (m *mortal) PutNetwork(ctx context.Context, id string, s controller.StackRecord) error {
	return m.step(func() error { return m.records.PutNetwork(ctx, id, s) })
}

func (m *mortal) PutApplication(ctx context.Context, a controller.ApplicationRecord) error {
	return m.step(func() error { return m.records.PutApplication(ctx, a) })
}

func (m *mortal) RemoveApplication(ctx context.Context, id string, name controller.ApplicationName) error {
	return m.step(func() error { return m.records.RemoveApplication(ctx, id, name) })
}

func (m *mortal) PutServer(ctx context.Context, s controller.ServerRecord) error {
	return m.step(func() error { return m.records.PutServer(ctx, s) })
}

func (m *mortal) RemoveServer(ctx context.Context, queue string) error {
	return m.step(func() error { return m.records.RemoveServer(ctx, queue) })
}

func (m *mortal) PutHello(ctx context.Context, queue string, h controller.Hello) (s controller.ServerRecord, err error) {
	return s, m.step(func() error { s, err = m.records.PutHello(ctx, queue, h); return err })
}

func (m *mortal) PutPlan(ctx context.Context, p controller.PlanRecord) error {
	return m.step(func() error { return m.records.PutPlan(ctx, p) })
}

func (m *mortal) PutResult(ctx context.Context, id string, s controller.PlanState, cause string, result []byte, at time.Time) (first bool, err error) {
	return first, m.step(func() error { first, err = m.records.PutResult(ctx, id, s, cause, result, at); return err })
}

func (m *mortal) GiveUp(ctx context.Context, id, cause string) error {
	return m.step(func() error { return m.records.GiveUp(ctx, id, cause) })
}

func (m *mortal) AddEvent(ctx context.Context, e controller.Event) (out controller.Event, err error) {
	return out, m.step(func() error { out, err = m.records.AddEvent(ctx, e); return err })
}

// A scene is a cloud and a store on disk that controllers come and go on.
type scene struct {
	*cloud
	t    *testing.T
	path string
}

// newScene has the packages in its store already: those of the file from, or
// where it is empty, put now.
func newScene(t *testing.T, from string) *scene {
	t.Helper()
	s := &scene{newCloud(t), t, filepath.Join(t.TempDir(), "murano.db")}
	if from != "" {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(s.path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s.live(0, false, func(_ context.Context, c *controller.Controller) error {
		for _, files := range []map[string]string{postgres, web} {
			if _, err := c.PutPackage(t.Context(), zipped(t, files)); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

// live runs a controller on the scene while do runs, or until it is killed at
// its write number at; 0 means it is not. It reports whether it was killed.
func (s *scene) live(at int, after bool, do func(context.Context, *controller.Controller) error) (killed bool) {
	s.t.Helper()
	db, err := sqlstore.Open(s.t.Context(), s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	conn := s.broker.Conn()
	store := &mortal{records: db, left: at, after: after}
	store.kill = func() { cancel(); go conn.Close() }
	c := &controller.Controller{Store: store, Stacks: s.cloud, Transport: conn, UserData: userData}
	if at == 0 {
		c.Store = db
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	err = do(ctx, c)
	cancel()
	runErr := <-ended
	conn.Close()
	store.mu.Lock()
	defer store.mu.Unlock()
	if !store.dead && (err != nil || runErr != nil) {
		s.t.Fatalf("the controller that was not killed: %v; Run: %v", err, runErr)
	}
	return store.dead
}

// deploy sees to it that the environment is deployed, as an operator would who repeats what got no answer.
func deploy(e controller.Environment) func(context.Context, *controller.Controller) error {
	return wish(e.Name, controller.WishDeploy, func(ctx context.Context, c *controller.Controller) (controller.Deployment, error) {
		return c.Deploy(ctx, e)
	})
}

func remove(name controller.EnvironmentName) func(context.Context, *controller.Controller) error {
	return wish(name, controller.WishDelete, func(ctx context.Context, c *controller.Controller) (controller.Deployment, error) {
		return c.Delete(ctx, name)
	})
}

// wish makes a wish unless it was made, and waits until it has succeeded.
func wish(name controller.EnvironmentName, w controller.Wish, make func(context.Context, *controller.Controller) (controller.Deployment, error)) func(context.Context, *controller.Controller) error {
	return func(ctx context.Context, c *controller.Controller) error {
		s, err := c.Environment(ctx, name)
		if err != nil && !errors.Is(err, controller.ErrNotFound) {
			return err
		}
		d := s.Deployment
		if d.Wish != w {
			if d, err = make(ctx, c); err != nil {
				return err
			}
		}
		if d, err = c.Wait(ctx, d.ID); err != nil {
			return err
		}
		if d.State != controller.Succeeded {
			return fmt.Errorf("deployment is %s: %s", d.State, d.Cause)
		}
		return nil
	}
}

// check says what is not as if nothing had happened.
func (s *scene) check(want []string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.ran {
		if n != 1 {
			s.t.Errorf("plan %s was executed %d times", id, n)
		}
	}
	if got := slices.Sorted(slices.Values(s.order)); !slices.Equal(got, want) {
		s.t.Errorf("executed %q\nwant     %q", got, want)
	}
	for name, n := range s.created {
		if n != 1 {
			s.t.Errorf("stack %s was created %d times", name, n)
		}
	}
	for name, n := range s.booted {
		if n != 1 {
			s.t.Errorf("server %s was made %d times", name, n)
		}
	}
}

// timeline gives the events that must come once, without IDs, in a fixed order.
func timeline(ctx context.Context, c *controller.Controller, name controller.EnvironmentName) ([]string, error) {
	events, err := c.Events(ctx, name, 0, 0)
	var out []string
	for _, e := range events {
		if e.Status == "waiting" || e.Status == "hello" {
			continue // how often these come is a matter of time
		}
		if e.Kind == controller.EventHeat {
			e.Text = ""
		}
		text, _, _ := strings.Cut(e.Text, "plan ") // its ID is another each time
		out = append(out, fmt.Sprint(e.Application, " ", e.Server, " ", e.Kind, " ", e.Status, " ", text))
	}
	slices.Sort(out)
	return out, err
}

func TestAKilledControllerIsAsIfNothingHadHappened(t *testing.T) {
	e := environment(t, shop)
	deployed := []string{"shop-db-db-0 Install", "shop-web-web-0 Configure", "shop-web-web-0 Install", "shop-web-web-1 Install"}
	deleted := slices.Sorted(slices.Values(append([]string{"shop-web-web-0 Drain", "shop-web-web-1 Drain"}, deployed...)))

	blank := newScene(t, "").path
	var undisturbed []string
	newScene(t, blank).live(0, false, func(ctx context.Context, c *controller.Controller) (err error) {
		if err := deploy(e)(ctx, c); err != nil {
			return err
		}
		undisturbed, err = timeline(ctx, c, "shop")
		return err
	})

	stride := 1
	if testing.Short() {
		stride = 7
	}
	for _, after := range []bool{false, true} {
		when := map[bool]string{false: "before", true: "after"}[after]
		t.Run("killed "+when+" any write of a deployment", func(t *testing.T) {
			everyWrite(t, stride, func(t *testing.T, at int) bool {
				s := newScene(t, blank)
				killed := s.live(at, after, deploy(e))
				s.live(0, false, func(ctx context.Context, c *controller.Controller) error {
					if err := deploy(e)(ctx, c); err != nil {
						return err
					}
					s.check(deployed)
					status, err := c.Environment(ctx, "shop")
					if err != nil {
						return err
					}
					if got := status.Applications[1].Outputs["said"]; got != "shop-web-web-1 hello" {
						t.Errorf("output said: %v", got)
					}
					got, err := timeline(ctx, c, "shop")
					if !slices.Equal(got, undisturbed) {
						t.Errorf("timeline:\n%s\nof a controller that was not killed:\n%s", strings.Join(got, "\n"), strings.Join(undisturbed, "\n"))
					}
					return err
				})
				return killed
			})
		})
		t.Run("killed "+when+" any write of a deletion", func(t *testing.T) {
			everyWrite(t, stride, func(t *testing.T, at int) bool {
				s := newScene(t, blank)
				s.live(0, false, deploy(e))
				killed := s.live(at, after, remove("shop"))
				s.live(0, false, remove("shop"))
				s.check(deleted)
				s.mu.Lock()
				defer s.mu.Unlock()
				if len(s.stacks) != 0 {
					t.Errorf("stacks are left: %v", slices.Collect(maps.Keys(s.stacks)))
				}
				if got := len(s.broker.Queues()); got != 2 {
					t.Errorf("queues are left: %q", s.broker.Queues())
				}
				return killed
			})
		})
	}
}

func TestAControllerKilledInARedeploymentIsAsIfNothingHadHappened(t *testing.T) {
	blank := newScene(t, "").path
	deployed := []string{"shop-db-db-0 Install", "shop-web-web-0 Configure", "shop-web-web-0 Install", "shop-web-web-1 Install"}
	for name, c := range map[string]struct {
		second string
		ran    []string // beside what the first deployment ran
		stacks int
	}{
		"an application is taken away, another added": {
			second: strings.Replace(shop[:strings.Index(shop, "  web:")], "  db:", "  log: {package: test.Postgres, parameters: {password: x}}\n  db:", 1),
			ran:    []string{"shop-log-db-0 Install", "shop-web-web-0 Drain", "shop-web-web-1 Drain"}, stacks: 3,
		},
		"a server is added, a parameter changed": {
			second: strings.Replace(shop, "  web:\n", "  web:\n    servers: {web: {count: 3}}\n", 1) + "    after: [db]\n",
			ran:    []string{"shop-web-web-2 Install"}, stacks: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := slices.Sorted(slices.Values(append(slices.Clone(deployed), c.ran...)))
			stride := 3 // the writes between are like those of a first deployment
			if testing.Short() {
				stride = 11
			}
			everyWrite(t, stride, func(t *testing.T, at int) bool {
				s := newScene(t, blank)
				s.live(0, false, deploy(environment(t, shop)))
				killed := s.live(at, at%2 == 0, s.redeploy(c.second))
				s.live(0, false, s.redeploy(c.second))
				s.check(want)
				if n := len(s.stacks); n != c.stacks {
					t.Errorf("%d stacks, want %d", n, c.stacks)
				}
				return killed
			})
		})
	}
}

// redeploy makes the second wish for shop unless it was made, and waits until it has succeeded.
func (s *scene) redeploy(spec string) func(context.Context, *controller.Controller) error {
	e := environment(s.t, spec)
	return func(ctx context.Context, c *controller.Controller) error {
		status, err := c.Environment(ctx, e.Name)
		if err != nil {
			return err
		}
		made, err := c.Store.Deployments(ctx, status.ID)
		if err != nil {
			return err
		}
		d := status.Deployment
		if len(made) == 1 {
			if d, err = c.Deploy(ctx, e); err != nil {
				return err
			}
		}
		if d, err = c.Wait(ctx, d.ID); err != nil {
			return err
		}
		if d.State != controller.Succeeded {
			return fmt.Errorf("deployment is %s: %s", d.State, d.Cause)
		}
		return nil
	}
}

// everyWrite runs do for the first write, the second, ..., until it reports
// that no controller was killed any more.
func everyWrite(t *testing.T, stride int, do func(t *testing.T, at int) (killed bool)) {
	for at := 1; ; at += stride {
		killed := true
		ok := t.Run(fmt.Sprint(at), func(t *testing.T) { killed = do(t, at) })
		if !ok || !killed {
			t.Logf("%d writes", at-1)
			return
		}
	}
}
