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
)

// load reads the directory: what is to be run, what is owed, what is history.
func (d *Dir) load() error {
	if err := d.known.load(d.path); err != nil {
		return err
	}
	entries, err := os.ReadDir(d.path) // sorted, so by time of arrival
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, newPrefix), atomicfile.Leftover(name):
			// Was being made when the agent died: never acknowledged, so it comes again.
			if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
				return err
			}
		case !e.IsDir(), name == quarantineName:
		default:
			if err := d.loadPlan(name); err != nil {
				d.quarantine(name, err)
			}
		}
	}
	slices.SortStableFunc(d.history, func(a, b *record) int { return answered(a).Compare(answered(b)) })
	d.prune()
	return nil
}

func answered(r *record) time.Time {
	if r.state.Answered == nil {
		return time.Time{}
	}
	return *r.state.Answered
}

func (d *Dir) loadPlan(key string) error {
	dir := filepath.Join(d.path, key)
	number, _, ok := strings.Cut(key, "-")
	at, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok {
		return fmt.Errorf("the directory has no name of this agent's: <time>-<name>")
	}
	s, err := readState(dir)
	if err != nil {
		return err
	}
	if other := d.byID[s.ID]; other != nil && s.ID != "" {
		return fmt.Errorf("plan %q is in directory %q too", s.ID, other.key)
	}
	if err := removeLeftovers(dir); err != nil {
		return err
	}
	d.last = max(d.last, at)
	r := &record{key: key, state: s}
	if s.Retrying > 0 {
		if err := d.setAside(r); err != nil {
			return err
		}
	}
	if r.finished = s.State == stateAnswered; !r.finished {
		if err := d.recall(r); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.o.Log.Warn("result of a plan cannot be read", "plan", s.ID, "error", err)
		}
	}
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

// removeLeftovers removes the files that a crash left half written.
func removeLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if atomicfile.Leftover(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// quarantine moves a directory out of the way, with a note. One that cannot be
// moved stays and is told: it must not keep the agent from starting.
func (d *Dir) quarantine(name string, cause error) {
	d.o.Log.Error("directory of a plan cannot be read; moved to quarantine", "directory", name, "error", cause)
	to := filepath.Join(d.path, quarantineName)
	if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		d.o.Log.Error("quarantine was not made", "error", err)
		return
	}
	target := filepath.Join(to, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
			break
		}
		target = filepath.Join(to, fmt.Sprintf("%s.%d", name, n))
	}
	if err := os.Rename(filepath.Join(d.path, name), target); err != nil {
		d.o.Log.Error("directory was not moved to quarantine", "directory", name, "error", err)
		return
	}
	note := fmt.Sprintf("%s: this directory could not be read: %v\n\n"+
		"No plan in it was run or answered from here on. If a plan is missing, send it again.\n"+
		"Remove this directory when it is no longer needed; the agent does not look at it.\n",
		d.o.Now().UTC().Format(time.RFC3339), cause)
	os.WriteFile(filepath.Join(target, noteName), []byte(note), 0o600)
}
