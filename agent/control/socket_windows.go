// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/windows"
)

// bind makes the socket, which has the rights of its directory; group is not
// looked at.
func bind(path, _ string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		l.SetUnlinkOnClose(false) // the listener removes it
	}
	return l, err
}

// short calls do with path: Windows knows no other name for it.
func short(path string, do func(address string) error) error { return do(path) }

// refused tells whether err says that nobody listens on a socket.
func refused(err error) bool {
	return errors.Is(err, windows.WSAECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// isSocket cannot tell here: a socket is a reparse point, and older versions of
// Go call it an irregular file.
func isSocket(st fs.FileInfo) bool { return !st.IsDir() && !st.Mode().IsRegular() }

// mayCommand is true for everybody who could connect.
func mayCommand(*net.UnixConn) (by string, err error) { return "", nil }
