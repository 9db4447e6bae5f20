// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A mount is where a hierarchy of control groups is mounted, and which part of
// it. mounts has them by controller; "" is the unified one (version 2).
type (
	mount  struct{ at, root string }
	mounts map[string]mount
)

// cgroupMounts reads where the guest has its control groups.
func cgroupMounts() (mounts, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	found := mounts{}
	for line := range strings.Lines(string(table)) {
		mounted, kind, ok := strings.Cut(line, " - ")
		m, k := strings.Fields(mounted), strings.Fields(kind)
		if !ok || len(m) < 5 || len(k) < 3 {
			continue
		}
		at := mount{at: m[4], root: m[3]}
		switch k[0] {
		case "cgroup2":
			found[""] = at
		case "cgroup":
			for c := range strings.SplitSeq(k[2], ",") {
				found[c] = at // a few are options, not controllers: nobody asks for those
			}
		}
	}
	return found, nil
}

// cgroups are the control groups of a process (cgroups(7)): its path in each
// hierarchy, by controller, and where that is.
type cgroups struct {
	paths  map[string]string
	mounts mounts
}

func (m mounts) of(pid int) (cgroups, error) {
	g := cgroups{paths: map[string]string{}, mounts: m}
	of, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return g, err
	}
	for line := range strings.Lines(string(of)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // hierarchy:controllers:path
		if len(f) < 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			g.paths[c] = f[2]
		}
	}
	return g, nil
}

// only keeps the groups that are a unit's own. Where systemd does not use a
// controller, the process stays in a group of somebody above.
func (g cgroups) only(unit string) {
	for c, p := range g.paths {
		if path.Base(p) != unit {
			delete(g.paths, c)
		}
	}
}

// dir is the directory of the group in a hierarchy; empty where there is none.
func (g cgroups) dir(controller string) string {
	p, ok := g.paths[controller]
	m, mounted := g.mounts[controller]
	if !ok || !mounted {
		return ""
	}
	if m.root != "/" {
		if p, ok = strings.CutPrefix(p, m.root); !ok {
			return ""
		}
	}
	dir := filepath.Join(m.at, p)
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// read is the content of the file of a controller: v1 in the hierarchy of its
// own, v2 in the unified one. Empty where there is none.
func (g cgroups) read(controller, v2, v1 string) string {
	for _, f := range []struct{ hierarchy, name string }{{controller, v1}, {"", v2}} {
		if dir := g.dir(f.hierarchy); dir != "" {
			if b, err := os.ReadFile(filepath.Join(dir, f.name)); err == nil {
				return string(b)
			}
		}
	}
	return ""
}

// bounded tells whether a controller's limit is set: to less than "max", -1,
// or the number next to 2^63 that stands for no limit of memory in version 1.
func (g cgroups) bounded(controller, v2, v1 string) bool {
	f := strings.Fields(g.read(controller, v2, v1))
	if len(f) == 0 {
		return false
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	return err == nil && n >= 0 && n < 1<<62
}

// count is a number from the lines "key number" of a controller's file.
func (g cgroups) count(controller, key, v2, v1 string) int64 {
	for line := range strings.Lines(g.read(controller, v2, v1)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// processesOf lists the processes in a group, and in groups below it.
func processesOf(dir string) []int {
	var pids []int
	filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // gone with its last process
		}
		b, err := os.ReadFile(filepath.Join(p, "cgroup.procs"))
		if err != nil {
			return nil
		}
		for f := range bytes.FieldsSeq(b) {
			if pid, err := strconv.Atoi(string(f)); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	slices.Sort(pids)
	return slices.Compact(pids)
}
