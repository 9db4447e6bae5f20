// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// longest is what a socket's address may have with room to spare: Linux has 108
// bytes (unix(7)), others 104.
const longest = 100

// bind makes the socket under another name, gives it its rights and moves it to
// path: it is never there with others.
func bind(path, group string) (*net.UnixListener, error) {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var l *net.UnixListener
	err := short(temporary, func(address string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it has moved by then
	mode := fs.FileMode(0o600)
	if gid, ok := numberOf(group); ok && os.Lchown(temporary, -1, gid) == nil {
		mode = 0o660
	}
	if err = os.Chmod(temporary, mode); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(temporary))
	}
	return l, nil
}

func numberOf(group string) (gid int, ok bool) {
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, false
	}
	gid, err = strconv.Atoi(g.Gid)
	return gid, err == nil
}

// short calls do with a name of path that fits into a socket's address: on Linux
// a long one goes by way of its directory, opened.
func short(path string, do func(address string) error) error {
	if len(path) <= longest {
		return do(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	byNumber := fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	if _, err := os.Stat(byNumber); err != nil {
		return fmt.Errorf("its name is longer than %d bytes, which this system does not take; choose a shorter storage", longest)
	}
	return do(byNumber + "/" + filepath.Base(path))
}

// refused tells whether err says that nobody listens on a socket.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

func isSocket(st fs.FileInfo) bool { return st.Mode()&fs.ModeSocket != 0 }
