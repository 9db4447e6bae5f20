// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller/devcloud"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/guest"
	"github.com/openmurano/murano/test/rabbitmq"
)

// A booted is a guest that runs the packaged agent.
type booted struct {
	*station
	guest *guest.Guest
}

// boot boots a guest with the agent's package and more in its configuration.
func boot(t *testing.T, more string) *booted {
	t.Helper()
	root, deb := need(t, "MURANO_E2E_ROOT"), need(t, "MURANO_E2E_DEB")
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	server := rabbitmq.Start(t)
	relay(t, server.Addr())
	b := &booted{station: newStation(t, server)}
	dir := t.TempDir()
	host := &guest.Host{Script: filepath.Join(top, "test/guest/nspawn.sh"), Root: root, Layer: filepath.Join(dir, "layer")}
	if err := guest.Install(t.Context(), root, deb, host.Layer); err != nil {
		t.Fatal(err)
	}
	// The watchdog of the package bites after three minutes; here nobody waits that long.
	b.write(filepath.Join(dir, "guest", "upper"), map[string]string{
		"etc/murano/agent.yaml": b.config(server, meeting, 5672, more),
		"etc/systemd/system/murano-agent.service.d/impatient.conf": "[Service]\nWatchdogSec=4s\nTimeoutAbortSec=2s\n",
	})
	started, err := host.Start(t.Context(), devcloud.Server{Name: "agent", Dir: filepath.Join(dir, "guest"), UserData: []byte("#cloud-config\n{}\n")})
	if err != nil {
		t.Fatal(err)
	}
	b.guest = started.(*guest.Guest)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("journal:\n%s", command(t, "journalctl", "-D", filepath.Join(b.guest.Dir(), "var/log/journal"), "-u", "murano-agent", "--no-pager", "-n", "100"))
		}
		end, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := b.guest.Stop(end); err != nil {
			t.Error(err)
		}
	})
	b.ready()
	return b
}

func (b *booted) write(dir string, files map[string]string) {
	b.t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// ready waits for the guest's boot.
func (b *booted) ready() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	if err := b.guest.Booted(ctx); err != nil {
		b.t.Fatalf("%v\n%s", err, b.guest.Console())
	}
}

// in runs a command in the guest and returns what it wrote and its error.
func (b *booted) in(args ...string) (string, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	cmd, err := b.guest.Command(ctx, args[0], args[1:]...)
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// must is in, for a command that has to succeed.
func (b *booted) must(args ...string) string {
	b.t.Helper()
	out, err := b.in(args...)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// eventually waits until the command writes want.
func (b *booted) eventually(want string, args ...string) {
	b.t.Helper()
	out := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if out, _ = b.in(args...); strings.Contains(out, want) {
			return
		}
	}
	b.t.Fatalf("%s: got %q, want %q", strings.Join(args, " "), out, want)
}

// runs are the words that scripts left in /var/runs.
func (b *booted) runs() string {
	text, err := os.ReadFile(filepath.Join(b.guest.Dir(), "var/runs"))
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func TestAgentInABootedGuest(t *testing.T) {
	b := boot(t, "stopTimeout: 2s\nscript: {grace: 2s}\n")
	for _, tt := range []struct {
		name string
		test func(*booted)
	}{
		{"each script has a scope of its own, and what it leaves there outlives the agent", (*booted).scope},
		{"what a script is held to", (*booted).containment},
		{"the journal is found by plan and script", (*booted).journal},
		{"an admin who is in the group sees all and may do nothing", (*booted).admin},
		{"systemctl stop lets a script that is nearly done end", (*booted).stopNear},
		{"systemctl stop ends a script that takes long, and its plan once", (*booted).stopLong},
		{"an agent that hangs is restarted by the watchdog, and its plan ends once", (*booted).watchdog},
		{"a reboot in a plan with onInterrupt: fail", func(b *booted) { b.reboot("fail", plans.StateInterrupted, "a b") }},
		{"a reboot in a plan with onInterrupt: rerun", func(b *booted) { b.reboot("rerun", plans.StateSucceeded, "a b a b c") }},
		{"a reboot in a plan with onInterrupt: resume", func(b *booted) { b.reboot("resume", plans.StateSucceeded, "a b b c") }},
		{"a reboot as a step", (*booted).rebootStep},
	} {
		ok := t.Run(tt.name, func(t *testing.T) {
			one := *b
			s := *b.station
			s.t, one.station = t, &s
			tt.test(&one)
		})
		if !ok {
			t.FailNow() // the guest is in a state that nobody knows
		}
	}
}

func (b *booted) scope() {
	b.send("scoped", map[string]any{"runAs": "nobody", "nice": 5}, "cat /proc/self/cgroup; id -un; nice")
	out := said(b.ends("scoped", plans.StateSucceeded, time.Minute))
	if !strings.Contains(out, ".scope") || !strings.Contains(out, "murano-") || !strings.HasSuffix(out, "nobody\n5") {
		b.t.Errorf("the script said %q", out)
	}
	b.send("daemon", nil, "sleep 1000 >/dev/null 2>&1 & echo $!")
	pid := said(b.ends("daemon", plans.StateSucceeded, time.Minute))
	b.must("systemctl", "restart", "murano-agent")
	if out, err := b.in("kill", "-0", pid); err != nil {
		b.t.Errorf("what the script started died with the agent: %s", out)
	}
	b.must("kill", pid)
}

// containment runs the executor's own tests, those that need a systemd.
func (b *booted) containment() {
	program, err := os.ReadFile(need(b.t, "MURANO_E2E_APPLICATION"))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.guest.Dir(), "root/application.test"), program, 0o755); err != nil {
		b.t.Fatal(err)
	}
	out, err := b.in("env", "MURANO_TEST_GUEST=1", "/root/application.test", "-test.v", "-test.run", "^TestGuest")
	if err != nil || strings.Contains(out, "--- SKIP") || !strings.Contains(out, "--- PASS: TestGuest") {
		b.t.Errorf("%v\n%s", err, out)
	}
}

func (b *booted) journal() {
	b.send("journal", nil, "echo x")
	b.ends("journal", plans.StateSucceeded, time.Minute)
	b.must("journalctl", "--sync")
	found := false
	for line := range strings.Lines(b.must("journalctl", "-o", "json", "--no-pager", "MURANO_PLAN=journal")) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			b.t.Fatalf("%v: %s", err, line)
		}
		if entry["SYSLOG_IDENTIFIER"] != "murano-agent" || entry["PRIORITY"] == nil || entry["_SYSTEMD_UNIT"] != "murano-agent.service" {
			b.t.Errorf("entry %s", line)
		}
		found = found || entry["MURANO_SCRIPT"] == "call0"
	}
	if !found {
		b.t.Errorf("no entry has MURANO_SCRIPT=call0:\n%s", b.must("journalctl", "-u", "murano-agent", "-o", "verbose", "-n", "5", "--no-pager"))
	}
}

func (b *booted) admin() {
	b.must("useradd", "--create-home", "--groups", "murano", "admin")
	b.must("useradd", "--create-home", "stranger")
	b.send("seen", nil, "echo visible to the group")
	b.ends("seen", plans.StateSucceeded, time.Minute)
	as := func(user string, args ...string) (string, error) {
		return b.in(append([]string{"runuser", "-u", user, "--", "murano-agent"}, args...)...)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"plans", "list"}, "seen"},
		{[]string{"plans", "show", "seen"}, "succeeded"},
		{[]string{"plans", "logs", "seen"}, "visible to the group"},
		{[]string{"status"}, "runs since"},
	} {
		if out, err := as("admin", tt.args...); err != nil || !strings.Contains(out, tt.want) {
			b.t.Errorf("as admin, %v: %v, want %q in\n%s", tt.args, err, tt.want, out)
		}
		if out, err := as("stranger", tt.args...); err == nil {
			b.t.Errorf("as a stranger, %v works:\n%s", tt.args, out)
		}
	}
	b.send("held", nil, "sleep 100")
	b.eventually("running", "murano-agent", "plans", "list")
	if out, err := as("admin", "plans", "cancel", "held"); err == nil {
		b.t.Errorf("admin may cancel:\n%s", out)
	}
	b.must("murano-agent", "plans", "cancel", "held")
	b.ends("held", plans.StateCancelled, time.Minute)
}

func (b *booted) stopNear() {
	b.send("near", nil, "echo started; sleep 1; echo ended")
	b.eventually("running", "murano-agent", "plans", "list")
	b.must("systemctl", "stop", "murano-agent")
	b.must("systemctl", "start", "murano-agent")
	b.ends("near", plans.StateSucceeded, time.Minute)
}

func (b *booted) stopLong() {
	b.send("long", nil, "echo long >>/var/runs; sleep 1000")
	b.eventually("running", "murano-agent", "plans", "list")
	began := time.Now()
	b.must("systemctl", "stop", "murano-agent")
	if took := time.Since(began); took > 20*time.Second {
		b.t.Errorf("systemctl stop took %v", took)
	}
	b.ends("long", plans.StateInterrupted, time.Second)
	if out, _ := b.in("pgrep", "-f", "sleep 1000"); out != "" {
		b.t.Errorf("the script still runs: %s", out)
	}
	b.must("systemctl", "start", "murano-agent")
	b.send("after", nil, "cat /var/runs")
	if out := said(b.ends("after", plans.StateSucceeded, time.Minute)); out != "long" {
		b.t.Errorf("runs: %q", out)
	}
	b.must("rm", "/var/runs")
}

func (b *booted) watchdog() {
	b.send("hung", nil, "echo hung >>/var/runs; sleep 1000")
	b.eventually("running", "murano-agent", "plans", "list")
	pid := b.must("systemctl", "show", "-P", "MainPID", "murano-agent")
	b.must("kill", "-STOP", pid)
	b.ends("hung", plans.StateInterrupted, time.Minute)
	if now := b.must("systemctl", "show", "-P", "MainPID", "murano-agent"); now == pid || now == "0" {
		b.t.Errorf("MainPID is %s, and was %s", now, pid)
	}
	if out := b.must("journalctl", "-u", "murano-agent", "--no-pager"); !strings.Contains(out, "atchdog") {
		b.t.Errorf("the journal does not name the watchdog:\n%s", out)
	}
	if out := b.runs(); out != "hung" {
		b.t.Errorf("runs: %q", out)
	}
	b.must("rm", "/var/runs")
}

// reboot has the guest go down in the second of three scripts.
func (b *booted) reboot(onInterrupt, state, runs string) {
	id := "reboot-" + onInterrupt
	cut := fmt.Sprintf("echo b >>/var/runs\n[ -e /var/%s ] || { touch /var/%s; sync; systemctl reboot; sleep 1000; }", id, id)
	b.send(id, map[string]any{"onInterrupt": onInterrupt}, "echo a >>/var/runs", cut, "echo c >>/var/runs")
	b.ends(id, state, 2*time.Minute)
	b.ready()
	if got := b.runs(); got != runs {
		b.t.Errorf("scripts ran %q, want %q", got, runs)
	}
	b.must("rm", "/var/runs")
}

// rebootStep has a script ask for the reboot by its exit code.
func (b *booted) rebootStep() {
	mark := "echo %s $(cut -c1-8 /proc/sys/kernel/random/boot_id) >>/var/runs"
	b.send("reboot-step", nil, fmt.Sprintf(mark, "a"), fmt.Sprintf(mark, "b")+"\nexit 194", fmt.Sprintf(mark, "c"))
	b.ends("reboot-step", plans.StateSucceeded, 2*time.Minute)
	b.ready()
	words := strings.Fields(b.runs())
	if len(words) != 6 || words[0] != "a" || words[2] != "b" || words[4] != "c" {
		b.t.Fatalf("scripts ran %q", words)
	}
	if words[1] != words[3] || words[3] == words[5] {
		b.t.Errorf("boot IDs %s, %s and %s: the reboot was not between the second script and the third", words[1], words[3], words[5])
	}
	b.must("rm", "/var/runs")
}
