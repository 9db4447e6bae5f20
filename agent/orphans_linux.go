// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endOrphans ends what scripts of an agent that was killed left running in
// workspaces below parent, of plans with directories below plans. Their plan is answered as interrupted, or goes on, and
// neither may happen beside them. They get SIGTERM, and after grace SIGKILL.
//
// A script that ran in a unit of its own (a systemd scope) is the whole unit,
// whatever its processes work in. Without a unit it is what works in a workspace
// that is there. What a plan that ended left in the background works in a folder
// that was removed, and what a script that ended left is in a unit which, says
// the journal, does not run: both are left alone.
func endOrphans(parent, plans string, grace time.Duration) {
	dir, err := filepath.Abs(parent)
	if err != nil {
		return
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return
	}
	units := runningUnits(dir, plans)
	found := orphans(dir, units)
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
			found = orphans(dir, units)
		case <-over.C:
			for _, pid := range orphans(dir, units) {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
	}
}

// runningUnits are the units of the scripts that ran when their agent died.
func runningUnits(dir, plans string) map[string]bool {
	units := map[string]bool{}
	if plans == "" {
		return units
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return units
	}
	for _, e := range entries {
		if !isWorkspace(e.Name()) {
			continue
		}
		if run := readPast(filepath.Join(plans, e.Name())).open; run > 0 {
			units[latest(unitOfRun(e.Name(), run))] = true
		}
	}
	return units
}

// latest is the name that the unit got: where a unit of that name was still
// there, as after a plan was run again on request, agent/application adds a colon
// and a number. The one without is what a daemon of that time lives in.
func latest(unit string) string {
	name, highest := unit, 0
	for _, pid := range processes() {
		number, ok := strings.CutPrefix(unitOf(pid), unit+":")
		if n, err := strconv.Atoi(number); ok && err == nil && n > highest {
			name, highest = unit+":"+number, n
		}
	}
	return name
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// orphans lists the processes that endOrphans is about.
func orphans(dir string, units map[string]bool) []int {
	var found []int
	for _, pid := range processes() {
		unit := unitOf(pid)
		if units[unit] || !strings.HasPrefix(unit, unitPrefix) && worksIn(pid, dir) {
			found = append(found, pid)
		}
	}
	return found
}

// unitOf is the unit of the agent's making that pid is in, else "": the last
// part of the path of its control group that has such a name (cgroups(7)).
func unitOf(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		for at := strings.TrimSpace(line); strings.Contains(at, "/"); at = path.Dir(at) {
			name := path.Base(at)
			if suffix := path.Ext(name); strings.HasPrefix(name, unitPrefix) && (suffix == ".scope" || suffix == ".service") {
				name = strings.TrimSuffix(name, suffix)
				if key := strings.TrimPrefix(name, unitPrefix); isWorkspace(key) {
					return name
				}
			}
			if at == "/" {
				break
			}
		}
	}
	return ""
}

// worksIn tells whether the working directory of pid is in a workspace of dir
// and not removed, which the kernel writes as "(deleted)" behind its name (proc(5)).
func worksIn(pid int, dir string) bool {
	at, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil || strings.HasSuffix(at, " (deleted)") {
		return false
	}
	below, ok := strings.CutPrefix(at, dir+"/")
	name, _, _ := strings.Cut(below, "/")
	return ok && isWorkspace(name)
}
