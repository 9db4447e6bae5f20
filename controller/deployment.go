// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// A DeploymentID is 32 lower-case hex digits.
type DeploymentID string

// Wishes.
const (
	WishDeploy Wish = "deploy"
	WishDelete Wish = "delete"
)

// A Wish is what a deployment takes its environment to.
type Wish string

// States of a deployment.
const (
	Running   DeploymentState = "running"
	Succeeded DeploymentState = "succeeded"
	Failed    DeploymentState = "failed"
	Cancelled DeploymentState = "cancelled" // another wish took its place
)

// A DeploymentState is where a deployment stands.
type DeploymentState string

// A Deployment takes one environment to one wish.
type Deployment struct {
	ID            DeploymentID    `json:"id"`
	EnvironmentID string          `json:"environmentId"`
	Environment   EnvironmentName `json:"environment"`
	Wish          Wish            `json:"wish"`
	State         DeploymentState `json:"state"`
	Cause         string          `json:"cause,omitempty"` // why it failed, one line for each application
	// Packages are the digests of the packages that the wish was made with, by
	// full name: a package put later is for later deployments.
	Packages  map[string]string `json:"packages,omitempty"`
	Started   time.Time         `json:"started"`
	Ended     time.Time         `json:"ended,omitzero"`
	Leftovers []Leftover        `json:"leftovers,omitempty"` // what is still there of deleted stacks
}

// attend runs each unfinished deployment of the store, one for an environment
// at a time, and starts what is wished later. It returns when ctx ends, or
// when the store fails.
func (c *Controller) attend(ctx context.Context) error {
	ring, stop := c.bells.listen(ringWish)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.start(ctx, g, ring) })
	return g.Wait()
}

// start starts deployments in g.
func (c *Controller) start(ctx context.Context, g *errgroup.Group, ring <-chan struct{}) error {
	type attempt struct {
		of     DeploymentID
		cancel context.CancelFunc
	}
	running := make(map[string]attempt) // by environment ID
	ended := make(chan string)
	for {
		unfinished, err := c.Store.Unfinished(ctx)
		if err != nil {
			return err
		}
		for _, d := range unfinished {
			if a, ok := running[d.EnvironmentID]; ok {
				if a.of != d.ID {
					a.cancel() // d is started when it has ended
				}
				continue
			}
			attemptCtx, cancel := context.WithCancel(ctx)
			running[d.EnvironmentID] = attempt{d.ID, cancel}
			g.Go(func() error {
				defer cancel()
				err := c.carryOut(attemptCtx, d)
				select {
				case ended <- d.EnvironmentID:
				case <-ctx.Done():
				}
				return err
			})
		}
		select {
		case <-ring:
		case id := <-ended:
			delete(running, id)
		case <-ctx.Done():
			return nil
		}
	}
}

// A run is one deployment being carried out.
type run struct {
	*Controller
	d    Deployment
	env  EnvironmentRecord
	mask *mask
}

// carryOut takes d to its end and records it. It returns nil when ctx ends
// first, and an error only when the store fails.
func (c *Controller) carryOut(ctx context.Context, d Deployment) error {
	err := c.finish(ctx, d)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(err, ErrStore):
		return nil // another wish, or the end of the controller: what is recorded stays as it is
	}
	return fmt.Errorf("environment %s, deployment %s: %w", d.Environment, d.ID, err)
}

// finish carries d out and ends it in the store.
func (c *Controller) finish(ctx context.Context, d Deployment) error {
	env, err := c.Store.Environment(ctx, d.Environment)
	if err != nil {
		return err
	}
	r := &run{Controller: c, d: d, env: env, mask: new(mask)}
	state := StateDeployed
	if d.Wish == WishDelete {
		state = StateDeleted
	}
	d.Leftovers, err = r.fulfil(ctx)
	if fatal(ctx, err) {
		return err
	}
	d.State, d.Ended = Succeeded, c.now()
	if err != nil {
		d.State, d.Cause, state = Failed, r.mask.text(err.Error()), StateFailed
	}
	e := Event{Kind: EventEnvironment, Status: string(d.State), Text: closing(d), Once: "ended"}
	if len(d.Leftovers) > 0 {
		e.Fields = map[string]any{"leftovers": d.Leftovers}
	}
	if err := r.tell(ctx, e); err != nil {
		return err
	}
	if err := c.Store.Finish(ctx, d, state); err != nil {
		return err
	}
	c.bells.ring(ringDeployment(d.ID))
	c.log().Info("deployment ended", "environment", d.Environment, "deployment", d.ID, "wish", d.Wish, "state", d.State)
	return nil
}

// fulfil takes the environment to what is wished.
func (r *run) fulfil(ctx context.Context) ([]Leftover, error) {
	m, err := r.maskOf(ctx, r.env)
	if err != nil {
		return nil, err
	}
	r.mask = m
	defer r.masks.use(r.env.ID, m)()
	defer r.flood.forget(r.env.ID)
	if err := r.tell(ctx, Event{Kind: EventEnvironment, Status: "begun", Text: string(r.d.Wish) + " begins", Once: "begun"}); err != nil {
		return nil, err
	}
	if r.d.Wish == WishDelete {
		return r.deleteAll(ctx)
	}
	return r.deploy(ctx)
}

// closing is the last line of a deployment.
func closing(d Deployment) string {
	switch {
	case d.State == Failed:
		return string(d.Wish) + " failed: " + d.Cause
	case d.Wish == WishDeploy && len(d.Leftovers) == 0:
		return "deployed"
	case d.Wish == WishDeploy:
		return fmt.Sprintf("deployed; %d resources of removed applications are left over", len(d.Leftovers))
	case len(d.Leftovers) == 0:
		return "deleted; nothing is left"
	}
	return fmt.Sprintf("deleted; %d resources are left over", len(d.Leftovers))
}

// tell records an event of the deployment, secrets masked.
func (r *run) tell(ctx context.Context, e Event) error {
	e.EnvironmentID, e.Environment, e.Deployment = r.env.ID, r.env.Name, r.d.ID
	e.Text = r.mask.text(e.Text)
	return r.event(ctx, e)
}

// fatal tells an error that ends the controller or this attempt from one that
// is the outcome of a deployment, to be recorded.
func fatal(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ErrStore))
}
