// SPDX-License-Identifier: Apache-2.0

// Package devcloud makes stacks without a cloud: for each server of a template
// it starts an agent in this process, as the calling user, in a directory of
// its own. It reads the template and the user data a real cloud would get.
// It serves evaluation, package authors and tests; it isolates nothing.
package devcloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/controller"
)

// Address is every server's: they are all this machine.
const Address = "127.0.0.1"

// A Cloud is the dev mode's controller.Stacks. Its stacks live as long as it
// does; Close ends all agents. All fields are set before the first call.
type Cloud struct {
	// Dir holds a directory for each server, removed with the server.
	Dir string
	// Transport gives each agent its own connection to the broker.
	Transport func() agent.Transport
	Version   string       // of the agents
	Log       *slog.Logger // nil means nothing is logged

	mu     sync.Mutex
	stacks map[string]*stack
}

var _ controller.Stacks = (*Cloud)(nil)

type stack struct {
	controller.Stack
	ids    map[string]string // physical ID by resource
	guests map[string]*guest // by resource
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
		s = &stack{ids: map[string]string{}, guests: map[string]*guest{}}
		s.ID, s.Name = controller.StackID(uuid.NewString()), r.Name
		if c.stacks == nil {
			c.stacks = map[string]*stack{}
		}
		c.stacks[r.Name] = s
	}
	for name, g := range s.guests {
		if t.Resources[name].digest() != g.digest {
			delete(s.guests, name)
			delete(s.ids, name)
			if _, err := g.stop(ctx); err != nil {
				return controller.Stack{}, fmt.Errorf("stack %s: %w", r.Name, err)
			}
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
			g, err := c.startGuest(filepath.Join(c.Dir, r.Name, name), res)
			if err != nil {
				tell(name, verb+"_FAILED", err.Error())
				return controller.Stack{}, fmt.Errorf("stack %s: %s: %w", r.Name, name, err)
			}
			s.guests[name] = g
		}
		tell(name, verb+"_COMPLETE", "")
		s.Resources = append(s.Resources, controller.StackResource{Name: name, Type: res.Type, PhysicalID: s.ids[name], Status: verb + "_COMPLETE"})
	}
	s.Outputs = map[string]any{}
	for name, o := range t.Outputs {
		if s.Outputs[name], err = value(o.Value, s.ids); err != nil {
			return controller.Stack{}, fmt.Errorf("stack %s: output %s: %w", r.Name, name, err)
		}
	}
	s.Status = verb + "_COMPLETE"
	return s.Stack, nil
}

// Delete stops the agents of a stack and ends what their scripts left running.
// A process that does not end is a leftover.
func (c *Cloud) Delete(ctx context.Context, r controller.StackDeletion) ([]controller.Leftover, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stacks[r.Name]
	if s == nil {
		return nil, nil
	}
	var left []controller.Leftover
	for _, name := range slices.Sorted(maps.Keys(s.guests)) {
		processes, err := s.guests[name].stop(ctx)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %s: %w", r.Name, name, err)
		}
		for _, pid := range processes {
			left = append(left, controller.Leftover{
				Service: "devcloud", Type: "process", ID: fmt.Sprint(pid), Name: name,
				Hint: fmt.Sprintf("kill -9 %d", pid),
			})
		}
		if r.Progress != nil {
			r.Progress(controller.StackEvent{Time: time.Now(), Resource: name, Type: typeServer, Status: "DELETE_COMPLETE"})
		}
	}
	delete(c.stacks, r.Name)
	return left, nil
}

// Console is the end of the agent's log: the nearest thing here to a console.
func (c *Cloud) Console(_ context.Context, serverID string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.stacks {
		for name, id := range s.ids {
			if g := s.guests[name]; g != nil && id == serverID {
				return g.log.String(), nil
			}
		}
	}
	return "", nil
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
			err = fmt.Errorf("stack %s: processes are left: %v", name, left)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
