// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fetch

import (
	"os/exec"
	"syscall"
)

// stopAsGroup makes cmd's context end it and the programs it started.
func stopAsGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// endGroup ends what cmd, which has ended, left running.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // as a rule there is nobody left
	}
}
