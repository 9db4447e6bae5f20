// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package atomicfile

import (
	"os"
	"syscall"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE of linux/fs.h.
const syncFileRangeWrite = 2

// StartSync has the system begin to write the content of f, and promises
// nothing: f.Sync does. Of files that were all started before the first was
// synced, one commit of the file system's journal serves all.
func StartSync(f *os.File) {
	syscall.SyncFileRange(int(f.Fd()), 0, 0, syncFileRangeWrite) // a hint: without it, it takes longer
}
