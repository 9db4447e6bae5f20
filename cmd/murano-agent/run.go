// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent/config"
)

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
one after another and answers each exactly once. SIGTERM ends the agent: the
script that runs may go on for stopTimeout, is then stopped, and its plan is
answered with what happened, or goes on at the next start if it asks for that.
SIGHUP reads the configuration anew and opens the log file anew: what the log is
to be takes effect at once, the rest once the plan in hand has ended. A
configuration that is wrong is refused, in the log, and the old one stays.

The configuration is agent.yaml, of which the package has a commented sample,
or agent.conf as Murano's engine writes it; a directory may hold both, and
agent.yaml wins. Of --config-dir and --config-file given several times the last
wins, files over directories.

Exit codes: 0 stopped by a signal; 1 it could not go on; 2 the call is wrong;
3 the configuration is wrong.`,
		Example: `  murano-agent run
  murano-agent run --config-dir /etc/murano
  murano-agent run --config-file ./agent.yaml --debug`,
		Args: positional,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return managed(cmd.Context(), func(ctx context.Context) error { return serve(ctx, o, cmd.ErrOrStderr()) })
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.dirs, "config-dir", nil, "`DIR` of agent.yaml or *.conf (default "+defaultConfig+")")
	f.StringArrayVar(&o.files, "config-file", nil, "a configuration `FILE`, .yaml or INI")
	f.StringVar(&o.logFile, "log-file", "", "log `FILE`, over that of the configuration")
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
	if c.Log.File == "" && unheard() {
		c.Log.File = filepath.Join(c.Storage, "agent.log")
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
	log, err := newLog(c.Log, stderr, "")
	if err != nil {
		return &exit{exitConfig, err}
	}
	defer log.Close()
	warn(log.Logger, c)
	s := &server{options: o, log: log, herald: newHerald(), parts: newParts(log.Logger)}
	defer s.parts.close()
	if err := s.run(ctx, c); err != nil {
		return &exit{exitFailed, err}
	}
	log.Info("agent stopped")
	return nil
}

// warn says what is odd in c, and what is dangerous.
func warn(log *slog.Logger, c config.Config) {
	for _, w := range c.Warnings {
		log.Warn("configuration", "what", w)
	}
	if c.RabbitMQ.SSL && c.RabbitMQ.Insecure {
		log.Warn("the broker's certificate is not verified: who answers at its address can run anything here; set rabbitmq.insecure to false and caCerts to its authority")
	}
}
