// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

// A cell is what one run of a script happens in: a process group, and as far as
// the Call asks or the guest allows a scope, an account, a /tmp of its own.
type cell struct {
	x       *Executor
	call    agent.Call
	account *account    // nil: the agent's own
	tmp     *privateTmp // nil: the guest's
	scoped  bool        // whether a scope is to be made
	spared  bool        // whether the agent is one the kernel spares when memory is short
	stdin   *feed       // nil where the command has it itself

	mu    sync.Mutex
	pid   int // and process group; 0 before the start
	scope *scope
}

// newCell prepares what can be prepared before the start.
func (x *Executor) newCell(ctx context.Context, c agent.Call) (*cell, error) {
	k := &cell{x: x, call: c}
	k.spared = spared()
	k.scoped = x.Scope != ScopesOff && c.Unit != "" && booted()
	if c.Limits == (plans.Limits{}) {
		k.scoped = k.scoped && !x.systemd.resting()
	} else if !k.scoped {
		return nil, &agent.UnsupportedOptionError{Option: limitOption(c.Limits), Reason: x.noScopes(c)}
	}
	var err error
	if c.User != "" {
		if k.account, err = lookUp(ctx, c.User); err != nil {
			return nil, err
		}
		if err := k.account.open(c.Dir); err != nil {
			return nil, err
		}
	}
	if c.PrivateTmp {
		if k.tmp, err = newPrivateTmp(c.Dir); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// noScopes says why this guest has none to give.
func (x *Executor) noScopes(c agent.Call) string {
	switch {
	case x.Scope == ScopesOff:
		return "scopes are off in the agent's configuration; set script.scope to auto"
	case c.Unit == "":
		return "this run has no name of a unit to be bounded under"
	}
	return "systemd is not PID 1 of this guest; boot it with systemd, or leave the limit out"
}

// command is the shell that runs the script, not started.
func (k *cell) command(ctx context.Context, in arguments) (*exec.Cmd, error) {
	shell := k.x.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	dir, base := filepath.Split(k.call.Entry)
	line := commandLine(base, in.text)
	var env []string
	if k.account != nil {
		env = k.account.env()
	}
	env = environ(k.call, env...)
	if k.call.Secret != nil && k.call.Secret(line) {
		env = append(env, "MURANO_COMMAND="+line)
		line = hidden
	}
	if k.gated() {
		line = gate + line
	}
	cmd := exec.CommandContext(ctx, shell, "-c", line)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if k.account != nil {
		cmd.SysProcAttr.Credential = k.account.credential()
	}
	if in.stdin == "" {
		return cmd, nil
	}
	var err error
	k.stdin, err = newFeed(in.stdin, k.account)
	if err == nil {
		cmd.Stdin = k.stdin.read
	}
	return cmd, err
}

// gated tells whether the shell waits until it is where it belongs.
func (k *cell) gated() bool { return k.scoped || k.spared || k.call.Nice != 0 }

// writer is what the script writes to; nil means /dev/null. A pipe is given to
// the script's user, who could not open it as /dev/stdout otherwise.
func (k *cell) writer(s *stream) io.Writer {
	if s.write == nil {
		return nil
	}
	k.account.give(s.write)
	return s.write
}

// start starts cmd. The script runs if it returns nil; otherwise nothing of it has.
func (k *cell) start(ctx context.Context, cmd *exec.Cmd) error {
	if !k.gated() {
		return k.launch(cmd)
	}
	read, open, err := os.Pipe()
	if err != nil {
		return err
	}
	defer open.Close() // without a line the shell ends
	cmd.ExtraFiles = []*os.File{read}
	err = k.launch(cmd)
	read.Close()
	if err != nil {
		return err
	}
	if err := k.settle(ctx); err != nil && !ended(k.pid) {
		open.Close()
		cmd.Wait()
		return err
	}
	open.Write([]byte("\n")) // to a shell that has ended already, none
	return nil
}

// launch starts the process, in the cell's file systems.
func (k *cell) launch(cmd *exec.Cmd) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	start := cmd.Start
	if k.tmp != nil {
		start = func() error { return k.tmp.start(cmd) }
	}
	if err := start(); err != nil {
		return err
	}
	k.pid = cmd.Process.Pid
	if k.stdin != nil {
		k.stdin.started()
	}
	return nil
}

// settle puts the shell, which waits, to where it belongs.
func (k *cell) settle(ctx context.Context) error {
	if k.spared {
		if err := os.WriteFile(oomScore(k.pid), []byte("0"), 0); err != nil {
			return err
		}
	}
	if k.call.Nice != 0 {
		if err := addNice(k.pid, k.call.Nice); err != nil {
			return err
		}
	}
	if !k.scoped {
		return nil
	}
	s, err := k.x.systemd.newScope(ctx, k.call, k.pid)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.scope = s
		return nil
	}
	var unsupported *agent.UnsupportedOptionError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &unsupported), ended(k.pid):
		return err
	case k.call.Limits != (plans.Limits{}):
		return &agent.UnsupportedOptionError{Option: limitOption(k.call.Limits), Reason: "systemd made no scope: " + err.Error()}
	}
	k.x.systemd.complain(k.x.Log, err)
	return nil
}

// terminate asks everything in the cell to end.
func (k *cell) terminate() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, pid := range k.scope.members() {
		if group, err := unix.Getpgid(pid); err == nil && group != k.pid {
			unix.Kill(pid, unix.SIGTERM)
		}
	}
	err := unix.Kill(-k.pid, unix.SIGTERM)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// end returns once nothing in the cell runs, or after grace, when the rest of
// it got SIGKILL. The shell dies of SIGTERM at once; the script it started may
// be cleaning up.
func (k *cell) end(grace time.Duration) {
	over := time.NewTimer(grace)
	defer over.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for k.alive() {
		select {
		case <-tick.C:
		case <-over.C:
			k.kill(tick.C)
			return
		}
	}
}

func (k *cell) alive() bool {
	return !errors.Is(unix.Kill(-k.pid, 0), unix.ESRCH) || len(k.scope.members()) > 0
}

// kill sends SIGKILL until nobody is left to get it: what forks meanwhile is
// caught the next time. One that the kernel does not let go is left to it.
func (k *cell) kill(tick <-chan time.Time) {
	for range 100 {
		unix.Kill(-k.pid, unix.SIGKILL)
		members := k.scope.members()
		for _, pid := range members {
			unix.Kill(pid, unix.SIGKILL)
		}
		if len(members) == 0 {
			return
		}
		<-tick
	}
}

// limit says which limit struck.
func (k *cell) limit() string { return k.scope.struck(k.call.Limits) }

// handOver leaves what is still written to s to a process beside the writers.
func (k *cell) handOver(s *stream) {
	defer s.read.Close()
	log, _ := s.log.(*os.File)
	if err := startSink(s.read, log, k.scope.dir()); err != nil && k.x.Log != nil {
		k.x.Log.Warn("output of what a script left running is not read", "script", k.call.Name, "error", err)
	}
}

// close gives back what the cell holds. What still runs in it runs on.
func (k *cell) close() {
	if k.stdin != nil {
		k.stdin.close()
	}
	k.scope.release()
	if k.tmp != nil {
		k.tmp.remove()
	}
}

// ended tells whether a child has ended that nobody has waited for yet.
func ended(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD) || err == nil && info.Signo == int32(unix.SIGCHLD)
}

// oomScore is the file that says how soon a process is killed when the guest
// is short of memory: proc(5), /proc/pid/oom_score_adj.
func oomScore(pid int) string { return filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj") }

// spared tells whether the agent is protected, as its unit asks
// (OOMScoreAdjust=). A script is not: what fills the guest's memory is a script
// sooner than the services beside it.
func spared() bool {
	b, err := os.ReadFile(oomScore(os.Getpid()))
	return err == nil && bytes.HasPrefix(b, []byte("-"))
}

// addNice adds to the niceness that a child has from us.
func addNice(pid, nice int) error {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	own := 20 - raw // as the system call says it: getpriority(2)
	err = unix.Setpriority(unix.PRIO_PROCESS, pid, min(max(own+nice, -20), 19))
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return &agent.UnsupportedOptionError{Option: "nice", Reason: "the agent may not raise priorities here; run it as root, or use a nice of 0 and above"}
	}
	return err
}
