// SPDX-License-Identifier: Apache-2.0

//go:build unix

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

// build builds the agent with its numbered points.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "murano-agent")
	cmd := exec.Command("go", "build", "-tags", "faults", "-o", path, "github.com/openmurano/murano/cmd/murano-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// A rig is a guest's folder with its queues: what an agent is killed in.
type rig struct {
	agent          string // the program
	dir            string
	queue, results string
}

// newRig makes the folder and the configuration; address is where the broker is reached.
func newRig(dir, agent, name, vhost, address, storage string, s *rabbitmq.Server) (*rig, error) {
	r := &rig{agent: agent, dir: dir, queue: "e-" + name, results: "results-" + name}
	text := fmt.Sprintf("storage: %s\ninputQueue: %s\nresultRoutingKey: %s\nlog: {file: %s}\nrabbitmq:\n  hosts: [%q]\n  login: %s\n  password: %s\n  virtualHost: %q\n  heartbeat: 2s\n",
		storage, r.queue, r.results, r.log(), address, s.User, s.Password, vhost)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return r, os.WriteFile(filepath.Join(dir, "agent.yaml"), []byte(text), 0o600)
}

func (r *rig) log() string  { return filepath.Join(r.dir, "agent.log") }
func (r *rig) runs() string { return filepath.Join(r.dir, "runs") }

// start starts the agent with env added to its environment.
func (r *rig) start(env ...string) (*exec.Cmd, error) {
	cmd := exec.Command(r.agent, "run", "--config-file", filepath.Join(r.dir, "agent.yaml"))
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), env...)
	out, err := os.OpenFile(filepath.Join(r.dir, "output"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, cmd.Start()
}

// stop ends the agent with SIGTERM, which it must obey.
func stop(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the agent, told to stop, ended with %w", err)
	}
	return nil
}

// killed tells whether the agent ended by SIGKILL.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	ws, ok := exit.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}

// ran counts the lines that scripts left, by what they wrote.
func (r *rig) ran() map[string]int {
	n := map[string]int{}
	text, _ := os.ReadFile(r.runs()) // no file: nothing ran
	for _, name := range strings.Fields(string(text)) {
		n[name]++
	}
	return n
}

// recorded reads how each plan ended from its directory in storage.
func recorded(storage string) (map[string][]string, error) {
	found := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(storage, "plans", "*", "state.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		var s struct{ ID, State, Result string }
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if s.State != "answered" {
			return nil, fmt.Errorf("%s: state %s after everything was answered", file, s.State)
		}
		found[s.ID] = append(found[s.ID], s.Result)
	}
	return found, nil
}

// A sheet holds the results that came back, by SourceID, in the order they came.
type sheet struct {
	mu      sync.Mutex
	got     map[string][]plans.Result
	foreign []string // bodies that are no results
	changed chan struct{}
}

func newSheet() *sheet {
	return &sheet{got: map[string][]plans.Result{}, changed: make(chan struct{}, 1)}
}

func (s *sheet) add(body []byte) {
	r, err := plans.ParseResult(body)
	s.mu.Lock()
	if err != nil {
		s.foreign = append(s.foreign, string(body))
	} else {
		s.got[r.SourceID] = append(s.got[r.SourceID], r)
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *sheet) of(id string) []plans.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[id]
}

func (s *sheet) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// read reads queue over one connection, until it breaks or ctx is done.
func (s *sheet) read(ctx context.Context, conn *amqp091.Connection, queue string) error {
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	defer channel.Close()
	if err := channel.Qos(200, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.ConsumeWithContext(ctx, queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for d := range deliveries {
		s.add(d.Body)
		if err := d.Ack(false); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// A document is a plan or another message to an agent.
type document map[string]any

func (d document) encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // made of strings and numbers here
	}
	return b
}

// bodyOnly is a plan without scripts.
func bodyOnly(id string) document {
	return document{"FormatVersion": "2.0.0", "ID": id, "Body": "return 1", "Scripts": document{}, "Files": document{}}
}

// scripted is a plan that calls each of scripts once, in their order. The text
// of a script is shell.
func scripted(id, version string, options document, scripts ...string) document {
	s, f, calls := document{}, document{}, ""
	for i, text := range scripts {
		name := fmt.Sprintf("call%d", i)
		s[name] = document{"Type": "Application", "EntryPoint": name, "Options": document{}}
		f[name] = document{"Name": name + ".sh", "BodyType": "Text", "Body": "#!/bin/sh\n" + text + "\n"}
		calls += name + "()\n"
	}
	d := document{"FormatVersion": version, "ID": id, "Body": calls + "return 'done'", "Scripts": s, "Files": f}
	if options != nil {
		d["Options"] = options
	}
	return d
}

// judge holds one plan to the promise. runs are those of all its scripts; most
// is how many there may be. It returns what is wrong.
func judge(id string, answers []plans.Result, runs, most int, states ...string) (problems []string) {
	wrong := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(id+": "+format, a...)) }
	if len(answers) == 0 {
		wrong("no answer: lost")
		return problems
	}
	first := answers[0]
	for _, r := range answers[1:] {
		same := string(r.Body) == string(first.Body) || id == "cancel" // which says how far its plan is by now
		if r.ID != first.ID || r.State() != first.State() || !same {
			wrong("two ends: %s and %s", first.State(), r.State())
		}
	}
	ok := false
	for _, s := range states {
		ok = ok || s == first.State()
	}
	if !ok {
		wrong("ended %s: %s", first.State(), first.Body)
	}
	if runs > most {
		wrong("its scripts ran %d times, more than %d: doubled", runs, most)
	}
	return problems
}
