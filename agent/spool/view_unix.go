// SPDX-License-Identifier: Apache-2.0

//go:build unix

package spool

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// openTo names the group that may read path, or, where path itself cannot be
// looked at, the folder that is in the way. Empty means none but root's.
func openTo(path string) string {
	for {
		st, err := os.Stat(path)
		if err == nil {
			sys, ok := st.Sys().(*syscall.Stat_t)
			if !ok || st.Mode().Perm()&0o040 == 0 || sys.Gid == 0 {
				return ""
			}
			id := strconv.Itoa(int(sys.Gid))
			if g, err := user.LookupGroupId(id); err == nil {
				return g.Name
			}
			return id
		}
		if path == filepath.Dir(path) {
			return ""
		}
		path = filepath.Dir(path)
	}
}
