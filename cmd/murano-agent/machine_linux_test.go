// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestARebootIsAskedOfTheSystem has no program on its PATH but its own.
func TestARebootIsAskedOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if err := reboot(t.Context()); err == nil {
		t.Error("no error, and nobody to ask")
	}
	for _, name := range []string{"systemctl", "shutdown"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho \"${0##*/} $*\" >>"+dir+"/asked\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := "shutdown -r now\n"
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		want = "systemctl reboot\n"
	}
	if err := reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "asked")); err != nil || string(b) != want {
		t.Errorf("asked %q, %v; want %q", b, err, want)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.Fields(want)[0]), []byte("#!/bin/sh\necho not now >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := reboot(t.Context()); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Errorf("a refusal: %v", err)
	}
}
