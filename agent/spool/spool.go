// SPDX-License-Identifier: Apache-2.0

// Package spool is the agent's Store on disk: one readable directory for each
// plan, kept as history after it was answered. What a method has returned for
// survives the agent, and, Archive's apart, a power loss.
//
//	<dir>/17954422286073-apache/   by the time of arrival, in tenths of a millisecond
//	    plan.json                  the message's body, as received; for the agent's user alone
//	    state.json                 its properties, state, attempts and times; then a line for what changed of them
//	    journal.jsonl              the runner's: what its Body has called
//	    001-deploy.stdout.log ...  what its scripts wrote
//	    result.json                from when it ended: ahead of state.json until it is answered
//	    result-1.json, *.log.1 ... earlier ones, of a plan that was run again on request
//	    WHY.txt                    if it did not succeed: why, and what to do
//	<dir>/quarantine/              what could not be read, each in a directory with a NOTE.txt
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
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/internal/fault"
)

// Options of a spool. Zero values mean the defaults; a negative number means no
// bound. History above Count or Bytes is removed by an eighth of the bound at
// once.
type Options struct {
	Count int           // plans kept as history; default 200
	Bytes int64         // of history; default 512 MiB
	Age   time.Duration // of history; default 90 days
	Known int           // IDs remembered after their directories were pruned; default 10,000

	// Group is the number of a group whose members may read everything but
	// plan.json and journal.jsonl, which may hold secrets. Directories are then 0750 and files
	// 0640, without one 0700 and 0600. 0 means none. Plans that have ended when
	// the group is first set stay closed to it.
	Group int

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil means nowhere
}

// A Dir is a spool. One process at a time has it open.
type Dir struct {
	path   string
	o      Options
	lock   *flock.Flock
	loaded chan struct{} // closed once every plan has been read
	known  known

	// Locks are taken in this order: putting or pruning, a record's disk,
	// remaking, mu. Only mu is never held while the disk is waited for.
	putting  sync.Mutex // held by Put, so that two batches do not mix
	pruning  sync.Mutex
	remaking sync.Mutex

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when there is more to run or to answer
	byID     map[string]*record
	byKey    map[string]*record
	pending  []*record // to be run, oldest first
	owed     answers   // to be published
	owing    int       // answers: those in owed, and those that Owed has returned
	history  []*record // answered, oldest first
	bytes    int64     // of history
	last     int64     // time in the youngest key
	complete bool      // every plan has been read
	ended    error     // ErrClosed, or why the spool cannot be read; nil while it works
}

var _ agent.Store = (*Dir)(nil)

// ErrClosed is what the methods of a closed spool return.
var ErrClosed = errors.New("the spool is closed")

// Open opens the spool at path, which is made if it is not there. A spool that
// another process has open is an error. What cannot be read in it is moved to
// quarantine and told to o.Log.
//
// The plans are read after Open has returned, oldest first: Next and Owed give
// what has been read so far, Counts counts it; what has to know all plans, such
// as Put, waits for the rest. If the directory itself cannot be read, all methods
// say so.
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
	d := &Dir{path: path, o: o, changed: make(chan struct{}), loaded: make(chan struct{}),
		byID: map[string]*record{}, byKey: map[string]*record{}}
	if err := d.occupy(); err != nil {
		return nil, fmt.Errorf("open spool %q: %w", path, err)
	}
	if err := d.known.load(d.path); err != nil {
		d.lock.Unlock()
		return nil, fmt.Errorf("open spool %q: %w", path, err)
	}
	d.makeReserve()
	go d.load() // Close waits for it
	return d, nil
}

// lockWait is how long an agent waits for the lock of one that was killed: a
// child that it was about to start holds it until it has become its program.
const lockWait = 5 * time.Second

// occupy makes the directory, closed to others, and locks it.
func (d *Dir) occupy() error {
	if err := atomicfile.MkdirSync(d.path, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(d.path, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	lock := flock.New(filepath.Join(d.path, lockName))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	ok, err := lock.TryLockContext(ctx, lockWait/200)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if !ok {
		return errors.New("another agent has it open; stop it, or give this one a storage of its own")
	}
	d.lock = lock
	if err := d.share(d.path); err != nil {
		d.o.Log.Warn("the directory of plans was not opened to its group", "group", d.o.Group, "error", err)
		d.o.Group = 0
	}
	return nil
}

// names lists what may be plans, oldest first, and removes what was half made.
func (d *Dir) names() ([]string, error) {
	dir, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	all, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		if strings.HasPrefix(name, newPrefix) || atomicfile.Leftover(name) {
			// Was being made when the agent died: never acknowledged, so it comes again.
			fault.Point("spool.open.before-remove")
			if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
				d.o.Log.Warn("what was half made is still there", "directory", name, "error", err)
			}
		}
	}
	all = slices.DeleteFunc(all, func(name string) bool {
		return strings.HasPrefix(name, ".") || name == knownName || name == quarantineName
	})
	slices.Sort(all)
	return all, nil
}

// restore makes the directory again where somebody removed it, under the agent.
func (d *Dir) restore() error {
	d.remaking.Lock()
	defer d.remaking.Unlock()
	if _, err := os.Stat(filepath.Join(d.path, lockName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.o.Log.Error("the directory of plans was removed by somebody and is made again; plans that had not run are lost", "directory", d.path)
	d.lock.Unlock() // of a file that is gone
	if err := d.occupy(); err != nil {
		return err
	}
	d.remakeReserve()
	return d.known.save(d.path)
}

// Close lets another process open the spool. Calls that wait return ErrClosed.
func (d *Dir) Close() error {
	if !d.end(ErrClosed) {
		return nil
	}
	<-d.loaded
	d.remaking.Lock()
	defer d.remaking.Unlock()
	return d.lock.Unlock()
}

// end has all methods return err; false if they do so already for being closed.
func (d *Dir) end(err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == ErrClosed {
		return false
	}
	d.ended = err
	d.notify()
	return true
}

// ready returns once all plans have been read.
func (d *Dir) ready(ctx context.Context) error {
	select {
	case <-d.loaded:
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// add makes r known. The caller holds d.mu.
func (d *Dir) add(r *record) {
	d.byKey[r.key] = r
	if r.state.ID != "" {
		d.byID[r.state.ID] = r
	}
}

// enqueue has r run, in the order of arrival. The caller holds d.mu.
func (d *Dir) enqueue(r *record) {
	at, _ := slices.BinarySearchFunc(d.pending, r.key, func(p *record, key string) int { return cmp.Compare(p.key, key) })
	d.pending = slices.Insert(d.pending, at, r)
	r.taken = false
	d.notify()
}

// notify wakes everybody who waits. The caller holds d.mu.
func (d *Dir) notify() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// hold gives the directory of the plan to the caller alone, until it unlocks
// the record's disk.
func (d *Dir) hold(key string) (*record, error) {
	return d.holdFirst(func() (*record, error) { return d.record(key) })
}

// holdFirst is hold of what find, called with d.mu held, gives; nil for nil.
func (d *Dir) holdFirst(find func() (*record, error)) (*record, error) {
	for {
		d.mu.Lock()
		r, err := find()
		d.mu.Unlock()
		if r == nil || err != nil {
			return nil, err
		}
		r.disk.Lock()
		d.mu.Lock()
		there := d.byKey[r.key] == r
		d.mu.Unlock()
		if there {
			return r, nil
		}
		r.disk.Unlock() // pruned meanwhile
	}
}

func (d *Dir) record(key string) (*record, error) {
	if d.ended != nil {
		return nil, d.ended
	}
	if r := d.byKey[key]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("the spool has no plan %q", key)
}

// named gives the plan of that ID, nil if there is none.
func (d *Dir) named(id string) (*record, error) {
	if d.ended != nil {
		return nil, d.ended
	}
	if id == "" {
		return nil, nil
	}
	return d.byID[id], nil
}
