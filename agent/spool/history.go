// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/internal/fault"
)

// remember makes r part of the history. The caller holds d.mu.
func (d *Dir) remember(r *record) {
	r.archived = true
	d.history = append(d.history, r)
	d.bytes += r.state.Bytes
}

// forget takes r, which owes an answer again, out of the history. The caller
// holds d.mu.
func (d *Dir) forget(r *record) {
	if !r.archived {
		return
	}
	r.archived = false
	d.history = slices.DeleteFunc(d.history, func(h *record) bool { return h == r })
	d.bytes -= r.state.Bytes
}

// prune removes the oldest directories of a history that is above its bounds,
// down to seven eighths of them, so that not every plan pays for it. What cannot
// be removed is told and tried again next time.
func (d *Dir) prune() {
	d.pruning.Lock()
	defer d.pruning.Unlock()
	if err := d.remove(d.holdAll(d.excess)); err != nil {
		d.o.Log.Warn("history was not pruned", "error", err)
	}
}

// excess is what of the history is above its bounds. The caller holds d.mu.
func (d *Dir) excess() []*record {
	if !d.complete {
		return nil
	}
	old := d.o.Now().Add(-d.o.Age)
	aged := func(r *record) bool { return d.o.Age >= 0 && r.state.Answered != nil && r.state.Answered.Before(old) }
	count, bytes := len(d.history), d.bytes
	slack := int64(0) // in eighths of a bound
	if d.o.Count >= 0 && count > d.o.Count || d.o.Bytes >= 0 && bytes > d.o.Bytes {
		slack = 1
	}
	for i, r := range d.history {
		over := d.o.Count >= 0 && count > d.o.Count-int(slack)*d.o.Count/8 ||
			d.o.Bytes >= 0 && bytes > d.o.Bytes-slack*(d.o.Bytes/8)
		if !over && !aged(r) {
			return d.history[:i]
		}
		count--
		bytes -= r.state.Bytes
	}
	return d.history
}

// holdAll gives the plans that choose, called with d.mu held, has chosen to the
// caller alone, but for those that somebody changes just now.
func (d *Dir) holdAll(choose func() []*record) []*record {
	d.mu.Lock()
	defer d.mu.Unlock()
	var held []*record
	for _, r := range choose() {
		if r.disk.TryLock() {
			held = append(held, r)
		}
	}
	return held
}

// remove removes plans of the history, which the caller holds, and lets go of
// them. Their IDs are known first.
func (d *Dir) remove(gone []*record) error {
	defer func() {
		for _, r := range gone {
			r.disk.Unlock()
		}
	}()
	if len(gone) == 0 {
		return nil
	}
	if err := d.known.add(d.path, d.o.Known, stampOf(d.o.Now()), gone); err != nil {
		return err
	}
	d.mu.Lock()
	for _, r := range gone {
		delete(d.byKey, r.key)
		if d.byID[r.state.ID] == r {
			delete(d.byID, r.state.ID)
		}
		r.archived = false
		d.bytes -= r.state.Bytes
	}
	d.history = slices.DeleteFunc(d.history, func(r *record) bool { return !r.archived })
	d.mu.Unlock()
	for _, r := range gone {
		// Under another name first: who looks, and a start after a crash, does not find half a plan.
		dir, leaving := filepath.Join(d.path, r.key), filepath.Join(d.path, newPrefix+r.key)
		fault.Point("spool.prune.before-rename")
		err := os.Rename(dir, leaving)
		fault.Point("spool.prune.before-remove")
		if err == nil {
			err = os.RemoveAll(leaving)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.o.Log.Warn("a directory of the history was not removed", "plan", r.state.ID, "error", err)
		}
		fault.Point("spool.prune.after-remove")
	}
	return nil
}

// size is the number of bytes in a plan's directory.
func size(dir string) int64 {
	var n int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil {
			n += st.Size()
		}
	}
	return n
}

// known are the IDs of plans that were run and have no directory any more. On
// disk it is a file of lines: a Stamp and an ID as a JSON string. A line without
// an ID is the horizon.
type known struct {
	mu      sync.Mutex
	ids     map[string]int64
	order   []string // oldest first
	horizon int64    // plans with Stamps up to here may have been run and forgotten
}

func (k *known) has(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.ids[id]
	return ok
}

// until is the horizon.
func (k *known) until() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.horizon
}

func (k *known) put(id string, stamp int64) {
	if k.ids == nil {
		k.ids = map[string]int64{}
	}
	if _, ok := k.ids[id]; !ok {
		k.order = append(k.order, id)
	}
	k.ids[id] = stamp
}

// load reads the file. Lines that a crash tore are skipped.
func (k *known) load(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, knownName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range bytes.Lines(b) { // of any length: an ID may be long
		number, text, hasID := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		stamp, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			continue
		}
		var id string
		if !hasID {
			k.horizon = max(k.horizon, stamp)
		} else if json.Unmarshal(text, &id) == nil {
			k.put(id, stamp)
		}
	}
	if !bytes.HasSuffix(b, []byte("\n")) {
		return k.save(dir) // what is appended next must not end up in a torn line
	}
	return nil
}

// add remembers the IDs of gone, on disk first. Above bound and a quarter, the
// oldest are dropped and the horizon rises to their Stamps, but not above now:
// one plan stamped in the future, by a clock that was wrong, must not keep out
// all that come after it.
func (k *known) add(dir string, bound int, now int64, gone []*record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var lines bytes.Buffer
	for _, r := range gone {
		if r.state.ID != "" {
			writeKnown(&lines, r.state.ID, r.state.Stamp)
		}
	}
	err := atomicfile.Append(filepath.Join(dir, knownName), lines.Bytes())
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	for _, r := range gone {
		if r.state.ID != "" {
			k.put(r.state.ID, r.state.Stamp)
		}
	}
	if missing {
		return k.write(dir)
	}
	if bound < 0 || len(k.order) <= bound+bound/4 {
		return nil
	}
	for _, id := range k.order[:len(k.order)-bound] {
		k.horizon = max(k.horizon, min(k.ids[id], now))
		delete(k.ids, id)
	}
	k.order = slices.Clone(k.order[len(k.order)-bound:])
	return k.write(dir)
}

// stampOf is t in the unit of Stamps, tenths of a millisecond.
func stampOf(t time.Time) int64 { return t.UnixMicro() / 100 }

// save writes the file anew.
func (k *known) save(dir string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.write(dir)
}

func (k *known) write(dir string) error {
	var lines bytes.Buffer
	fmt.Fprintf(&lines, "%d\n", k.horizon)
	for _, id := range k.order {
		writeKnown(&lines, id, k.ids[id])
	}
	return atomicfile.WriteFile(filepath.Join(dir, knownName), lines.Bytes(), 0o600)
}

func writeKnown(lines *bytes.Buffer, id string, stamp int64) {
	text, _ := json.Marshal(id) // a string always has a form
	fmt.Fprintf(lines, "%d %s\n", stamp, text)
}

// reserve is the size of a file that is there to be removed: it leaves room
// for a result on a disk that a script has filled.
const reserve = 1 << 20

// makeReserve makes the reserve where it is missing. Without room there is none.
func (d *Dir) makeReserve() {
	d.remaking.Lock()
	defer d.remaking.Unlock()
	d.remakeReserve()
}

func (d *Dir) remakeReserve() {
	path := filepath.Join(d.path, reserveName)
	if st, err := os.Stat(path); err == nil && st.Size() == reserve {
		return
	}
	fault.Point("spool.reserve.before-write")
	if err := os.WriteFile(path, make([]byte, reserve), 0o600); err != nil {
		os.Remove(path)
		d.o.Log.Warn("no room could be reserved for results; free space on the guest's disk; what does not fit stays with the broker", "directory", d.path, "error", err)
	}
	fault.Point("spool.reserve.after-write")
}
