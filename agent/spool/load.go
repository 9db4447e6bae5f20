// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/internal/fault"
)

// load reads the directory: what is to be run, what is owed, what is history. It
// ends early when the spool is closed.
func (d *Dir) load() {
	defer close(d.loaded)
	names, err := d.names()
	if err != nil {
		d.end(fmt.Errorf("read spool %q: %w", d.path, err))
		return
	}
	began := d.o.Now()
	for i, name := range names {
		if i > unhurried && i%restEvery == 0 {
			d.rest(9 * d.o.Now().Sub(began))
			began = d.o.Now()
		}
		d.mu.Lock()
		ended := d.ended
		d.mu.Unlock()
		if ended != nil {
			return
		}
		if err := d.loadPlan(name); full(err) {
			d.o.Log.Error("the disk is full; this plan is seen to at the agent's next start", "directory", name, "error", err)
		} else if err != nil {
			d.quarantine(name, err)
		}
	}
	d.mu.Lock()
	slices.SortStableFunc(d.history, func(a, b *record) int { return answered(a).Compare(answered(b)) })
	d.complete = true
	d.mu.Unlock()
	d.prune()
}

// A spool with more than unhurried plans is read in parts, with rests between
// them: the plans that run meanwhile do not pay for those behind them.
const (
	unhurried = 32
	restEvery = 8
)

// rest waits for t, or until the spool is closed.
func (d *Dir) rest(t time.Duration) {
	timer := time.NewTimer(min(t, 100*time.Millisecond))
	defer timer.Stop()
	for {
		d.mu.Lock()
		ended, changed := d.ended, d.changed
		d.mu.Unlock()
		if ended != nil {
			return
		}
		select {
		case <-timer.C:
			return
		case <-changed:
		}
	}
}

func answered(r *record) time.Time {
	if r.state.Answered == nil {
		return time.Time{}
	}
	return *r.state.Answered
}

func (d *Dir) loadPlan(key string) error {
	dir := filepath.Join(d.path, key)
	at, err := arrivedAt(key)
	if err != nil {
		return err
	}
	if st, err := os.Lstat(dir); err != nil {
		return err
	} else if !st.IsDir() {
		return fmt.Errorf("it is no directory: %s", st.Mode())
	}
	s, err := readState(dir)
	if err != nil {
		return err
	}
	r := &record{key: key, state: s, finished: s.State == stateAnswered}
	if err := d.settle(r); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if other := d.byID[s.ID]; other != nil && s.ID != "" {
		return fmt.Errorf("plan %q is in directory %q too", s.ID, other.key)
	}
	d.last = max(d.last, at)
	d.add(r)
	switch {
	case !r.finished:
		d.enqueue(r)
	case len(s.Owed) == 0:
		d.remember(r)
	default:
		r.state.State = stateFinished
		d.oweAll(r)
	}
	return nil
}

// arrivedAt is the time in the name of a plan's directory.
func arrivedAt(key string) (int64, error) {
	number, name, ok := strings.Cut(key, "-")
	at, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || name == "" || at < 0 || strings.HasPrefix(number, "+") {
		return 0, errors.New("its name is none that this agent gives: <time>-<name>")
	}
	return at, nil
}

// settle makes good what a crash left undone in the directory of r.
func (d *Dir) settle(r *record) error {
	if r.finished && len(r.state.Owed) == 0 {
		return nil // history: all was done
	}
	dir := filepath.Join(d.path, r.key)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	ended := false
	for _, e := range entries {
		if ended = ended || e.Name() == resultName; !atomicfile.Leftover(e.Name()) {
			continue
		}
		fault.Point("spool.open.before-remove")
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			d.o.Log.Warn("what was half written is still there", "plan", r.state.ID, "file", e.Name(), "error", err)
		}
	}
	if err := d.shareAll(dir, entries); err != nil {
		d.o.Log.Warn("the directory of a plan was not opened to its group", "plan", r.state.ID, "group", d.o.Group, "error", err)
	}
	if r.state.Retrying > 0 {
		return d.setAside(r)
	}
	if !r.finished && ended {
		if err := d.recall(r); err != nil {
			d.o.Log.Warn("result of a plan cannot be read", "plan", r.state.ID, "error", err)
		}
	}
	return nil
}

// recall reads how a plan ended that was not answered: state.json, which is
// written last, does not say it yet.
func (d *Dir) recall(r *record) error {
	result, err := readResult(filepath.Join(d.path, r.key))
	if err != nil {
		return err
	}
	finished := result.Time
	r.finished, r.result, r.state.Result, r.state.Finished = true, result.ID, result.State(), &finished
	d.explain(r, result)
	return nil
}

// shareAll opens what an agent without a group, or with another, has made, but
// for what may hold secrets.
func (d *Dir) shareAll(dir string, entries []fs.DirEntry) error {
	if d.o.Group <= 0 || belongsTo(dir, d.o.Group) {
		return nil
	}
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != planName && e.Name() != journalName {
			if err := giveTo(filepath.Join(dir, e.Name()), d.o.Group, d.fileMode()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return d.share(dir) // last: it says that all is done
}
