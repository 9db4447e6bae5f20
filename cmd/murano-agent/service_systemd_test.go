// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kardianos/service"

	"github.com/openmurano/murano/cloudinit"
)

// systemdTree is a private root with a systemctl that notes what it is asked.
func systemdTree(t *testing.T) (s *systemdService, asked func() string) {
	t.Helper()
	root, bin := t.TempDir(), t.TempDir()
	note := filepath.Join(bin, "asked")
	script := "#!/bin/sh\necho \"$*\" >>" + note + "\ncase $1 in is-active) cat " + bin + "/state; exit 3;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	state(t, bin, "inactive")
	s = &systemdService{ctx: t.Context(), root: root, program: "/opt/murano agent/100%/murano-agent", configDir: "/opt/etc", running: true}
	return s, func() string {
		b, _ := os.ReadFile(note)
		os.Remove(note)
		return string(b)
	}
}

func state(t *testing.T, bin, word string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(bin, "state"), []byte(word+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestInstallWritesTheUnitOfThePackagesForThisProgram(t *testing.T) {
	s, asked := systemdTree(t)
	if _, err := s.Status(); !errors.Is(err, service.ErrNotInstalled) {
		t.Errorf("before: %v", err)
	}
	if err := s.Start(); !errors.Is(err, service.ErrNotInstalled) || !strings.Contains(err.Error(), "service install") {
		t.Errorf("start of what is not there: %v", err)
	}
	for range 2 { // again: a newer program brings its own unit
		if err := s.Install(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(s.root, "etc/systemd/system/murano-agent.service"))
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(string(b), "\n"), strings.Split(cloudinit.Unit(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines, the packages' unit has %d", len(got), len(want))
	}
	var changed []string
	for i := range want {
		if got[i] != want[i] {
			changed = append(changed, got[i])
		}
	}
	if strings.Join(changed, "\n") != "ConditionPathExistsGlob=/opt/etc/agent.*\nExecStart=\"/opt/murano agent/100%%/murano-agent\" run --config-dir /opt/etc" {
		t.Errorf("other than in the packages' unit: %q", changed)
	}
	if a := asked(); a != strings.Repeat("daemon-reload\nenable murano-agent.service\n", 2) {
		t.Errorf("asked of systemd: %s", a)
	}
	if now, err := s.Status(); err != nil || now != service.StatusStopped {
		t.Errorf("status %v, %v", now, err)
	}
	state(t, filepath.Dir(mustLookPath(t, "systemctl")), "active")
	if now, err := s.Status(); err != nil || now != service.StatusRunning {
		t.Errorf("status %v, %v", now, err)
	}
	asked()
	if err := uninstall(s); err != nil {
		t.Fatal(err)
	}
	if a, want := asked(), "is-active murano-agent.service\nis-active murano-agent.service\nstop murano-agent.service\ndisable murano-agent.service\ndaemon-reload\n"; a != want {
		t.Errorf("asked of systemd: %s, want %s", a, want)
	}
	if left, _ := filepath.Glob(filepath.Join(s.root, "etc/systemd/system/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func mustLookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstallLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	for _, tt := range []struct{ name, path, text, says string }{
		{"the package's unit", "/usr/lib/systemd/system/murano-agent.service", "[Unit]\n", "systemctl enable --now murano-agent uses it"},
		{"the unit of a package where /lib is a directory of its own", "/lib/systemd/system/murano-agent.service", "[Unit]\n", "a package brought"},
		{"another unit of that name", "/etc/systemd/system/murano-agent.service", "[Service]\nExecStart=/usr/local/bin/muranoagent\n", "is not the agent's"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, asked := systemdTree(t)
			path := filepath.Join(s.root, tt.path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			err := s.Install()
			if !errors.Is(err, errLeftAlone) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != tt.text {
				t.Errorf("the unit is now %q, %v", b, err)
			}
			if a := asked(); a != "" {
				t.Errorf("asked of systemd: %s", a)
			}
		})
	}
	s, _ := systemdTree(t)
	path := filepath.Join(s.root, "/usr/lib/systemd/system/murano-agent.service")
	os.MkdirAll(filepath.Dir(path), 0o755)
	os.WriteFile(path, nil, 0o644)
	if err := uninstall(s); !errors.Is(err, errLeftAlone) {
		t.Errorf("uninstall of the package's: %v", err)
	}
}

func TestAnImageWithoutARunningSystemdIsOnlyPrepared(t *testing.T) {
	s, asked := systemdTree(t)
	s.running = false
	if err := s.Install(); err != nil {
		t.Fatal(err)
	}
	if a := asked(); a != "enable murano-agent.service\n" {
		t.Errorf("asked of systemd: %s", a)
	}
	if err := s.Start(); err == nil || !strings.Contains(err.Error(), "does not run here") {
		t.Errorf("start: %v", err)
	}
}

func TestTheScriptsOfOtherSystemsAreWholeAndQuoteTheirWords(t *testing.T) {
	c := serviceConfig("/opt/it's/murano-agent", "/etc/a $(b)")
	for _, tt := range []struct{ option, shell string }{{"SysvScript", "sh"}, {"OpenRCScript", "sh"}} {
		text := c.Option[tt.option].(string)
		if strings.ContainsAny(text, "@") && !strings.Contains(text, "$@") || strings.Contains(text, "{{") {
			t.Errorf("%s: something was not filled in:\n%s", tt.option, text)
		}
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tt.shell, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", tt.option, out)
		}
	}
	// As openrc-run reads its words: the assignment, and then once more.
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte(c.Option["OpenRCScript"].(string)), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `RC_SVCNAME=x; . "$0"; eval set -- "$command_args"; printf '%s\n' "$command" "$@"`, path).CombinedOutput()
	if want := "/opt/it's/murano-agent\nrun\n--config-dir\n/etc/a $(b)\n--log-file\n/var/log/murano-agent.log\n"; err != nil || string(out) != want {
		t.Errorf("got %s %v", out, err)
	}
}

// TestTheInitScriptKeepsTheAgentRunning runs the script itself, with its two
// paths in a folder of the test's, and a program in the agent's place.
func TestTheInitScriptKeepsTheAgentRunning(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "agent program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$*\" >>"+dir+"/starts\ntrap 'echo hup >>"+dir+"/starts' HUP\ntrap 'echo term >>"+dir+"/starts; exit 0' TERM\n[ -e "+dir+"/steady ] || exit 1\nwhile :; do sleep 0.1; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/var/run/", dir+"/", "/var/log/", dir+"/").Replace(serviceConfig(program, "/etc/murano").Option["SysvScript"].(string))
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	do := func(verb string, want int) string {
		t.Helper()
		cmd := exec.Command(script, verb)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s ended with %d, want %d: %s", verb, got, want, out)
		}
		return string(out)
	}
	g := &guest{t: t, dir: dir}
	do("status", 3)
	do("stop", 0)
	do("start", 0)
	t.Cleanup(func() { exec.Command(script, "stop").Run() })
	if out := do("status", 0); !strings.HasPrefix(out, "Running") {
		t.Errorf("status: %s", out)
	}
	if first := strings.SplitN(g.appears("starts"), "\n", 2)[0]; first != "run --config-dir /etc/murano --log-file "+dir+"/murano-agent.log" {
		t.Errorf("called with %s", first)
	}
	os.WriteFile(filepath.Join(dir, "steady"), nil, 0o600)
	g.logLine(filepath.Join(dir, "starts"), `(?s)run .*\nrun `)
	do("start", 0) // runs already
	do("reload", 0)
	g.logLine(filepath.Join(dir, "starts"), `hup\n`)
	do("stop", 0)
	do("status", 3)
	b, _ := os.ReadFile(filepath.Join(dir, "starts"))
	if !strings.HasSuffix(string(b), "term\n") {
		t.Errorf("the agent was not ended in order: %s", b)
	}
	if info, err := os.Stat(filepath.Join(dir, "murano-agent.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log %v, %v", info, err)
	}
}
