// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

// A guest is a folder, a queue and a configuration: what an agent finds.
type guest struct {
	t                      *testing.T
	dir, config            string
	vhost                  string
	queue, results, events string
	channel                *amqp091.Channel
	env                    []string
}

// newGuest makes a guest whose queues are there, except those in absent.
func newGuest(t *testing.T, absent ...string) *guest {
	t.Helper()
	server := rabbitmq.Start(t)
	vhost := server.NewVHost(t)
	conn, err := amqp091.Dial(server.URL(vhost))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	g := &guest{t: t, dir: t.TempDir(), vhost: vhost, queue: "e1-h1", results: "-execution-results-1", events: "events-1"}
	if g.channel, err = conn.Channel(); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{g.queue, g.results, g.events} {
		if !strings.Contains(strings.Join(absent, " "), q) {
			g.declare(q)
		}
	}
	g.config = filepath.Join(g.dir, "agent.yaml")
	text := fmt.Sprintf("storage: %s\ninputQueue: %s\nresultRoutingKey: %q\neventsRoutingKey: %s\nstopTimeout: 0s\nlog: {file: %s, debug: true}\nrabbitmq:\n  hosts: [%q]\n  login: %s\n  password: %s\n  virtualHost: %q\n",
		filepath.Join(g.dir, "storage"), g.queue, g.results, g.events, g.logFile(), server.Addr(), server.User, server.Password, vhost)
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guest) logFile() string { return filepath.Join(g.dir, "agent.log") }

func (g *guest) declare(queue string) {
	g.t.Helper()
	if _, err := g.channel.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		g.t.Fatal(err)
	}
}

// start starts the real program: this test's own, under the agent's name.
func (g *guest) start() *exec.Cmd {
	g.t.Helper()
	self, err := os.Executable()
	if err != nil {
		g.t.Fatal(err)
	}
	agent := filepath.Join(g.dir, "murano-agent")
	if err := os.Symlink(self, agent); err != nil && !os.IsExist(err) {
		g.t.Fatal(err)
	}
	cmd := exec.Command(agent, "run", "--config-file", g.config)
	cmd.Dir, cmd.Stderr = g.dir, os.Stderr
	cmd.Env = append(os.Environ(), g.env...)
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		if g.t.Failed() {
			b, _ := os.ReadFile(g.logFile())
			g.t.Logf("log of the agent:\n%s", b)
		}
	})
	return cmd
}

// stop ends the agent with SIGTERM and sees that it ends well.
func (g *guest) stop(cmd *exec.Cmd) {
	g.t.Helper()
	cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		g.t.Errorf("the agent ended with %v", err)
	}
}

// document is a plan whose one script is sh.
func (g *guest) document(id, sh string) []byte {
	g.t.Helper()
	plan, err := json.Marshal(map[string]any{
		"FormatVersion": "2.0.0", "ID": id, "Body": "return deploy().stdout",
		"Scripts": map[string]any{"deploy": map[string]any{"Type": "Application", "EntryPoint": "f", "Options": map[string]any{}}},
		"Files":   map[string]any{"f": map[string]any{"Name": "deploy.sh", "BodyType": "Text", "Body": "#!/bin/sh\n" + sh}},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return plan
}

// send publishes a plan whose one script is sh.
func (g *guest) send(id, sh string) {
	g.t.Helper()
	g.publish(amqp091.Publishing{MessageId: id, Body: g.document(id, sh)})
}

// publish sends a message to the agent's queue.
func (g *guest) publish(p amqp091.Publishing) {
	g.t.Helper()
	p.DeliveryMode = amqp091.Persistent
	if err := g.channel.PublishWithContext(context.Background(), "", g.queue, false, false, p); err != nil {
		g.t.Fatal(err)
	}
}

// next is the next message of queue, or a failure after a while.
func (g *guest) next(queue string) []byte {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		d, ok, err := g.channel.Get(queue, true)
		if err != nil {
			g.t.Fatal(err)
		}
		if ok {
			return d.Body
		}
	}
	g.t.Fatalf("nothing came to %s", queue)
	return nil
}

func (g *guest) result() plans.Result {
	g.t.Helper()
	r, err := plans.ParseResult(g.next(g.results))
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// quiet sees that no more results come.
func (g *guest) quiet() {
	g.t.Helper()
	time.Sleep(500 * time.Millisecond)
	if d, ok, err := g.channel.Get(g.results, true); err != nil || ok {
		g.t.Errorf("one more result: %s, %v", d.Body, err)
	}
}

// appears waits for a file that is not empty and returns its text.
func (g *guest) appears(name string) string {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(filepath.Join(g.dir, name)); err == nil && len(b) > 0 && b[len(b)-1] == '\n' {
			return strings.TrimSpace(string(b))
		}
	}
	g.t.Fatalf("%s did not appear", name)
	return ""
}

// slow is a script that notes each run, and its process, and then takes long.
func (g *guest) slow() string {
	return fmt.Sprintf("echo $$ >> %s/runs\nexec sleep 60\n", g.dir)
}

// reap ends the scripts that an agent's sudden death left running.
func (g *guest) reap() {
	for _, line := range strings.Fields(g.appears("runs")) {
		if pid, err := strconv.Atoi(line); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestAPlanInWhichTheAgentIsKilledGetsExactlyOneResult(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	g.send("killed", g.slow())
	g.send("waiting", "echo second\n")
	g.appears("runs")
	agent.Process.Kill()
	agent.Wait()
	defer g.reap()

	agent = g.start()
	first, second := g.result(), g.result()
	if first.SourceID != "killed" || first.State() != plans.StateInterrupted || first.ErrorCode != plans.CodeOther {
		t.Errorf("first result %+v, want an interruption of the plan that ran", first)
	}
	if second.SourceID != "waiting" || string(second.Body) != `"second"` {
		t.Errorf("second result %+v %s, want that of the plan that waited", second, second.Body)
	}
	g.quiet()
	if runs := strings.Fields(g.appears("runs")); len(runs) != 1 {
		t.Errorf("the script ran %d times", len(runs))
	}
	g.stop(agent)
	agent = g.start()
	g.quiet()
	g.stop(agent)
}

func TestAPlanInWhichTheAgentIsStoppedGetsExactlyOneResult(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	g.send("stopped", g.slow())
	pid, _ := strconv.Atoi(g.appears("runs"))
	began := time.Now()
	g.stop(agent)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if err := syscall.Kill(pid, 0); err == nil {
		t.Error("the script still runs")
	}
	r := g.result()
	if r.SourceID != "stopped" || r.State() != plans.StateInterrupted {
		t.Errorf("result %+v, want an interruption", r)
	}
	agent = g.start()
	g.quiet()
	if runs := strings.Fields(g.appears("runs")); len(runs) != 1 {
		t.Errorf("the script ran %d times", len(runs))
	}
	g.stop(agent)
}

func TestAMessageThatIsDeliveredTwiceIsRunOnceAndAnsweredTwice(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	sh := fmt.Sprintf("echo run >> %s/runs; wc -l < %s/runs\n", g.dir, g.dir)
	g.send("twice", sh)
	first := g.next(g.results)
	g.send("twice", sh)
	second := g.next(g.results)
	if string(first) != string(second) {
		t.Errorf("two answers:\n%s\n%s", first, second)
	}
	g.quiet()
	g.stop(agent)
	agent = g.start()
	g.send("twice", sh)
	if third := g.next(g.results); string(third) != string(first) {
		t.Errorf("after a restart:\n%s\n%s", first, third)
	}
	if runs := g.appears("runs"); runs != "run" {
		t.Errorf("runs: %q", runs)
	}
	g.stop(agent)
}

func TestQueuesMayAppearLater(t *testing.T) {
	g := newGuest(t, "e1-h1", "-execution-results-1")
	agent := g.start()
	time.Sleep(300 * time.Millisecond)
	g.declare(g.queue)
	g.send("early", fmt.Sprintf("echo ran; echo ran > %s/runs\n", g.dir))
	g.appears("runs")
	time.Sleep(300 * time.Millisecond)
	g.declare(g.results)
	if r := g.result(); r.SourceID != "early" || string(r.Body) != `"ran"` {
		t.Errorf("result %+v", r)
	}
	g.quiet()
	g.stop(agent)
}

func TestTheAgentSaysHelloAndKeepsItsLogToItself(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	e, err := plans.ParseEvent(g.next(g.events))
	if err != nil || e.Kind != plans.EventHello || e.Queue != g.queue || e.MaxFormatVersion != "2.3.0" {
		t.Errorf("event %+v, %v", e, err)
	}
	g.send("a", "echo x\n")
	g.result()
	g.stop(agent)
	info, err := os.Stat(g.logFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log file %v, %v", info.Mode(), err)
	}
	log, _ := os.ReadFile(g.logFile())
	for _, secret := range []string{"#!/bin/sh", "echo x"} {
		if strings.Contains(string(log), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
