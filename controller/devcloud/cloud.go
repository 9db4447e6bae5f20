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

	"github.com/google/uuid"

	"github.com/openmurano/murano/controller"
)

// A Server is one that a template asks for.
type Server struct {
	Dir      string // for the guest alone; not yet made; removed with the server, and when Start fails
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
// does; Close ends all guests. All fields are set before the first call. Calls
// for different stacks run side by side.
type Cloud struct {
	// Dir holds a directory for each server, removed with the server.
	Dir string
	// Start starts a guest; it lives until it is stopped, not until ctx ends. See Local.
	Start func(ctx context.Context, s Server) (Guest, error)

	mu     sync.Mutex
	stacks map[string]*stack
}

var _ controller.Stacks = (*Cloud)(nil)

// Apply starts the servers of the template that are new or changed and stops
// those that are gone from it. The others run on.
func (c *Cloud) Apply(ctx context.Context, r controller.StackRequest) (controller.Stack, error) {
	t, err := parseTemplate(r.Template)
	if err != nil {
		return controller.Stack{}, fmt.Errorf("stack %s: %w", r.Name, err)
	}
	s := c.stack(r.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	verb := "UPDATE"
	if s.Status == "" {
		verb = "CREATE"
	}
	if s.ID == "" {
		s.ID, s.Name = controller.StackID(uuid.NewString()), r.Name
	}
	tell := s.teller(r.Progress)
	tell(r.Name, typeStack, verb+"_IN_PROGRESS", "")
	out, err := s.apply(ctx, t, verb, tell, c.Start)
	if err != nil {
		tell(r.Name, typeStack, verb+"_FAILED", err.Error())
		return controller.Stack{}, fmt.Errorf("stack %s: %w", r.Name, err)
	}
	tell(r.Name, typeStack, verb+"_COMPLETE", "")
	return out, nil
}

// Delete stops the guests of a stack. After an error it may be called again.
func (c *Cloud) Delete(ctx context.Context, r controller.StackDeletion) ([]controller.Leftover, error) {
	c.mu.Lock()
	s := c.stacks[r.Name]
	c.mu.Unlock()
	if s == nil {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ID == "" {
		return nil, nil
	}
	tell := s.teller(r.Progress)
	tell(r.Name, typeStack, "DELETE_IN_PROGRESS", "")
	var left []controller.Leftover
	for _, name := range slices.Sorted(maps.Keys(s.guests)) {
		l, err := s.stop(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("stack %s: %w", r.Name, err)
		}
		left = append(left, l...)
		tell(name, typeServer, "DELETE_COMPLETE", "")
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, fmt.Errorf("stack %s: %w", r.Name, err)
	}
	tell(r.Name, typeStack, "DELETE_COMPLETE", "")
	// It stays in c.stacks: another Apply may be waiting for it.
	s.ID, s.Status, s.ids = "", "", map[string]string{}
	return left, nil
}

// Console is the guest's.
func (c *Cloud) Console(_ context.Context, serverID string) (string, error) {
	for _, s := range c.all() {
		s.mu.Lock()
		for name, g := range s.guests {
			if s.ids[name] == serverID {
				s.mu.Unlock()
				return g.Console(), nil
			}
		}
		s.mu.Unlock()
	}
	return "", nil
}

// Guests are those that run, by stack and name.
func (c *Cloud) Guests() []Guest {
	var out []Guest
	for _, s := range c.all() {
		s.mu.Lock()
		for _, name := range slices.Sorted(maps.Keys(s.guests)) {
			out = append(out, s.guests[name])
		}
		s.mu.Unlock()
	}
	return out
}

// Sweep ends the processes and removes the directories that a Cloud on the
// same Dir left when it was killed. It is called before the first Apply.
func (c *Cloud) Sweep(ctx context.Context) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	stubborn, err := endProcesses(ctx, dirVariable+"="+dir+string(filepath.Separator))
	if err == nil && len(stubborn) > 0 {
		err = fmt.Errorf("processes %v, of a server that is gone, do not end; kill them", stubborn)
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dir, err)
	}
	return nil
}

// Close deletes every stack and removes Dir.
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
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(c.Dir)
}

// stack gives the stack of that name, a new one where there is none.
func (c *Cloud) stack(name string) *stack {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stacks == nil {
		c.stacks = map[string]*stack{}
	}
	s := c.stacks[name]
	if s == nil {
		s = &stack{
			dir: filepath.Join(c.Dir, name),
			ids: map[string]string{}, guests: map[string]Guest{}, digests: map[string]string{},
		}
		c.stacks[name] = s
	}
	return s
}

// all are the stacks, by name.
func (c *Cloud) all() []*stack {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*stack
	for _, name := range slices.Sorted(maps.Keys(c.stacks)) {
		out = append(out, c.stacks[name])
	}
	return out
}
