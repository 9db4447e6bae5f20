// SPDX-License-Identifier: Apache-2.0

package devcloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/openmurano/murano/controller"
)

// typeStack is the type Heat gives a stack in its own events.
const typeStack = "OS::Heat::Stack"

// A stack is one that was applied. mu guards all of it, for as long as an
// operation on it takes.
type stack struct {
	mu sync.Mutex
	controller.Stack
	dir     string            // of its servers
	ids     map[string]string // physical ID by resource
	guests  map[string]Guest  // by resource
	digests map[string]string // of the definition each guest was started by
}

// A teller passes on what happens to one resource.
type teller func(resource, kind, status, reason string)

func (s *stack) teller(progress func(controller.StackEvent)) teller {
	return func(resource, kind, status, reason string) {
		if progress == nil {
			return
		}
		id := s.ids[resource]
		if kind == typeStack {
			id = string(s.ID)
		}
		progress(controller.StackEvent{Time: time.Now(), Resource: resource, Type: kind, Status: status, Reason: reason, PhysicalID: id})
	}
}

// apply brings the stack to its template.
func (s *stack) apply(ctx context.Context, t template, verb string, tell teller, start func(context.Context, Server) (Guest, error)) (controller.Stack, error) {
	if err := s.stopOutdated(ctx, t, tell); err != nil {
		return controller.Stack{}, err
	}
	maps.DeleteFunc(s.ids, func(name, _ string) bool { return t.Resources[name].Type == "" })
	s.Resources = nil
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[name]
		isNew := s.ids[name] == ""
		if isNew {
			s.ids[name] = uuid.NewString()
		}
		if r.Type == typeServer && s.guests[name] == nil {
			isNew = true
			tell(name, r.Type, "CREATE_IN_PROGRESS", "")
			if err := s.start(ctx, name, r, start); err != nil {
				tell(name, r.Type, "CREATE_FAILED", err.Error())
				return controller.Stack{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		if isNew {
			tell(name, r.Type, "CREATE_COMPLETE", "")
		}
		s.Resources = append(s.Resources, controller.StackResource{Name: name, Type: r.Type, PhysicalID: s.ids[name], Status: "CREATE_COMPLETE"})
	}
	outputs, addresses := map[string]any{}, t.addresses(s.guests)
	for name, o := range t.Outputs {
		var err error
		if outputs[name], err = value(o.Value, s.ids, addresses); err != nil {
			return controller.Stack{}, fmt.Errorf("output %s: %w", name, err)
		}
	}
	s.Outputs, s.Status = outputs, verb+"_COMPLETE"
	return s.Stack, nil
}

// stopOutdated stops the servers that are gone from the template or not as it says.
func (s *stack) stopOutdated(ctx context.Context, t template, tell teller) error {
	for _, name := range slices.Sorted(maps.Keys(s.guests)) {
		if t.Resources[name].digest() == s.digests[name] {
			continue
		}
		left, err := s.stop(ctx, name)
		if err != nil {
			return err
		}
		reason := ""
		if len(left) > 0 {
			reason = fmt.Sprintf("still there: %v", left)
		}
		tell(name, typeServer, "DELETE_COMPLETE", reason)
		delete(s.ids, name)
	}
	return nil
}

// start starts a server. What it made is removed when that fails.
func (s *stack) start(ctx context.Context, name string, r resource, start func(context.Context, Server) (Guest, error)) error {
	hostname, _ := r.Properties["name"].(string)
	dir := filepath.Join(s.dir, name)
	g, err := start(ctx, Server{Dir: dir, Name: hostname, UserData: r.userData()})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.guests[name], s.digests[name] = g, r.digest()
	return nil
}

// stop stops a guest and removes its directory. After an error it may be called again.
func (s *stack) stop(ctx context.Context, name string) ([]controller.Leftover, error) {
	left, err := s.guests[name].Stop(ctx)
	if err == nil {
		err = os.RemoveAll(filepath.Join(s.dir, name))
	}
	if err != nil {
		return nil, fmt.Errorf("stop %s: %w", name, err)
	}
	delete(s.guests, name)
	delete(s.digests, name)
	return left, nil
}
