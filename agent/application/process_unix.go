// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package application

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

const supported = true

// isolate puts the script and what it starts into a process group of its own.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

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

// terminate asks the group of pid to end.
func terminate(pid int) error {
	err := syscall.Kill(-pid, syscall.SIGTERM)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// endGroup returns once nothing of the group of pid runs, or after grace, when
// the rest of it got SIGKILL. The shell dies of SIGTERM at once; the script it
// started may be cleaning up.
func endGroup(pid int, grace time.Duration) {
	over := time.NewTimer(grace)
	defer over.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) {
		select {
		case <-tick.C:
		case <-over.C:
			syscall.Kill(-pid, syscall.SIGKILL)
			return
		}
	}
}

// exitCode is 128+n after signal n, as a shell says it.
func exitCode(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}
