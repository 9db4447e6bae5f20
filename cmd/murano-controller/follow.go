// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
)

// follow prints the events of a deployment as they come and returns it ended.
// A controller that restarts meanwhile is waited for: the deployment goes on.
func follow(ctx context.Context, c *api.Client, d controller.Deployment, w io.Writer) (controller.Deployment, error) {
	f := follower{client: c, d: d, w: w, timeline: newTimeline(d.Started)}
	lost := false
	for {
		done, err := f.look(ctx)
		switch {
		case err == nil && done:
			return f.d, nil
		case err == nil:
			if lost {
				fmt.Fprintln(w, "the controller is back")
			}
			lost = false
			continue
		case ctx.Err() != nil:
			return f.d, &stopped{fmt.Errorf("stopped watching; the controller goes on with the %s of %s, see: murano-controller env events %s --follow", d.Wish, d.Environment, d.Environment)}
		case !errors.Is(err, api.ErrUnreachable):
			return f.d, err
		case !lost:
			fmt.Fprintf(w, "%v; waiting for it, the deployment goes on\n", err)
		}
		lost = true
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

type follower struct {
	client *api.Client
	d      controller.Deployment
	w      io.Writer
	after  int64 // Seq of the last event
	*timeline
}

// look prints what is new. It is done when the deployment has ended and its
// last event is printed: the events are read once more after its end.
func (f *follower) look(ctx context.Context) (done bool, err error) {
	wait := 2 * time.Second // a cancelled deployment ends without an event
	ended := f.d.State != controller.Running
	if ended {
		wait = 0
	}
	events, err := f.client.Events(ctx, f.d.Environment, f.after, wait)
	if err != nil {
		return false, err
	}
	closing := false
	for _, e := range events {
		f.after = e.Seq
		// Agents say hello to nobody's deployment.
		if e.Deployment == f.d.ID || e.Deployment == "" && !e.Time.Before(f.d.Started) {
			if text := f.line(e); matters(e) {
				fmt.Fprintln(f.w, text)
			}
		}
		if e.Deployment == f.d.ID {
			closing = e.Kind == controller.EventEnvironment && e.Application == "" && e.Status != "begun"
		}
	}
	if ended {
		return len(events) == 0, nil
	}
	wait = 0
	if closing {
		wait = 10 * time.Second // the end is recorded right after its event
	}
	d, err := f.client.Deployment(ctx, f.d.ID, wait)
	if err == nil {
		f.d = d
	}
	return false, err
}
