// SPDX-License-Identifier: Apache-2.0

//go:build unix

package rabbitmq

import "syscall"

// ownGroup puts a child into a process group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
