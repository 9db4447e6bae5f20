// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

// parts outlive a configuration: what scripts have left running holds on to
// the executors.
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
	store, err := spool.Open(filepath.Join(c.Storage, "plans"), spool.Options{
		Count: c.History.Count, Bytes: int64(c.History.Size), Age: c.History.Age, Log: log,
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
	conn := amqp.New(amqp.Options{
		Hosts: c.RabbitMQ.Addresses(), User: c.RabbitMQ.Login, Password: c.RabbitMQ.Password, VHost: c.RabbitMQ.VirtualHost,
		TLS: tlsConfig, Heartbeat: c.RabbitMQ.Heartbeat, Name: "murano-agent " + c.InputQueue, Log: log,
		OnConnect: a.Connected, OnState: h.connection,
	})
	a.Transport = conn
	return &assembled{Agent: a, run: a.Run, close: func() {
		if err := conn.Close(); err != nil {
			log.Warn("connection was not closed in order", "error", err)
		}
		if err := store.Close(); err != nil {
			log.Warn("spool was not closed in order", "error", err)
		}
	}}, nil
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
	r.Workspaces = filepath.Join(c.Storage, "files")
	r.Key, r.Queue, r.MaxFormat = crypto.PublicKey(key), c.InputQueue, ceiling
	r.Grace, r.MaxOutput, r.MaxLog = c.Script.Grace, int(c.Script.MaxOutput), int64(c.Script.MaxLog)
	r.BootID, r.Reboot = bootID(), reboot
	r.Fetcher = fetch.New(fetch.Options{
		ConnectTimeout: c.Fetch.ConnectTimeout, StallTimeout: c.Fetch.StallTimeout,
		Timeout: c.Fetch.Timeout, MaxSize: int64(c.Fetch.MaxSize), UserAgent: "murano-agent/" + version,
		Proxy: c.Fetch.Proxy, NoProxy: c.Fetch.NoProxy,
	})
	return &r, nil
}
