// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// bootID is empty: the system does not tell.
func bootID() string { return "" }

// reboot asks the system for a reboot, in order. It returns before that.
func reboot(ctx context.Context) error {
	args := []string{"shutdown", "-r", "now"}
	if runtime.GOOS == "windows" {
		args = []string{"shutdown", "/r", "/t", "0"}
	}
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// monotonic is nothing: there is no systemd to ask for it.
func monotonic() []string { return nil }
