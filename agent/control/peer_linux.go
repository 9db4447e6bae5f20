// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// mayCommand asks the kernel who connected.
func mayCommand(c *net.UnixConn) (by string, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("who calls is not known: %w", err)
	}
	var caller *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { caller, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return "", fmt.Errorf("who calls is not known: %w", err)
	}
	if caller.Uid != 0 && int(caller.Uid) != os.Geteuid() {
		return "", fmt.Errorf("uid %d may look but not command: call as root, or as the agent's user", caller.Uid)
	}
	return fmt.Sprintf(" (uid %d)", caller.Uid), nil
}
