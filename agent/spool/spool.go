// SPDX-License-Identifier: Apache-2.0

// Package spool is the agent's Store on disk: one readable directory for each
// plan, kept as history after it was answered. What a method has returned for
// survives the agent, and, Archive's apart, a power loss.
//
//	<dir>/17954422286073-apache/   by the time of arrival, in tenths of a millisecond
//	    plan.json                  the message's body, as received
//	    state.json                 its properties, state, attempts and times
//	    001-deploy.stdout.log ...  what its scripts wrote
//	    result.json                from when it ended
//	    WHY.txt                    if it did not succeed: why, and what to do
//	<dir>/quarantine/              directories that could not be read, each with a NOTE.txt
//	<dir>/known                    IDs of plans whose directories were pruned
package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/plans"
)

// Options of a spool. Zero values mean the defaults; a negative number means no bound.
type Options struct {
	Count int           // plans kept as history; default 200
	Bytes int64         // of history; default 512 MiB
	Age   time.Duration // of history; default 90 days
	Known int           // IDs remembered after their directories were pruned; default 10,000

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil means nowhere
}

// A Dir is a spool. One process at a time has it open.
type Dir struct {
	path string
	o    Options
	lock *flock.Flock

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when there is more to run or to answer
	byID    map[string]*record
	byKey   map[string]*record
	pending []*record // to be run, oldest first
	owed    answers   // to be published
	owing   int       // answers: those in owed, and those that Owed has returned
	history []*record // answered, oldest first
	bytes   int64     // of history
	known   known
	last    int64 // time in the youngest key
	closed  bool
}

var _ agent.Store = (*Dir)(nil)

// ErrClosed is what the methods of a closed spool return.
var ErrClosed = errors.New("the spool is closed")

// Open opens the spool at path, which is made, 0700, if it is not there. What
// cannot be read in it is moved to quarantine and told to o.Log. A spool that
// another process has open is an error.
func Open(path string, o Options) (*Dir, error) {
	o.Count = cmp.Or(o.Count, 200)
	o.Bytes = cmp.Or(o.Bytes, 512<<20)
	o.Age = cmp.Or(o.Age, 90*24*time.Hour)
	o.Known = cmp.Or(o.Known, 10_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dir{path: path, o: o, changed: make(chan struct{}), byID: map[string]*record{}, byKey: map[string]*record{}}
	if err := d.occupy(); err != nil {
		return nil, fmt.Errorf("open spool %q: %w", path, err)
	}
	if err := d.load(); err != nil {
		d.lock.Unlock()
		return nil, fmt.Errorf("open spool %q: %w", path, err)
	}
	d.makeReserve()
	return d, nil
}

// occupy makes the directory, closed to others, and locks it.
func (d *Dir) occupy() error {
	if err := atomicfile.MkdirSync(d.path, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(d.path, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	lock := flock.New(filepath.Join(d.path, lockName))
	ok, err := lock.TryLock()
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("another agent has it open; stop it, or give this one a storage of its own")
	}
	d.lock = lock
	return nil
}

// restore makes the directory again where somebody removed it, under the agent.
func (d *Dir) restore() error {
	if _, err := os.Stat(filepath.Join(d.path, lockName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.o.Log.Error("the directory of plans was removed by somebody and is made again; plans that had not run are lost", "directory", d.path)
	d.lock.Unlock() // of a file that is gone
	if err := d.occupy(); err != nil {
		return err
	}
	d.makeReserve()
	return d.known.save(d.path)
}

// Close lets another process open the spool. Calls that wait return ErrClosed.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	d.notify()
	return d.lock.Unlock()
}

// Put is agent.Store's.
func (d *Dir) Put(ctx context.Context, ms []plans.Message) []error {
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = d.putOne(m)
	}
	return errs
}

func (d *Dir) putOne(m plans.Message) error {
	head := plans.ReadHead(m)
	id, replyTo := head.ID, head.ReplyTo
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	if r := d.byID[id]; r != nil && id != "" {
		return d.oweAgain(r, replyTo, m.Redelivered)
	}
	r := &record{state: state{
		Format: 1, ID: id, Name: head.Name, Stamp: head.Stamp, Received: d.o.Now().UTC(), State: statePending,
		Owed: []string{replyTo}, Message: propertiesOf(m), Refused: d.refusal(id, head.Stamp),
	}}
	r.key = d.newKey(r.state)
	err := d.create(r, m.Body)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.restore(); err == nil {
			err = d.create(r, m.Body)
		}
	}
	if err != nil {
		return fmt.Errorf("keep plan %q: %w", id, err)
	}
	d.add(r)
	d.enqueue(r)
	return nil
}

// oweAgain counts one more answer for a plan that is known. A message that the
// broker hands out again is the one that is owed already, if one is.
func (d *Dir) oweAgain(r *record, replyTo string, redelivered bool) error {
	if redelivered {
		for _, to := range r.state.Owed {
			if to == replyTo {
				return nil
			}
		}
	}
	s := r.state
	if len(s.Owed) == 0 {
		s.Told = nil // who asks now is who asked last
	}
	s.Owed = append(s.Owed[:len(s.Owed):len(s.Owed)], replyTo)
	if err := d.write(r, s); err != nil {
		return fmt.Errorf("keep that plan %q was sent again: %w", s.ID, err)
	}
	d.forget(r)
	if r.finished {
		d.owed.push(&answer{r: r, replyTo: replyTo})
		d.owing++
		d.notify()
	}
	return nil
}

// refusal says why a plan that has no directory must not run; empty if it may.
func (d *Dir) refusal(id string, stamp int64) string {
	if id != "" && d.known.has(id) {
		return fmt.Sprintf("plan %q was run before, and its result is no longer kept", id)
	}
	if stamp > 0 && stamp <= d.known.horizon {
		return fmt.Sprintf("the plan's Stamp %d is not above %d, up to where this agent no longer knows which plans it ran", stamp, d.known.horizon)
	}
	return ""
}

// create makes the plan's directory in one step.
func (d *Dir) create(r *record, body []byte) (err error) {
	temporary := filepath.Join(d.path, newPrefix+r.key)
	if err := os.Mkdir(temporary, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temporary)
		}
	}()
	if err := writeSync(filepath.Join(temporary, planName), body); err != nil {
		return err
	}
	text, err := r.state.encode()
	if err != nil {
		return err
	}
	if err := writeSync(filepath.Join(temporary, stateName), text); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(temporary); err != nil {
		return err
	}
	final := filepath.Join(d.path, r.key)
	if err := os.Rename(temporary, final); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(d.path); err != nil {
		temporary = final // refused, so it must not come back at the next start
		return err
	}
	return nil
}

func (d *Dir) add(r *record) {
	d.byKey[r.key] = r
	if r.state.ID != "" {
		d.byID[r.state.ID] = r
	}
}

// enqueue has r run, in the order of arrival.
func (d *Dir) enqueue(r *record) {
	at, _ := slices.BinarySearchFunc(d.pending, r.key, func(p *record, key string) int { return cmp.Compare(p.key, key) })
	d.pending = slices.Insert(d.pending, at, r)
	r.waits = true
	d.notify()
}

// notify wakes everybody who waits. The caller holds d.mu.
func (d *Dir) notify() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// newKey names a directory: later than every other one.
func (d *Dir) newKey(s state) string {
	d.last = max(d.last+1, stampOf(s.Received))
	return fmt.Sprintf("%014d-%s", d.last, s.shortName())
}

func writeSync(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
