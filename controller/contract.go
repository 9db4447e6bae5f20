// SPDX-License-Identifier: Apache-2.0

// Package controller is the program beside OpenStack: it turns environments
// into Heat stacks, sends execution plans to the agents in the guests, and
// keeps what came back. All behaviour is here; the rooms below it (heat,
// sqlstore, catalog, api, devcloud) connect it to the world.
package controller

import (
	"context"
	"time"

	"github.com/openmurano/murano/plans"
)

// Names of things, each with a type of its own.
type (
	// An EnvironmentName names an environment; unique in one controller; [a-z0-9-], 1 to 63 characters.
	EnvironmentName string
	// An ApplicationName names an application inside its environment.
	ApplicationName string
	// A StackID is Heat's UUID of a stack.
	StackID string
)

// Stacks makes and removes the resources of an environment. controller/heat
// does it in OpenStack, controller/devcloud on this machine.
type Stacks interface {
	// Apply creates the stack of that name, or brings it to the template, and
	// returns once it is complete. Calling it again with the same request, after
	// a crash at any moment too, creates nothing twice. The error of a failed
	// stack carries Heat's own reason, resource first.
	Apply(ctx context.Context, r StackRequest) (Stack, error)
	// Delete removes the stack and returns once its name is free. A stack that
	// is not there is no error. What is still there of the resources it had is
	// returned: an empty list means nothing is left.
	Delete(ctx context.Context, r StackDeletion) ([]Leftover, error)
	// Console returns the end of a server's console output, for the report of a guest that stays silent; empty where there is none.
	Console(ctx context.Context, serverID string) (string, error)
}

// A StackRequest is a stack as it should be.
type StackRequest struct {
	Name     string
	Template []byte // HOT, YAML or JSON
	Tags     []string
	Timeout  time.Duration // Heat's own; 0 means its default of an hour
	// Progress is called for each stack and resource event, in order; nil means nobody listens.
	Progress func(StackEvent)
}

// A StackDeletion names a stack to remove.
type StackDeletion struct {
	Name     string
	ID       StackID // may be empty: by name
	Progress func(StackEvent)
}

// A Stack is what Heat made.
type Stack struct {
	ID        StackID
	Name      string
	Status    string         // CREATE_COMPLETE, UPDATE_COMPLETE
	Outputs   map[string]any // by output name
	Resources []StackResource
}

// A StackResource is one resource of a stack.
type StackResource struct {
	Name, Type, PhysicalID, Status, Reason string
}

// A StackEvent is a step Heat took.
type StackEvent struct {
	Time                           time.Time
	Resource, Type, Status, Reason string
	PhysicalID                     string
}

// A Leftover is a resource that outlived its stack.
type Leftover struct {
	Service string `json:"service"` // nova, neutron, cinder, heat
	Type    string `json:"type"`    // OS::Neutron::Port
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Hint    string `json:"hint,omitempty"` // what removes it
}

// A Transport carries messages between the controller and its agents.
// internal/amqp and internal/memq fit it.
type Transport interface {
	Receive(ctx context.Context, queue string, keep func(context.Context, plans.Message) error) error
	Publish(ctx context.Context, m plans.Message) error
	Declare(ctx context.Context, queue string, o plans.QueueOptions) error
	Remove(ctx context.Context, queue string) error
}
