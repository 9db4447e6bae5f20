// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"

	"github.com/openmurano/murano/cloudinit"
	"github.com/openmurano/murano/internal/atomicfile"
)

// A systemdService is the agent's unit in /etc/systemd/system.
type systemdService struct {
	ctx       context.Context // of one command: the methods have service.Service's shape
	root      string          // of the file system; empty means /
	program   string
	configDir string
	running   bool // whether systemd runs here, and not only is there: an image being built
}

var _ registered = (*systemdService)(nil)

// systemdHere is nil where there is no systemd.
func systemdHere(ctx context.Context, program, configDir string) registered {
	if runtime.GOOS != "linux" {
		return nil
	}
	_, err := os.Stat("/run/systemd/system")
	running := err == nil
	if _, err := exec.LookPath("systemctl"); !running && err != nil {
		return nil
	}
	return &systemdService{ctx: ctx, program: program, configDir: configDir, running: running}
}

func (s *systemdService) Platform() string { return "systemd" }

// unit is the path of the unit that Install writes.
func (s *systemdService) unit() string {
	return filepath.Join(s.root, "/etc/systemd/system", serviceName+".service")
}

// packaged is the path of the unit that a package brought; empty without one.
func (s *systemdService) packaged() string {
	for _, dir := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		path := filepath.Join(s.root, dir, serviceName+".service")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// text is the unit that the packages ship, for this program and its configuration.
func (s *systemdService) text() string {
	return strings.NewReplacer(
		"ExecStart=/usr/bin/murano-agent run --config-dir /etc/murano", "ExecStart="+unitWord(s.program)+" run --config-dir "+unitWord(s.configDir),
		"ConditionPathExistsGlob=/etc/murano/agent.*", "ConditionPathExistsGlob="+strings.ReplaceAll(s.configDir, "%", "%%")+"/agent.*",
	).Replace(cloudinit.Unit())
}

// unitWord is a word of a command line as systemd reads it (systemd.service(5)).
func unitWord(s string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(s)
	if quoted != s || strings.ContainsAny(s, " \t'") {
		return `"` + quoted + `"`
	}
	return s
}

// Install writes the unit and enables it.
func (s *systemdService) Install() error {
	if path := s.packaged(); path != "" {
		return fmt.Errorf("a package brought %s, and keeps it up to date; systemctl enable --now %s uses it: %w", path, serviceName, errLeftAlone)
	}
	switch old, err := os.ReadFile(s.unit()); {
	case err == nil && !strings.Contains(string(old), "Description="+description):
		return fmt.Errorf("%s is not the agent's; remove it if it is in the way: %w", s.unit(), errLeftAlone)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.unit()), 0o755); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(s.unit(), []byte(s.text()), 0o644); err != nil {
		return err
	}
	return errors.Join(s.reload(), s.systemctl("enable", serviceName+".service"))
}

// Uninstall takes back what Install did.
func (s *systemdService) Uninstall() error {
	if _, err := os.Stat(s.unit()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is of a package, which removes it: %w", s.packaged(), errLeftAlone)
	}
	if err := s.systemctl("disable", serviceName+".service"); err != nil {
		return err
	}
	if err := os.Remove(s.unit()); err != nil {
		return err
	}
	return s.reload()
}

func (s *systemdService) Start() error   { return s.act("start") }
func (s *systemdService) Stop() error    { return s.act("stop") }
func (s *systemdService) Restart() error { return s.act("restart") }

func (s *systemdService) act(verb string) error {
	if _, err := s.Status(); errors.Is(err, service.ErrNotInstalled) {
		return fmt.Errorf("%w; murano-agent service install does that", err)
	}
	if !s.running {
		return errors.New("systemd does not run here")
	}
	return s.systemctl(verb, serviceName+".service")
}

// Status is that of the unit.
func (s *systemdService) Status() (service.Status, error) {
	if _, err := os.Stat(s.unit()); err != nil && s.packaged() == "" {
		return service.StatusUnknown, service.ErrNotInstalled
	}
	if !s.running {
		return service.StatusStopped, nil
	}
	out, _ := exec.CommandContext(s.ctx, "systemctl", "is-active", serviceName+".service").Output() // it ends with 3 for inactive
	switch strings.TrimSpace(string(out)) {
	case "active", "reloading", "activating", "deactivating":
		return service.StatusRunning, nil
	}
	return service.StatusStopped, nil
}

func (s *systemdService) reload() error {
	if !s.running {
		return nil
	}
	return s.systemctl("daemon-reload")
}

func (s *systemdService) systemctl(args ...string) error {
	if out, err := exec.CommandContext(s.ctx, "systemctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl %s: %w %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
