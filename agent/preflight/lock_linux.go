// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"io"
	"os"
	"syscall"
)

// holder is the process that holds a lock on path, with fcntl(2), against a
// writer. 0 means one that this guest does not see.
func holder(path string) (pid int, held bool) {
	// Not blocking: a lock's name may be a pipe's.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, false
	}
	// Closing drops the locks that this process holds on the file: none, an agent installs nothing.
	defer f.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock); err != nil || lock.Type == syscall.F_UNLCK {
		return 0, false
	}
	return int(lock.Pid), true
}
