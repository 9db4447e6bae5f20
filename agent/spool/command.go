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

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/atomicfile"
)

// Cancel is agent.Store's.
func (d *Dir) Cancel(ctx context.Context, id, by string) (agent.Entry, string, error) {
	d.mu.Lock()
	r, err := d.named(id)
	switch {
	case err != nil, r == nil, r.finished:
		defer d.mu.Unlock()
		if r != nil || d.known.has(id) {
			return agent.Entry{}, agent.StoreEnded, err
		}
		return agent.Entry{}, "", err
	case r.state.Cancelled == "":
		s := r.state
		s.Cancelled = by
		if err := d.write(r, s); err != nil {
			d.mu.Unlock()
			return agent.Entry{}, "", fmt.Errorf("keep that plan %q is cancelled: %w", id, err)
		}
	}
	state := agent.StoreRunning
	if r.waits {
		state, r.waits = agent.StorePending, false
		d.pending = slices.DeleteFunc(d.pending, func(p *record) bool { return p == r })
	}
	d.mu.Unlock()
	return d.entry(r), state, nil
}

// Retry is agent.Store's. state.json says first what is about to be done, so
// that a crash in it is made good at the next start.
func (d *Dir) Retry(ctx context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.named(id)
	switch {
	case err != nil:
		return err
	case r == nil && d.known.has(id):
		return fmt.Errorf("run plan %q again: its directory was pruned; send it again under another ID", id)
	case r == nil:
		return fmt.Errorf("run plan %q again: this agent knows no plan of that ID", id)
	case !r.finished:
		return fmt.Errorf("run plan %q again: it has not ended", id)
	}
	s := r.state
	s.State, s.Result, s.Refused, s.Cancelled = statePending, "", "", ""
	s.Attempts, s.Begun, s.Finished, s.Answered = 0, nil, nil, nil
	s.Owed, s.Told = append(slices.Clone(s.Told), s.Owed...), nil
	if len(s.Owed) == 0 {
		s.Owed = []string{s.Message.ReplyTo}
	}
	for s.Retrying = 1; ; s.Retrying++ {
		if _, err := os.Lstat(filepath.Join(d.path, r.key, earlierName(s.Retrying))); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	was := r.state
	if err := d.write(r, s); err != nil {
		return fmt.Errorf("run plan %q again: %w", id, err)
	}
	d.forget(r)
	r.finished, r.result = false, ""
	d.owed.drop(r)
	d.owing -= len(was.Owed)
	if err := d.setAside(r); err != nil {
		return fmt.Errorf("run plan %q again, which ended as %s: %w; the agent's next start will", id, was.Result, err)
	}
	d.enqueue(r)
	return nil
}

// setAside ends what Retry began: the earlier result and what else the plan's
// last round left is out of the way.
func (d *Dir) setAside(r *record) error {
	dir := filepath.Join(d.path, r.key)
	to := filepath.Join(dir, earlierName(r.state.Retrying))
	if err := os.Rename(filepath.Join(dir, resultName), to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range []string{whyName, journalName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	var gone []*record
	var keys []string
	old := d.o.Now().Add(-o.OlderThan)
	for _, r := range d.history[:max(len(d.history)-max(o.Keep, 0), 0)] {
		if !answered(r).After(old) {
			gone, keys = append(gone, r), append(keys, r.key)
		}
	}
	if o.DryRun || len(gone) == 0 {
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
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.byKey[key]
	return r != nil && !r.finished
}

// named gives the plan of that ID, nil if there is none.
func (d *Dir) named(id string) (*record, error) {
	if d.closed {
		return nil, ErrClosed
	}
	if id == "" {
		return nil, nil
	}
	return d.byID[id], nil
}
