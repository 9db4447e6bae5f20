// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

// The tests named TestGuest... run as root in a booted guest of their own, with
// systemd as PID 1: MURANO_TEST_GUEST=1 application.test -test.run Guest.

func needGuest(t testing.TB) {
	t.Helper()
	if os.Getenv("MURANO_TEST_GUEST") == "" {
		t.Skip("MURANO_TEST_GUEST is not set: not in a guest of its own")
	}
	if !booted() {
		t.Fatal("systemd is not PID 1 here")
	}
}

// needControllers makes limits possible in a container with cgroups of version
// 1, whose controllers systemd-nspawn mounts read-only.
func needControllers(t *testing.T) {
	t.Helper()
	changed := false
	for _, c := range []string{"memory", "cpu", "cpuacct", "pids"} {
		dir := filepath.Join("/sys/fs/cgroup", c)
		if unix.Access(dir, unix.W_OK) == unix.EROFS {
			changed = true
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
				t.Fatalf("remount %s: %v", dir, err)
			}
		}
	}
	if changed {
		systemctl(t, "daemon-reexec") // it looked at its start
	}
}

var units int

func unit(c agent.Call) agent.Call {
	units++
	c.Plan, c.Unit = "0123456789abcdef", fmt.Sprintf("murano-test-%d-%d", os.Getpid(), units)
	return c
}

func systemctl(t testing.TB, args ...string) string {
	t.Helper()
	out, _ := exec.Command("systemctl", args...).CombinedOutput() // many of its answers are exit codes
	return strings.TrimSpace(string(out))
}

func TestGuestEachScriptIsInAScopeOfItsOwnFromItsFirstInstruction(t *testing.T) {
	needGuest(t)
	x := &Executor{}
	defer x.Close()
	for range 20 {
		c := unit(script(t, "deploy.sh", "#!/bin/sh\ncat /proc/self/cgroup; ls /proc/$$/fd\n"))
		out, err := x.Run(t.Context(), c)
		if err != nil || !strings.Contains(text(out.Stdout), "/murano.slice/"+c.Unit+".scope") || !strings.HasSuffix(text(out.Stdout), `\n0\n1\n10\n2"`) {
			t.Fatalf("%v: %s\n%s", err, text(out.Stdout), text(out.Stderr))
		}
		eventually(t, "the scope is gone", func() bool {
			return strings.Contains(systemctl(t, "show", "-P", "LoadState", c.Unit+".scope"), "not-found")
		})
	}
}

func TestGuestAScopeSaysWhoseItIsAndNoSecret(t *testing.T) {
	needGuest(t)
	c := unit(script(t, "deploy.sh", "#!/bin/sh\nsystemctl show $1\n", "hunter2"))
	c.Args[0] = c.Unit + ".scope hunter2"
	c.Env = []string{"PASSWORD=hunter2"}
	got := *run(t, c).Stdout
	if !strings.Contains(got, "Description=Murano script deploy of plan 0123456789abcdef") || strings.Contains(got, "hunter2") {
		t.Errorf("got %s", got)
	}
}

func TestGuestADaemonOutlivesItsScriptAndIsOutOfTheAgentsGroup(t *testing.T) {
	needGuest(t)
	c := unit(script(t, "deploy.sh", "#!/bin/sh\n(while :; do echo alive; sleep 0.05; done) &\necho $! >pid\n"))
	x := &Executor{Linger: 100 * time.Millisecond}
	start := func() int {
		_, err := x.Run(t.Context(), c)
		x.Close()
		b, err2 := os.ReadFile(filepath.Join(c.Dir, "pid"))
		pid, err3 := strconv.Atoi(strings.TrimSpace(string(b)))
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
		return pid
	}
	pid := start()
	if got := systemctl(t, "is-active", c.Unit+".scope"); got != "active" {
		t.Errorf("the scope is %s", got)
	}
	m, err := cgroupMounts()
	if err != nil {
		t.Fatal(err)
	}
	var s scope
	if err := s.find(m, c.Unit+".scope", pid); err != nil {
		t.Fatalf("the daemon: %v", err)
	}
	eventually(t, "a sink reads for the daemon, in its scope", func() bool {
		return slices.ContainsFunc(s.members(), func(p int) bool { return commandOf(p) == "head\x00-c\x001048576\x00" || commandOf(p) == "cat\x00" })
	})
	start()
	if got := systemctl(t, "is-active", c.Unit+":2.scope"); got != "active" {
		t.Errorf("the scope of a second run under a name still in use is %s", got)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the scope ends with the daemon", func() bool { return systemctl(t, "is-active", c.Unit+".scope") == "inactive" })
}

func commandOf(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(b)
}

func TestGuestLimitsAreKeptAndToldWhenTheyStrike(t *testing.T) {
	needGuest(t)
	needControllers(t)
	killed, goesOn := 137, 0
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		killed, goesOn = 143, 143 // systemd stops the rest where cgroups are of version 2
	}
	tests := []struct {
		name, script string
		limits       plans.Limits
		exit         int
		want         string
	}{
		{"a script that takes too much memory is killed", "#!/bin/sh\nhead -c 200000000 /dev/zero | tail; e=$?; sleep 1; exit $e\n", plans.Limits{Memory: 64 << 20}, killed, "killed: memory limit of 64 MiB"},
		{"one of its children may be, and the script go on if systemd lets it", "#!/bin/sh\nhead -c 200000000 /dev/zero | tail >/dev/null\nsleep 1\n", plans.Limits{Memory: 64 << 20}, goesOn, "killed: memory limit of 64 MiB"},
		{"one that needs less is not", "#!/bin/sh\nhead -c 1000000 /dev/zero | tail | wc -c\n", plans.Limits{Memory: 64 << 20, Pids: 16}, 0, ""},
		{"one that starts too many processes is told", "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do sleep 1 & done; wait\n", plans.Limits{Pids: 16}, 2, "could not start more processes: pids limit of 16"},
		{"processor time is bounded", "#!/bin/sh\nt=$(date +%s%N); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; n=$(($(date +%s%N) - t)); c=$(awk '{print $14+$15}' /proc/$$/stat); [ $((n/10000000)) -gt $((c*3)) ] || echo $n $c\n", plans.Limits{CPU: 20}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := unit(script(t, "deploy.sh", tt.script))
			c.Limits = tt.limits
			out := run(t, c)
			if out.ExitCode != tt.exit || out.Limit != tt.want || tt.limits.CPU > 0 && out.Stdout != nil {
				t.Errorf("got exit %d, %q, want %d, %q\n%s\n%s", out.ExitCode, out.Limit, tt.exit, tt.want, text(out.Stdout), text(out.Stderr))
			}
			eventually(t, "nothing is left", func() bool { return systemctl(t, "is-active", c.Unit+".scope") == "inactive" })
		})
	}
}

func TestGuestTheEndOfTheContextEndsWhatLeftTheGroupToo(t *testing.T) {
	needGuest(t)
	c := unit(script(t, "deploy.sh", "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' &\nsetsid sleep 300 &\necho ready >&2\nsleep 300\n"))
	c.Grace = 300 * time.Millisecond
	ready := &signalWriter{seen: make(chan struct{})}
	c.Stderr = ready
	why := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-ready.seen; cancel(why) }()
	x := &Executor{}
	defer x.Close()
	if _, err := x.Run(ctx, c); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	eventually(t, "no process is left", func() bool { return len(processesIn(c.Dir)) == 0 })
}

func TestGuestABrokenBusIsConnectedToAgain(t *testing.T) {
	needGuest(t)
	x := &Executor{}
	defer x.Close()
	scoped := func(what string) {
		t.Helper()
		c := unit(script(t, "deploy.sh", "#!/bin/sh\ncat /proc/self/cgroup\n"))
		out, err := x.Run(t.Context(), c)
		if err != nil || !strings.Contains(text(out.Stdout), c.Unit) {
			t.Errorf("%s: %v, %s", what, err, text(out.Stdout))
		}
	}
	scoped("at first")
	x.systemd.conn.Close()
	scoped("after the connection was closed")
	systemctl(t, "stop", "dbus.socket", "dbus.service")
	scoped("without a bus, by systemd's own socket")
	systemctl(t, "start", "dbus.socket", "dbus.service")
	scoped("with the bus again")

	silent, err := net.Listen("unix", filepath.Join(t.TempDir(), "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+silent.Addr().String())
	x.Close()
	start := time.Now()
	scoped("past a bus that does not answer")
	if took := time.Since(start); took > busTimeout {
		t.Errorf("took %s", took)
	}
}

func TestGuestWithoutScopesOnlyLimitsAreRefused(t *testing.T) {
	needGuest(t)
	var log bytes.Buffer
	x := &Executor{Log: slog.New(slog.NewTextHandler(&log, nil))}
	defer x.Close()
	for range 2 {
		c := script(t, "deploy.sh", "#!/bin/sh\ncat /proc/self/cgroup\n")
		c.Unit = "no name/of a unit"
		out, err := x.Run(t.Context(), c)
		if err != nil || out.ExitCode != 0 || strings.Contains(text(out.Stdout), slice) {
			t.Errorf("got %v, %s", err, text(out.Stdout))
		}
		c = script(t, "deploy.sh", "#!/bin/sh\ntouch ran\n")
		c.Unit, c.Limits.Memory = "no name/of a unit", 1<<30
		_, err = x.Run(t.Context(), c)
		var refused *agent.UnsupportedOptionError
		if !errors.As(err, &refused) || refused.Option != "limits.memory" {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(filepath.Join(c.Dir, "ran")); err == nil {
			t.Error("the script ran")
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, log.String())
	}
}

// What a scope costs: the median of so many runs of an empty script.
func TestGuestCostOfAScope(t *testing.T) {
	needGuest(t)
	const runs = 200
	cost := func(x *Executor, change func(*agent.Call)) time.Duration {
		defer x.Close()
		c := script(t, "deploy.sh", "#!/bin/sh\n")
		took := make([]time.Duration, runs)
		for i := range took {
			c := unit(c)
			change(&c)
			start := time.Now()
			if _, err := x.Run(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		return took[runs/2]
	}
	group := cost(&Executor{Scope: ScopesOff}, func(*agent.Call) {})
	scoped := cost(&Executor{}, func(*agent.Call) {})
	needControllers(t)
	limited := cost(&Executor{}, func(c *agent.Call) { c.Limits.Memory = 1 << 30 })
	t.Logf("median of %d empty scripts: process group %s, scope %s, scope with a memory limit %s", runs, group, scoped, limited)
	if scoped > group+50*time.Millisecond {
		t.Errorf("a scope costs %s", scoped-group)
	}
}
