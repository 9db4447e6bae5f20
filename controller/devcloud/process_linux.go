// SPDX-License-Identifier: Apache-2.0

package devcloud

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a process has between SIGTERM and SIGKILL, and after that.
const patience = 3 * time.Second

// endProcesses ends every process that has mark in its environment and returns
// those that would not end. Daemons leave their process group and session, but
// keep the environment they were started with. A mark starts at the name of a
// variable; one that ends in a NUL is the whole variable.
func endProcesses(ctx context.Context, mark string) ([]int, error) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		told := map[int]bool{}
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			marked, changing, err := processes(mark)
			if err != nil || len(marked) == 0 && !changing {
				return nil, err
			}
			for _, pid := range marked {
				if !told[pid] {
					told[pid] = true
					_ = unix.Kill(pid, sig) // gone meanwhile, or not ours to end: then it is a leftover
				}
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	marked, _, err := processes(mark)
	return marked, err
}

// processes lists the living processes whose environment has mark, this one
// left out. changing says that there is one whose environment cannot be known
// just now, for it is becoming another program.
func processes(mark string) (marked []int, changing bool, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		switch {
		case err != nil: // another user's, or gone meanwhile: not ours
		case len(env) == 0:
			changing = changing || inExec(e.Name())
		case bytes.Contains(append([]byte{0}, append(env, 0)...), []byte("\x00"+mark)):
			marked = append(marked, pid)
		}
	}
	return marked, changing, nil
}

// inExec tells whether a process is within execve(2): it has memory, which
// zombies and kernel threads have not, but neither arguments nor environment
// yet (Linux fs/binfmt_elf.c sets both last).
func inExec(pid string) bool {
	arguments, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil || len(arguments) > 0 {
		return false
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && bytes.Contains(status, []byte("\nVmSize:"))
}
