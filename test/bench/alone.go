// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// A backlog is a start of the agent with plans on disk.
type backlog struct {
	plans     int
	put       time.Duration // for all plans, before the start
	consuming time.Duration // from the start of the process
	first     time.Duration // result, from the start of the process
	next      time.Duration // result, from the one before, on average
}

// backlog starts the agent with n plans on disk, and kills it after few results:
// three times, or once where putting them there takes long. It gives medians.
func (b *broker) backlog(s *subject, n int) (backlog, error) {
	const few = 10
	l := backlog{plans: n}
	var consuming, first, next []time.Duration
	for len(consuming) < 3 && l.put < 10*time.Second {
		r, err := b.prepare(s)
		if err != nil {
			return l, err
		}
		began := time.Now()
		if err := r.put(n); err != nil {
			return l, err
		}
		l.put = time.Since(began)
		if err := r.start(); err != nil {
			return l, err
		}
		defer r.end()
		consuming = append(consuming, r.consuming)
		for i := range few {
			if err := r.answer(); err != nil {
				return l, err
			}
			if i == 0 {
				first = append(first, time.Since(r.began))
			}
		}
		next = append(next, (time.Since(r.began)-first[len(first)-1])/(few-1))
		r.kill()
	}
	l.consuming, l.first, l.next = quantile(consuming, 0.5), quantile(first, 0.5), quantile(next, 0.5)
	return l, nil
}

// put keeps n plans as an agent does that has received them.
func (r *run) put(n int) error {
	d, err := spool.Open(filepath.Join(r.dir, "storage", "plans"), spool.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	const batch = 64
	for n > 0 {
		ms := make([]plans.Message, min(n, batch))
		for i := range ms {
			if ms[i].ID, ms[i].Body, err = r.encode(bodyOnly()); err != nil {
				return err
			}
		}
		if err := errors.Join(d.Put(context.Background(), ms)...); err != nil {
			return err
		}
		n -= len(ms)
	}
	return d.Close()
}

// loudBytes is what the script of loud writes.
const loudBytes = 200_000_000

// loud is the most memory that an agent ever needs, in MB, whose script writes
// much more than that.
func (b *broker) loud(s *subject) (float64, error) {
	r, err := b.begin(s)
	if err != nil {
		return 0, err
	}
	defer r.end()
	script := fmt.Sprintf("#!/bin/sh\nhead -c %d /dev/zero | tr '\\0' x\n", loudBytes)
	if err := r.once(planOf("return len(deploy().stdout)", script)); err != nil {
		return 0, err
	}
	return memory(r.cmd.Process.Pid, "VmHWM:"), nil
}
