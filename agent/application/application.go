// SPDX-License-Identifier: Apache-2.0

// Package application runs scripts of Type: Application: a program with
// arguments, its output and its exit code, as murano-agent 12.0.0 runs them
// (executors/application): by /bin/sh, the arguments being shell text.
package application

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/agent"
)

// DefaultLinger is Executor.Linger's default: five seconds. A child that is still
// at work then is a daemon, and no plan waits for a daemon.
const DefaultLinger = 5 * time.Second

// An Executor runs programs. The zero value is ready to use.
type Executor struct {
	// Shell runs the command line. Empty means /bin/sh.
	Shell string
	// Linger bounds the wait for what a script left in the background with its
	// captured output open: Run waits for it, as murano-agent 12.0.0 does for
	// ever, but not longer than this after the script's own end. What it writes
	// later is read and thrown away, so that it does not die of it, until Close.
	// 0 means DefaultLinger.
	Linger time.Duration

	once sync.Once
	left leftovers
}

var _ agent.Executor = (*Executor)(nil)

// Run runs `./"<entry file>" <text>` with the shell, in the folder of the entry
// file, umask 0022, in a process group of its own. The text is the Body's first
// argument or commandline=, and shell text; the name of the file is data. The
// second positional argument is the standard input; without one that is
// /dev/null. The keyword input= is the standard input from FormatVersion 2.3.0 on;
// before, it is accepted and ignored, as murano-agent does.
//
// What a script writes goes to c.Stdout and c.Stderr as it comes. Of a captured
// stream c.MaxOutput bytes are also kept for the Output.
func (x *Executor) Run(ctx context.Context, c agent.Call) (agent.Output, error) {
	if !supported {
		return agent.Output{}, fmt.Errorf("run script %q: scripts of type Application do not run on Windows yet; run this plan on a Linux guest", c.Name)
	}
	in, err := argumentsOf(ctx, c)
	if err != nil {
		return agent.Output{}, err
	}
	x.once.Do(keepToOurselves)
	shell := x.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	dir, base := filepath.Split(c.Entry)
	cmd := exec.CommandContext(ctx, shell, "-c", commandLine(base, in.text))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), c.Env...)
	if in.stdin != "" {
		cmd.Stdin = strings.NewReader(in.stdin)
	}
	isolate(cmd)
	grace := c.Grace
	if grace <= 0 {
		grace = agent.DefaultGrace
	}
	var asked time.Time
	cmd.Cancel = func() error {
		asked = time.Now()
		return terminate(cmd.Process.Pid)
	}
	cmd.WaitDelay = grace

	stdout, err := newStream(c.Script.Options.CaptureStdout, c.Stdout, c.MaxOutput)
	if err != nil {
		return agent.Output{}, fmt.Errorf("run script %q: %w", c.Name, err)
	}
	stderr, err := newStream(c.Script.Options.CaptureStderr, c.Stderr, c.MaxOutput)
	if err != nil {
		stdout.abandon()
		return agent.Output{}, fmt.Errorf("run script %q: %w", c.Name, err)
	}
	cmd.Stdout, cmd.Stderr = stdout.end(), stderr.end()

	err = cmd.Start()
	stdout.started(err == nil)
	stderr.started(err == nil)
	if tooLong(err) {
		return agent.Output{}, &agent.ArgumentError{Script: c.Name, Reason: fmt.Sprintf(
			"got a command line of %d bytes, more than the system takes; give it as the second argument, the standard input, or in a file", len(in.text))}
	}
	if err != nil {
		return agent.Output{}, fmt.Errorf("start script %q with %s: %w", c.Name, shell, err)
	}
	err = cmd.Wait()
	if !asked.IsZero() {
		endGroup(cmd.Process.Pid, grace-time.Since(asked))
	}
	x.drain(ctx, stdout, stderr)

	out := agent.Output{ExitCode: exitCode(cmd.ProcessState)}
	var cut [2]bool
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

// drain waits until both streams are at their end, or x.Linger is over. What is
// still open then is left to x.left; after the end of ctx the group is dead
// and the wait is short.
func (x *Executor) drain(ctx context.Context, streams ...*stream) {
	linger := x.Linger
	if linger <= 0 {
		linger = DefaultLinger
	}
	if ctx.Err() != nil {
		linger = 100 * time.Millisecond
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for _, s := range streams {
		select {
		case <-s.done:
			continue
		case <-timer.C:
		case <-ctx.Done():
			// Ended between the script's end and its children's: they live on.
		}
		for _, s := range streams {
			s.detach()
			x.left.add(s)
		}
		return
	}
}

// Close ends the reading of what earlier scripts left in the background.
func (x *Executor) Close() error {
	x.left.close()
	return nil
}

// commandLine is the text the shell gets. The umask goes first, on the same
// line, because a child's cannot be set otherwise without changing the agent's;
// line numbers in the shell's messages stay as they are.
func commandLine(name, text string) string {
	return "umask 0022; ./" + quote(name) + " " + text
}

// quote makes one word of s for the shell, whatever is in it.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// discard tells whether nobody wants what is written to w.
func discard(w io.Writer) bool { return w == nil || w == io.Discard }
