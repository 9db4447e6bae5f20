// SPDX-License-Identifier: Apache-2.0

//go:build linux

package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestScriptsOfAnAgentThatWasKilledAreEnded(t *testing.T) {
	r := newRunner(t)
	dir := filepath.Join(r.Workspaces, "17954422286073-case", "deploy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	bystander := exec.Command("/bin/sh", "-c", "sleep 60")
	var ended []chan error
	start := func(c *exec.Cmd, in string) chan error {
		c.Dir = in
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		t.Cleanup(func() { c.Process.Kill() })
		return done
	}
	other := start(bystander, t.TempDir())
	gone := filepath.Join(r.Workspaces, "17954422286000-ended")
	if err := os.MkdirAll(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	daemon := start(exec.Command("/bin/sh", "-c", "sleep 60"), gone)
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"sleep 60", "trap '' TERM; touch ready; while :; do sleep 0.05; done"} {
		ended = append(ended, start(exec.Command("/bin/sh", "-c", script), dir))
	}
	until(t, "the script runs", exists(filepath.Join(dir, "ready")))
	if err := r.Clean(nil); err != nil {
		t.Fatal(err)
	}
	for _, done := range ended {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("a script runs on")
		}
	}
	select {
	case <-other:
		t.Error("another process was ended too")
	case <-daemon:
		t.Error("what a plan that ended left in the background was ended too")
	default:
	}
	if exists(dir)() {
		t.Error("the workspace is still there")
	}
}
