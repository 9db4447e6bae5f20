// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// Phases of an application's steps.
const (
	phaseDeploy  = "deploy"
	phaseDestroy = "destroy"
)

// steps runs the steps of a list in order, each on all its servers at once.
func (a *applicationRun) steps(ctx context.Context, phase string, steps []Step) error {
	a.scope.Steps = make(map[string]StepResult, len(steps))
	for _, s := range steps {
		r, err := a.step(ctx, phase, s)
		if err != nil {
			return fmt.Errorf("step %q: %w", s.Name, err)
		}
		a.scope.Steps[s.Name] = r
	}
	return nil
}

// step runs one step on its servers, where it is wished and not yet done.
func (a *applicationRun) step(ctx context.Context, phase string, s Step) (StepResult, error) {
	wished, err := Truth(s.When, a.scope)
	if err != nil {
		return StepResult{}, fmt.Errorf("when: %w", err)
	}
	if !wished {
		err := a.tell(ctx, Event{
			Kind: EventStep, Status: "skipped", Text: s.Name + ": skipped, its condition does not hold",
			Fields: map[string]any{"step": s.Name, "phase": phase}, Once: phase + "/" + s.Name + "/skipped",
		})
		return StepResult{Skipped: true}, err
	}
	p, err := a.plan(s)
	if err != nil {
		return StepResult{}, err
	}
	targets := s.On.Select(a.scope.Servers)
	results, faults := make([]any, len(targets)), make([]error, len(targets))
	var all errgroup.Group
	for i, server := range targets {
		all.Go(func() error {
			results[i], faults[i] = a.stepOn(ctx, phase, s.Name, p, server)
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return StepResult{}, err
	}
	for _, err := range faults {
		if fatal(ctx, err) {
			return StepResult{}, err
		}
	}
	return StepResult{Results: results}, errors.Join(faults...)
}

// plan makes the step's plan, without ID and Stamp.
func (a *applicationRun) plan(s Step) (plans.Plan, error) {
	with, err := Resolve(s.With, a.scope)
	if err != nil {
		return plans.Plan{}, fmt.Errorf("with: %w", err)
	}
	values, _ := with.(map[string]any)
	p, err := a.pack.StepPlan(s, values)
	if err != nil {
		return plans.Plan{}, err
	}
	p.Options.Timeout = or(s.Timeout, p.Options.Timeout, a.Options.StepTimeout, time.Hour)
	if s.Retry.Attempts > 0 {
		p.Options.Retry = s.Retry
	}
	p.Options.Progress = true
	for name, value := range p.Parameters.All() {
		text, ok := name.(string)
		if ok && !slices.Contains(p.Options.Secrets, text) && a.holdsSecret(value) {
			p.Options.Secrets = append(p.Options.Secrets, text)
		}
	}
	return p, nil
}

// holdsSecret tells whether a plan's parameter must not be printed.
func (a *applicationRun) holdsSecret(v body.Value) bool {
	encoded, err := body.EncodeJSON(v)
	if err != nil {
		return true
	}
	var plain any
	return json.Unmarshal(encoded, &plain) != nil || a.mask.holds(plain)
}

// stepOn brings one server through a step and gives what the plan returned.
// A plan that this deployment has sent, or one equal to it that another has
// sent and that did not fail, is not sent anew: its result counts, or is waited for.
func (a *applicationRun) stepOn(ctx context.Context, phase, step string, p plans.Plan, on Server) (any, error) {
	server := a.serverOf(on)
	digest, err := planDigest(p, server)
	if err != nil {
		return nil, err
	}
	e := Event{Server: server.Label(), Kind: EventStep, Fields: map[string]any{"step": step, "phase": phase}}
	tell := func(status, text string) error {
		e.Status, e.Text, e.Once = status, step+" on "+server.Label()+": "+text, phase+"/"+step+"/"+status
		return a.tell(ctx, e)
	}

	r, known := a.sent[sentTo{phase, step, server.Label()}]
	switch mine, equal := known && r.Deployment == a.d.ID, known && r.Digest == digest; {
	case !mine && equal && r.State == PlanSucceeded:
		return r.returned(), tell("unchanged", "unchanged since plan "+r.ID)
	case mine, equal && r.State == PlanSent:
	default:
		if r, err = a.Dispatcher().prepare(ctx, server.Queue, p); err != nil {
			return nil, err
		}
		r.EnvironmentID, r.Deployment, r.Application = a.env.ID, a.d.ID, a.app.Name
		r.Phase, r.Step, r.Server, r.Digest = phase, step, server.Label(), digest
		if phase == phaseDestroy {
			r.Timeout = or(a.Options.DestroyTimeout, 2*time.Minute)
		}
		if err := a.Store.PutPlan(ctx, r); err != nil {
			return nil, err
		}
	}
	e.Fields["plan"] = r.ID
	if err := tell("begun", "plan "+r.ID); err != nil {
		return nil, err
	}
	if r.State == PlanSent {
		r, err = a.deliver(ctx, r)
		if fatal(ctx, err) {
			return nil, err
		}
	}
	if r.State != PlanSucceeded {
		if err := tell("failed", r.Cause); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("on %s, plan %s: %s", server.Label(), r.ID, r.Cause)
	}
	return r.returned(), tell("succeeded", "succeeded")
}

// deliver sends the plan and waits; where no result can come any more it records that.
func (a *applicationRun) deliver(ctx context.Context, r PlanRecord) (PlanRecord, error) {
	done, err := a.Dispatcher().deliver(ctx, r.ID)
	switch {
	case err == nil, fatal(ctx, err):
		return done, err
	case errors.Is(err, ErrSilent):
		r.Cause = fmt.Sprintf("no result came in %v: the agent is gone, or the plan runs longer than its timeout allows; "+
			"look at murano-agent.service and /var/murano/plans on the server", r.Timeout)
	case errors.Is(err, plans.ErrUnroutable):
		r.Cause = fmt.Sprintf("the broker has no queue %s any more: it expired or was removed; deploy again, which declares it", r.Queue)
	default:
		r.Cause = err.Error()
	}
	r.State = PlanFailed
	return r, a.Store.GiveUp(ctx, r.ID, r.Cause)
}

func (a *applicationRun) serverOf(on Server) ServerRecord {
	for _, s := range a.servers {
		if s.Group == on.Group && s.Index == on.Index {
			return s
		}
	}
	return ServerRecord{}
}

// planDigest is equal for two plans that do the same on the same machine.
func planDigest(p plans.Plan, s ServerRecord) (string, error) {
	p.ID, p.Stamp, p.ReplyTo = "digest", 0, ""
	encoded, err := p.Encode()
	if err != nil {
		return "", fmt.Errorf("encode plan %s: %w", p.Name, err)
	}
	return digestOf([]byte(s.Queue), []byte(s.ID), encoded), nil
}
