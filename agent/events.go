// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
)

const (
	// eventTimeout bounds the publishing of one event: news, not a promise.
	eventTimeout = 10 * time.Second
	// heartbeatTimeout bounds that of a heartbeat: its Time must be that of its
	// arrival, or a clock would seem to be off.
	heartbeatTimeout = 2 * time.Second
)

// note takes an event of the Runner. It does not block: of too many, the
// newest are lost.
func (a *Agent) note(e plans.Event) {
	script, _ := strings.CutPrefix(e.Phase, plans.PhaseScript+" ")
	if script == e.Phase {
		script = e.Script
	}
	a.turn(func(s *Status) { s.Phase, s.Script = e.Phase, script })
	if a.Events == (Address{}) || e.Text == "" {
		return
	}
	select {
	case a.progress <- e:
	default:
	}
}

// tellAll publishes events until ctx is done. A heartbeat that cannot be
// published, or comes late, is lost.
func (a *Agent) tellAll(ctx context.Context) error {
	var due <-chan time.Time
	if a.HeartbeatEvery > 0 {
		tick := time.NewTicker(a.HeartbeatEvery)
		defer tick.Stop()
		due = tick.C
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			try, cancel := context.WithTimeout(ctx, heartbeatTimeout)
			a.tell(try, a.heartbeat())
			cancel()
		case <-a.greet:
			a.hello(ctx)
		case e := <-a.progress:
			try, cancel := context.WithTimeout(ctx, eventTimeout)
			a.tell(try, e)
			cancel()
		}
	}
}

// heartbeat says how the agent is.
func (a *Agent) heartbeat() plans.Event {
	s := a.Status()
	e := plans.Event{
		Kind: plans.EventHeartbeat, Version: s.Version, State: s.State, Since: &s.Since,
		Plan: s.Plan, Phase: s.Phase, Script: s.Script, Pending: s.Pending, Owed: s.Owed,
	}
	if s.LastError != nil {
		e.LastError, e.ErrorTime = s.LastError.Text, &s.LastError.Time
	}
	if s.Disk.Total > 0 {
		e.Disk = &plans.Disk{Free: s.Disk.Free, Total: s.Disk.Total}
	}
	return e
}

// hello waits for the connection as long as it takes.
func (a *Agent) hello(ctx context.Context) {
	max := a.Runner.MaxFormat
	if max == (plans.Version{}) {
		max = plans.MaxVersion()
	}
	e := plans.Event{
		Kind: plans.EventHello, Version: a.Version, Hostname: a.Hostname, BootID: a.BootID,
		MaxFormatVersion: max.String(),
	}
	if a.Inventory != nil {
		e.Inventory = a.Inventory()
	}
	if !a.tell(ctx, e) {
		return
	}
	select {
	case <-a.greet: // this connection was announced while hello waited for it
	default:
	}
}

func (a *Agent) tell(ctx context.Context, e plans.Event) bool {
	if e.Time.IsZero() {
		e.Time = a.now()
	}
	e.Queue = a.Queue
	text, err := e.Encode()
	if err == nil {
		err = a.Transport.Publish(ctx, plans.Message{
			ID: plans.NewResultID(), Body: text, ContentType: "application/json",
			Exchange: a.Events.Exchange, Key: a.Events.Key, Transient: true,
		})
	}
	if err != nil && ctx.Err() == nil {
		a.log().Debug("event was not published", "kind", e.Kind, "error", err)
	}
	return err == nil
}
