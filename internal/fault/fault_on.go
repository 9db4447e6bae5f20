// SPDX-License-Identifier: Apache-2.0

//go:build faults && !windows

// Package fault names the points at which a test may kill the agent.
package fault

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// points counts. It is state of the package, and only of a build that exists to
// be killed.
var points struct {
	sync.Mutex
	once  sync.Once
	n, at int
	trace *os.File
}

// Point counts. MURANO_FAULT_AT is the number of the point, from 1, at which the
// process kills itself with SIGKILL; MURANO_FAULT_TRACE is a file to which a line
// "<number> <name>" is appended for each point that was reached.
func Point(name string) {
	p := &points
	p.Lock()
	defer p.Unlock()
	p.once.Do(func() {
		p.at, _ = strconv.Atoi(os.Getenv("MURANO_FAULT_AT")) // none means never
		if path := os.Getenv("MURANO_FAULT_TRACE"); path != "" {
			p.trace, _ = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) // a test that gets no trace says so
		}
	})
	p.n++
	if p.trace != nil {
		fmt.Fprintln(p.trace, p.n, name)
	}
	if p.n == p.at {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it arrives
	}
}
