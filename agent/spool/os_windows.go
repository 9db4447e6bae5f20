// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"io/fs"
	"syscall"
)

// On Windows a directory is open to whom its parent's access list names.

func giveTo(string, int, fs.FileMode) error { return nil }

func belongsTo(string, int) bool { return true }

// full tells whether err is of a disk that is used up: ERROR_HANDLE_DISK_FULL or
// ERROR_DISK_FULL.
func full(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}
