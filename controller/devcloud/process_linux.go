// SPDX-License-Identifier: Apache-2.0

package devcloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a process has between SIGTERM and SIGKILL, and after that.
const patience = 3 * time.Second

// endProcesses ends every process that carries mark in its environment and
// returns those that would not end. Daemons leave their process group and
// session, but keep the environment they were started with.
func endProcesses(ctx context.Context, mark string) ([]int, error) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		deadline := time.Now().Add(patience)
		for {
			marked, err := processes(mark)
			if err != nil || len(marked) == 0 {
				return nil, err
			}
			for _, pid := range marked {
				if err := unix.Kill(pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
					return nil, fmt.Errorf("end process %d: %w", pid, err)
				}
			}
			if time.Now().After(deadline) {
				break
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
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		// Another user's, or gone meanwhile: not ours. A zombie's environment is empty.
		env, err := os.ReadFile("/proc/" + name + "/environ")
		if err == nil && bytes.Contains(append([]byte{0}, append(env, 0)...), []byte("\x00"+mark+"\x00")) {
			out = append(out, pid)
		}
	}
	return out, nil
}
