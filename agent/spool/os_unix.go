// SPDX-License-Identifier: Apache-2.0

//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// giveTo makes the file or directory at path the group's, with the mode perm.
func giveTo(path string, group int, perm fs.FileMode) error {
	if err := os.Lchown(path, -1, group); err != nil {
		return err
	}
	return os.Chmod(path, perm)
}

// belongsTo tells whether giveTo has been there with a directory.
func belongsTo(dir string, group int) bool {
	st, err := os.Lstat(dir)
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Gid) == group && st.Mode().Perm() == 0o750
}

// full tells whether err is of a disk, or a quota, that is used up.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
