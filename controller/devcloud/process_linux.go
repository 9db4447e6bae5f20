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
			marked, err := processes(mark)
			if err != nil || len(marked) == 0 {
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
	return processes(mark)
}

// processes lists the living processes whose environment has mark, this one left out.
func processes(mark string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// Another user's, or gone meanwhile: not ours. A zombie's environment is empty.
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
		if err == nil && bytes.Contains(append([]byte{0}, append(env, 0)...), []byte("\x00"+mark)) {
			out = append(out, pid)
		}
	}
	return out, nil
}
