// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/config"
)

// A server is the service: an agent after another, each of one configuration.
type server struct {
	options runOptions
	log     *serviceLog
	herald  *herald
	parts   parts
}

// memoryLimit is what the garbage collector aims at, in bytes: beside it the
// program itself is resident, and together they stay under 60 MB.
const memoryLimit = 32 << 20

// run serves with c until ctx is done, and then returns nil. SIGHUP has the
// configuration read anew: the log is changed at once, everything else between
// two plans, when another agent takes over. A configuration that is wrong, or
// that no agent can be made of, changes nothing.
func (s *server) run(ctx context.Context, c config.Config) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	asked, stop := reloads()
	defer stop()
	defer context.AfterFunc(ctx, s.herald.stopping)()
	a, err := s.parts.assemble(c, s.log.Logger, s.herald)
	if err != nil {
		return err
	}
	s.log.Info("agent started", "version", version, "queue", c.InputQueue, "storage", c.Storage, "maxFormatVersion", c.Ceiling())
	s.herald.allow(endBound(c))
	s.herald.ready()
	for {
		next, err := s.live(ctx, a, c, asked)
		a.close()
		if err != nil || ctx.Err() != nil {
			return err
		}
		if a, err = s.parts.assemble(next, s.log.Logger, s.herald); err != nil {
			s.log.Error("the new configuration cannot be used; the old one stays", "error", err)
			if a, err = s.parts.assemble(c, s.log.Logger, s.herald); err != nil {
				return err
			}
			next = c
		} else {
			s.log.Info("the new configuration is in use", "queue", next.InputQueue)
		}
		c = next
		s.herald.allow(endBound(c))
		s.herald.say("")
	}
}

// live is the life of one agent: until ctx is done, or until it has no plan in
// hand and there is another configuration, which it returns.
func (s *server) live(ctx context.Context, a *assembled, c config.Config, asked <-chan os.Signal) (next config.Config, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	due, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	a.Store = turnstile{a.Store, due, stop}
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }() // waited for below
	next = c
	for {
		select {
		case err := <-ended:
			return next, err
		case <-asked:
			s.herald.reloading()
			if n, err := s.reload(c); err != nil {
				s.log.Error("the configuration was not reloaded; the old one stays", "error", err)
			} else if next = n; differs(c, next) {
				s.log.Info("the configuration was reloaded; it is in use once the plan in hand has ended")
				s.herald.say("a new configuration waits for the end of this plan")
				leave()
			} else {
				s.log.Info("the configuration was reloaded; only the log could have changed")
			}
			s.herald.ready()
		}
	}
}

// reload reads the configuration and puts the log where it says. Nothing is
// changed if there is an error.
func (s *server) reload(old config.Config) (config.Config, error) {
	c, err := s.options.load()
	if err != nil {
		return old, err
	}
	if c.Storage != old.Storage {
		return old, fmt.Errorf("storage: %s cannot become %s while the agent runs: plans that wait would stay behind; restart the agent, or set it back", old.Storage, c.Storage)
	}
	if err := s.log.use(c.Log); err != nil {
		return old, err
	}
	warn(s.log.Logger, c)
	return c, nil
}

// differs says whether b needs another agent than a: whether anything but the
// log is different. The file of the broker's authorities may have another content.
func differs(a, b config.Config) bool {
	for _, c := range []*config.Config{&a, &b} {
		c.Log, c.Sources, c.Warnings = config.Log{}, nil, nil
	}
	return !reflect.DeepEqual(a, b) || a.RabbitMQ.CACerts != ""
}

// endBound is how long the end of the service may take: the script in hand may
// go on, is then stopped, and its result is sent.
func endBound(c config.Config) time.Duration {
	const rest = 20 * time.Second // the result kept and sent, the connection closed
	return c.StopTimeout + c.Script.Grace + rest
}

// A turnstile is a Store that lets plans pass to the agent until due is done,
// and then, asked for the next one, ends the agent instead.
type turnstile struct {
	agent.Store
	due  context.Context
	stop func()
}

// Next is that of the store. A plan that it has returned is run.
func (t turnstile) Next(ctx context.Context) (agent.Entry, error) {
	if t.due.Err() == nil {
		turn, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(t.due, cancel)()
		e, err := t.Store.Next(turn)
		if err == nil || t.due.Err() == nil {
			return e, err
		}
	}
	t.stop()
	return agent.Entry{}, context.Canceled
}

// beatEvery is how often systemd wants to hear that the agent is alive: three
// times in WatchdogSec. 0 means that it does not.
func beatEvery() time.Duration {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return interval / 3
}
