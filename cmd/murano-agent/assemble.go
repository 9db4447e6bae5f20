// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/agent/preflight"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

// parts outlive a configuration: executors, with their connection to systemd.
type parts struct {
	runner   agent.Runner // a pattern: each agent has a copy
	programs *application.Executor
}

func newParts(log *slog.Logger) parts {
	runner, programs := newRunner(log)
	return parts{*runner, programs}
}

func (p parts) close() { p.programs.Close() } // it has no error to give

// An assembled agent is one with all that it is connected to.
type assembled struct {
	*agent.Agent
	run   func(context.Context) error // the agent, until ctx is done
	close func()                      // after run
}

// assemble makes an agent of c.
func (p parts) assemble(c config.Config, log *slog.Logger, h *herald) (*assembled, error) {
	runner, err := p.configured(c)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := c.RabbitMQ.TLS()
	if err != nil {
		return nil, err
	}
	if err := shareStorage(c.Storage, c.Group); err != nil {
		log.Warn("the members of the group cannot see what the agent does", "group", c.Group, "error", err)
	}
	group, _ := groupID(c.Group) // 0 is nobody's
	store, err := spool.Open(filepath.Join(c.Storage, "plans"), spool.Options{
		Count: c.History.Count, Bytes: int64(c.History.Size), Age: c.History.Age, Group: group, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("%w; storage is %s: make it a directory this user may write, or set another", err, c.Storage)
	}
	a := &agent.Agent{
		Store: store, Runner: runner, Queue: c.InputQueue,
		Results:            agent.Address{Exchange: c.ResultExchange, Key: c.ResultRoutingKey},
		DynamicResultQueue: c.EnableDynamicResultQueue,
		Version:            version, Hostname: runner.Hostname, BootID: bootID(), Log: log,
		Storage: c.Storage, StopTimeout: c.StopTimeout,
		HeartbeatEvery: c.Heartbeat, Inventory: inventory,
		OnStatus: h.status, Broker: h.broker, Beat: h.beat, BeatEvery: beatEvery(),
	}
	if c.EventsRoutingKey != "" {
		a.Events = agent.Address{Exchange: c.EventsExchange, Key: c.EventsRoutingKey}
	}
	socket := listen(c, log)
	conn := amqp.New(amqp.Options{
		Hosts: c.RabbitMQ.Addresses(), User: c.RabbitMQ.Login, Password: c.RabbitMQ.Password, VHost: c.RabbitMQ.VirtualHost,
		TLS: tlsConfig, Heartbeat: c.RabbitMQ.Heartbeat, Name: "murano-agent " + c.InputQueue, Log: log,
		OnConnect: a.Connected, OnState: h.connection,
	})
	a.Transport = conn
	return &assembled{Agent: a, run: func(ctx context.Context) error { return runBoth(ctx, a, socket) }, close: func() {
		if err := conn.Close(); err != nil {
			log.Warn("connection was not closed in order", "error", err)
		}
		if err := store.Close(); err != nil {
			log.Warn("spool was not closed in order", "error", err)
		}
	}}, nil
}

// listen makes the socket that the guest's own commands speak to. The agent
// does its work without one too: nil.
func listen(c config.Config, log *slog.Logger) net.Listener {
	l, err := control.Listen(filepath.Join(c.Storage, "agent.sock"), c.Group)
	if err != nil {
		log.Warn("commands on this guest cannot reach the agent: murano-agent status and plans read from the disk, plans cancel does not work", "error", err)
		return nil
	}
	return l
}

// runBoth runs the agent until ctx is done and answers on the socket, if there
// is one, until the agent has ended.
func runBoth(ctx context.Context, a *agent.Agent, socket net.Listener) error {
	if socket == nil {
		return a.Run(ctx)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var g errgroup.Group
	g.Go(func() error {
		if err := control.Serve(serving, socket, a); err != nil {
			a.Log.Error("the agent can no longer be reached by commands on this guest; restart it to have that back", "error", err)
		}
		return nil
	})
	g.Go(func() error {
		defer stop()
		return a.Run(ctx)
	})
	return g.Wait()
}

// shareStorage lets the members of group, if the guest has one, into the
// storage, which is made if it is not there. One whose mode somebody chose
// stays as it is.
func shareStorage(storage, group string) error {
	if err := os.MkdirAll(storage, 0o700); err != nil {
		return nil // the spool, which needs it, says so
	}
	gid, ok := groupID(group)
	if !ok {
		return nil
	}
	info, err := os.Stat(storage)
	// A script of another user may pass through it: agent/application opens it so far.
	if err != nil || info.Mode().Perm()&^0o001 != 0o700 {
		return err
	}
	if err := os.Chown(storage, -1, gid); err != nil {
		return err
	}
	return os.Chmod(storage, info.Mode().Perm()|0o050)
}

// groupID is the number of a group; false if the guest does not have it.
func groupID(name string) (int, bool) {
	if name == "" || runtime.GOOS == "windows" {
		return 0, false
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	gid, err := strconv.Atoi(g.Gid)
	return gid, err == nil
}

// configured is the runner that c asks for.
func (p parts) configured(c config.Config) (*agent.Runner, error) {
	key, err := c.PublicKey()
	if err != nil {
		return nil, err
	}
	ceiling, err := plans.ParseVersion(c.Ceiling())
	if err != nil {
		return nil, err
	}
	r := p.runner
	r.Workspaces, r.Plans = filepath.Join(c.Storage, "files"), filepath.Join(c.Storage, "plans")
	r.Key, r.Queue, r.MaxFormat = crypto.PublicKey(key), c.InputQueue, ceiling
	r.Grace, r.MaxOutput, r.MaxLog = c.Script.Grace, int(c.Script.MaxOutput), int64(c.Script.MaxLog)
	r.BootID, r.Reboot = bootID(), reboot
	r.Waits = []agent.Wait{
		{Phase: "cloud-init", Timeout: c.Wait.CloudInit, For: preflight.CloudInit{}.Blocked},
		{Phase: "package-locks", Timeout: c.Wait.PackageLocks, For: preflight.PackageLock{}.Blocked},
	}
	p.programs.Scope = application.ScopesAuto
	if c.Script.Scope == "off" {
		p.programs.Scope = application.ScopesOff
	}
	r.Fetcher = fetch.New(fetch.Options{
		ConnectTimeout: c.Fetch.ConnectTimeout, StallTimeout: c.Fetch.StallTimeout,
		Timeout: c.Fetch.Timeout, MaxSize: int64(c.Fetch.MaxSize), UserAgent: "murano-agent/" + version,
		Proxy: c.Fetch.Proxy, NoProxy: c.Fetch.NoProxy,
	})
	return &r, nil
}
