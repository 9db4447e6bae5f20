// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/plans"
)

// full listens, but its queue of connections is full: Linux drops what more
// come, as a firewall does.
func full(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("8 connections were taken; the queue holds 1")
	return ""
}

func TestAHostThatDropsPacketsIsTimedOutOn(t *testing.T) {
	address := full(t)
	c := fetch.New(fetch.Options{ConnectTimeout: 200 * time.Millisecond, Attempts: 2, RetryDelay: time.Millisecond})
	defer c.Close()
	start := time.Now()
	_, err := c.Fetch(t.Context(), plans.File{URL: "http://" + address + "/x"}, t.TempDir())
	want := "connect " + address + ": timed out: no answer for 200ms; look at routes, security groups and firewalls, or set fetch.proxy (2 attempts)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}
