// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/amqp"
)

// A herald tells systemd what the service does (sd_notify(3)): that it is
// ready, stops or reads its configuration anew, and in one line what it does now.
type herald struct {
	send func(state string) error // nil tells nobody

	talk   sync.Mutex
	unsaid []string // the last start, reload or end, if it could not be told yet

	mu     sync.Mutex
	link   link         // to the broker
	agent  agent.Status // the last one
	notice string       // what is to be said beside it
	line   string       // the last STATUS
	end    time.Duration
}

// newHerald tells the systemd that started this process, if one did and wants
// to know.
func newHerald() *herald {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return &herald{}
	}
	return &herald{send: notify}
}

// notify sends one message to systemd (sd_notify(3)). go-systemd's would wait
// for ever for a systemd that hangs, and plans with it.
func notify(state string) error {
	const patience = time.Second
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}

// tell tells systemd something. What it makes of it changes nothing for the
// agent, so an error is none of ours; but a start or an end that it did not take
// is told again, with the next word.
func (h *herald) tell(state ...string) {
	if h.send == nil {
		return
	}
	h.talk.Lock()
	defer h.talk.Unlock()
	passing := state[0] == daemon.SdNotifyWatchdog || strings.HasPrefix(state[0], "STATUS=")
	if passing {
		state = append(h.unsaid, state...)
	}
	err := h.send(strings.Join(state, "\n"))
	switch {
	case err == nil:
		h.unsaid = nil
	case !passing:
		h.unsaid = state
	}
}

// ready says that the agent is up.
func (h *herald) ready() { h.tell(daemon.SdNotifyReady) }

// beat says that the work loop is alive.
func (h *herald) beat() { h.tell(daemon.SdNotifyWatchdog) }

// reloading says that the configuration is being read; ready follows. Before
// systemd 253 the time is not asked for and does no harm.
func (h *herald) reloading() {
	h.tell(append([]string{daemon.SdNotifyReloading}, monotonic()...)...)
}

// allow sets how long the end may take.
func (h *herald) allow(end time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = end
}

// stopping says that the end has begun and how long it may take, which may be
// longer than TimeoutStopSec of the unit.
func (h *herald) stopping() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell(daemon.SdNotifyStopping, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", h.end.Microseconds()))
}

// say adds a notice to the line; "" takes it away.
func (h *herald) say(notice string) { h.change(func() { h.notice = notice }) }

// connection takes what is news of the broker.
func (h *herald) connection(s amqp.Status) { h.change(func() { h.link.take(s) }) }

// status takes what is news of the agent.
func (h *herald) status(s agent.Status) { h.change(func() { h.agent = s }) }

func (h *herald) change(apply func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	apply()
	line := statusLine(h.agent, h.link)
	if h.notice != "" {
		line += "; " + h.notice
	}
	if line != h.line {
		h.line = line
		h.tell("STATUS=" + line)
	}
}

// broker is the connection in words.
func (h *herald) broker() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.link.String()
}

// A link is the connection to the broker, of which amqp.Status tells parts.
type link struct {
	host  string // empty while there is no connection
	queue string // consumed; empty while it is not
	fault string // why it is not connected, not consuming, or blocked
}

func (l *link) take(s amqp.Status) {
	fault := ""
	if s.Fault != nil {
		fault = strings.Join(strings.Fields(s.Fault.Error()), " ")
	}
	switch s.State {
	case amqp.Connecting:
		*l = link{}
	case amqp.Connected:
		*l = link{host: s.Host}
	case amqp.Consuming:
		l.queue, l.fault = s.Queue, ""
	case amqp.Waiting:
		l.queue, l.fault = "", fault
	case amqp.Blocked:
		l.fault = fault
	case amqp.Lost, amqp.Closed:
		*l = link{fault: fault}
	}
}

func (l link) String() string {
	switch {
	case l.host == "" && l.fault == "":
		return "not connected"
	case l.host == "":
		return "not connected: " + l.fault
	case l.fault != "":
		return "connected to " + l.host + ", but: " + l.fault
	}
	return "connected to " + l.host
}

// statusLine is what `systemctl status` shows. A time it names is one that
// passed, so that the line stays true.
func statusLine(s agent.Status, l link) string {
	if s.Plan == "" {
		line := "idle, "
		switch {
		case s.State == agent.Stopping:
			line = "stopping, "
		case l.host == "":
			line = ""
		}
		return line + l.String() + counts(s)
	}
	line := "running plan " + s.Plan
	if s.State == agent.Stopping {
		line = "stopping; plan " + s.Plan
	}
	if s.PlanName != "" && s.PlanName != s.Plan {
		line += " (" + s.PlanName + ")"
	}
	switch {
	case s.Script != "":
		line += ", script " + s.Script
	case s.Phase != "":
		line += ", " + s.Phase
	}
	if !s.Since.IsZero() {
		line += " since " + s.Since.Format(time.TimeOnly)
	}
	if l.host == "" || l.fault != "" {
		line += "; " + l.String()
	}
	return line + counts(s)
}

// counts are what waits and what was done, where there is anything.
func counts(s agent.Status) string {
	var b strings.Builder
	ended := 0
	for _, n := range s.Ended {
		ended += n
	}
	for _, part := range []struct {
		n    int
		what string
	}{{ended, "plan%s ended"}, {s.Pending, "plan%s waiting"}, {s.Owed, "result%s to be sent"}} {
		switch part.n {
		case 0:
		case 1:
			fmt.Fprintf(&b, ", 1 "+part.what, "")
		default:
			fmt.Fprintf(&b, ", %d "+part.what, part.n, "s")
		}
	}
	return b.String()
}
