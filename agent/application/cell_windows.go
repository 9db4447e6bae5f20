// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

// systemd is not on Windows.
type systemd struct{}

func (*systemd) close() {}

// A cell is what one run of a script happens in: a job object, of which
// everything it starts is a part.
type cell struct {
	x    *Executor
	call agent.Call
	job  windows.Handle
	pid  int
}

func (x *Executor) newCell(_ context.Context, c agent.Call) (*cell, error) {
	asked := map[string]bool{
		"runAs": c.User != "", "nice": c.Nice != 0, "privateTmp": c.PrivateTmp, "limits": c.Limits != (plans.Limits{}),
	}
	for _, o := range []string{"limits", "runAs", "nice", "privateTmp"} {
		if asked[o] {
			return nil, &agent.UnsupportedOptionError{Option: o, Reason: "this agent does not have it on Windows; leave it out"}
		}
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make a job object: %w", err)
	}
	return &cell{x: x, call: c, job: job}, nil
}

// command is the program that runs the file, not started.
func (k *cell) command(ctx context.Context, in arguments) (*exec.Cmd, error) {
	powershell, err := exec.LookPath("powershell.exe")
	if err != nil {
		powershell, _ = exec.LookPath("pwsh.exe")
	}
	shell := cmp.Or(os.Getenv("ComSpec"), `C:\Windows\System32\cmd.exe`)
	program, line := windowsCommand(k.call.Entry, in.text, powershell, shell)
	if program == "" {
		return nil, fmt.Errorf("%s needs powershell.exe or pwsh.exe, and neither is in the agent's PATH", filepath.Base(k.call.Entry))
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Env = filepath.Dir(k.call.Entry), environ(k.call)
	// A group of its own, so that CTRL_BREAK reaches it and not the agent.
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: line, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	if in.stdin != "" {
		cmd.Stdin = strings.NewReader(in.stdin)
	}
	return cmd, nil
}

func (k *cell) writer(s *stream) io.Writer {
	if s.write == nil {
		return nil
	}
	return s.write
}

// start starts cmd and makes it a part of the job. What it could start within
// the microseconds between would not be one; an interpreter takes longer.
func (k *cell) start(_ context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	k.pid = cmd.Process.Pid
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(k.pid))
	if err != nil {
		return nil // it has ended
	}
	defer windows.CloseHandle(process)
	if err := windows.AssignProcessToJobObject(k.job, process); err != nil && k.x.Log != nil {
		k.x.Log.Warn("what the script starts cannot be ended with it", "script", k.call.Name, "error", err)
	}
	return nil
}

// terminate asks the script to end. Without a console to ask over, it is ended.
func (k *cell) terminate() error {
	if windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(k.pid)) == nil {
		return nil
	}
	return windows.TerminateJobObject(k.job, 1)
}

// end returns once nothing of the job runs, or ends it after grace.
func (k *cell) end(grace time.Duration) {
	over := time.NewTimer(grace)
	defer over.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for k.alive() {
		select {
		case <-tick.C:
		case <-over.C:
			windows.TerminateJobObject(k.job, 1)
			return
		}
	}
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION (winnt.h).
type accounting struct {
	userTime, kernelTime, periodUser, periodKernel int64
	pageFaults, total, active, terminated          uint32
}

const basicAccounting = 1 // JobObjectBasicAccountingInformation

func (k *cell) alive() bool {
	var a accounting
	err := windows.QueryInformationJobObject(k.job, basicAccounting, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil)
	return err == nil && a.active > 0
}

func (k *cell) limit() string { return "" }

// handOver closes a pipe that somebody still writes to.
func (k *cell) handOver(s *stream) { s.read.Close() }

// close lets the job go; what still runs in it runs on.
func (k *cell) close() { windows.CloseHandle(k.job) }

func keepToOurselves() {}

// tooLong tells whether a command line is above the 32767 characters of CreateProcess.
func tooLong(err error) bool { return errors.Is(err, windows.ERROR_FILENAME_EXCED_RANGE) }

func exitCode(s *os.ProcessState) int { return s.ExitCode() }
