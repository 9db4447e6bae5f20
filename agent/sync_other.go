// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package agent

// syncDisks has no way to wait for all disks here.
func syncDisks() {}
