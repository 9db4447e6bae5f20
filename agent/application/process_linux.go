// SPDX-License-Identifier: Apache-2.0

package application

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// keepToOurselves marks the descriptors that the agent inherited from whoever
// started it, so that scripts get the three standard ones only. Go marks those
// that it opens.
func keepToOurselves() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// tooLong tells whether a process was not started because of the length of
// its arguments: on Linux, 128 KiB for one (execve(2)).
func tooLong(err error) bool { return errors.Is(err, syscall.E2BIG) }

// exitCode is 128+n after signal n, as a shell says it.
func exitCode(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}

// sink reads what is still written to descriptor 3 after a script: so much goes
// to the standard output, the rest nowhere. It is nobody's child, belongs to
// the control group in $1, and ends with the last writer.
const sink = `[ -z "$1" ] || echo $$ >"$1/cgroup.procs"; { head -c 1048576; exec cat >/dev/null; } <&3 3<&- &`

// startSink leaves read to a process of its own, which puts 1 MiB of it into
// log. group is the directory of a control group; empty means ours. What it
// reads for lives on when the agent ends, and would die of a closed pipe.
func startSink(read, log *os.File, group string) error {
	cmd := exec.Command("/bin/sh", "-c", sink, "sh", group)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{read}
	if log != nil {
		cmd.Stdout = log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Run()
}
