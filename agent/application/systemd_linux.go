// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/dbus"
	bus "github.com/godbus/dbus/v5"

	"github.com/openmurano/murano/agent"
)

const (
	// slice is where the scopes of scripts are in systemd's tree.
	slice = "murano.slice"
	// busTimeout bounds one conversation with systemd, doorTimeout one way of
	// getting through to it.
	busTimeout  = 10 * time.Second
	doorTimeout = 2 * time.Second
	// rest is how long scripts without limits do without scopes after one could
	// not be had: none may wait for busTimeout each time.
	rest = time.Minute
)

// systemd is PID 1, as far as we talk to it: over one connection that is made
// when it is needed first, and again after it broke.
type systemd struct {
	mu         sync.Mutex
	conn       *dbus.Conn
	disconnect context.CancelFunc
	version    int    // 252; 0 where it could not be told
	self       string // the agent's own service; empty where it is none
	mounts     mounts // of control groups

	rested     time.Time // when a scope is tried for again; zero: now
	complained sync.Once
}

// booted tells whether systemd is PID 1 (sd_booted(3)).
func booted() bool {
	st, err := os.Stat("/run/systemd/system")
	return err == nil && st.IsDir()
}

// complain notes that a script runs without a scope, and says so and why, once.
func (s *systemd) complain(log *slog.Logger, err error) {
	s.mu.Lock()
	s.rested = time.Now().Add(rest)
	s.mu.Unlock()
	if log != nil {
		s.complained.Do(func() {
			log.Warn("scripts run in the agent's own control group: systemd makes no scope", "error", err)
		})
	}
}

// resting tells whether a scope that is not needed should not be tried for.
func (s *systemd) resting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.rested)
}

// connect returns the connection, made anew where there is none that works:
// over the system bus, or where that does not lead to systemd, over the socket
// that systemd has for root.
func (s *systemd) connect(ctx context.Context) (*dbus.Conn, error) {
	if s.conn != nil && s.conn.Connected() {
		return s.conn, nil
	}
	s.hangUp()
	err := s.open(ctx, dbus.NewSystemConnectionContext)
	if err != nil && os.Geteuid() == 0 {
		err = s.open(ctx, dbus.NewSystemdConnectionContext)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	if s.mounts, err = cgroupMounts(); err != nil {
		return nil, err
	}
	s.self = s.mounts.ownService()
	return s.conn, nil
}

// open connects through one door and asks systemd, behind it, for its version.
func (s *systemd) open(ctx context.Context, dial func(context.Context) (*dbus.Conn, error)) error {
	// The connection outlives this call, whose context would end it.
	life, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	late := time.AfterFunc(doorTimeout, disconnect)
	conn, err := dial(life)
	if err != nil {
		disconnect()
		return err
	}
	version, err := conn.GetManagerProperty("Version")
	if late.Stop(); err == nil {
		err = life.Err()
	}
	if err != nil {
		conn.Close()
		disconnect()
		return err
	}
	s.conn, s.disconnect, s.version = conn, disconnect, versionOf(version)
	return nil
}

func (s *systemd) hangUp() {
	if s.conn != nil {
		s.conn.Close()
		s.disconnect()
		s.conn = nil
	}
}

// groups is where control groups are mounted, as of the connection.
func (s *systemd) groups() mounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mounts
}

func (s *systemd) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangUp()
}

// start makes a transient unit and waits until it runs. Where a unit of that
// name still does, because a script of it left something running, the new one
// has a colon and a number behind its name.
func (s *systemd) start(ctx context.Context, unit string, properties func() []dbus.Property) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, busTimeout, fmt.Errorf("systemd did not answer within %s", busTimeout))
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	broken := false
	for n := 1; ; {
		conn, err := s.connect(ctx)
		if err != nil {
			return "", err
		}
		name := unit + ".scope"
		if n > 1 {
			name = fmt.Sprintf("%s:%d.scope", unit, n)
		}
		done := make(chan string, 1)
		_, err = conn.StartTransientUnitContext(ctx, name, "fail", properties(), done)
		var refused bus.Error
		switch {
		case err == nil:
			return name, await(ctx, done)
		case ctx.Err() != nil:
			s.hangUp() // whoever does not answer may do so over another connection
			return "", context.Cause(ctx)
		case errors.As(err, &refused):
			if refused.Name != "org.freedesktop.systemd1.UnitExists" || n >= 50 {
				return "", err
			}
			n++
		case broken:
			return "", err
		default:
			broken = true // an answer there was none: the bus was restarted
			s.hangUp()
		}
	}
}

func await(ctx context.Context, done <-chan string) error {
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("the job that starts it ended as %s", result)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// properties are those of a script's scope, in words that this systemd knows.
// They are readable by everybody: nothing of the plan's contents is in them.
func (s *systemd) properties(c agent.Call, pids []uint32) []dbus.Property {
	p := []dbus.Property{
		dbus.PropDescription(describe(c)),
		dbus.PropSlice(slice),
		dbus.PropPids(pids...),
	}
	set := func(since int, name string, v any) {
		if s.version >= since {
			p = append(p, dbus.Property{Name: name, Value: bus.MakeVariant(v)})
		}
	}
	set(236, "CollectMode", "inactive-or-failed")
	// Where cgroups are of version 2, systemd before 253 always stops a scope of
	// which a process was killed for memory. So do later ones, whatever their default.
	set(253, "OOMPolicy", "stop")
	grace := c.Grace
	if grace <= 0 {
		grace = agent.DefaultGrace
	}
	set(0, "TimeoutStopUSec", uint64(grace.Microseconds()))
	if s.self != "" {
		// When the guest goes down, the agent stops its script in order, and gives its result, before systemd does.
		p = append(p, dbus.PropBefore(s.self))
	}
	l := c.Limits
	if l.Memory > 0 {
		set(0, "MemoryMax", uint64(l.Memory))
		set(0, "MemorySwapMax", uint64(0))
	}
	if l.CPU > 0 {
		set(0, "CPUQuotaPerSecUSec", uint64(l.CPU)*10_000)
	}
	if l.Pids > 0 {
		set(0, "TasksMax", uint64(l.Pids)+1) // one of them is the holder
	}
	return p
}

// describe is the Description of a script's scope, in one line.
func describe(c agent.Call) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, fmt.Sprintf("Murano script %s of plan %s", c.Name, c.Plan))
	if r := []rune(text); len(r) > 120 {
		return string(r[:119]) + "…"
	}
	return text
}

// versionOf reads the leading number of systemd's property Version:
// "252.39-1~deb12u1", v255.
func versionOf(s string) int {
	s = strings.TrimLeft(s, `"v`)
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, _ := strconv.Atoi(s)
	return n
}

// ownService names the service that this process is of.
func (m mounts) ownService() string {
	own, err := m.of(os.Getpid())
	if err != nil {
		return ""
	}
	for _, p := range []string{own.paths["name=systemd"], own.paths[""]} {
		if name := path.Base(p); strings.HasSuffix(name, ".service") {
			return name
		}
	}
	return ""
}
