// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/openmurano/murano/plans"
)

// PackageLock knows whether another process holds the lock of the guest's
// package manager, with which each of them would refuse to work.
type PackageLock struct {
	Root string // of the guest's file system, /proc aside; empty means /
}

// Blocked is the For of an agent.Wait. It blocks a plan that may install
// packages while a process holds a lock, and names the process.
func (l PackageLock) Blocked(_ context.Context, p plans.Plan) (string, error) {
	blocked, err := l.blocked()
	if blocked == "" || !mayInstall(p) { // as a rule nothing is held, and the plan need not be read
		return "", err
	}
	return blocked, nil
}

func (l PackageLock) blocked() (string, error) {
	root := l.Root
	if root == "" {
		root = "/"
	}
	for _, lock := range locks() {
		if pid, held := holder(filepath.Join(root, lock)); held {
			return fmt.Sprintf("%s holds the lock /%s", process(pid), lock), nil
		}
	}
	for _, n := range notes() {
		paths, err := filepath.Glob(filepath.Join(root, n.pattern))
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			if pid, ok := n.alive(path); ok {
				return fmt.Sprintf("%s is at work, says /%s", process(pid), strings.TrimPrefix(strings.TrimPrefix(path, root), "/")), nil
			}
		}
	}
	return "", nil
}

// locks are files that a package manager locks with fcntl(2) while it works.
func locks() []string {
	return []string{
		// dpkg 1.21 and apt 2.6.
		"var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "var/lib/apt/lists/lock", "var/cache/apt/archives/lock",
		// rpm 4.18: Debian's and old Red Hat's place, that of newer ones and SUSE.
		"var/lib/rpm/.rpm.lock", "usr/lib/sysimage/rpm/.rpm.lock",
	}
}

// A note is a file in which a package manager keeps its process ID while it works.
type note struct {
	pattern  string
	programs []string // one is in the command line of who really wrote it
}

func notes() []note {
	yum, zypp := []string{"yum", "dnf", "packagekit"}, []string{"zypp", "yast", "YaST", "y2", "packagekit", "rpm"}
	return []note{
		{"run/yum.pid", yum}, {"run/dnf.pid", yum}, // yum 3.4, dnf 4
		{"var/cache/dnf/*.pid", yum}, {"var/lib/dnf/*.pid", yum}, // dnf 4.14, lock.py
		{"run/zypp.pid", zypp}, // libzypp 17
	}
}

// alive is the process that path names, if it runs and is of the right kind:
// a note outlives a process that was killed, and its number goes to another.
func (n note) alive(path string) (int, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return 0, false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return pid, err == nil && slices.ContainsFunc(n.programs, func(name string) bool { return strings.Contains(string(line), name) })
}

// process names a process for people: apt-get (pid 4711).
func process(pid int) string {
	if pid <= 0 {
		return "a process of another container"
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(name)), pid)
}

// mayInstall tells whether p may start a package manager: a recipe, a text that
// names one, or a file whose content is not known.
func mayInstall(p plans.Plan) bool {
	names := regexp.MustCompile(`\b(apt|apt-get|aptitude|dpkg|yum|dnf|microdnf|rpm|zypper|puppet|chef-solo|chef-client|cinc-solo|ansible|ansible-playbook)\b`)
	for _, s := range p.Scripts {
		if s.Type != "Application" {
			return true
		}
	}
	if len(p.Scripts) == 0 {
		return false
	}
	for _, f := range p.Files {
		if f.Type == "Downloadable" || f.BodyType == "Base64" || names.MatchString(f.Body) {
			return true
		}
	}
	return names.MatchString(p.Body)
}
