// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/openmurano/murano/plans"
)

// receiveEvents declares the queue of what agents say unasked, and records it
// in the timelines, until ctx ends.
func (c *Controller) receiveEvents(ctx context.Context) error {
	queue := or(c.Options.EventsQueue, "murano-events")
	if err := c.Transport.Declare(ctx, queue, plans.QueueOptions{}); err != nil {
		return fmt.Errorf("declare queue %s: %w", queue, err)
	}
	return c.Transport.Receive(ctx, queue, c.keepEvent)
}

// keepEvent records an agent's event. One that says nothing to this controller
// is dropped, and so is what a guest says beyond measure: no guest may fill the
// store, or keep the others from being heard.
func (c *Controller) keepEvent(ctx context.Context, m plans.Message) error {
	if len(m.Body) > maxEvent {
		c.log().Warn("an event is too long; dropped", "bytes", len(m.Body), "limit", maxEvent)
		return nil
	}
	e, err := plans.ParseEvent(m.Body)
	if err != nil {
		c.log().Warn("a message in the queue of events is no event; dropped", "error", err)
		return nil
	}
	switch e.Kind {
	case plans.EventHello:
		err = c.keepHello(ctx, e)
	case plans.EventProgress:
		err = c.keepProgress(ctx, e)
	case plans.EventHeartbeat:
		err = c.keepHeartbeat(ctx, e)
	}
	if errors.Is(err, ErrNotFound) {
		c.log().Debug("an agent that no environment knows; its event is dropped", "queue", e.Queue, "plan", e.Plan)
		return nil
	}
	return err
}

func (c *Controller) keepHello(ctx context.Context, e plans.Event) error {
	s, err := c.Store.Server(ctx, e.Queue)
	if err != nil {
		return err
	}
	n, span := c.flood.countHello(e.Queue, c.now())
	if n > maxHello && s.spoke() {
		return nil
	}
	e.Version, e.BootID, e.Hostname = oneLine(e.Version, maxName), oneLine(e.BootID, maxName), oneLine(e.Hostname, maxName)
	if s, err = c.Store.PutHello(ctx, e.Queue, Hello{Time: c.now(), Version: e.Version, BootID: e.BootID, Inventory: bounded(e.Inventory)}); err != nil {
		return err
	}
	c.bells.ring(ringServer(e.Queue))
	text := "the agent is connected"
	if e.Version != "" {
		text = "agent " + e.Version + " is connected"
	}
	if n == maxHello {
		text += fmt.Sprintf(", %d times now in less than %v: no more of these are recorded in that time; see why with journalctl -u murano-agent on the server", n, span)
	}
	return c.event(ctx, Event{
		EnvironmentID: s.EnvironmentID, Environment: s.Environment, Application: s.Application, Server: s.Label(),
		Kind: EventAgent, Status: "hello", Text: text,
		Fields: map[string]any{"hostname": e.Hostname, "version": e.Version, "bootId": e.BootID},
	})
}

// keepProgress records what a plan does while the environment's deployment
// runs; afterwards its result has said everything.
func (c *Controller) keepProgress(ctx context.Context, e plans.Event) error {
	p, err := c.Store.Plan(ctx, e.Plan)
	if err != nil || p.Deployment == "" || c.flood.flooded(p.EnvironmentID, p.ID) {
		return err
	}
	sent, err := c.Store.Deployment(ctx, p.Deployment)
	if err != nil {
		return err
	}
	env, err := c.Store.Environment(ctx, sent.Environment)
	if err != nil || env.ID != p.EnvironmentID {
		return err
	}
	d, err := c.Store.Deployment(ctx, env.Deployment) // it may wait for a plan that another has sent
	if err != nil || d.State != Running {
		return err
	}
	m := c.masks.of(env.ID)
	if m == nil {
		if m, err = c.maskOf(ctx, env); err != nil {
			return err
		}
	}
	text := oneLine(m.text(e.Text), maxText)
	if c.flood.countProgress(env.ID, p.ID) == maxProgress {
		text += fmt.Sprintf(" (plan %s has told %d events: no more of them are recorded)", p.ID, maxProgress)
	}
	return c.event(ctx, Event{
		EnvironmentID: p.EnvironmentID, Environment: env.Name, Deployment: d.ID,
		Application: p.Application, Server: p.Server, Kind: EventAgent, Status: "progress", Text: text,
		Fields: map[string]any{"plan": p.ID, "step": p.Step, "phase": oneLine(e.Phase, maxName), "script": oneLine(e.Script, maxName)},
	})
}

// Label names the server inside its application: group[index].
func (s ServerIdentity) Label() string { return fmt.Sprintf("%s[%d]", s.Group, s.Index) }
