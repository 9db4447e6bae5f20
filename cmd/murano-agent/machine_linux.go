// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// bootID changes with every boot of the guest; empty where the system does not tell.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // see above
	return strings.TrimSpace(string(b))
}

// reboot asks the system for a reboot, in order: services are stopped, this
// one included. It returns before that.
func reboot(ctx context.Context) error {
	args := []string{"shutdown", "-r", "now"}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		args = []string{"systemctl", "reboot"}
	}
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// monotonic is the time that a message RELOADING=1 carries (sd_notify(3)).
func monotonic() []string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return nil
	}
	return []string{fmt.Sprintf("MONOTONIC_USEC=%d", t.Nano()/1000)}
}
