// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/plans"
)

// An applicationRun is one application being deployed or removed. Until its
// steps run side by side on their servers it belongs to one goroutine.
type applicationRun struct {
	*run
	app    Application
	spec   Environment
	pack   *Package
	where  place
	after  []ApplicationName
	others map[ApplicationName]ApplicationScope

	record  ApplicationRecord
	servers []ServerRecord        // as recorded, in the order of groups and indexes
	sent    map[sentTo]PlanRecord // the last one for each
	scope   Scope
}

// A sentTo is what plans were sent for.
type sentTo struct{ phase, step, server string }

// load reads what the store knows of the application.
func (a *applicationRun) load(ctx context.Context) error {
	records, err := a.Store.Applications(ctx, a.env.ID)
	if err != nil {
		return err
	}
	a.record = ApplicationRecord{EnvironmentID: a.env.ID, Name: a.app.Name}
	for _, r := range records {
		if r.Name != a.app.Name {
			continue
		}
		if r.State == StateDeleted { // it was removed, and is wished again: as if it had never been
			if err := a.Store.RemoveApplication(ctx, a.env.ID, r.Name); err != nil {
				return err
			}
			continue
		}
		a.record = r
	}
	if err := a.loadServers(ctx); err != nil {
		return err
	}
	sent, err := a.Store.Plans(ctx, a.env.ID)
	if err != nil {
		return err
	}
	a.sent = make(map[sentTo]PlanRecord)
	for _, p := range sent {
		if p.Application == a.app.Name {
			a.sent[sentTo{p.Phase, p.Step, p.Server}] = p
		}
	}
	return nil
}

func (a *applicationRun) loadServers(ctx context.Context) error {
	all, err := a.Store.Servers(ctx, a.env.ID)
	if err != nil {
		return err
	}
	a.servers = nil
	for _, s := range all {
		if s.Application == a.app.Name {
			a.servers = append(a.servers, s)
		}
	}
	return nil
}

func (a *applicationRun) save(ctx context.Context) error {
	a.record.Updated = a.now()
	return a.Store.PutApplication(ctx, a.record)
}

// tell records an event of this application.
func (a *applicationRun) tell(ctx context.Context, e Event) error {
	e.Application = a.app.Name
	if e.Once != "" {
		e.Once = strings.Join([]string{"application", string(a.app.Name), e.Server, e.Once}, "/")
	}
	return a.run.tell(ctx, e)
}

// deploy takes the application to its wished state, in one straight line.
// Each part looks first whether it is done.
func (a *applicationRun) deploy(ctx context.Context) error {
	if err := a.parameters(); err != nil {
		return err
	}
	a.record.State, a.record.Cause = StateDeploying, ""
	if err := a.save(ctx); err != nil {
		return err
	}
	if err := a.tell(ctx, Event{Kind: EventEnvironment, Status: "begun", Text: "deploy begins: " + a.app.Package, Once: "begun"}); err != nil {
		return err
	}
	if err := a.makeServers(ctx); err != nil {
		return err
	}
	if err := a.boot(ctx); err != nil {
		return err
	}
	if err := a.steps(ctx, phaseDeploy, a.pack.Spec.Deploy); err != nil {
		return err
	}
	return a.outputs()
}

// parameters resolves what the operator gave and adds the package's defaults.
func (a *applicationRun) parameters() error {
	a.scope = Scope{Environment: a.env.Name, Application: a.app.Name, Applications: a.others}
	given, err := Resolve(a.app.Parameters, a.scope)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	values, _ := given.(map[string]any)
	if a.record.Parameters, err = a.pack.Parameters(values); err != nil {
		return err
	}
	a.mask.addParameters(a.pack, a.record.Parameters)
	a.scope.Parameters = a.record.Parameters
	return nil
}

// makeServers gives every server an identity and a queue, and has Heat make them.
func (a *applicationRun) makeServers(ctx context.Context) error {
	specs, err := a.pack.Servers(a.spec, a.app)
	if err != nil {
		return err
	}
	wished := make(map[string]bool, len(specs)) // by queue
	for i := range specs {
		s, err := a.identity(ctx, specs[i])
		if err != nil {
			return err
		}
		specs[i].UserData, wished[s.Queue] = s.UserData, true
		if err := a.Transport.Declare(ctx, s.Queue, plans.QueueOptions{Expires: or(a.Options.QueueExpires, 24*time.Hour)}); err != nil {
			return fmt.Errorf("declare queue %s of server %s: %w", s.Queue, s.Label(), err)
		}
	}
	in := StackInput{
		Environment: a.env.Name, Application: a.app.Name,
		Network: a.where.network, Subnet: a.where.subnet, External: a.where.external, Servers: specs,
	}
	template, err := ApplicationTemplate(in)
	if err != nil {
		return err
	}
	a.record.Stack, err = a.apply(ctx, wishedStack{
		record: a.record.Stack, name: a.stackName() + "-" + string(a.app.Name), template: template, application: a.app.Name,
		save: func(s StackRecord) error { a.record.Stack = s; return a.save(ctx) },
	})
	if err != nil {
		return err
	}
	made, err := StackServers(in, a.record.Stack.Outputs)
	if err != nil {
		return fmt.Errorf("stack %s: %w", a.record.Stack.Name, err)
	}
	return a.recordServers(ctx, made, wished)
}

// identity finds the server's identity, or gives it one and records it.
func (a *applicationRun) identity(ctx context.Context, spec ServerSpec) (ServerRecord, error) {
	for _, s := range a.servers {
		if s.Group == spec.Group && s.Index == spec.Index {
			return s, nil
		}
	}
	host := newID()
	s := ServerRecord{ServerIdentity: ServerIdentity{
		EnvironmentID: a.env.ID, Environment: a.env.Name, Application: a.app.Name,
		Group: spec.Group, Index: spec.Index, HostID: host,
		Queue: "e" + a.env.ID + "-h" + host, Hostname: spec.Hostname,
	}}
	if a.UserData != nil {
		broker := a.Options.Agent
		broker.ResultsQueue = or(a.Options.ResultsQueue, "murano-results")
		broker.EventsQueue = or(a.Options.EventsQueue, "murano-events")
		var err error
		if s.UserData, err = a.UserData(s.ServerIdentity, broker); err != nil {
			return s, fmt.Errorf("user data of server %s: %w", s.Label(), err)
		}
	}
	if err := a.Store.PutServer(ctx, s); err != nil {
		return s, err
	}
	a.servers = append(a.servers, s)
	return s, nil
}

// recordServers records where Heat put the servers, and forgets those that are no longer wished.
func (a *applicationRun) recordServers(ctx context.Context, made []Server, wished map[string]bool) error {
	for _, s := range a.servers {
		if !wished[s.Queue] {
			if err := a.Transport.Remove(ctx, s.Queue); err != nil {
				return fmt.Errorf("remove queue %s of server %s: %w", s.Queue, s.Label(), err)
			}
			if err := a.Store.RemoveServer(ctx, s.Queue); err != nil {
				return err
			}
			a.flood.dismiss(s.Queue)
			a.heartbeats.dismiss(s.Queue)
			continue
		}
		for _, m := range made {
			if m.Group != s.Group || m.Index != s.Index || s.ID == m.ID && s.Address == m.Address && s.Floating == m.Floating {
				continue
			}
			if s.ID != m.ID { // another machine: only its own agent's word counts
				s.Since = a.record.Stack.Since
			}
			s.ID, s.Address, s.Floating = m.ID, m.Address, m.Floating
			if err := a.Store.PutServer(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := a.loadServers(ctx); err != nil {
		return err
	}
	a.scope.Servers = made // in the package's order of groups
	return nil
}

// boot waits until the agent of every server has spoken.
func (a *applicationRun) boot(ctx context.Context) error {
	var silent errgroup.Group
	faults := make([]error, len(a.servers))
	for i, s := range a.servers {
		silent.Go(func() error {
			faults[i] = a.awaitHello(ctx, s)
			return nil
		})
	}
	if err := silent.Wait(); err != nil {
		return err
	}
	for _, err := range faults {
		if fatal(ctx, err) {
			return err
		}
	}
	return errors.Join(faults...)
}

// awaitHello waits until the server's agent has spoken since the server was made.
func (a *applicationRun) awaitHello(ctx context.Context, s ServerRecord) error {
	ring, stop := a.bells.listen(ringServer(s.Queue))
	defer stop()
	limit := or(a.Options.BootTimeout, 15*time.Minute)
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		known, err := a.Store.Server(ctx, s.Queue)
		if err != nil {
			return err
		}
		if known.spoke() {
			return nil
		}
		if err := a.tell(ctx, Event{
			Server: s.Label(), Kind: EventAgent, Status: "waiting", Once: "boot",
			Text: fmt.Sprintf("server %s is made; waiting up to %v for its agent", s.Hostname, limit),
		}); err != nil {
			return err
		}
		select {
		case <-ring:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return a.silence(ctx, s, limit)
		}
	}
}

// spoke tells whether the agent of this machine, not of one it replaced, has connected.
func (s ServerRecord) spoke() bool {
	return !s.Hello.Time.IsZero() && !s.Hello.Time.Before(s.Since)
}

// silence says what is known of a server whose agent has not spoken.
func (a *applicationRun) silence(ctx context.Context, s ServerRecord, limit time.Duration) error {
	short, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tail, err := a.Stacks.Console(short, s.ID)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		tail = "could not be read: " + err.Error()
	case strings.TrimSpace(tail) == "":
		tail = "is empty: the guest has not begun to boot, or its image has no serial console"
	default:
		tail = "ends:\n" + lastLines(tail, 20)
	}
	return fmt.Errorf("server %s (%s, Nova %s) is ACTIVE since %s, but its agent has not connected to the broker in %v; "+
		"check in this order: that the image boots and has cloud-init, that it has the agent or can fetch it, "+
		"that the guest resolves and reaches the broker (%s), that login and CA are right; its console %s",
		s.Label(), s.Hostname, s.ID, a.record.Stack.Completed.UTC().Format(time.RFC3339), limit,
		or(strings.Join(a.Options.Agent.Hosts, ", "), "no host configured"), tail)
}

// lastLines gives the last n lines of text that are not empty.
func lastLines(text string, n int) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// outputs resolves what the operator and other applications see.
func (a *applicationRun) outputs() error {
	out := make(map[string]any, len(a.pack.Spec.Outputs))
	for _, o := range a.pack.Spec.Outputs {
		v, err := Resolve(o.Value, a.scope)
		if err != nil {
			return fmt.Errorf("outputs.%s: %w", o.Name, err)
		}
		out[o.Name] = v
	}
	a.record.Outputs = out
	return nil
}
