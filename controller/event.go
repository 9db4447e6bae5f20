// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Kinds of events.
const (
	EventEnvironment EventKind = "environment" // a deployment or an application began or ended
	EventHeat        EventKind = "heat"        // a step of a stack or a resource
	EventAgent       EventKind = "agent"       // an agent connected, or told its progress
	EventStep        EventKind = "step"        // a step was sent, succeeded, failed, was skipped
)

// An EventKind says who an event is about.
type EventKind string

// An Event is one line of an environment's timeline. Secret parameters are
// masked before it is recorded.
type Event struct {
	Seq           int64           `json:"seq"` // rises; given by the store
	Time          time.Time       `json:"time"`
	EnvironmentID string          `json:"environmentId"`
	Environment   EnvironmentName `json:"environment"`
	Deployment    DeploymentID    `json:"deployment,omitempty"`
	Application   ApplicationName `json:"application,omitempty"`
	Server        string          `json:"server,omitempty"` // group[index]
	Kind          EventKind       `json:"kind"`
	// Status is begun, succeeded, failed, skipped or unchanged; for kind heat
	// Heat's own (CREATE_COMPLETE), for kind agent waiting, hello or progress.
	Status string         `json:"status"`
	Text   string         `json:"text"` // one line for a person
	Fields map[string]any `json:"fields,omitempty"`
	// Once, where it is not empty, names what happened: a deployment records
	// it one time, however often a restarted controller comes past it again.
	Once string `json:"-"`
}

// bells wake goroutines that wait for a change in the store. A waiter listens,
// reads the store, and only then waits: so no change is missed. The zero value
// is ready.
type bells struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool
}

// listen returns a channel that gets a value after each ring of key, one for
// many rings when nobody looks. stop must be called once.
func (b *bells) listen(key string) (ch <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		b.waiting = make(map[string]map[chan struct{}]bool)
	}
	if b.waiting[key] == nil {
		b.waiting[key] = make(map[chan struct{}]bool)
	}
	b.waiting[key][c] = true
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiting[key], c)
		if len(b.waiting[key]) == 0 {
			delete(b.waiting, key)
		}
	}
}

// ring wakes all who listen to key.
func (b *bells) ring(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.waiting[key] {
		select {
		case c <- struct{}{}:
		default: // it has not yet looked at the ring before
		}
	}
}

// Keys of bells.
const ringWish = "wish"

func ringPlan(id string) string              { return "plan " + id }
func ringServer(queue string) string         { return "server " + queue }
func ringDeployment(id DeploymentID) string  { return "deployment " + string(id) }
func ringEvents(environmentID string) string { return "events " + environmentID }

// event records e in the timeline and wakes those who follow it. Time is set here.
func (c *Controller) event(ctx context.Context, e Event) error {
	e.Time = c.now()
	if _, err := c.Store.AddEvent(ctx, e); err != nil {
		return err
	}
	c.log().Debug("event", "environment", e.Environment, "application", e.Application, "server", e.Server,
		"kind", e.Kind, "status", e.Status, "text", e.Text)
	c.bells.ring(ringEvents(e.EnvironmentID))
	return nil
}

// Events returns the events of the environment after seq, oldest first, at
// most 1000. When there are none yet it waits for the first, as long as wait
// says, and then returns an empty list; a wait of 0 returns at once.
func (c *Controller) Events(ctx context.Context, name EnvironmentName, after int64, wait time.Duration) ([]Event, error) {
	e, err := c.Store.Environment(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("environment %s: %w", name, err)
	}
	ring, stop := c.bells.listen(ringEvents(e.ID))
	defer stop()
	expired := time.NewTimer(wait)
	defer expired.Stop()
	for {
		events, err := c.Store.Events(ctx, e.ID, after, 1000)
		if err != nil || len(events) > 0 || wait <= 0 {
			return events, err
		}
		select {
		case <-ring:
		case <-expired.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
