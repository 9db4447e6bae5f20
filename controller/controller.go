// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// Options are a Controller's choices. The zero value works where no agent has
// to be reached over a network.
type Options struct {
	ResultsQueue string      // where agents send results; empty means murano-results
	EventsQueue  string      // where agents say hello and tell progress; empty means murano-events
	Agent        AgentBroker // how the agents in the guests reach the broker
	Settings     Settings    // for what an environment leaves open

	// StackTimeout is Heat's own, for one stack. 0 means Heat's default of an hour.
	StackTimeout time.Duration
	// BootTimeout bounds the wait for an agent's first word after its stack is
	// complete. 0 means 15 minutes.
	BootTimeout time.Duration
	// StepTimeout is for steps and plans that name no timeout. 0 means an hour.
	StepTimeout time.Duration
	// SilenceTimeout is how long a result may be late: a plan has failed when
	// its timeout and this have passed without one. 0 means 5 minutes.
	SilenceTimeout time.Duration
	// DestroyTimeout bounds each step of an application's destroy list, which
	// is best effort, lateness included. 0 means 2 minutes.
	DestroyTimeout time.Duration
	// QueueExpires is how long a server's queue outlives its last use. 0 means 24 hours.
	QueueExpires time.Duration

	// SigningKey signs every plan; nil sends them unsigned.
	SigningKey crypto.Signer
}

// An AgentBroker is what an agent in a guest must know to reach its controller.
type AgentBroker struct {
	Hosts        []string // as the guests reach them
	Port         int      // 0 means 5672, with TLS 5671
	Login        string
	Password     string
	VirtualHost  string // empty means /
	TLS          bool
	CA           []byte // PEM; empty means the guest's own authorities
	Insecure     bool   // TLS without verification
	ResultsQueue string // filled in by the Controller
	EventsQueue  string // filled in by the Controller
	EngineKey    []byte // PEM of the public key that agents verify plans with; empty means they do not
	Source       AgentSource
}

// An AgentSource says where a guest whose image has no agent gets one. The
// zero value means: the image has it.
type AgentSource struct {
	URL    string // of the static binary, a .deb or a .rpm
	SHA256 string // lower-case hex
}

// A Controller takes environments to their wished state. What it does is
// recorded before and after each step, so it may be killed at any moment: the
// next Controller on the same Store goes on where it was, and no plan is
// executed twice. Only one Controller may use a Store at a time.
//
// All exported fields are set before the first call and not changed after. The
// operations may be called from any goroutine, before Run and beside it.
type Controller struct {
	Store     Environments
	Stacks    Stacks
	Transport Transport
	// UserData renders what cloud-init gives a server's agent. It is called
	// once for each server; what it returned is kept.
	UserData func(ServerIdentity, AgentBroker) ([]byte, error)
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil means nothing is logged
	Options  Options

	wishes     sync.Mutex // held from reading an environment to recording a wish for it
	bells      bells
	packages   packageCache
	masks      masks // of the deployments being carried out
	flood      floodgate
	heartbeats heartbeats
	once       sync.Once
	dispatcher *Dispatcher
}

// Run declares the controller's queues, receives results and events, and takes
// every environment to its wished state until ctx ends: then it returns nil.
// It returns an error only when it cannot go on at all: when the store fails
// or the broker refuses the queues.
func (c *Controller) Run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return c.Dispatcher().Run(inner) })
	g.Go(func() error { return c.receiveEvents(inner) })
	g.Go(func() error { return c.attend(inner) })
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Dispatcher gives the controller's own dispatcher, which sends every plan.
// Its Run is part of the controller's.
func (c *Controller) Dispatcher() *Dispatcher {
	c.once.Do(func() {
		c.dispatcher = &Dispatcher{
			Store: c.Store, Transport: c.Transport, Now: c.Now, Log: c.Log,
			ResultsQueue:   c.Options.ResultsQueue,
			SilenceTimeout: c.Options.SilenceTimeout,
			StepTimeout:    c.Options.StepTimeout,
			SigningKey:     c.Options.SigningKey,
		}
	})
	return c.dispatcher
}

func (c *Controller) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Controller) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}

// or gives the first value that is not zero.
func or[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// newID gives 32 lower-case hex digits that nobody has had before.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }
