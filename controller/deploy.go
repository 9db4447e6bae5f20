// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// A place is where an application's servers are put.
type place struct {
	network, subnet string // names or IDs; subnet may be empty
	external        string
}

// deploy takes the environment to its spec: the network, then the removal of
// applications that are no longer in it, then the others side by side, each
// after those it depends on. Leftovers are those of the removed ones.
func (r *run) deploy(ctx context.Context) ([]Leftover, error) {
	spec, err := ParseEnvironment(r.env.Spec)
	if err != nil {
		return nil, err
	}
	packages, err := r.packagesOf(ctx, r.d)
	if err != nil {
		return nil, err
	}
	where, err := r.network(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	records, err := r.Store.Applications(ctx, r.env.ID)
	if err != nil {
		return nil, err
	}
	var gone []ApplicationRecord
	for _, a := range records {
		if _, wished := spec.Application(a.Name); !wished {
			gone = append(gone, a)
		}
	}
	leftovers, goneErr := r.removeAll(ctx, gone)
	if fatal(ctx, goneErr) {
		return nil, goneErr
	}
	if err := errors.Join(goneErr, r.applications(ctx, spec, packages, where)); err != nil {
		return leftovers, err
	}
	if spec.Network.Use != nil { // the network it had before, if it was made for it
		more, err := r.removeNetwork(ctx)
		return append(leftovers, more...), err
	}
	return leftovers, nil
}

// network brings the shared network to the spec and says where it is.
func (r *run) network(ctx context.Context, spec Environment) (place, error) {
	if use := spec.Network.Use; use != nil {
		return place{network: use.Network, subnet: use.Subnet, external: use.External}, nil
	}
	prefix, err := spec.ChooseCIDR(nil)
	if err != nil {
		return place{}, err
	}
	create := spec.Network.Create
	template, err := NetworkTemplate(NetworkInput{Environment: spec.Name, CIDR: prefix, DNS: create.DNS, External: create.External})
	if err != nil {
		return place{}, err
	}
	r.env.Network, err = r.apply(ctx, wishedStack{
		record: r.env.Network, name: r.stackName(), template: template,
		save: func(s StackRecord) error { return r.Store.PutNetwork(ctx, r.env.ID, s) },
	})
	if err != nil {
		return place{}, err
	}
	where := place{external: create.External}
	where.network, _ = r.env.Network.Outputs["network_id"].(string)
	where.subnet, _ = r.env.Network.Outputs["subnet_id"].(string)
	if where.network == "" {
		return place{}, fmt.Errorf("stack %s is complete but has no output network_id; delete the environment and deploy it again", r.env.Network.Name)
	}
	return where, nil
}

// An outcome is how one application of a run ended. err and seen are read only after done is closed.
type outcome struct {
	done chan struct{}
	err  error
	seen ApplicationScope
}

// applications deploys them side by side, each once all it depends on are
// deployed. A failure cuts off only those that depend on it. The error names each that failed.
func (r *run) applications(ctx context.Context, spec Environment, packages map[string]*Package, where place) error {
	after, err := spec.Dependencies()
	if err != nil {
		return err
	}
	outcomes := make(map[ApplicationName]*outcome, len(spec.Applications))
	for _, a := range spec.Applications {
		outcomes[a.Name] = &outcome{done: make(chan struct{})}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range spec.Applications {
		g.Go(func() error {
			o := outcomes[a.Name]
			defer close(o.done)
			one := &applicationRun{
				run: r, app: a, spec: spec, pack: packages[a.Package], where: where, after: after[a.Name],
				others: make(map[ApplicationName]ApplicationScope),
			}
			failed, err := one.await(ctx, outcomes)
			if err != nil {
				o.err = err
				return err
			}
			o.seen, o.err = one.carryOut(ctx, failed)
			if fatal(ctx, o.err) {
				return o.err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var failures []error
	for _, a := range spec.Applications {
		if err := outcomes[a.Name].err; err != nil && !errors.Is(err, errSkipped) {
			failures = append(failures, fmt.Errorf("application %s: %w", a.Name, err))
		}
	}
	return errors.Join(failures...)
}

// errSkipped is the outcome of an application whose dependency failed.
var errSkipped = errors.New("skipped")

// await waits for the applications this one depends on. It names one that
// failed, if any, and keeps what the others show.
func (a *applicationRun) await(ctx context.Context, outcomes map[ApplicationName]*outcome) (failed ApplicationName, err error) {
	for _, name := range a.after {
		o := outcomes[name]
		select {
		case <-o.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if o.err != nil && failed == "" {
			failed = name
		}
		a.others[name] = o.seen
	}
	return failed, nil
}

// carryOut deploys the application, or skips it because another failed, and records how it ended.
func (a *applicationRun) carryOut(ctx context.Context, failed ApplicationName) (ApplicationScope, error) {
	if err := a.load(ctx); err != nil {
		return ApplicationScope{}, err
	}
	if a.record.Deployment == a.d.ID { // a controller before this one was here
		switch a.record.State {
		case StateDeployed:
			a.mask.addParameters(a.pack, a.record.Parameters)
			return ApplicationScope{Outputs: a.record.Outputs, Servers: serversOf(a.servers, a.app.Name)}, nil
		case StateSkipped:
			return ApplicationScope{}, errSkipped
		case StateFailed:
			return ApplicationScope{}, errors.New(a.record.Cause)
		}
	}
	a.record.Deployment, a.record.After = a.d.ID, slices.Clone(a.after)
	a.record.Package, a.record.PackageDigest = a.app.Package, a.pack.Digest
	var err error
	if failed != "" {
		err = errSkipped
		a.record.State, a.record.Cause = StateSkipped, fmt.Sprintf("application %s, which it depends on, failed", failed)
	} else {
		err = a.deploy(ctx)
		if fatal(ctx, err) {
			return ApplicationScope{}, err
		}
		a.record.State, a.record.Cause = StateDeployed, ""
		if err != nil {
			a.record.State, a.record.Cause = StateFailed, a.mask.text(err.Error())
		}
	}
	text := string(a.record.State)
	if a.record.Cause != "" {
		text += ": " + a.record.Cause
	}
	status := map[State]string{StateDeployed: "succeeded", StateFailed: "failed", StateSkipped: "skipped"}[a.record.State]
	if tellErr := a.tell(ctx, Event{Kind: EventEnvironment, Status: status, Text: text, Once: "ended"}); tellErr != nil {
		return ApplicationScope{}, tellErr
	}
	if saveErr := a.save(ctx); saveErr != nil {
		return ApplicationScope{}, saveErr
	}
	return ApplicationScope{Outputs: a.record.Outputs, Servers: serversOf(a.servers, a.app.Name)}, err
}
