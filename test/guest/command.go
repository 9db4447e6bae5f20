// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Command is a program to be run in the guest, as root, with the guest's own
// environment for programs. It fails while the guest boots or is down.
func (g *Guest) Command(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	pid, err := g.init()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", pid, "-m", "-u", "-i", "-n", "-p", "-C", "--wd=/", "--", name}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	return cmd, nil
}

// init finds the guest's PID 1 by its cgroup.
func (g *Guest) init() (string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		return "", err
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		group, err := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err != nil || !strings.Contains(string(group), "/"+g.name+"/") {
			continue
		}
		status, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
				if all := strings.Fields(numbers); len(all) > 1 && all[len(all)-1] == "1" {
					return filepath.Base(dir), nil
				}
			}
		}
	}
	return "", fmt.Errorf("guest %s has no PID 1: it is down", g.name)
}

// Booted returns once systemd in the guest says that it has booted, well or not.
func (g *Guest) Booted(ctx context.Context) error {
	for {
		if cmd, err := g.Command(ctx, "systemctl", "is-system-running"); err == nil {
			out, _ := cmd.Output() // its exit code is that of any state but running
			switch strings.TrimSpace(string(out)) {
			case "running", "degraded":
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("guest %s did not boot: %w", g.name, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
