// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"os"
	"syscall"
)

// syncContent returns nil once the content of f is on disk, and of the rest
// what is needed to read it: its length, but not its times (fdatasync(2)).
func syncContent(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
