// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// deleteAll removes every application, then the network. What outlived its stack is returned.
func (r *run) deleteAll(ctx context.Context) ([]Leftover, error) {
	records, err := r.Store.Applications(ctx, r.env.ID)
	if err != nil {
		return nil, err
	}
	leftovers, err := r.removeAll(ctx, records)
	if err != nil {
		return leftovers, err // the network cannot go before what is on it
	}
	more, err := r.removeNetwork(ctx)
	return append(leftovers, more...), err
}

// removeNetwork removes the network's stack, if there is one.
func (r *run) removeNetwork(ctx context.Context) ([]Leftover, error) {
	var err error
	r.env.Network, err = r.drop(ctx, r.env.Network, "", func(s StackRecord) error {
		return r.Store.PutNetwork(ctx, r.env.ID, s)
	})
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return r.env.Network.Leftovers, nil
}

// removeAll removes applications side by side, each once those that depend on
// it are gone. One that cannot be removed keeps what it depends on.
func (r *run) removeAll(ctx context.Context, records []ApplicationRecord) ([]Leftover, error) {
	outcomes := make(map[ApplicationName]*outcome, len(records))
	for _, a := range records {
		outcomes[a.Name] = &outcome{done: make(chan struct{})}
	}
	leftovers := make([][]Leftover, len(records))
	g, ctx := errgroup.WithContext(ctx)
	for i, a := range records {
		g.Go(func() error {
			o := outcomes[a.Name]
			defer close(o.done)
			if err := r.awaitDependents(ctx, a.Name, records, outcomes); err != nil {
				o.err = err
				if fatal(ctx, err) {
					return err
				}
				return nil
			}
			one := &applicationRun{run: r, app: Application{Name: a.Name, Package: a.Package}}
			leftovers[i], o.err = one.remove(ctx, a)
			if fatal(ctx, o.err) {
				return o.err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var failures []error
	for _, a := range records {
		if err := outcomes[a.Name].err; err != nil {
			failures = append(failures, fmt.Errorf("application %s: %w", a.Name, err))
		}
	}
	return slices.Concat(leftovers...), errors.Join(failures...)
}

// awaitDependents waits until all that depend on the application are removed.
func (r *run) awaitDependents(ctx context.Context, name ApplicationName, records []ApplicationRecord, outcomes map[ApplicationName]*outcome) error {
	for _, other := range records {
		if !slices.Contains(other.After, name) {
			continue
		}
		select {
		case <-outcomes[other.Name].done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if outcomes[other.Name].err != nil {
			return fmt.Errorf("kept, because application %s, which depends on it, could not be removed", other.Name)
		}
	}
	return nil
}

// remove takes the application away: its destroy steps as far as they go, its
// stack, its queues. It returns what the stack left over.
func (a *applicationRun) remove(ctx context.Context, record ApplicationRecord) ([]Leftover, error) {
	if record.State == StateDeleted {
		if record.Deployment != a.d.ID {
			return nil, nil // gone before, and reported then
		}
		return record.Stack.Leftovers, nil
	}
	a.record = record
	if err := a.destroy(ctx); err != nil {
		if fatal(ctx, err) {
			return nil, err
		}
		return nil, a.notRemoved(ctx, err)
	}
	a.record.State, a.record.Cause = StateDeleted, ""
	text := "deleted"
	if n := len(a.record.Stack.Leftovers); n > 0 {
		text = fmt.Sprintf("deleted; %d resources are left over", n)
	}
	if err := a.tell(ctx, Event{Kind: EventEnvironment, Status: "succeeded", Text: text, Once: "deleted"}); err != nil {
		return nil, err
	}
	return a.record.Stack.Leftovers, a.save(ctx)
}

// notRemoved records why the application is still there.
func (a *applicationRun) notRemoved(ctx context.Context, cause error) error {
	a.record.State, a.record.Cause = StateFailed, a.mask.text(cause.Error())
	if err := a.tell(ctx, Event{Kind: EventEnvironment, Status: "failed", Text: "not deleted: " + a.record.Cause, Once: "not deleted"}); err != nil {
		return err
	}
	if err := a.save(ctx); err != nil {
		return err
	}
	return cause
}

func (a *applicationRun) destroy(ctx context.Context) error {
	record := a.record
	if err := a.load(ctx); err != nil {
		return err
	}
	a.record = record
	if a.record.State != StateDeleting || a.record.Deployment != a.d.ID {
		a.record.State, a.record.Cause, a.record.Deployment = StateDeleting, "", a.d.ID
		a.record.Stack.Complete = false // whatever becomes of it: it must be applied again to be used again
		if err := a.save(ctx); err != nil {
			return err
		}
	}
	if err := a.tell(ctx, Event{Kind: EventEnvironment, Status: "begun", Text: "delete begins", Once: "delete begun"}); err != nil {
		return err
	}
	if !a.record.Stack.Deleted {
		if err := a.destroySteps(ctx); err != nil {
			return err
		}
	}
	stack, err := a.drop(ctx, a.record.Stack, a.app.Name, func(s StackRecord) error {
		a.record.Stack = s
		return a.save(ctx)
	})
	if err != nil {
		return err
	}
	a.record.Stack = stack
	for _, s := range a.servers {
		if err := a.Transport.Remove(ctx, s.Queue); err != nil {
			return fmt.Errorf("remove queue %s of server %s: %w", s.Queue, s.Label(), err)
		}
		if err := a.Store.RemoveServer(ctx, s.Queue); err != nil {
			return err
		}
		a.flood.dismiss(s.Queue)
		a.heartbeats.dismiss(s.Queue)
	}
	return nil
}

// destroySteps runs the package's destroy steps, best effort: one that fails is
// in the timeline, and the next one runs. Servers whose agent never spoke are
// left out.
func (a *applicationRun) destroySteps(ctx context.Context) error {
	pack, err := a.packageOf(ctx, a.record.Package, a.record.PackageDigest)
	if fatal(ctx, err) {
		return err
	}
	if err != nil {
		return a.tell(ctx, Event{
			Kind: EventStep, Status: "skipped", Text: fmt.Sprintf("destroy steps are left out: %v", err), Once: phaseDestroy + "/left out",
		})
	}
	a.pack = pack
	a.mask.addParameters(pack, a.record.Parameters)
	a.scope = Scope{
		Environment: a.env.Name, Application: a.app.Name, Parameters: a.record.Parameters,
		Steps: make(map[string]StepResult), Applications: make(map[ApplicationName]ApplicationScope),
	}
	records, err := a.Store.Applications(ctx, a.env.ID)
	if err != nil {
		return err
	}
	for _, other := range records { // those it depends on are still there
		if slices.Contains(a.record.After, other.Name) {
			a.scope.Applications[other.Name] = ApplicationScope{Outputs: other.Outputs}
		}
	}
	for _, s := range serversOf(a.servers, a.app.Name) {
		if a.serverOf(s).spoke() {
			a.scope.Servers = append(a.scope.Servers, s)
		}
	}
	for _, s := range pack.Spec.Destroy {
		if len(s.On.Select(a.scope.Servers)) == 0 {
			continue
		}
		r, err := a.step(ctx, phaseDestroy, s)
		if fatal(ctx, err) {
			return err
		}
		a.scope.Steps[s.Name] = r
		if err == nil {
			continue
		}
		if err := a.tell(ctx, Event{
			Kind: EventStep, Status: "failed", Text: fmt.Sprintf("%s: %v; the deletion goes on", s.Name, err),
			Once: phaseDestroy + "/" + s.Name + "/given up",
		}); err != nil {
			return err
		}
	}
	return nil
}
