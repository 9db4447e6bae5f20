// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

// Each of these is a defect of murano-agent 12.0.0 that was seen with a real
// RabbitMQ, and that only the whole program can show.

func TestAScriptThatOutlivesHeartbeatsLosesNoPlan(t *testing.T) {
	g := newGuest(t)
	g.configure("rabbitmq.heartbeat", "  heartbeat: 1s\n")
	agent := g.start()
	g.send("long", fmt.Sprintf("echo run >> %s/runs\nsleep 5\necho long\n", g.dir))
	g.appears("runs")
	time.Sleep(3 * time.Second) // three heartbeats
	g.send("second", "echo second\n")
	if q, err := g.channel.QueueDeclarePassive(g.queue, true, false, false, false, nil); err != nil || q.Consumers != 1 {
		t.Errorf("while a script runs the queue has %d consumers, %v", q.Consumers, err)
	}
	g.send("third", "echo third\n")
	for _, want := range []string{"long", "second", "third"} {
		if r := g.result(); r.SourceID != want || string(r.Body) != `"`+want+`"` {
			t.Errorf("got %s %s, want %s", r.SourceID, r.Body, want)
		}
	}
	g.quiet()
	g.stop(agent)
	if n := strings.Count(g.logText(), "broker connected"); n != 1 {
		t.Errorf("the agent connected %d times", n)
	}
}

func TestPlansStampedBeforeOneFromTheFutureRun(t *testing.T) {
	g := newGuest(t)
	now := time.Now()
	for i, at := range []time.Time{now.Add(time.Hour), now, now.Add(-time.Hour)} {
		id := fmt.Sprint("stamped-", i)
		var plan map[string]any
		if err := json.Unmarshal(g.document(id, "echo ran\n"), &plan); err != nil {
			t.Fatal(err)
		}
		plan["Stamp"] = at.UnixMicro() / 100
		g.publish(amqp091.Publishing{MessageId: id, Body: marshal(t, plan)})
	}
	agent := g.start()
	for i := range 3 {
		if r := g.result(); r.SourceID != fmt.Sprint("stamped-", i) || string(r.Body) != `"ran"` {
			t.Errorf("result %d: %s %s", i, r.SourceID, r.Body)
		}
	}
	g.stop(agent)
}

func TestOnlyPlansSignedForThisQueueRun(t *testing.T) {
	g := newGuest(t)
	key, other := newKey(t), newKey(t)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(g.dir, "engine.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600); err != nil {
		t.Fatal(err)
	}
	indented := strings.ReplaceAll(strings.TrimSpace(textOf(t, file)), "\n", "\n  ")
	g.configure("engineKey", "engineKey: |\n  "+indented+"\n")
	agent := g.start()
	runs := fmt.Sprintf("echo $0 >> %s/runs\n", g.dir)
	tests := []struct {
		name  string
		queue string
		key   crypto.Signer // nil: not signed
		alter func([]byte) []byte
		runs  bool
	}{
		{"unsigned", g.queue, nil, nil, false},
		{"signed", g.queue, nil, nil, false}, // does not take the ID of the plan below
		{"signed", g.queue, key, nil, true},
		{"signed", g.queue, nil, nil, false}, // does not get its result
		{"for-another-queue", "e1-h2", key, nil, false},
		{"by-another-key", g.queue, other, nil, false},
		{"altered", g.queue, key, func(b []byte) []byte { return bytes.Replace(b, []byte("echo"), []byte("printf"), 1) }, false},
		{"with-a-space-behind", g.queue, key, func(b []byte) []byte { return append(b, ' ') }, false},
	}
	for _, tt := range tests {
		body := g.document(tt.name, runs)
		m := amqp091.Publishing{MessageId: tt.name, Body: body}
		if tt.key != nil {
			signature, err := plans.Sign(tt.key, tt.queue, body)
			if err != nil {
				t.Fatal(err)
			}
			m.Headers = amqp091.Table{"signature": string(signature)}
		}
		if tt.alter != nil {
			m.Body = tt.alter(body)
		}
		g.publish(m)
		r := g.result()
		if r.SourceID != tt.name {
			t.Fatalf("%s: result of %s", tt.name, r.SourceID)
		}
		if want := map[bool]string{true: plans.StateSucceeded, false: plans.StateRejected}[tt.runs]; r.State() != want {
			t.Errorf("%s: %s, want %s", tt.name, r.State(), want)
		}
		if !tt.runs && (r.Report.Cause == nil || r.Report.Cause.Code != plans.CausePlanSignature) {
			t.Errorf("%s: cause %+v", tt.name, r.Report.Cause)
		}
	}
	g.stop(agent)
	if got := strings.Count(g.appears("runs"), "deploy.sh"); got != 1 {
		t.Errorf("%d plans ran", got)
	}
}

func TestNothingSecretIsWhereOthersCanReadIt(t *testing.T) {
	g := newGuest(t)
	const secret = "s3cr3t-of-the-plan"
	script := fmt.Sprintf("echo %s; cat /proc/$PPID/cmdline /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' > %s/cmdlines\necho done > %s/runs\nexec sleep 1\n", secret, g.dir, g.dir)
	agent := g.start()
	plan := map[string]any{}
	if err := json.Unmarshal(g.document("one", script), &plan); err != nil {
		t.Fatal(err)
	}
	plan["Parameters"] = map[string]any{"adminPassword": "p4ssw0rd-of-the-plan"}
	g.publish(amqp091.Publishing{MessageId: "one", Body: marshal(t, plan)})
	g.appears("runs")
	// The folder of files is open to users that scripts become, the workspace above it is not.
	for _, root := range []string{filepath.Join(g.dir, "storage"), g.logFile()} {
		closedToOthers(t, root)
	}
	g.result()
	g.stop(agent)
	closedToOthers(t, filepath.Join(g.dir, "storage"))
	for _, word := range []string{secret, "p4ssw0rd-of-the-plan"} {
		if strings.Contains(g.logText(), word) {
			t.Errorf("the log holds %q", word)
		}
		if strings.Contains(textOf(t, filepath.Join(g.dir, "cmdlines")), word) {
			t.Errorf("the arguments of a process hold %q", word)
		}
	}
}

// closedToOthers sees that no file below root can be reached by another user.
func closedToOthers(t *testing.T, root string) {
	t.Helper()
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		closed := info.Mode().Perm()&0o077 == 0
		if d.IsDir() && closed {
			// What is below cannot be reached; plans are looked at all the same.
			if filepath.Base(filepath.Dir(path)) == "files" {
				return fs.SkipDir
			}
			return nil
		}
		if !closed && d.Type() != fs.ModeSymlink && filepath.Base(path) != "storage" {
			t.Errorf("%s is %s", path, info.Mode())
		}
		return nil
	})
}

func TestAPasswordOfAnyCharactersConnects(t *testing.T) {
	server := rabbitmq.Start(t)
	g := newGuest(t)
	const user, password = "agent@guest:1", `p@ss/w:rd#%41 "x" ü\`
	server.Ctl(t, "add_user", user, password)
	t.Cleanup(func() { server.Ctl(t, "delete_user", user) })
	server.Ctl(t, "set_permissions", "-p", g.vhost, user, ".*", ".*", ".*")
	ini := filepath.Join(g.dir, "agent.conf")
	text := fmt.Sprintf("[DEFAULT]\nstorage = %s\nlog_file = %s\n[rabbitmq]\nhost = %s\nport = %d\nlogin = %s\npassword = %s\nvirtual_host = %s\ninput_queue = %s\nresult_routing_key = %s\n",
		filepath.Join(g.dir, "storage"), g.logFile(), server.Host, server.Port, user, password, g.vhost, g.queue, g.results)
	if err := os.WriteFile(ini, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g.config = ini
	agent := g.start()
	g.send("one", "echo x\n")
	if r := g.result(); string(r.Body) != `"x"` {
		t.Errorf("result %s", r.Body)
	}
	g.stop(agent)
	if strings.Contains(g.logText(), "p@ss") {
		t.Error("the log holds the password")
	}
}

func TestAnIDLongerThanAMQPTakesIsAnswered(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	id := strings.Repeat("i", 100_000)
	g.publish(amqp091.Publishing{Body: g.document(id, "echo x\n")})
	if r := g.result(); r.SourceID != id || r.State() != plans.StateRejected {
		t.Errorf("result of %.10q, %s", r.SourceID, r.Body)
	}
	g.quiet()
	g.stop(agent)
}

func TestTwoAgentsOnOneQueueAreToldAndLoseNothing(t *testing.T) {
	g := newGuest(t)
	first := g.start()
	for i := range 10 {
		g.send(fmt.Sprint("alone-", i), "true\n")
	}
	for range 10 {
		g.result()
	}
	if strings.Contains(g.logText(), "somebody else") {
		t.Error("the first agent, which was alone, was told of another")
	}
	twin := *g
	twin.dir = t.TempDir()
	twin.config = filepath.Join(twin.dir, "agent.yaml")
	text := strings.ReplaceAll(textOf(t, g.config), g.dir, twin.dir)
	if err := os.WriteFile(twin.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	second := twin.start()
	twin.logged("somebody else receives from this queue too")
	answered := map[string]int{}
	for i := range 10 {
		g.send(fmt.Sprint("plan-", i), fmt.Sprintf("echo x >> %s/runs\n", g.dir))
	}
	for range 10 {
		answered[g.result().SourceID]++
	}
	g.quiet()
	if len(answered) != 10 {
		t.Errorf("answered: %v", answered)
	}
	g.stop(first)
	g.stop(second)
}

func TestAScriptThatRemovesTheStorageCostsOnlyWhatWasInIt(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	g.send("remover", fmt.Sprintf("cd /; rm -rf %s/storage; echo removed\n", g.dir))
	if r := g.result(); string(r.Body) != `"removed"` {
		t.Errorf("result %s", r.Body)
	}
	g.send("next", "echo next\n")
	if r := g.result(); r.SourceID != "next" || string(r.Body) != `"next"` {
		t.Errorf("result %s", r.Body)
	}
	g.quiet()
	g.stop(agent)
	if !strings.Contains(g.logText(), "was removed by somebody") {
		t.Error("the log does not say what happened")
	}
	if got := g.recorded(); len(got["remover"]) != 1 || len(got["next"]) != 1 {
		t.Errorf("recorded: %v", got)
	}
}

func TestAScriptThatKillsTheAgentIsAnsweredAtItsNextStart(t *testing.T) {
	g := newGuest(t)
	agent := g.start()
	g.send("killer", fmt.Sprintf("kill -9 %d; sleep 60\n", agent.Process.Pid))
	agent.Wait()
	agent = g.start()
	if r := g.result(); r.SourceID != "killer" || r.State() != plans.StateInterrupted {
		t.Errorf("result %s, %s", r.State(), r.Body)
	}
	g.send("next", "echo next\n")
	if r := g.result(); string(r.Body) != `"next"` {
		t.Errorf("result %s", r.Body)
	}
	g.stop(agent)
}

func TestAFullDiskLosesNoPlanAndNoResult(t *testing.T) {
	g := newGuest(t)
	storage := filepath.Join(g.dir, "storage")
	if err := os.Mkdir(storage, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", storage, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("mount a small disk: %v; needs root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(storage, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	agent := g.start()
	// A script fills the disk: its own result, and that of a small plan after it, are safe.
	filler := filepath.Join(storage, "filler")
	g.send("filler", fmt.Sprintf("cat /dev/zero > %s 2>/dev/null; echo ran | tee -a %s/runs\n", filler, g.dir))
	if r := g.result(); r.SourceID != "filler" || string(r.Body) != `"ran"` {
		t.Errorf("result %s", r.Body)
	}
	// A plan for which there is no room stays in the broker until there is.
	large := "# " + strings.Repeat("x", 1<<20) + "\n"
	g.send("large", large+"echo large\n")
	g.logged("plan was not kept")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if r := g.result(); r.SourceID != "large" || string(r.Body) != `"large"` {
		t.Errorf("result of %s: %.200s", r.SourceID, r.Body)
	}
	g.quiet()
	g.stop(agent)
	if runs := g.appears("runs"); runs != "ran" {
		t.Errorf("runs: %q", runs)
	}
}

// configure adds text to the configuration; below rabbitmq where key says so.
func (g *guest) configure(key, text string) {
	g.t.Helper()
	old := textOf(g.t, g.config)
	if strings.HasPrefix(key, "rabbitmq.") {
		text = old + text
	} else {
		text += old
	}
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) logText() string { return textOf(g.t, g.logFile()) }

// logged waits until the agent's log holds text.
func (g *guest) logged(text string) {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(g.logFile()); err == nil && bytes.Contains(b, []byte(text)) {
			return
		}
	}
	g.t.Fatalf("the agent did not log %q", text)
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
