// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stackevents"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stacks"

	"github.com/openmurano/murano/controller"
)

// A watcher follows one stack: it tells each event once, in Heat's order, and
// knows when the action under way has ended. It serves one goroutine.
type watcher struct {
	*Stacks
	name     string
	progress func(controller.StackEvent)

	seen   map[string]bool     // IDs of events told, or older than the action
	types  map[string]string   // resource types by name
	events []stackevents.Event // of the action, in order
	ended  string              // status the stack's own last event tells
}

// errGone says that a stack is no more.
var errGone = errors.New("the stack is gone")

// mark forgets what was before an action that is about to be asked for.
func (w *watcher) mark(ctx context.Context, id string) error {
	old, err := w.list(ctx, id)
	w.reset()
	for _, e := range old {
		w.seen[e.ID] = true
	}
	return err
}

// markAction forgets what was before the action under way.
func (w *watcher) markAction(ctx context.Context, id string) error {
	old, err := w.list(ctx, id)
	w.reset()
	last := 0
	for i, e := range old {
		if e.PhysicalResourceID == id && strings.HasSuffix(e.ResourceStatus, "_IN_PROGRESS") {
			last = i
		}
	}
	for _, e := range old[:last] {
		w.seen[e.ID] = true
	}
	return err
}

func (w *watcher) reset() { w.seen, w.events, w.ended = map[string]bool{}, nil, "" }

// list reads all events of a stack, oldest first; those of a deleted one too.
func (w *watcher) list(ctx context.Context, id string) ([]stackevents.Event, error) {
	pages, err := stackevents.List(w.heat, w.name, id, stackevents.ListOpts{SortDir: stackevents.SortAsc}).AllPages(ctx)
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("events of stack %s: %w", w.name, reason(err))
	}
	events, err := stackevents.ExtractEvents(pages)
	if err != nil {
		return nil, fmt.Errorf("events of stack %s: %w", w.name, err)
	}
	return events, nil
}

// poll tells the events that are new.
func (w *watcher) poll(ctx context.Context, id string) error {
	events, err := w.list(ctx, id)
	if err != nil {
		return err
	}
	for _, e := range events {
		if w.seen[e.ID] {
			continue
		}
		w.seen[e.ID] = true
		w.events = append(w.events, e)
		if e.PhysicalResourceID == id {
			w.ended = e.ResourceStatus
		}
		if w.progress != nil {
			w.progress(controller.StackEvent{
				Time: e.Time, Resource: e.ResourceName, Type: w.typeOf(ctx, id, e), Status: e.ResourceStatus,
				Reason: e.ResourceStatusReason, PhysicalID: e.PhysicalResourceID,
			})
		}
	}
	return nil
}

// typeOf finds a resource's type: events carry none in a list.
func (w *watcher) typeOf(ctx context.Context, id string, e stackevents.Event) string {
	if e.PhysicalResourceID == id {
		return "OS::Heat::Stack"
	}
	if _, ok := w.types[e.ResourceName]; !ok {
		if w.types == nil {
			w.types = map[string]string{}
		}
		w.types[e.ResourceName] = ""
		if list, err := w.resources(ctx, w.name, id, 0); err == nil {
			for _, r := range list {
				w.types[r.Name] = r.Type
			}
		}
	}
	return w.types[e.ResourceName]
}

// settled is how long a final status is doubted when no event confirms it: an
// action just asked for may not have begun.
const settled = 10 * time.Second

// wait returns the status the action under way ends with. errGone comes for a
// stack that is deleted, whoever did it.
func (w *watcher) wait(ctx context.Context, id string) (string, error) {
	pause, doubt := shortest, time.Now().Add(settled)
	for {
		stack, err := stacks.Get(ctx, w.heat, w.name, id).Extract()
		if err != nil && !is(err, http.StatusNotFound) {
			return "", fmt.Errorf("look at stack %s: %w", w.name, reason(err))
		}
		// after the look: an event is written with or before the status it tells
		if err := w.poll(ctx, id); err != nil {
			return "", err
		}
		switch {
		case stack == nil, stack.Status == "DELETE_COMPLETE":
			return "DELETE_COMPLETE", errGone
		case strings.HasSuffix(stack.Status, "_IN_PROGRESS"):
		case w.ended == stack.Status, time.Now().After(doubt):
			return stack.Status, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return "", fmt.Errorf("wait for stack %s, which is %s: %w", w.name, stack.Status, err)
		}
		pause = min(pause*5/4, longest)
	}
}

// free waits until the name does not lead to the stack of this ID any more.
// Heat shows DELETE_COMPLETE up to 0.4 s before.
func (s *Stacks) free(ctx context.Context, name, id string) error {
	for pause := shortest / 2; ; pause = min(2*pause, longest) {
		found, err := s.find(ctx, name)
		if err != nil || found == nil || found.ID != id || found.Status == "DELETE_FAILED" {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return fmt.Errorf("wait until the name %s is free: its stack is %s: %w", name, found.Status, err)
		}
	}
}
