// SPDX-License-Identifier: Apache-2.0

//go:build linux

package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// unit makes a control group as that of a scope, and gives what moves a process
// into it.
func unit(t *testing.T, name string) (join func(pid int)) {
	t.Helper()
	for _, parent := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		if !exists(filepath.Join(parent, "cgroup.procs"))() {
			continue
		}
		dir := filepath.Join(parent, name+".scope")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Logf("%s: %v", dir, err)
			continue
		}
		t.Cleanup(func() { // once its processes are gone
			for range 100 {
				if os.Remove(dir) == nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("%s was not removed", dir)
		})
		return func(pid int) {
			if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(fmt.Sprint(pid)), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Skip("no control groups can be made here")
	return nil
}

func TestAScriptInAUnitIsEndedWithAllOfItAndOthersAreLeftAlone(t *testing.T) {
	for _, name := range []string{"2", "2:3"} { // the second where a unit of the name was there
		t.Run(name, func(t *testing.T) { testUnits(t, name) })
	}
}

func testUnits(t *testing.T, latest string) {
	r := newRunner(t)
	const key, between = "17954422286073-units", "17954422286075-between"
	dir := filepath.Join(r.Workspaces, key, "deploy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.Plans = t.TempDir()
	journals := map[string]string{
		key: `{"step":"begin","fresh":true,"attempt":1}
{"step":"call","call":1,"script":"deploy"}
{"step":"run","script":"deploy","run":1,"attempt":1}
{"step":"end","call":1,"script":"deploy","ended":{"ran":true}}
{"step":"call","call":2,"script":"deploy"}
{"step":"run","script":"deploy","run":2,"attempt":1}
`,
		between: `{"step":"begin","fresh":true,"attempt":1}
{"step":"run","script":"deploy","run":1,"attempt":1}
{"step":"end","call":1,"script":"deploy","ended":{"ran":true}}
{"step":"call","call":2,"script":"deploy"}
`,
	}
	for key, text := range journals {
		for _, dir := range []string{filepath.Join(r.Plans, key), filepath.Join(r.Workspaces, key)} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(r.Plans, key, "journal.jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func(in string, join func(int)) chan error {
		c := exec.Command("sleep", "60")
		c.Dir = in
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		t.Cleanup(func() { c.Process.Kill() })
		join(c.Process.Pid)
		return done
	}
	earlier, running, other, ended := unit(t, "murano-"+key+"-1"), unit(t, "murano-"+key+"-"+latest), unit(t, "murano-17954422286074-other-2"), unit(t, "murano-"+between+"-1")
	daemon, stranger, left := start(dir, earlier), start(dir, other), start("/", ended)
	script, child := start(dir, running), start("/", running)
	if err := r.Clean(nil); err != nil {
		t.Fatal(err)
	}
	for name, done := range map[string]chan error{"the script": script, "its child": child} {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Errorf("%s runs on", name)
		}
	}
	select {
	case <-daemon:
		t.Error("what an earlier script of the plan left was ended too")
	case <-stranger:
		t.Error("what another plan's script left was ended too")
	case <-left:
		t.Error("what the script before the one to be called left was ended too")
	default:
	}
}

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
