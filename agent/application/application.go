// SPDX-License-Identifier: Apache-2.0

// Package application runs scripts of Type: Application: a program with
// arguments, its output and its exit code, as murano-agent 12.0.0 runs them
// (executors/application): by /bin/sh, the arguments being shell text; on
// Windows by PowerShell or cmd.exe. It also holds a script to what its Options
// say: limits, another user, niceness, a /tmp of its own.
package application

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/agent"
)

// DefaultLinger is Executor.Linger's default: five seconds. A child that is still
// at work then is a daemon, and no plan waits for a daemon.
const DefaultLinger = 5 * time.Second

// brief is how long output is waited for that nobody captures, and what is
// still on its way after a script was stopped.
const brief = 100 * time.Millisecond

// Scopes says whether scripts run in systemd scopes of their own.
type Scopes string

const (
	// ScopesAuto is the zero value: where systemd is PID 1 and allows it.
	ScopesAuto Scopes = ""
	// ScopesOff keeps scripts in the agent's own control group. Limits cannot
	// be had then.
	ScopesOff Scopes = "off"
)

// An Executor runs programs. The zero value is ready to use.
type Executor struct {
	// Shell runs the command line. Empty means /bin/sh. It is not used on Windows.
	Shell string
	// Scope says whether each script runs in a transient scope of systemd, named
	// after Call.Unit: what it starts is then bounded and stopped with it, and
	// what it leaves running survives a restart of the agent.
	Scope Scopes
	// Linger bounds the wait for what a script left in the background with its
	// captured output open: Run waits for it, as murano-agent 12.0.0 does for
	// ever, but not longer than this after the script's own end. What it writes
	// later is read by a process of its own, so that it does not die of it: up to
	// 1 MiB goes to the log where that is a file, the rest is thrown away.
	// 0 means DefaultLinger.
	Linger time.Duration
	// Log is told, once, when scopes cannot be had. nil means nobody is.
	Log *slog.Logger

	once    sync.Once
	systemd systemd
}

var _ agent.Executor = (*Executor)(nil)

// Run runs `./"<entry file>" <text>` with the shell, in the folder of the entry
// file, umask 0022, in a process group of its own and, where systemd allows, a
// scope of its own. The text is the Body's first argument or commandline=, and
// shell text; the name of the file is data. The second positional argument is
// the standard input; without one that is /dev/null. The keyword input= is the
// standard input from FormatVersion 2.3.0 on; before, it is accepted and
// ignored, as murano-agent does.
//
// What a script writes goes to c.Stdout and c.Stderr as it comes. Of a captured
// stream c.MaxOutput bytes are also kept for the Output, and of two as many together.
//
// An option that this guest cannot give is an *agent.UnsupportedOptionError,
// and nothing of the script has run.
func (x *Executor) Run(ctx context.Context, c agent.Call) (agent.Output, error) {
	in, err := argumentsOf(ctx, c)
	if err != nil {
		return agent.Output{}, err
	}
	x.once.Do(keepToOurselves)
	k, err := x.newCell(ctx, c)
	if err != nil {
		return agent.Output{}, fmt.Errorf("run script %q: %w", c.Name, err)
	}
	defer k.close()
	cmd, err := k.command(ctx, in)
	if err != nil {
		return agent.Output{}, fmt.Errorf("run script %q: %w", c.Name, err)
	}
	grace := c.Grace
	if grace <= 0 {
		grace = agent.DefaultGrace
	}
	var asked time.Time
	cmd.Cancel = func() error {
		asked = time.Now()
		return k.terminate()
	}
	cmd.WaitDelay = grace

	stdout, err := newStream(c.Script.Options.CaptureStdout, c.Stdout, c.MaxOutput)
	if err != nil {
		return agent.Output{}, fmt.Errorf("run script %q: %w", c.Name, err)
	}
	stderr, err := newStream(c.Script.Options.CaptureStderr, c.Stderr, c.MaxOutput)
	if err != nil {
		stdout.started(false)
		return agent.Output{}, fmt.Errorf("run script %q: %w", c.Name, err)
	}
	cmd.Stdout, cmd.Stderr = k.writer(stdout), k.writer(stderr)

	err = k.start(ctx, cmd)
	stdout.started(err == nil)
	stderr.started(err == nil)
	if tooLong(err) {
		return agent.Output{}, &agent.ArgumentError{Script: c.Name, Reason: fmt.Sprintf(
			"got a command line of %d bytes, more than the system takes; give it as the second argument, the standard input, or in a file", len(in.text))}
	}
	if err != nil {
		return agent.Output{}, fmt.Errorf("start script %q with %s: %w", c.Name, filepath.Base(cmd.Path), err)
	}
	err = cmd.Wait()
	if !asked.IsZero() {
		k.end(grace - time.Since(asked))
	}
	x.drain(ctx, k, stdout, stderr)

	out := agent.Output{ExitCode: exitCode(cmd.ProcessState), Limit: k.limit()}
	var cut [2]bool
	share(stdout.kept, stderr.kept, cmp.Or(c.MaxOutput, agent.DefaultMaxOutput))
	out.Stdout, cut[0] = stdout.text()
	out.Stderr, cut[1] = stderr.text()
	out.Truncated = cut[0] || cut[1]
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out, context.Cause(ctx)
	case err == nil, errors.As(err, &exit):
		return out, nil
	default:
		// The script ran; only its standard input was not read to the end.
		if cmd.ProcessState != nil {
			return out, nil
		}
		return out, fmt.Errorf("run script %q: %w", c.Name, err)
	}
}

// drain waits until the streams are at their end: those that are captured for
// x.Linger, the others briefly. What is still open then is left to a process
// that reads it; after the end of ctx the writers are dead and the wait is short.
func (x *Executor) drain(ctx context.Context, k *cell, streams ...*stream) {
	linger := x.Linger
	if linger <= 0 {
		linger = DefaultLinger
	}
	start := time.Now()
	for _, s := range streams {
		bound := brief
		if s.kept != nil && ctx.Err() == nil {
			bound = linger
		}
		// Where ctx ends now, between the script's end and its children's, they live on.
		if !s.wait(ctx, bound-time.Since(start)) {
			k.handOver(s)
		}
	}
}

// Close ends the connection to systemd, if there was one.
func (x *Executor) Close() error {
	x.systemd.close()
	return nil
}

// environ is what the script gets: the agent's, then what is added.
func environ(c agent.Call, more ...string) []string {
	return append(append(slices.DeleteFunc(os.Environ(), ofService), more...), c.Env...)
}

// ofService tells whether a variable is what systemd told the agent as a service
// (systemd.exec(5), "Environment Variables Set or Propagated"): a daemon that a
// script starts would take it for its own.
func ofService(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "MAINPID", "MANAGERPID",
		"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE":
		return true
	}
	return false
}

// discard tells whether nobody wants what is written to w.
func discard(w io.Writer) bool { return w == nil || w == io.Discard }
