// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

// defaultConfig is where the package and cloud-init put the configuration.
const defaultConfig = "/etc/murano"

type runOptions struct {
	dirs, files []string
	logFile     string
	debug       bool
	dynamic     bool
}

func newRun() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Receive plans over AMQP and run them, until told to stop",
		Long: `run is the service: it receives plans over AMQP, keeps them on disk, runs them
one after another and answers each exactly once. SIGTERM stops the script that
runs, answers its plan with what happened, and ends the agent.

The configuration is agent.yaml, of which the package has a commented sample,
or agent.conf as Murano's engine writes it; a directory may hold both, and
agent.yaml wins. Of --config-dir and --config-file given several times the last
wins, files over directories.

Exit codes: 0 stopped by a signal; 1 it could not go on; 2 the call is wrong;
3 the configuration is wrong.`,
		Example: `  murano-agent run
  murano-agent run --config-dir /etc/murano
  murano-agent run --config-file ./agent.yaml --debug`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), o, cmd.ErrOrStderr()) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.dirs, "config-dir", nil, "directory of agent.yaml or *.conf (default "+defaultConfig+")")
	f.StringArrayVar(&o.files, "config-file", nil, "a configuration file, .yaml or INI")
	f.StringVar(&o.logFile, "log-file", "", "log file, over that of the configuration")
	f.BoolVar(&o.debug, "debug", false, "log every step")
	// The one option of its own that murano-agent took on its command line.
	f.BoolVar(&o.dynamic, "enable_dynamic_result_queue", false, "send results to the reply-to of their plans")
	f.MarkHidden("enable_dynamic_result_queue") // the flag is defined above
	return cmd
}

// load reads the configuration that o names, and judges it.
func (o runOptions) load() (config.Config, error) {
	paths := append(append([]string{}, o.dirs...), o.files...)
	if len(paths) == 0 {
		paths = []string{defaultConfig}
	}
	c, err := config.Load(paths...)
	if err != nil {
		return c, err
	}
	if o.logFile != "" {
		c.Log.File = o.logFile
	}
	c.Log.Debug = c.Log.Debug || o.debug
	c.EnableDynamicResultQueue = c.EnableDynamicResultQueue || o.dynamic
	return c, c.Validate()
}

// serve is the service; it returns nil once ctx has ended it.
func serve(ctx context.Context, o runOptions, stderr io.Writer) error {
	c, err := o.load()
	if err != nil {
		return &exit{exitConfig, err}
	}
	log, closeLog, err := newLog(c.Log, stderr)
	if err != nil {
		return &exit{exitConfig, err}
	}
	defer closeLog()
	for _, w := range c.Warnings {
		log.Warn("configuration", "what", w)
	}
	if c.RabbitMQ.SSL && c.RabbitMQ.Insecure {
		log.Warn("the broker's certificate is not verified: who answers at its address can run anything here; set rabbitmq.insecure to false and caCerts to its authority")
	}
	a, done, err := assemble(c, log)
	if err != nil {
		return &exit{exitFailed, err}
	}
	defer done()
	log.Info("agent started", "version", version, "queue", c.InputQueue, "storage", c.Storage, "maxFormatVersion", c.Ceiling())
	notify("READY=1")
	defer notify("STOPPING=1")
	if err := a.Run(ctx); err != nil {
		return &exit{exitFailed, err}
	}
	log.Info("agent stopped")
	return nil
}

// assemble connects the agent's parts as c says. done closes them.
func assemble(c config.Config, log *slog.Logger) (a *agent.Agent, done func(), err error) {
	tlsConfig, err := c.RabbitMQ.TLS()
	if err != nil {
		return nil, nil, err
	}
	key, err := c.PublicKey()
	if err != nil {
		return nil, nil, err
	}
	ceiling, err := plans.ParseVersion(c.Ceiling())
	if err != nil {
		return nil, nil, err
	}
	store, err := spool.Open(filepath.Join(c.Storage, "plans"), spool.Options{
		Count: c.History.Count, Bytes: int64(c.History.Size), Age: c.History.Age, Log: log,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%w; storage is %s: make it a directory this user may write, or set another", err, c.Storage)
	}
	runner, programs := newRunner(log)
	runner.Workspaces = filepath.Join(c.Storage, "files")
	runner.Key, runner.Queue, runner.MaxFormat = crypto.PublicKey(key), c.InputQueue, ceiling
	runner.Grace, runner.MaxOutput = c.Script.Grace, int(c.Script.MaxOutput)
	runner.Fetcher = fetch.New(fetch.Options{
		ConnectTimeout: c.Fetch.ConnectTimeout, StallTimeout: c.Fetch.StallTimeout,
		Timeout: c.Fetch.Timeout, MaxSize: int64(c.Fetch.MaxSize), UserAgent: "murano-agent/" + version,
	})

	a = &agent.Agent{
		Store: store, Runner: runner, Queue: c.InputQueue,
		Results:            agent.Address{Exchange: c.ResultExchange, Key: c.ResultRoutingKey},
		DynamicResultQueue: c.EnableDynamicResultQueue,
		Version:            version, Hostname: runner.Hostname, BootID: bootID(), Log: log,
	}
	if c.EventsRoutingKey != "" {
		a.Events = agent.Address{Exchange: c.EventsExchange, Key: c.EventsRoutingKey}
	}
	conn := amqp.New(amqp.Options{
		Hosts: c.RabbitMQ.Addresses(), User: c.RabbitMQ.Login, Password: c.RabbitMQ.Password, VHost: c.RabbitMQ.VirtualHost,
		TLS: tlsConfig, Heartbeat: c.RabbitMQ.Heartbeat, Name: "murano-agent " + c.InputQueue, Log: log,
		OnConnect: a.Connected, OnState: tellSystemd,
	})
	a.Transport = conn
	return a, func() {
		if err := conn.Close(); err != nil {
			log.Warn("connection was not closed in order", "error", err)
		}
		programs.Close() // it has no error to give
		if err := store.Close(); err != nil {
			log.Warn("spool was not closed in order", "error", err)
		}
	}, nil
}

// tellSystemd makes the state of the connection the status line of the unit.
func tellSystemd(s amqp.Status) {
	line := string(s.State)
	for _, part := range []string{s.Queue, s.Host} {
		if part != "" {
			line += " " + part
		}
	}
	if s.Fault != nil {
		line += ": " + strings.ReplaceAll(s.Fault.Error(), "\n", " ")
	}
	notify("STATUS=" + line)
}

// notify tells systemd, where it is there and wants to know. What it makes of
// it changes nothing for the agent, so an error is none of ours.
func notify(state string) { daemon.SdNotify(false, state) } // see above

// bootID changes with every boot of the guest; empty where the system does not tell.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}
