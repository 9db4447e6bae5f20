// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"
)

// Listen makes the socket at path, for root and the agent's own user and, with
// their group's rights, for the members of group. A group that this system does
// not have, or that the agent may not give the socket to, gets none. What an
// agent that died left at path is replaced; a socket that somebody listens on,
// or a file that is no socket, is an error. Closing the listener removes it.
func Listen(path, group string) (net.Listener, error) {
	if err := vacate(path); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l, err := bind(path, group)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	mine, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return &listener{UnixListener: l, path: path, mine: mine}, nil
}

var errInUse = errors.New("another agent listens on it; stop it first")

// vacate sees that nobody listens at path.
func vacate(path string) error {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !isSocket(st):
		return errors.New("something that is no socket has its name; move it away")
	}
	err = short(path, func(address string) error {
		c, err := net.DialTimeout("unix", address, time.Second) // one whose queue is full is in use
		if err == nil {
			err = errors.Join(errInUse, c.Close())
		}
		return err
	})
	switch {
	case errors.Is(err, errInUse):
		return err
	case !refused(err):
		return fmt.Errorf("whether another agent listens on it is not clear: %w", err)
	}
	return nil
}

// A listener removes its socket when it is closed, unless another took the place.
type listener struct {
	*net.UnixListener
	path string
	mine fs.FileInfo
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

func (l *listener) Close() error {
	if st, err := os.Lstat(l.path); err == nil && os.SameFile(st, l.mine) {
		os.Remove(l.path) // what stays is replaced by the next agent
	}
	return l.UnixListener.Close()
}

// limit accepts only so many connections at once.
func limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, free: make(chan struct{}, n), done: make(chan struct{})}
}

type limited struct {
	net.Listener
	free chan struct{} // holds one for each connection
	done chan struct{}
	once sync.Once
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &conn{Conn: c, leave: func() { <-l.free }}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type conn struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *conn) Close() error {
	defer c.once.Do(c.leave)
	return c.Conn.Close()
}

// callerKey is that of the caller in a request's context.
type callerKey struct{}

// withCaller keeps who is at the other end.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	if wrapped, ok := c.(*conn); ok {
		c = wrapped.Conn
	}
	return context.WithValue(ctx, callerKey{}, c)
}

// authorise tells whether the caller may give commands, and in words, to follow
// the command's name, who it is.
func authorise(ctx context.Context) (by string, err error) {
	c, ok := ctx.Value(callerKey{}).(*net.UnixConn)
	if !ok {
		return "", errors.New("commands are taken from a local socket only")
	}
	return mayCommand(c)
}
