// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openmurano/murano/plans"
)

// An EnvironmentStatus is an environment as it stands, for a person or a
// program. Secret parameters are masked in all of it.
type EnvironmentStatus struct {
	ID           string              `json:"id"`
	Name         EnvironmentName     `json:"name"`
	State        State               `json:"state"`
	Cause        string              `json:"cause,omitempty"`
	Created      time.Time           `json:"created"`
	Updated      time.Time           `json:"updated"`
	Deployment   Deployment          `json:"deployment"` // the last one
	Network      *StackStatus        `json:"network,omitempty"`
	Applications []ApplicationStatus `json:"applications,omitempty"`
	Spec         string              `json:"spec,omitempty"` // YAML; empty once deleted
}

// A StackStatus is a Heat stack as the controller last saw it.
type StackStatus struct {
	Name     string  `json:"name"`
	ID       StackID `json:"id,omitempty"`
	Complete bool    `json:"complete"` // Heat has brought it to the wished template
}

// An ApplicationStatus is an application as it stands.
type ApplicationStatus struct {
	Name    ApplicationName   `json:"name"`
	Package string            `json:"package"`
	State   State             `json:"state"`
	Cause   string            `json:"cause,omitempty"`
	After   []ApplicationName `json:"after,omitempty"`
	Stack   *StackStatus      `json:"stack,omitempty"`
	Outputs map[string]any    `json:"outputs,omitempty"`
	Servers []ServerStatus    `json:"servers,omitempty"`
	Steps   []StepStatus      `json:"steps,omitempty"` // one for each plan that was sent, oldest first
}

// A ServerStatus is a server as it stands.
type ServerStatus struct {
	Name     string    `json:"name"` // group[index]
	Hostname string    `json:"hostname"`
	ID       string    `json:"id,omitempty"` // Nova's
	Address  string    `json:"address,omitempty"`
	Floating string    `json:"floating,omitempty"`
	Queue    string    `json:"queue"`
	Agent    string    `json:"agent,omitempty"` // its version
	Hello    time.Time `json:"hello,omitzero"`  // when the agent last connected; absent: never
	// Inventory is what the guest is and has, as its agent said on connecting.
	Inventory map[string]string `json:"inventory,omitempty"`
	// Heartbeat is the agent's last one; absent where none has come since the controller's start.
	Heartbeat *Heartbeat `json:"heartbeat,omitempty"`
}

// A StepStatus is a step on one server.
type StepStatus struct {
	Phase      string       `json:"phase"` // deploy or destroy
	Step       string       `json:"step"`
	Server     string       `json:"server"`
	Plan       string       `json:"plan"` // its ID
	Deployment DeploymentID `json:"deployment"`
	State      PlanState    `json:"state"`
	Cause      string       `json:"cause,omitempty"`  // absent, as Result is, when a later plan took its place
	Result     any          `json:"result,omitempty"` // what the plan's Body returned
	Sent       time.Time    `json:"sent"`
	Ended      time.Time    `json:"ended,omitzero"`
}

// List lists the environments that are not deleted, by name, without their applications.
func (c *Controller) List(ctx context.Context) ([]EnvironmentStatus, error) {
	all, err := c.Store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]EnvironmentStatus, 0, len(all))
	for _, e := range all {
		s, err := c.summary(ctx, e)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Environment returns the environment of that name with all that is in it. A
// deleted one is still found, with its deletion and what that left over, until
// another of its name takes its place.
func (c *Controller) Environment(ctx context.Context, name EnvironmentName) (EnvironmentStatus, error) {
	e, err := c.Store.Environment(ctx, name)
	if err != nil {
		return EnvironmentStatus{}, fmt.Errorf("environment %s: %w", name, err)
	}
	s, err := c.summary(ctx, e)
	if err != nil || e.State == StateDeleted {
		return s, err
	}
	apps, err := c.Store.Applications(ctx, e.ID)
	if err != nil {
		return s, err
	}
	servers, err := c.Store.Servers(ctx, e.ID)
	if err != nil {
		return s, err
	}
	sent, err := c.Store.Plans(ctx, e.ID)
	if err != nil {
		return s, err
	}
	m, err := c.maskOf(ctx, e)
	if err != nil {
		return s, err
	}
	if s.Spec, err = c.maskedSpec(ctx, e, m); err != nil {
		return s, err
	}
	for _, a := range apps {
		if !a.Stack.Deleted {
			s.Applications = append(s.Applications, a.status(m, servers, sent, c.heartbeats.of))
		}
	}
	return s, nil
}

func (c *Controller) summary(ctx context.Context, e EnvironmentRecord) (EnvironmentStatus, error) {
	d, err := c.Store.Deployment(ctx, e.Deployment)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return EnvironmentStatus{}, err
	}
	return EnvironmentStatus{
		ID: e.ID, Name: e.Name, State: e.State, Cause: e.Cause, Created: e.Created, Updated: e.Updated,
		Deployment: d, Network: e.Network.status(),
	}, nil
}

func (s StackRecord) status() *StackStatus {
	if s.Name == "" || s.Deleted {
		return nil
	}
	return &StackStatus{Name: s.Name, ID: s.ID, Complete: s.Complete}
}

func (a ApplicationRecord) status(m *mask, servers []ServerRecord, sent []PlanRecord, heartbeat func(queue string) *Heartbeat) ApplicationStatus {
	out := ApplicationStatus{
		Name: a.Name, Package: a.Package, State: a.State, Cause: a.Cause, After: a.After,
		Stack: a.Stack.status(), Outputs: m.values(a.Outputs),
	}
	for _, s := range servers {
		if s.Application == a.Name {
			out.Servers = append(out.Servers, ServerStatus{
				Name: s.Label(), Hostname: s.Hostname, ID: s.ID, Address: s.Address, Floating: s.Floating,
				Queue: s.Queue, Agent: s.Hello.Version, Hello: s.Hello.Time, Inventory: s.Hello.Inventory, Heartbeat: heartbeat(s.Queue).masked(m),
			})
		}
	}
	last := make(map[sentTo]string)
	for _, p := range sent {
		if p.Application == a.Name {
			last[sentTo{p.Phase, p.Step, p.Server}] = p.ID
		}
	}
	for _, p := range sent {
		if p.Application != a.Name {
			continue
		}
		step := StepStatus{
			Phase: p.Phase, Step: p.Step, Server: p.Server, Plan: p.ID, Deployment: p.Deployment,
			State: p.State, Sent: p.Created, Ended: p.ResultAt,
		}
		// One that was replaced may hold a secret that has been changed since, which m does not know.
		if last[sentTo{p.Phase, p.Step, p.Server}] == p.ID {
			step.Cause, step.Result = m.text(p.Cause), m.value(p.returned())
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

// returned gives what the plan's Body returned, as plain JSON values; nil
// where the plan has not succeeded.
func (p PlanRecord) returned() any {
	if p.State != PlanSucceeded {
		return nil
	}
	r, err := plans.ParseResult(p.Result)
	if err != nil {
		return nil
	}
	var v any
	if json.Unmarshal(r.Body, &v) != nil {
		return nil
	}
	return v
}

// maskOf hides every secret parameter of an environment: those written in its
// spec, and those that were resolved from other applications' outputs. Where a
// package can no longer be read, all its parameters count as secret.
func (c *Controller) maskOf(ctx context.Context, e EnvironmentRecord) (*mask, error) {
	m := new(mask)
	hide := func(p *Package, values map[string]any, err error) error {
		switch {
		case errors.Is(err, ErrStore), ctx.Err() != nil:
			return err
		case err != nil:
			m.add(values)
		default:
			m.addParameters(p, values)
		}
		return nil
	}
	if spec, err := ParseEnvironment(e.Spec); err == nil {
		for _, a := range spec.Applications {
			p, err := c.Package(ctx, a.Package)
			if err := hide(p, a.Parameters, err); err != nil {
				return nil, err
			}
		}
	}
	apps, err := c.Store.Applications(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		p, err := c.packageOf(ctx, a.Package, a.PackageDigest)
		if err := hide(p, a.Parameters, err); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// maskedSpec gives the environment's spec with every secret parameter masked,
// and nothing of a spec that this program can no longer read.
func (c *Controller) maskedSpec(ctx context.Context, e EnvironmentRecord, m *mask) (string, error) {
	spec, err := ParseEnvironment(e.Spec)
	if err != nil {
		return "", nil
	}
	for i, a := range spec.Applications {
		values := m.values(a.Parameters)
		p, err := c.Package(ctx, a.Package)
		if errors.Is(err, ErrStore) || ctx.Err() != nil {
			return "", err
		}
		for name := range values {
			if err != nil || slices.Contains(p.Secrets(), name) {
				values[name] = masked
			}
		}
		spec.Applications[i].Parameters = values
	}
	b, err := spec.Encode()
	return string(b), err
}

// serversOf gives the servers of one application, as references see them.
func serversOf(servers []ServerRecord, name ApplicationName) []Server {
	var out []Server
	for _, s := range servers {
		if s.Application == name {
			out = append(out, Server{
				Group: s.Group, Index: s.Index, Hostname: s.Hostname, ID: s.ID, Address: s.Address, Floating: s.Floating,
			})
		}
	}
	return out
}
