// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent

import (
	"io/fs"
	"os"
	"syscall"
)

// giveGroup gives f the group of dir. An agent that may not do that leaves it
// to its own group.
func giveGroup(f *os.File, dir fs.FileInfo) {
	if st, ok := dir.Sys().(*syscall.Stat_t); ok {
		f.Chown(-1, int(st.Gid))
	}
	f.Chmod(0o640) // whatever the umask
}
