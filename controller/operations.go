// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/openmurano/murano/plans"
)

// ErrConflict says that an operation is not possible in the state things are in.
var ErrConflict = errors.New("not now")

// Deploy records the wish that the environment be as e says, and returns its
// deployment, which Run carries out. An environment of that name is changed to
// e; what is equal is not touched; a deployment of it that still runs is
// cancelled. What is wrong in e is found before anything is recorded.
func (c *Controller) Deploy(ctx context.Context, e Environment) (Deployment, error) {
	e, err := e.Complete(c.Options.Settings)
	if err != nil {
		return Deployment{}, err
	}
	packages, err := c.check(ctx, e)
	if err != nil {
		return Deployment{}, err
	}
	c.wishes.Lock()
	defer c.wishes.Unlock()
	now := c.now()
	env, err := c.Store.Environment(ctx, e.Name)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && env.State == StateDeleted:
		env = EnvironmentRecord{ID: newID(), Name: e.Name, Created: now}
	case err != nil:
		return Deployment{}, err
	case env.State == StateDeleting:
		return Deployment{}, fmt.Errorf("environment %s is being deleted: %w; wait until it is gone", e.Name, ErrConflict)
	}
	if e, err = c.choosePrefix(ctx, e, env); err != nil {
		return Deployment{}, fmt.Errorf("environment %s: %w", e.Name, err)
	}
	spec, err := e.Encode()
	if err != nil {
		return Deployment{}, fmt.Errorf("environment %s: %w", e.Name, err)
	}
	env.Spec, env.State, env.Cause, env.Updated = spec, StateDeploying, "", now
	return c.begin(ctx, env, WishDeploy, packages)
}

// Delete records the wish that nothing be left of the environment, and returns
// the deployment that sees to it. A deployment that still runs is cancelled
// first. Deleting an environment that is being deleted returns that deletion.
func (c *Controller) Delete(ctx context.Context, name EnvironmentName) (Deployment, error) {
	c.wishes.Lock()
	defer c.wishes.Unlock()
	env, err := c.Store.Environment(ctx, name)
	if err == nil && env.State == StateDeleted {
		err = ErrNotFound
	}
	if err != nil {
		return Deployment{}, fmt.Errorf("environment %s: %w", name, err)
	}
	last, err := c.Store.Deployment(ctx, env.Deployment)
	if err != nil {
		return Deployment{}, err
	}
	if last.Wish == WishDelete && last.State == Running {
		return last, nil
	}
	env.State, env.Cause, env.Updated = StateDeleting, "", c.now()
	return c.begin(ctx, env, WishDelete, nil)
}

// begin records the wish and wakes the one who carries it out.
func (c *Controller) begin(ctx context.Context, env EnvironmentRecord, w Wish, packages map[string]string) (Deployment, error) {
	d := Deployment{
		ID: DeploymentID(newID()), EnvironmentID: env.ID, Environment: env.Name,
		Wish: w, State: Running, Packages: packages, Started: env.Updated,
	}
	env.Deployment = d.ID
	if err := c.Store.Begin(ctx, env, d); err != nil {
		return Deployment{}, fmt.Errorf("environment %s: %w", env.Name, err)
	}
	c.bells.ring(ringWish)
	return d, nil
}

// Deployment returns one deployment as it stands.
func (c *Controller) Deployment(ctx context.Context, id DeploymentID) (Deployment, error) {
	d, err := c.Store.Deployment(ctx, id)
	if err != nil {
		err = fmt.Errorf("deployment %s: %w", id, err)
	}
	return d, err
}

// Wait returns the deployment once it has ended: succeeded, failed or cancelled.
func (c *Controller) Wait(ctx context.Context, id DeploymentID) (Deployment, error) {
	ring, stop := c.bells.listen(ringDeployment(id))
	defer stop()
	wish, stopWish := c.bells.listen(ringWish) // another wish cancels this one
	defer stopWish()
	for {
		d, err := c.Deployment(ctx, id)
		if err != nil || d.State != Running {
			return d, err
		}
		select {
		case <-ring:
		case <-wish:
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}

// SendPlan sends a plan by hand to the agent that reads queue and returns its
// result, a failed one too; see Dispatcher.Dispatch for the errors. What is
// recorded of it, which may hold secrets, goes with the server's environment.
func (c *Controller) SendPlan(ctx context.Context, queue string, p plans.Plan) (plans.Result, error) {
	s, err := c.Store.Server(ctx, queue)
	if err != nil && !errors.Is(err, ErrNotFound) { // an agent that this controller did not make may be spoken to
		return plans.Result{}, err
	}
	r, err := c.Dispatcher().dispatch(ctx, queue, p, s.EnvironmentID)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("environment %s was deleted before the result came: the plan is %w", s.Environment, err)
	}
	return r, err
}

// packagesOf reads the packages of a deployment, by full name.
func (c *Controller) packagesOf(ctx context.Context, d Deployment) (map[string]*Package, error) {
	out := make(map[string]*Package, len(d.Packages))
	for name, digest := range maps.All(d.Packages) {
		p, err := c.packageOf(ctx, name, digest)
		if err != nil {
			return nil, err
		}
		out[name] = p
	}
	return out, nil
}
