// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"time"

	"github.com/openmurano/murano/plans"
)

// eventTimeout bounds the publishing of one event: news, not a promise.
const eventTimeout = 10 * time.Second

// note takes an event of the Runner. It does not block: of too many, the
// newest are lost.
func (a *Agent) note(e plans.Event) {
	a.turn(func(s *Status) { s.Phase, s.Script = e.Phase, e.Script })
	if a.Events == (Address{}) {
		return
	}
	select {
	case a.progress <- e:
	default:
	}
}

// tellAll publishes events until ctx is done.
func (a *Agent) tellAll(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.greet:
			a.hello(ctx)
		case e := <-a.progress:
			try, cancel := context.WithTimeout(ctx, eventTimeout)
			a.tell(try, e)
			cancel()
		}
	}
}

// hello waits for the connection as long as it takes.
func (a *Agent) hello(ctx context.Context) {
	max := a.Runner.MaxFormat
	if max == (plans.Version{}) {
		max = plans.MaxVersion()
	}
	ok := a.tell(ctx, plans.Event{
		Kind: plans.EventHello, Version: a.Version, Hostname: a.Hostname, BootID: a.BootID,
		MaxFormatVersion: max.String(),
	})
	if !ok {
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
