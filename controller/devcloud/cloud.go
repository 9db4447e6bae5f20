// SPDX-License-Identifier: Apache-2.0

// Package devcloud makes stacks without a cloud: it reads the template and the
// user data a real cloud would get and starts a guest for each server. Local
// guests are agents in this process, as the calling user, each in a directory
// of its own: they serve evaluation and package authors, and isolate nothing.
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

// A Server is one that a template asks for.
type Server struct {
	Dir      string // for the guest alone; not yet made, removed with the server
	Name     string
	UserData []byte
}

// A Guest is a server that runs.
type Guest interface {
	Address() string
	// Console is the end of what it printed.
	Console() string
	// Stop ends it. What is still there of it afterwards is returned, with
	// what removes it.
	Stop(ctx context.Context) ([]controller.Leftover, error)
}

// A Cloud is the dev mode's controller.Stacks. Its stacks live as long as it
// does; Close ends all agents. All fields are set before the first call.
type Cloud struct {
	// Dir holds a directory for each server, removed with the server.
	Dir string
	// Start starts a guest; it lives until it is stopped, not until ctx ends. See Local.
	Start func(ctx context.Context, s Server) (Guest, error)

	mu     sync.Mutex
	stacks map[string]*stack
}

var _ controller.Stacks = (*Cloud)(nil)

type stack struct {
	controller.Stack
	ids     map[string]string // physical ID by resource
	guests  map[string]Guest  // by resource
	digests map[string]string // of the definition each guest was started by
}

// Apply starts the servers of the template that are new or changed and stops
// those that are gone from it.
func (c *Cloud) Apply(ctx context.Context, r controller.StackRequest) (controller.Stack, error) {
	t, err := parseTemplate(r.Template)
	if err != nil {
		return controller.Stack{}, fmt.Errorf("stack %s: %w", r.Name, err)
	}
	tell := func(name string, status, reason string) {
		if r.Progress != nil {
			r.Progress(controller.StackEvent{Time: time.Now(), Resource: name, Type: t.Resources[name].Type, Status: status, Reason: reason})
		}
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	s, verb := c.stacks[r.Name], "UPDATE"
	if s == nil {
		verb = "CREATE"
		s = &stack{ids: map[string]string{}, guests: map[string]Guest{}, digests: map[string]string{}}
		s.ID, s.Name = controller.StackID(uuid.NewString()), r.Name
		if c.stacks == nil {
			c.stacks = map[string]*stack{}
		}
		c.stacks[r.Name] = s
	}
	for name, g := range s.guests {
		if t.Resources[name].digest() != s.digests[name] {
			if _, err := c.stop(ctx, r.Name, name, g); err != nil {
				return controller.Stack{}, err
			}
			delete(s.guests, name)
			delete(s.ids, name)
			tell(name, "DELETE_COMPLETE", "")
		}
	}
	s.Resources = nil
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		res := t.Resources[name]
		if s.ids[name] == "" {
			s.ids[name] = uuid.NewString()
		}
		if res.Type == typeServer && s.guests[name] == nil {
			tell(name, verb+"_IN_PROGRESS", "")
			hostname, _ := res.Properties["name"].(string)
			g, err := c.Start(ctx, Server{Dir: c.dir(r.Name, name), Name: hostname, UserData: res.userData()})
			if err != nil {
				tell(name, verb+"_FAILED", err.Error())
				return controller.Stack{}, fmt.Errorf("stack %s: %s: %w", r.Name, name, err)
			}
			s.guests[name], s.digests[name] = g, res.digest()
		}
		tell(name, verb+"_COMPLETE", "")
		s.Resources = append(s.Resources, controller.StackResource{Name: name, Type: res.Type, PhysicalID: s.ids[name], Status: verb + "_COMPLETE"})
	}
	s.Outputs = map[string]any{}
	addresses := t.addresses(s.guests)
	for name, o := range t.Outputs {
		if s.Outputs[name], err = value(o.Value, s.ids, addresses); err != nil {
			return controller.Stack{}, fmt.Errorf("stack %s: output %s: %w", r.Name, name, err)
		}
	}
	s.Status = verb + "_COMPLETE"
	return s.Stack, nil
}

// Delete stops the guests of a stack.
func (c *Cloud) Delete(ctx context.Context, r controller.StackDeletion) ([]controller.Leftover, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stacks[r.Name]
	if s == nil {
		return nil, nil
	}
	var left []controller.Leftover
	for _, name := range slices.Sorted(maps.Keys(s.guests)) {
		l, err := c.stop(ctx, r.Name, name, s.guests[name])
		if err != nil {
			return nil, err
		}
		delete(s.guests, name)
		left = append(left, l...)
		if r.Progress != nil {
			r.Progress(controller.StackEvent{Time: time.Now(), Resource: name, Type: typeServer, Status: "DELETE_COMPLETE"})
		}
	}
	delete(c.stacks, r.Name)
	return left, nil
}

// Console is the guest's.
func (c *Cloud) Console(_ context.Context, serverID string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.stacks {
		for name, id := range s.ids {
			if g := s.guests[name]; g != nil && id == serverID {
				return g.Console(), nil
			}
		}
	}
	return "", nil
}

// dir is where the guest of one server lives.
func (c *Cloud) dir(stack, server string) string { return filepath.Join(c.Dir, stack, server) }

// stop stops a guest and removes its directory.
func (c *Cloud) stop(ctx context.Context, stack, server string, g Guest) ([]controller.Leftover, error) {
	left, err := g.Stop(ctx)
	if err == nil {
		err = os.RemoveAll(c.dir(stack, server))
	}
	if err != nil {
		return nil, fmt.Errorf("stack %s: stop %s: %w", stack, server, err)
	}
	return left, nil
}

// Guests are those that run, by stack and name.
func (c *Cloud) Guests() []Guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Guest
	for _, s := range slices.Sorted(maps.Keys(c.stacks)) {
		for _, name := range slices.Sorted(maps.Keys(c.stacks[s].guests)) {
			out = append(out, c.stacks[s].guests[name])
		}
	}
	return out
}

// Close deletes every stack.
func (c *Cloud) Close(ctx context.Context) error {
	c.mu.Lock()
	names := slices.Sorted(maps.Keys(c.stacks))
	c.mu.Unlock()
	var errs []error
	for _, name := range names {
		left, err := c.Delete(ctx, controller.StackDeletion{Name: name})
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("stack %s: still there: %v", name, left)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
