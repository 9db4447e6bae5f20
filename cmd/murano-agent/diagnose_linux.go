// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A room is what is free on a file system; inodes below zero are not counted there.
type room struct {
	free, inodes int64
	readOnly     bool
	noExec       bool // nothing on it can be run
}

func roomOf(path string) (room, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return room{}, err
	}
	r := room{free: int64(st.Bavail) * st.Bsize, inodes: int64(st.Ffree), readOnly: st.Flags&unix.ST_RDONLY != 0, noExec: st.Flags&unix.ST_NOEXEC != 0}
	if st.Files == 0 { // btrfs makes them as they are needed
		r.inodes = -1
	}
	return r, nil
}

// groupOwner is the number of the group that a file is of.
func groupOwner(st fs.FileInfo) (known bool, gid string) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return false, ""
	}
	return true, strconv.Itoa(int(sys.Gid))
}

// clockState asks the kernel whether something keeps the clock right (adjtimex(2)).
func clockState() (synchronised, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, false
	}
	return state != unix.TIME_ERROR, true
}
