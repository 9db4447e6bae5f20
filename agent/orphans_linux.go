// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endOrphans ends the processes that work below parent, in workspaces that are
// still there: scripts of an agent that was killed, which systemd would have
// ended with it. Their plan is answered as interrupted, or run again, and neither
// may happen beside them. They get SIGTERM, and after grace SIGKILL. What a plan
// that ended left in the background works in a folder that was removed, and is
// left alone.
func endOrphans(parent string, grace time.Duration) {
	dir, err := filepath.Abs(parent)
	if err != nil {
		return
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return
	}
	found := workingIn(dir)
	for _, pid := range found {
		syscall.Kill(pid, syscall.SIGTERM)
	}
	over := time.NewTimer(grace)
	defer over.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(found) > 0 {
		select {
		case <-tick.C:
			found = workingIn(dir)
		case <-over.C:
			for _, pid := range workingIn(dir) {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
	}
}

// workingIn lists the processes whose working directory is in a workspace of dir
// and not removed, which the kernel writes as "(deleted)" behind its name (proc(5)).
func workingIn(dir string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		at, err := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if err != nil || strings.HasSuffix(at, " (deleted)") {
			continue
		}
		below, ok := strings.CutPrefix(at, dir+"/")
		name, _, _ := strings.Cut(below, "/")
		if ok && isWorkspace(name) {
			found = append(found, pid)
		}
	}
	return found
}
