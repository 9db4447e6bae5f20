// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

// admin runs a command of the agent's program as an admin of the guest, and
// returns what it printed and its exit code.
func (g *guest) admin(args ...string) (stdout, stderr string, code int) {
	g.t.Helper()
	var out, errs bytes.Buffer
	code = run(append([]string{"murano-agent"}, append(args, "--config-file", g.config)...), strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

// wants runs a command, sees that its exit code is code, and that its output
// holds each of texts. It waits for that a while.
func (g *guest) wants(code int, args []string, texts ...string) string {
	g.t.Helper()
	var stdout, stderr string
	var got int
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		stdout, stderr, got = g.admin(args...)
		missing := ""
		for _, text := range texts {
			if !strings.Contains(stdout+stderr, text) {
				missing = text
			}
		}
		if got == code && missing == "" {
			return stdout
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("%s: exit code %d, want %d; missing %q in\n%s\n%s", args, got, code, missing, stdout, stderr)
		}
	}
}

func TestAnAdminSeesAndCommandsTheAgentThatRuns(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	g.wants(exitOK, []string{"status"}, "connected to", "idle", "no plan ended")
	g.wants(exitOK, []string{"status", "-o", "json"}, `"healthy": true`, `"running": true`)

	g.send("slow", g.slow())
	g.appears("runs")
	g.wants(exitOK, []string{"status"}, "running plan slow", "script deploy")
	g.wants(exitOK, []string{"plans", "list"}, "slow", "running")
	g.wants(exitOK, []string{"plans", "show", "slow"}, "running plan slow, in script deploy")
	g.send("waits", "echo second\n")
	g.wants(exitOK, []string{"plans", "list"}, "pending")
	g.wants(exitOK, []string{"status"}, "plans: 1;")
	g.wants(exitOK, []string{"plans", "cancel", "slow"}, "slow: being stopped")
	if r := g.result(); r.SourceID != "slow" || r.State() != plans.StateCancelled {
		t.Errorf("result %+v, want a cancellation", r)
	}
	if r := g.result(); r.SourceID != "waits" || r.State() != plans.StateSucceeded {
		t.Errorf("result %+v, want that of the plan that waited", r)
	}
	g.wants(exitOK, []string{"plans", "show", "slow"}, "cancelled", "plan.cancelled", "answered")
	g.wants(exitOK, []string{"plans", "retry", "waits"}, "waits to be run again")
	if r := g.result(); r.SourceID != "waits" || r.State() != plans.StateSucceeded {
		t.Errorf("result %+v, want another of the plan that was run again", r)
	}
	g.wants(exitOK, []string{"plans", "gc", "--dry-run"}, "2 would be removed")
	g.wants(exitOK, []string{"plans", "gc", "--keep", "1"}, "1 removed")
	if stdout := g.wants(exitOK, []string{"plans", "list", "-q"}); stdout != "waits\n" {
		t.Errorf("left: %q", stdout)
	}
	g.wants(exitFailed, []string{"plans", "cancel", "waits"}, "it has ended")
	g.wants(exitOK, []string{"diagnose"}, "version dev, idle", "1 consumers") // warnings do not count
	g.stop(agent)
	g.wants(exitFailed, []string{"status"}, "does not run", "systemctl start murano-agent", "1 succeeded")
	g.wants(exitFailed, []string{"diagnose"}, "it does not run", "0 messages wait, 0 consumers")
}

func TestLogsAreFollowedUntilThePlanEnds(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	g.send("followed", fmt.Sprintf("echo first\necho $$ >> %s/runs\nuntil [ -e %s/go ]; do sleep 0.05; done\necho last\nexit 1\n", g.dir, g.dir))
	g.appears("runs")
	var out lockedText
	ended := make(chan int)
	go func() {
		ended <- run([]string{"murano-agent", "plans", "logs", "followed", "-f", "--config-file", g.config}, nil, &out, os.Stderr)
	}()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), "first\n"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("so far: %q", out.String())
		}
	}
	if strings.Contains(out.String(), "last") {
		t.Error("the script went on by itself")
	}
	if err := os.WriteFile(filepath.Join(g.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if got, want := out.String(), "==> deploy, stdout <==\nfirst\nlast\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	g.result()
	g.stop(agent)
}

func TestAMemberOfTheGroupSeesWhatIsNotSecret(t *testing.T) {
	needSetpriv(t)
	const group = "61234" // of nobody else here
	dir := t.TempDir()
	program := forEverybody(t, dir)
	file := filepath.Join(dir, "plan.json")
	document := `{"FormatVersion": "2.3.0", "ID": "one", "Name": "shown", "Parameters": {"password": "hunter22"}, "Options": {"secrets": ["password"]},
		"Body": "deploy()", "Scripts": {"deploy": {"Type": "Application", "EntryPoint": "f"}},
		"Files": {"f": {"Name": "a.sh", "BodyType": "Text", "Body": "#!/bin/sh\necho written; exit 4\n"}}}`
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(closed, []byte("storage: /elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPOOL_GROUP", group)
	storage := filepath.Join(dir, "storage")
	if err := fillSpool(storage, []string{file}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		groups string
		args   []string
		code   int
		want   []string
	}{
		"lists":                    {group, []string{"plans", "list"}, exitOK, []string{"one", "shown", "failed", "script.exit"}},
		"is shown all but some":    {group, []string{"plans", "show", "one"}, exitOK, []string{"deploy", "exit code", "not shown: parameters: ", "use sudo"}},
		"reads logs":               {group, []string{"plans", "logs", "one"}, exitOK, []string{"written"}},
		"may not export":           {group, []string{"plans", "export", "one"}, exitFailed, []string{"permission denied", "only the agent's own user may read it: use sudo"}},
		"may not cancel":           {group, []string{"plans", "cancel", "one"}, exitFailed, []string{"permission denied", "use sudo"}},
		"may not run again":        {group, []string{"plans", "retry", "one"}, exitFailed, []string{"permission denied", "use sudo"}},
		"may not remove":           {group, []string{"plans", "gc"}, exitFailed, []string{"permission denied", "use sudo"}},
		"is told of the state":     {group, []string{"status"}, exitFailed, []string{"does not run", "1 failed"}},
		"is told what is not read": {group, []string{"diagnose", "--config-file", closed}, exitFailed, []string{"skipped  configuration", "permission denied", "skipped  package locks"}},
		"looks in the usual place": {group, []string{"plans", "list", "--config-file", closed, "--storage", ""}, exitFailed, []string{"agent.yaml: permission denied", "looking into /var/murano; name another with --storage"}},
		"is told the group":        {"61235", []string{"plans", "list"}, exitFailed, []string{"permission denied", "it is open to the group " + group + ": join it (sudo usermod -aG " + group}},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := asNobody(t, tt.groups, program, append([]string{tt.args[0], "--storage", storage}, tt.args[1:]...)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d\n%s", code, tt.code, out)
			}
			for _, text := range tt.want {
				if !strings.Contains(out, text) {
					t.Errorf("%q is not in\n%s", text, out)
				}
			}
			if strings.Contains(out, "hunter22") {
				t.Errorf("the secret is in\n%s", out)
			}
		})
	}
}

func TestAMemberOfTheGroupSeesTheAgentThatRunsAndCommandsNothing(t *testing.T) {
	needSetpriv(t)
	const name = "users" // of every Debian and Red Hat
	group, err := user.LookupGroup(name)
	if err != nil {
		t.Skip(err)
	}
	g := newGuest(t)
	program := forEverybody(t, g.dir)
	text, err := os.ReadFile(g.config)
	if err == nil {
		err = os.WriteFile(g.config, append(text, "group: "+name+"\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	agent := g.start()
	g.send("shown", g.slow())
	g.appears("runs")
	g.wants(exitOK, []string{"status"}, "running plan shown")
	storage := filepath.Join(g.dir, "storage")
	for _, tt := range []struct {
		groups, command string
		code            int
		want            string
	}{
		{group.Gid, "status", exitOK, "running plan shown"},
		{group.Gid, "plans list", exitOK, "shown"},
		{group.Gid, "plans show shown", exitOK, "running plan shown, in script deploy"},
		{group.Gid, "plans cancel shown", exitFailed, "permission denied"},
		{group.Gid, "plans gc", exitFailed, "permission denied"},
		{"61235", "status", exitFailed, "permission denied"},
		{"61235", "plans list", exitFailed, "join it (sudo usermod -aG " + name},
	} {
		args := strings.Fields(tt.command)
		out, code := asNobody(t, tt.groups, program, append(args, "--storage", storage)...)
		if code != tt.code || !strings.Contains(out, tt.want) {
			t.Errorf("%s, in group %s: exit code %d, want %d and %q\n%s", tt.command, tt.groups, code, tt.code, tt.want, out)
		}
	}
	g.wants(exitOK, []string{"plans", "cancel", "shown"}, "being stopped")
	g.result()
	out, code := asNobody(t, group.Gid, program, "plans", "show", "shown", "--storage", storage)
	if code != exitOK || !strings.Contains(out, "cancelled") || !strings.Contains(out, "WHY.txt") {
		t.Errorf("afterwards: exit code %d\n%s", code, out)
	}
	g.stop(agent)
}

func needSetpriv(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("setpriv"); err != nil || os.Geteuid() != 0 {
		t.Skip("setpriv and root are needed to be somebody else")
	}
}

// asNobody runs the program as a user without rights, who is in group.
func asNobody(t *testing.T, group, program string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.Command("setpriv", append([]string{"--reuid", "65534", "--regid", "65534", "--groups", group, program}, args...)...)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// forEverybody puts the program into dir, and lets everybody through to it.
func forEverybody(t *testing.T, dir string) (program string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "murano-agent")
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(program, self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestAReadOnlyFileSystemIsReadAllTheSame(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "plan.json")
	if err := os.WriteFile(file, []byte(`{"FormatVersion": "2.0.0", "ID": "one", "Body": "return 1", "Scripts": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	storage := filepath.Join(dir, "storage")
	if err := fillSpool(storage, []string{file}); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "murano-agent")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	// A mount in a namespace of its own ends with its process.
	script := fmt.Sprintf("mount --bind %[1]s %[1]s && mount -o remount,ro,bind %[1]s && %[2]s plans list --storage %[1]s && %[2]s plans show one --storage %[1]s; %[2]s diagnose --storage %[1]s", storage, program)
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("permission denied")) && !bytes.Contains(out, []byte("murano-agent")) {
		t.Skipf("no mount can be made here: %s", out)
	}
	for _, text := range []string{"succeeded", "answered", "its file system is read-only"} {
		if !bytes.Contains(out, []byte(text)) {
			t.Errorf("%q is not in (%v)\n%s", text, err, out)
		}
	}
}

func TestConnectedIsReadFromWhatTheAgentSays(t *testing.T) {
	fault := &amqp.Fault{Text: "gone"}
	for name, tt := range map[string]struct {
		told []amqp.Status
		want bool
	}{
		"before the first attempt": {nil, false},
		"consuming":                {[]amqp.Status{{State: amqp.Connected, Host: "h"}, {State: amqp.Consuming, Queue: "q"}}, true},
		"waiting for its queue":    {[]amqp.Status{{State: amqp.Connected, Host: "h"}, {State: amqp.Waiting, Queue: "q", Fault: fault}}, false},
		"lost":                     {[]amqp.Status{{State: amqp.Connected, Host: "h"}, {State: amqp.Lost, Fault: fault}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := new(herald)
			for _, s := range tt.told {
				h.connection(s)
			}
			s := h.agent
			if s.Broker = h.broker(); connected(s) != tt.want {
				t.Errorf("%q: connected is %v, want %v", s.Broker, !tt.want, tt.want)
			}
		})
	}
}

func TestDiagnoseTellsWhatTheBrokerRefuses(t *testing.T) {
	g := newGuest(t, "e1-h1")
	text, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		old, new string
		want     map[string]string // verdicts by check
		next     string
	}{
		"a queue that is not there": {"", "", map[string]string{"broker.tcp": "ok", "broker.tls": "skipped", "broker.login": "ok", "broker.queue": "fail"}, "the controller declares it"},
		"a password that is wrong":  {"password: ", "password: x", map[string]string{"broker.tcp": "ok", "broker.login": "fail", "broker.queue": "skipped"}, "rabbitmq.password"},
		"a port where nobody is":    {"hosts: [\"", "hosts: [\"127.0.0.1:1\"]\n  caCerts: \"\"\n#", map[string]string{"broker.tcp": "fail", "broker.login": "skipped"}, "check that RabbitMQ runs there"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(g.config, []byte(strings.Replace(string(text), tt.old, tt.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			stdout, stderr, code := g.admin("diagnose", "-o", "json")
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			var told struct{ Checks []observation }
			if err := json.Unmarshal([]byte(stdout), &told); err != nil || code != exitFailed {
				t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
			}
			for _, o := range told.Checks {
				if want := tt.want[o.Check]; want != "" && o.Verdict != want {
					t.Errorf("%+v, want %s", o, want)
				}
			}
			if !strings.Contains(stdout, tt.next) {
				t.Errorf("%q is not in %s", tt.next, stdout)
			}
		})
	}
}

// A lockedText is written and read at once.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
