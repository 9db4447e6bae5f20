// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

// A scope is a unit of systemd that holds a script and everything it starts.
// The zero pointer is none, and has no members and no limits.
type scope struct {
	groups cgroups
	main   string // directory of the group that systemd itself looks at
	holder *holder
}

// newScope puts the process pid, which waits, into a scope within c.Limits. An
// error that is no *agent.UnsupportedOptionError says why there is none.
func (s *systemd) newScope(ctx context.Context, c agent.Call, pid int) (*scope, error) {
	made := &scope{}
	pids := []uint32{uint32(pid)}
	if c.Limits.Memory > 0 || c.Limits.Pids > 0 {
		var err error
		if made.holder, err = newHolder(); err != nil {
			return nil, err
		}
		pids = append(pids, uint32(made.holder.pid()))
	}
	unit, err := s.start(ctx, c.Unit, func() []dbus.Property { return s.properties(c, pids) })
	if err == nil {
		err = made.find(s.groups(), unit, pid)
	}
	if err == nil {
		err = made.bounds(c.Limits)
	}
	if err != nil {
		made.release()
		return nil, err
	}
	return made, nil
}

// find finds the control groups of the unit, where pid is.
func (s *scope) find(m mounts, unit string, pid int) (err error) {
	if s.groups, err = m.of(pid); err != nil {
		return err
	}
	s.groups.only(unit)
	s.main = cmp.Or(s.groups.dir("name=systemd"), s.groups.dir(""))
	if s.main == "" {
		return fmt.Errorf("the control group of %s is not below /sys/fs/cgroup", unit)
	}
	return nil
}

// bounds checks that each limit is one: systemd takes a limit without a word
// whose controller it cannot use.
func (s *scope) bounds(l plans.Limits) error {
	for _, b := range []struct {
		option, controller, v2, v1 string
		set                        bool
	}{
		{"limits.memory", "memory", "memory.max", "memory.limit_in_bytes", l.Memory > 0},
		{"limits.cpu", "cpu", "cpu.max", "cpu.cfs_quota_us", l.CPU > 0},
		{"limits.pids", "pids", "pids.max", "pids.max", l.Pids > 0},
	} {
		if b.set && !s.groups.bounded(b.controller, b.v2, b.v1) {
			return &agent.UnsupportedOptionError{Option: b.option, Reason: fmt.Sprintf(
				"systemd of this guest cannot use the cgroup controller %s; look into /sys/fs/cgroup and at the kernel's command line, or leave the limit out", b.controller)}
		}
	}
	return nil
}

// members are the processes in the scope, but for the holder.
func (s *scope) members() []int {
	if s == nil {
		return nil
	}
	pids := processesOf(s.main)
	if s.holder != nil {
		pids = slices.DeleteFunc(pids, func(p int) bool { return p == s.holder.pid() })
	}
	return pids
}

// dir is the directory of the group that counts as the scope; empty without one.
func (s *scope) dir() string {
	if s == nil {
		return ""
	}
	return s.main
}

// struck says which limit ended or hindered something in the scope, as
// agent.Output.Limit; empty means none did. It is told until release.
func (s *scope) struck(l plans.Limits) string {
	if s == nil {
		return ""
	}
	if l.Memory > 0 && s.groups.count("memory", "oom_kill", "memory.events", "memory.oom_control") > 0 {
		return "killed: memory limit of " + amount(l.Memory)
	}
	if l.Pids > 0 && s.groups.count("pids", "max", "pids.events", "pids.events") > 0 {
		return fmt.Sprintf("could not start more processes: pids limit of %d", l.Pids)
	}
	return ""
}

// release lets the scope end with its last process.
func (s *scope) release() {
	if s != nil && s.holder != nil {
		s.holder.end()
		s.holder = nil
	}
}

// limitOption is the first limit in l, as a plan writes it.
func limitOption(l plans.Limits) string {
	switch {
	case l.Memory > 0:
		return "limits.memory"
	case l.CPU > 0:
		return "limits.cpu"
	}
	return "limits.pids"
}

// amount writes bytes in the largest binary unit that gives a whole number.
func amount(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// A holder is a process that keeps a scope alive: a control group goes with
// its last process, and what it counted with it.
type holder struct {
	cmd  *exec.Cmd
	open *os.File // it ends when this is closed, by us or by our death
}

func newHolder() (*holder, error) {
	read, open, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	// A scope that is stopped by systemd must stay until it was looked at.
	cmd := exec.Command("/bin/sh", "-c", "trap '' TERM HUP INT; read -r _")
	cmd.Dir, cmd.Env, cmd.Stdin = "/", []string{}, read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		open.Close()
		return nil, err
	}
	// Not the one to be killed for memory; where we may not say so, it is the smallest anyway.
	os.WriteFile(oomScore(cmd.Process.Pid), []byte("-1000"), 0)
	return &holder{cmd, open}, nil
}

func (h *holder) pid() int { return h.cmd.Process.Pid }

func (h *holder) end() {
	h.open.Close()
	h.cmd.Wait()
}
