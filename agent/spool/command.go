// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/internal/fault"
)

// Cancel is agent.Store's. A disk that is full, maybe by the very plan, does not
// keep it from being cancelled: its result, for which there is a reserve, says so.
func (d *Dir) Cancel(ctx context.Context, id, by string) (agent.Entry, string, error) {
	if err := d.ready(ctx); err != nil {
		return agent.Entry{}, "", err
	}
	r, err := d.holdFirst(func() (*record, error) { return d.named(id) })
	switch {
	case err != nil:
		return agent.Entry{}, "", err
	case r == nil && d.known.has(id):
		return agent.Entry{}, agent.StoreEnded, nil
	case r == nil:
		return agent.Entry{}, "", nil
	}
	defer r.disk.Unlock()
	switch {
	case r.finished:
		return agent.Entry{Key: r.key, Cancelled: r.state.Cancelled}, agent.StoreEnded, nil
	case r.state.Retrying > 0:
		return agent.Entry{}, "", fmt.Errorf("plan %q is to be run again, and the disk did not let that be kept; free space, and first have it run again", id)
	}
	if r.state.Cancelled == "" {
		s := r.state
		s.Cancelled = by
		if err := d.write(r, s); full(err) {
			d.o.Log.Warn("the disk is full; that the plan is cancelled is kept with its result", "plan", id, "error", err)
			d.mu.Lock()
			r.state = s
			d.mu.Unlock()
		} else if err != nil {
			return agent.Entry{}, "", fmt.Errorf("keep that plan %q is cancelled: %w", id, err)
		}
	}
	d.mu.Lock()
	state := agent.StoreRunning
	if !r.taken {
		state = agent.StorePending
		d.pending = slices.DeleteFunc(d.pending, func(p *record) bool { return p == r })
	}
	d.mu.Unlock()
	return d.entry(r), state, nil
}

// Retry is agent.Store's. state.json says first what is about to be done, so
// that a crash in it is made good at the next start, and an error by calling it
// again.
func (d *Dir) Retry(ctx context.Context, id string) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	r, err := d.holdFirst(func() (*record, error) { return d.named(id) })
	switch {
	case err != nil:
		return err
	case r == nil && d.known.has(id):
		return fmt.Errorf("run plan %q again: it is no longer kept; send it again under another ID", id)
	case r == nil:
		return fmt.Errorf("run plan %q again: this agent knows no plan of that ID", id)
	}
	defer r.disk.Unlock()
	switch {
	case r.state.Retrying > 0: // an earlier call did not come to its end
	case !r.finished:
		return fmt.Errorf("run plan %q again: it has not ended", id)
	default:
		if err := d.unend(r); err != nil {
			return fmt.Errorf("run plan %q again: %w", id, err)
		}
	}
	if err := d.setAside(r); err != nil {
		return fmt.Errorf("run plan %q again: %w; try again, or the agent's next start will", id, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.enqueue(r)
	return nil
}

// unend keeps that r is to be run again, and takes back the answers it owes. The
// caller holds r.disk.
func (d *Dir) unend(r *record) error {
	s := again(r.state)
	for s.Retrying = 1; ; s.Retrying++ {
		if _, err := os.Lstat(filepath.Join(d.path, r.key, earlierName(s.Retrying))); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	owing := len(r.state.Owed)
	if err := d.write(r, s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(r)
	r.finished, r.result = false, ""
	r.round++
	d.owed.drop(r)
	d.owing -= owing
	return nil
}

// again is s as if it had just come.
func again(s state) state {
	s.State, s.Result, s.Refused, s.Cancelled = statePending, "", "", ""
	s.Attempts, s.Begun, s.Finished, s.Answered = 0, nil, nil, nil
	s.Owed, s.Told = append(slices.Clone(s.Told), s.Owed...), nil
	if len(s.Owed) == 0 {
		s.Owed = []string{s.Message.ReplyTo}
	}
	return s
}

// setAside ends what Retry began: the earlier result and what else the plan's
// last round left is out of the way.
func (d *Dir) setAside(r *record) error {
	dir := filepath.Join(d.path, r.key)
	to := filepath.Join(dir, earlierName(r.state.Retrying))
	fault.Point("spool.retry.before-rename")
	if err := os.Rename(filepath.Join(dir, resultName), to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.HasSuffix(path, logSuffix) {
			fault.Point("spool.retry.before-rename")
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, r.state.Retrying)); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{whyName, journalName, attemptsName} {
		fault.Point("spool.retry.before-remove")
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		fault.Point("spool.retry.after-remove")
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return err
	}
	s := r.state
	s.Retrying = 0
	return d.write(r, s)
}

// earlierName is that of the nth result that Retry has set aside.
func earlierName(n int) string { return fmt.Sprintf("result-%d.json", n) }

// Prune is agent.Store's.
func (d *Dir) Prune(ctx context.Context, o agent.PruneOptions) ([]string, error) {
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	d.pruning.Lock()
	defer d.pruning.Unlock()
	old := d.o.Now().Add(-o.OlderThan)
	choose := func() []*record {
		rest := slices.Clone(d.history[:max(len(d.history)-max(o.Keep, 0), 0)])
		return slices.DeleteFunc(rest, func(r *record) bool { return answered(r).After(old) })
	}
	gone := d.holdAll(choose)
	var keys []string
	for _, r := range gone {
		keys = append(keys, r.key)
		if o.DryRun {
			r.disk.Unlock()
		}
	}
	if o.DryRun {
		return keys, nil
	}
	return keys, d.remove(gone)
}

// Counts is agent.Store's.
func (d *Dir) Counts() (pending, owed, history int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pending), d.owing, len(d.history)
}

// Has is agent.Store's.
func (d *Dir) Has(key string) bool {
	<-d.loaded
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.byKey[key]
	return r != nil && !r.finished
}
