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

const (
	deletions = 3             // attempts; the second mends most of what an unreachable service broke
	patience  = 2 * time.Hour // bound of one whole deletion, when the caller sets none
	maxDepth  = 5             // of nested stacks, Heat's own limit
)

// Delete removes the stack and waits until its name is free. What it had is
// written down before and looked for afterwards; after a crash in between, the
// events of the deleted stack tell it, when the ID is given. When Heat cannot
// delete it, the error says why, and what is left comes with it.
func (s *Stacks) Delete(ctx context.Context, d controller.StackDeletion) ([]controller.Leftover, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := s.lookup(ctx, d)
	if err != nil || found == nil {
		return nil, err
	}
	if d.ID == "" && !ours(found.Tags, nil) {
		return nil, fmt.Errorf("stack %s (%s) was not made by a murano controller; delete it by its ID if it is to go", d.Name, found.ID)
	}
	had, err := s.had(ctx, d.Name, found.ID)
	if err != nil {
		return nil, err
	}
	if found.Status != "DELETE_COMPLETE" {
		if err := s.delete(ctx, found, d.Progress); err != nil {
			left, _ := s.leftovers(ctx, had)
			return left, err
		}
	}
	if err := s.free(ctx, d.Name, found.ID); err != nil {
		return nil, err
	}
	return s.leftovers(ctx, had)
}

// lookup finds the stack to delete; nil when there is none.
func (s *Stacks) lookup(ctx context.Context, d controller.StackDeletion) (*stacks.RetrievedStack, error) {
	if d.ID == "" {
		return s.find(ctx, d.Name)
	}
	found, err := stacks.Get(ctx, s.heat, d.Name, string(d.ID)).Extract()
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up stack %s: %w", d.Name, reason(err))
	}
	return found, nil
}

// delete asks for the deletion until it is done, a few times.
func (s *Stacks) delete(ctx context.Context, found *stacks.RetrievedStack, progress func(controller.StackEvent)) error {
	w := &watcher{Stacks: s, name: found.Name, progress: progress}
	// the types are not to be had afterwards
	w.typeOf(ctx, found.ID, stackevents.Event{})
	for attempt := 1; ; attempt++ {
		if err := s.ask(ctx, w, found, attempt); err != nil {
			return err
		}
		status, err := w.wait(ctx, found.ID)
		switch {
		case errors.Is(err, errGone):
			return nil
		case err != nil:
			return err
		case attempt == deletions && strings.HasSuffix(status, "_FAILED"):
			return s.failure(ctx, found.Name, found.ID, w.events)
		case attempt == deletions:
			return fmt.Errorf("delete stack %s: Heat took the request %d times and left it %s", found.Name, attempt, status)
		}
		if err := sleep(ctx, time.Duration(attempt)*2*time.Second); err != nil {
			return fmt.Errorf("delete stack %s again: %w", found.Name, err)
		}
	}
}

// ask begins one attempt. A deletion under way is only waited for: another
// request would make Heat cancel it and begin again.
func (s *Stacks) ask(ctx context.Context, w *watcher, found *stacks.RetrievedStack, attempt int) error {
	if attempt == 1 && found.Status == "DELETE_IN_PROGRESS" {
		return w.markAction(ctx, found.ID)
	}
	if err := w.mark(ctx, found.ID); err != nil {
		return err
	}
	err := stacks.Delete(ctx, s.heat, found.Name, found.ID).ExtractErr()
	if err != nil && !is(err, http.StatusNotFound) && !is(err, http.StatusConflict) {
		return fmt.Errorf("delete stack %s: %w", found.Name, reason(err))
	}
	return nil
}

// had lists what the stack has, nested stacks included, and what its events
// say it had: resources that were replaced or are deleted already.
func (s *Stacks) had(ctx context.Context, name, id string) ([]controller.StackResource, error) {
	list, err := s.resources(ctx, name, id, maxDepth)
	if err != nil {
		return nil, err
	}
	known, types := map[string]bool{"": true, id: true}, map[string]string{}
	var had []controller.StackResource
	for _, r := range list {
		types[r.Name] = r.Type
		if !known[r.PhysicalID] {
			known[r.PhysicalID] = true
			had = append(had, r)
		}
	}
	w := &watcher{Stacks: s, name: name}
	events, err := w.list(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		// before it is made, a resource's physical ID is a name Heat thought of
		if known[e.PhysicalResourceID] || e.ResourceStatus == "CREATE_IN_PROGRESS" {
			continue
		}
		known[e.PhysicalResourceID] = true
		if _, ok := types[e.ResourceName]; !ok {
			if types[e.ResourceName], err = s.eventType(ctx, name, id, e); err != nil {
				return nil, err
			}
		}
		had = append(had, controller.StackResource{Name: e.ResourceName, Type: types[e.ResourceName], PhysicalID: e.PhysicalResourceID})
	}
	return had, nil
}

// eventType reads one event whole: unlike the list, it tells the resource's type.
func (s *Stacks) eventType(ctx context.Context, name, id string, e stackevents.Event) (string, error) {
	var out struct {
		Event struct {
			Type string `json:"resource_type"`
		}
	}
	resp, err := s.heat.Get(ctx, s.heat.ServiceURL("stacks", name, id, "resources", e.ResourceName, "events", e.ID), &out, nil)
	if err == nil {
		resp.Body.Close()
	}
	if err != nil && !is(err, http.StatusNotFound) {
		return "", fmt.Errorf("event of resource %s of stack %s: %w", e.ResourceName, name, reason(err))
	}
	return out.Event.Type, nil
}
