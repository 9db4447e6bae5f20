// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openmurano/murano/plans"
)

// edit replaces in the configuration; what pattern means must be there.
func (g *guest) edit(pattern, with string) {
	g.t.Helper()
	b, err := os.ReadFile(g.config)
	if err != nil {
		g.t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	if !re.Match(b) {
		g.t.Fatalf("%s is not in\n%s", pattern, b)
	}
	if err := os.WriteFile(g.config, re.ReplaceAll(b, []byte(with)), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// reload sends SIGHUP and sees systemd told: RELOADING=1 with the time, READY=1.
func (g *guest) reload(cmd *exec.Cmd, w *watcher) {
	g.t.Helper()
	var before unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &before); err != nil {
		g.t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGHUP)
	m := w.until(`^RELOADING=1\nMONOTONIC_USEC=\d+$`)
	_, usec, _ := strings.Cut(m, "USEC=")
	if n, err := strconv.ParseInt(usec, 10, 64); err != nil || n < before.Nano()/1000 || n > before.Nano()/1000+30e6 {
		g.t.Errorf("the time of the reload is %q, %v", usec, err)
	}
	w.until(`^READY=1$`)
}

// logLine waits for a line of the log file that matches.
func (g *guest) logLine(file, pattern string) {
	g.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(file); err == nil && re.Match(b) {
			return
		}
	}
	b, _ := os.ReadFile(file)
	g.t.Fatalf("no line of %s matches %s:\n%s", file, pattern, b)
}

// held is a script that waits until the test lets it go.
func (g *guest) held(name string) string {
	return fmt.Sprintf("echo in >> %s/%s.in; while [ ! -e %s/%s.go ]; do sleep 0.05; done; echo %s\n", g.dir, name, g.dir, name, name)
}

func (g *guest) let(name string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name+".go"), nil, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func TestAReloadTakesEffectBetweenTwoPlans(t *testing.T) {
	g := newGuest(t)
	g.declare("results-2")
	w := watch(t, g)
	cmd := g.start()
	w.until(`^READY=1$`)
	g.send("first", g.held("first"))
	g.send("second", "echo second\n")
	g.send("third", "echo third\n")
	g.appears("first.in")
	g.edit(`resultRoutingKey: .*`, `resultRoutingKey: results-2`)
	g.reload(cmd, w)
	if waits := `a new configuration waits for the end of this plan`; !w.heard(waits) {
		w.until(waits)
	}
	time.Sleep(200 * time.Millisecond)
	if d, ok, err := g.channel.Get(g.results, true); err != nil || ok {
		t.Fatalf("a result while the plan is held: %s, %v", d.Body, err)
	}
	g.let("first")
	got := map[string]string{}
	for deadline := time.Now().Add(30 * time.Second); len(got) < 3 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		// Where the first goes depends on which is faster, its delivery or the exchange of agents.
		for _, queue := range []string{g.results, "results-2"} {
			if d, ok, err := g.channel.Get(queue, true); err != nil {
				t.Fatal(err)
			} else if ok {
				r, err := plans.ParseResult(d.Body)
				if err != nil || queue == g.results && r.SourceID != "first" {
					t.Errorf("on %s: %s, %v", queue, d.Body, err)
				}
				got[r.SourceID] = string(r.Body)
			}
		}
	}
	if got["first"] != `"first"` || got["second"] != `"second"` || got["third"] != `"third"` {
		t.Errorf("results %v", got)
	}
	g.logLine(g.logFile(), `the new configuration is in use`)
	g.stop(cmd)
}

func TestAReloadOfAnIdleAgentTakesEffectAtOnce(t *testing.T) {
	g := newGuest(t)
	g.declare("e1-h2")
	w := watch(t, g)
	cmd := g.start()
	w.until(`^STATUS=idle, connected`)
	g.edit(`inputQueue: .*`, `inputQueue: e1-h2`)
	g.reload(cmd, w)
	g.logLine(g.logFile(), `broker consuming.*queue=e1-h2`)
	w.until(`^STATUS=idle, connected`)
	old := g.queue
	g.queue = "e1-h2"
	g.send("new", "echo new\n")
	if r := g.result(); r.SourceID != "new" || string(r.Body) != `"new"` {
		t.Errorf("result %+v", r)
	}
	if q, err := g.channel.QueueDeclarePassive(old, true, false, false, false, nil); err != nil || q.Consumers != 0 {
		t.Errorf("the old queue has %d consumers, %v", q.Consumers, err)
	}
	g.stop(cmd)
}

func TestAWrongConfigurationIsRefusedAndTheOldOneStays(t *testing.T) {
	for _, tt := range []struct{ name, pattern, with, logged string }{
		{"a key that is none", `(?m)^storage:`, "storrage: /x\nstorage:", `not reloaded.*agent\.yaml:1: storrage: is not an option`},
		{"a value that cannot be", `hosts: \[.*\]`, `hosts: []`, `not reloaded.*rabbitmq\.hosts: is empty`},
		{"another storage", `storage: .*`, `storage: /nowhere/else`, `not reloaded.*storage: \S+ cannot become /nowhere/else while the agent runs`},
		{"a log that cannot be written", `file: [^,]*`, `file: /proc/no/log`, `not reloaded.*log\.file: .*name another file`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t)
			w := watch(t, g)
			cmd := g.start()
			w.until(`^STATUS=idle, connected`)
			g.edit(tt.pattern, tt.with)
			g.reload(cmd, w)
			g.logLine(g.logFile(), `level=ERROR.*`+tt.logged)
			g.send("after", "echo still here\n")
			if r := g.result(); string(r.Body) != `"still here"` {
				t.Errorf("result %+v", r)
			}
			g.stop(cmd)
		})
	}
}

func TestALogThatWasRenamedIsOpenedAnewAndMayBecomeAnother(t *testing.T) {
	g := newGuest(t)
	w := watch(t, g)
	cmd := g.start()
	w.until(`^STATUS=idle, connected`)
	g.send("held", g.held("held"))
	g.appears("held.in")
	if err := os.Rename(g.logFile(), g.logFile()+".old"); err != nil {
		t.Fatal(err)
	}
	g.reload(cmd, w)
	g.logLine(g.logFile(), `only the log could have changed`)
	other := filepath.Join(g.dir, "other.log")
	g.edit(`log: \{.*\}`, fmt.Sprintf(`log: {file: %s, format: json}`, other))
	g.reload(cmd, w)
	g.logLine(other, `"msg":"the configuration was reloaded`)
	g.let("held")
	g.logLine(other, `"msg":"plan ended","plan":"held"`)
	if b, _ := os.ReadFile(other); strings.Contains(string(b), "broker connected") {
		t.Error("a change of the log alone cost a connection")
	}
	g.result()
	g.stop(cmd)
}
