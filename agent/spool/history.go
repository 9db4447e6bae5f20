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
	"time"

	"github.com/openmurano/murano/internal/atomicfile"
)

// remember makes r part of the history.
func (d *Dir) remember(r *record) {
	r.archived = true
	d.history = append(d.history, r)
	d.bytes += r.state.Bytes
}

// forget takes r, which owes an answer again, out of the history.
func (d *Dir) forget(r *record) {
	if !r.archived {
		return
	}
	r.archived = false
	d.history = slices.DeleteFunc(d.history, func(h *record) bool { return h == r })
	d.bytes -= r.state.Bytes
}

// prune removes the oldest directories of the history above its bounds. Their
// IDs stay known. What cannot be removed is told and tried again next time.
func (d *Dir) prune() {
	var gone []*record
	count, bytes := len(d.history), d.bytes
	old := d.o.Now().Add(-d.o.Age)
	for _, r := range d.history {
		over := d.o.Count >= 0 && count > d.o.Count ||
			d.o.Bytes >= 0 && bytes > d.o.Bytes ||
			d.o.Age >= 0 && r.state.Answered != nil && r.state.Answered.Before(old)
		if !over {
			break
		}
		gone = append(gone, r)
		count--
		bytes -= r.state.Bytes
	}
	if len(gone) == 0 {
		return
	}
	if err := d.remove(gone); err != nil {
		d.o.Log.Warn("history was not pruned", "error", err)
	}
}

// remove removes plans of the history. Their IDs are known first.
func (d *Dir) remove(gone []*record) error {
	if err := d.known.add(d.path, d.o.Known, stampOf(d.o.Now()), gone); err != nil {
		return err
	}
	for _, r := range gone {
		if err := os.RemoveAll(filepath.Join(d.path, r.key)); err != nil {
			d.o.Log.Warn("a directory of the history was not removed", "plan", r.state.ID, "error", err)
		}
		delete(d.byKey, r.key)
		if d.byID[r.state.ID] == r {
			delete(d.byID, r.state.ID)
		}
		d.forget(r)
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
	ids     map[string]int64
	order   []string // oldest first
	horizon int64    // plans with Stamps up to here may have been run and forgotten
}

func (k *known) has(id string) bool { _, ok := k.ids[id]; return ok }

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
	var lines bytes.Buffer
	for _, r := range gone {
		if r.state.ID != "" {
			writeKnown(&lines, r.state.ID, r.state.Stamp)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, knownName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	for _, r := range gone {
		if r.state.ID != "" {
			k.put(r.state.ID, r.state.Stamp)
		}
	}
	if bound < 0 || len(k.order) <= bound+bound/4 {
		return nil
	}
	for _, id := range k.order[:len(k.order)-bound] {
		k.horizon = max(k.horizon, min(k.ids[id], now))
		delete(k.ids, id)
	}
	k.order = slices.Clone(k.order[len(k.order)-bound:])
	return k.save(dir)
}

// stampOf is t in the unit of Stamps, tenths of a millisecond.
func stampOf(t time.Time) int64 { return t.UnixMicro() / 100 }

// save writes the file anew.
func (k *known) save(dir string) error {
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
	path := filepath.Join(d.path, reserveName)
	if st, err := os.Stat(path); err == nil && st.Size() == reserve {
		return
	}
	if err := os.WriteFile(path, make([]byte, reserve), 0o600); err != nil {
		os.Remove(path)
	}
}
