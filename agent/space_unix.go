// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent

import "golang.org/x/sys/unix"

// diskOf measures the disk that holds path; zero where it cannot.
func diskOf(path string) Disk {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return Disk{}
	}
	size := uint64(s.Bsize) // of a type that differs between systems
	return Disk{Free: uint64(s.Bavail) * size, Total: uint64(s.Blocks) * size}
}
