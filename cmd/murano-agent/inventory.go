// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// inventory is what the guest is and has, for the hello: nothing that changes
// by the minute, and nothing of anybody's data. A key that does not apply, or
// that the guest does not tell, is not there.
func inventory() map[string]string {
	found := map[string]string{
		"os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": strconv.Itoa(runtime.NumCPU()),
	}
	put := func(key, value string) {
		if value != "" {
			found[key] = value
		}
	}
	release := assignments("/etc/os-release", "/usr/lib/os-release")
	put("distribution", release["ID"])
	put("distributionVersion", release["VERSION_ID"])
	put("distributionName", release["PRETTY_NAME"])
	put("kernel", line("/proc/sys/kernel/osrelease"))
	put("memory", memory())
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		put("init", "systemd")
		put("systemd", systemdVersion())
	}
	put("clients", strings.Join(programs("curl", "git", "svn", "apt-get", "dnf", "yum", "zypper", "apk", "pip3", "gem"), " "))
	put("interpreters", strings.Join(programs("sh", "bash", "python3", "perl", "ruby", "powershell", "pwsh"), " "))
	put("configuration", strings.Join(programs("chef-solo", "cinc-solo", "puppet", "ansible-playbook", "berks"), " "))
	if len(programs("cloud-init")) > 0 {
		put("cloudInit", "yes")
	}
	return found
}

// programs are those of names that can be found.
func programs(names ...string) []string {
	var found []string
	for _, n := range names {
		if _, err := exec.LookPath(n); err == nil {
			found = append(found, n)
		}
	}
	return found
}

// line is the first line of a file; empty where there is none.
func line(path string) string {
	b, _ := os.ReadFile(path) // see above
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(first)
}

// assignments are the KEY=value lines of the first of paths that can be read
// (os-release(5)).
func assignments(paths ...string) map[string]string {
	found := make(map[string]string)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for l := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(l), "="); ok && !strings.HasPrefix(key, "#") {
				found[key] = strings.Trim(value, `"'`)
			}
		}
		break
	}
	return found
}

// memory is that of the guest, in bytes; empty where it is not told.
func memory() string {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseUint(fields[1], 10, 54)
			if err != nil {
				return ""
			}
			return strconv.FormatUint(kib<<10, 10)
		}
	}
	return ""
}

// systemdVersion is the number that systemd carries; empty where it does not tell.
// The shared library has it in its name, so that nothing need be run.
func systemdVersion() string {
	return libraryVersion("/usr/lib/systemd", "/lib/systemd", "/usr/lib/*-linux-gnu/systemd", "/usr/lib64/systemd")
}

// libraryVersion finds libsystemd-shared-252.so, or -252.22-1.fc37.so, in dirs.
func libraryVersion(dirs ...string) string {
	for _, dir := range dirs {
		names, _ := filepath.Glob(filepath.Join(dir, "libsystemd-shared-*.so")) // the pattern is in order
		for _, name := range names {
			number := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "libsystemd-shared-"), ".so")
			if end := strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
				number = number[:end]
			}
			if number != "" {
				return number
			}
		}
	}
	return ""
}
