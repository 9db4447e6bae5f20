// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

// A watcher is systemd's end of the socket of sd_notify(3).
type watcher struct {
	t    *testing.T
	conn *net.UnixConn
	told []string // so far, message by message
}

// watch makes the socket and has the agents of g tell it.
func watch(t *testing.T, g *guest) *watcher {
	t.Helper()
	socket := filepath.Join(g.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	g.env = append(g.env, "NOTIFY_SOCKET="+socket)
	return &watcher{t: t, conn: conn}
}

// next is the next message, if it comes within d.
func (w *watcher) next(d time.Duration) (string, bool) {
	w.t.Helper()
	b := make([]byte, 4096)
	w.conn.SetReadDeadline(time.Now().Add(d))
	n, err := w.conn.Read(b)
	if os.IsTimeout(err) {
		return "", false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.told = append(w.told, string(b[:n]))
	return string(b[:n]), true
}

// until waits for a message that matches and returns it.
func (w *watcher) until(pattern string) string {
	w.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if m, ok := w.next(time.Until(deadline)); ok && re.MatchString(m) {
			return m
		}
	}
	w.t.Fatalf("nothing told matches %s; told was\n%s", pattern, strings.Join(w.told, "\n"))
	return ""
}

func (w *watcher) heard(pattern string) bool {
	return regexp.MustCompile(pattern).MatchString(strings.Join(w.told, "\n"))
}

func TestSystemdIsToldWhatTheAgentDoes(t *testing.T) {
	g := newGuest(t)
	w := watch(t, g)
	cmd := g.start()
	w.until(`^READY=1$`)
	w.until(`^STATUS=idle, connected to \S+:\d+$`)
	g.send("apache", fmt.Sprintf("while [ ! -e %s/go ]; do sleep 0.05; done\n", g.dir))
	w.until(`^STATUS=running plan apache, script deploy since \d\d:\d\d:\d\d$`)
	if err := os.WriteFile(filepath.Join(g.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.until(`^STATUS=idle, connected to \S+:\d+, 1 plan ended`)
	g.result()
	if w.heard(`STOPPING`) || w.heard(`WATCHDOG`) {
		t.Errorf("told too much: %s", strings.Join(w.told, "\n"))
	}
	g.stop(cmd)
	m := w.until(`^STOPPING=1\nEXTEND_TIMEOUT_USEC=\d+$`)
	_, usec, _ := strings.Cut(m, "USEC=")
	if n, err := strconv.Atoi(usec); err != nil || time.Duration(n)*time.Microsecond < 30*time.Second {
		t.Errorf("time for the end %q, %v; want that of stopTimeout, grace and more", usec, err)
	}
}

func TestTheAgentIsReadyWithoutItsBroker(t *testing.T) {
	g := newGuest(t)
	g.edit(`hosts: \[.*\]`, `hosts: ["127.0.0.1:1"]`)
	w := watch(t, g)
	cmd := g.start()
	w.until(`^READY=1$`)
	w.until(`^STATUS=not connected: .*127\.0\.0\.1:1`)
	g.stop(cmd)
}

func TestTheWatchdogIsFedWhileThereIsNothingToDoAndWhileAScriptRuns(t *testing.T) {
	g := newGuest(t)
	w := watch(t, g)
	g.env = append(g.env, "WATCHDOG_USEC=600000")
	cmd := g.start()
	w.until(`^READY=1$`)
	feeds := func(what string) {
		t.Helper()
		for range 4 {
			began := time.Now()
			w.until(`^WATCHDOG=1$`)
			if took := time.Since(began); took > 600*time.Millisecond {
				t.Errorf("%s: %v between two beats, systemd would have killed the agent", what, took)
			}
		}
	}
	feeds("idle")
	g.send("slow", g.slow())
	g.appears("runs")
	feeds("in a script")
	g.stop(cmd)
}

// A systemd that hangs reads nothing: the agent works and ends all the same, and
// what must be known is told once it reads again.
func TestASystemdThatHangsHoldsNothingUp(t *testing.T) {
	g := newGuest(t)
	w := watch(t, g)
	for n := 0; ; n++ { // as many as the socket takes
		to, err := net.Dial("unixgram", filepath.Join(g.dir, "notify"))
		if err != nil {
			t.Fatal(err)
		}
		to.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = to.Write([]byte("full"))
		to.Close()
		if err != nil {
			break
		}
	}
	g.env = append(g.env, "WATCHDOG_USEC=600000")
	cmd := g.start()
	g.send("one", "echo x")
	g.result()
	w.until(`^READY=1\n`)
	g.stop(cmd)
}

// A store whose Finish does not come back: a disk that hangs.
type hung struct {
	agent.Store
	reached, release chan struct{}
}

func (s hung) Finish(context.Context, agent.Entry, plans.Result) error {
	close(s.reached)
	<-s.release
	return errors.New("released")
}

func TestTheWatchdogIsNotFedByAWorkLoopThatHangs(t *testing.T) {
	g := newGuest(t)
	c, err := runOptions{files: []string{g.config}}.load()
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1000)
	p := newParts(slog.New(slog.DiscardHandler))
	defer p.close()
	a, err := p.assemble(c, slog.New(slog.DiscardHandler), &herald{send: func(s string) error { told <- s; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	disk := hung{a.Store, make(chan struct{}), make(chan struct{})}
	a.Store, a.BeatEvery = disk, 50*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	beats := func(d time.Duration) (n int) {
		for after := time.After(d); ; {
			select {
			case m := <-told:
				n += strings.Count(m, "WATCHDOG=1")
			case <-after:
				return n
			}
		}
	}
	if n := beats(500 * time.Millisecond); n < 5 {
		t.Errorf("%d beats while nothing is to be done", n)
	}
	g.send("hangs", "exit 0\n")
	<-disk.reached
	beats(100 * time.Millisecond) // one may have been on its way
	if n := beats(time.Second); n > 0 {
		t.Errorf("%d beats while the disk hangs", n)
	}
	stop()
	close(disk.release)
	<-ended
}

func TestTheStatusLine(t *testing.T) {
	since := time.Date(2026, 11, 23, 14, 3, 5, 0, time.UTC)
	on := link{host: "192.0.2.7:5672", queue: "q"}
	for _, tt := range []struct {
		name   string
		status agent.Status
		link   link
		want   string
	}{
		{"at the start", agent.Status{State: agent.Idle}, link{}, "not connected"},
		{"idle", agent.Status{State: agent.Idle, Ended: map[string]int{"succeeded": 11, "failed": 1}}, on, "idle, connected to 192.0.2.7:5672, 12 plans ended"},
		{"idle, and all went wrong", agent.Status{State: agent.Idle, Pending: 1, Owed: 1}, link{fault: "refused"}, "not connected: refused, 1 plan waiting, 1 result to be sent"},
		{"connected, and the queue is not there", agent.Status{State: agent.Idle}, link{host: "h:1", fault: "no queue q"}, "idle, connected to h:1, but: no queue q"},
		{"in a script", agent.Status{State: agent.Running, Plan: "X", PlanName: "apache", Phase: "deploy", Script: "deploy", Since: since, Pending: 2}, on, "running plan X (apache), script deploy since 14:03:05, 2 plans waiting"},
		{"in another phase", agent.Status{State: agent.Running, Plan: "X", PlanName: "X", Phase: "files", Since: since}, on, "running plan X, files since 14:03:05"},
		{"running, and not connected", agent.Status{State: agent.Running, Plan: "X"}, link{fault: "refused"}, "running plan X; not connected: refused"},
		{"stopping with a plan in hand", agent.Status{State: agent.Stopping, Plan: "X"}, on, "stopping; plan X"},
		{"stopping", agent.Status{State: agent.Stopping}, on, "stopping, connected to 192.0.2.7:5672"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := statusLine(tt.status, tt.link); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestWhatTheBrokerConnectionTellsIsOneLink(t *testing.T) {
	var l link
	for _, step := range []struct {
		status amqp.Status
		want   string
	}{
		{amqp.Status{State: amqp.Connecting}, "not connected"},
		{amqp.Status{State: amqp.Lost, Fault: &amqp.Fault{Text: "refused", Hint: "start it"}}, ""},
		{amqp.Status{State: amqp.Connected, Host: "h:1"}, "connected to h:1"},
		{amqp.Status{State: amqp.Waiting, Queue: "q", Fault: &amqp.Fault{Text: "no queue q"}}, "connected to h:1, but: no queue q"},
		{amqp.Status{State: amqp.Consuming, Queue: "q"}, "connected to h:1"},
	} {
		l.take(step.status)
		if got := l.String(); step.want != "" && got != step.want {
			t.Errorf("after %s: %q, want %q", step.status.State, got, step.want)
		} else if step.want == "" && !strings.HasPrefix(got, "not connected: ") {
			t.Errorf("after %s: %q", step.status.State, got)
		}
	}
}
