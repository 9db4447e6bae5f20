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
	"sync"

	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

// An arrival is a plan on its way to the disk.
type arrival struct {
	r     *record
	body  []byte
	files []*os.File // written and not synced
	err   error      // it is not kept
}

// Put is agent.Store's. Everything that has to be synced is written first, so
// that the file system can merge the syncs, which run side by side; the names
// of all plans take one sync more.
func (d *Dir) Put(ctx context.Context, ms []plans.Message) []error {
	d.putting.Lock()
	defer d.putting.Unlock()
	errs := make([]error, len(ms))
	if err := d.ready(ctx); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	arrivals := make([]*arrival, len(ms)) // nil for a plan that was known
	byID := map[string]*arrival{}
	var fresh []*arrival
	for i, m := range ms {
		head := plans.ReadHead(m)
		if a := byID[head.ID]; a != nil {
			a.r.state.owe(head.ReplyTo, m.Redelivered)
			arrivals[i] = a
			continue
		}
		var known bool
		if known, errs[i] = d.oweAgain(head, m.Redelivered); known || errs[i] != nil {
			continue
		}
		a := &arrival{r: d.newRecord(head, m), body: m.Body}
		arrivals[i], fresh = a, append(fresh, a)
		if head.ID != "" {
			byID[head.ID] = a
		}
	}
	d.keep(fresh)
	for i, a := range arrivals {
		if a != nil && a.err != nil {
			errs[i] = fmt.Errorf("keep plan %q: %w", a.r.state.ID, a.err)
		}
	}
	return errs
}

func (d *Dir) newRecord(head plans.Head, m plans.Message) *record {
	length := len(m.Body)
	r := &record{state: state{
		Format: 1, ID: head.ID, Name: head.Name, Stamp: head.Stamp, Received: d.o.Now().UTC(), State: statePending,
		Owed: []string{head.ReplyTo}, Message: propertiesOf(m), Length: &length, Refused: d.refusal(head.ID, head.Stamp),
	}}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = max(d.last+1, stampOf(r.state.Received))
	r.key = fmt.Sprintf("%014d-%s", d.last, r.state.shortName()) // later than every other
	return r
}

// oweAgain counts one more answer for the plan if it is known.
func (d *Dir) oweAgain(head plans.Head, redelivered bool) (known bool, err error) {
	r, err := d.holdFirst(func() (*record, error) { return d.named(head.ID) })
	if r == nil || err != nil {
		return false, err
	}
	defer r.disk.Unlock()
	s := r.state
	if !s.owe(head.ReplyTo, redelivered) {
		return true, nil
	}
	if err := d.write(r, s); err != nil {
		return true, fmt.Errorf("keep that plan %q was sent again: %w", s.ID, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(r)
	if r.finished {
		d.owe(r, head.ReplyTo)
	}
	return true, nil
}

// owe counts one more answer. A message that the broker hands out again is the
// one that is owed already, if one is: that is false.
func (s *state) owe(replyTo string, redelivered bool) bool {
	if redelivered && slices.Contains(s.Owed, replyTo) {
		return false
	}
	if len(s.Owed) == 0 {
		s.Told = nil // who asks now is who asked last
	}
	s.Owed = append(s.Owed[:len(s.Owed):len(s.Owed)], replyTo)
	return true
}

// refusal says why a plan that has no directory must not run; empty if it may.
func (d *Dir) refusal(id string, stamp int64) string {
	if id != "" && d.known.has(id) {
		return fmt.Sprintf("plan %q was run before, and its result is no longer kept", id)
	}
	if horizon := d.known.until(); stamp > 0 && stamp <= horizon {
		return fmt.Sprintf("the plan's Stamp %d is not above %d, up to where this agent no longer knows which plans it ran", stamp, horizon)
	}
	return ""
}

// keep makes the directories of all, and has those run that have one.
func (d *Dir) keep(all []*arrival) {
	d.create(all)
	var again []*arrival
	for _, a := range all {
		if errors.Is(a.err, fs.ErrNotExist) {
			again = append(again, a)
		}
	}
	if len(again) > 0 && d.restore() == nil {
		d.create(again)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range all {
		if a.err == nil {
			d.add(a.r)
			d.enqueue(a.r)
		}
	}
}

// create makes each plan's directory in one step: under a name that the next
// start removes, until all that is in it is on disk.
func (d *Dir) create(all []*arrival) {
	for _, a := range all {
		if a.err = d.draft(a); a.err != nil {
			d.discard(a) // at once: there may be room for the next then
		}
	}
	d.syncAll(all)
	named := false
	for _, a := range all {
		if a.err != nil {
			d.discard(a)
			continue
		}
		fault.Point("spool.put.before-rename")
		if a.err = os.Rename(d.drafted(a), filepath.Join(d.path, a.r.key)); a.err != nil {
			d.discard(a)
			continue
		}
		fault.Point("spool.put.after-rename")
		named = true
	}
	if !named {
		return
	}
	err := atomicfile.SyncDir(d.path)
	for _, a := range all {
		if err != nil && a.err == nil {
			a.err = err
			os.RemoveAll(filepath.Join(d.path, a.r.key)) // refused, so it must not come back at the next start
		}
	}
}

// discard removes what draft has made.
func (d *Dir) discard(a *arrival) {
	a.close()
	fault.Point("spool.put.before-remove")
	os.RemoveAll(d.drafted(a)) // what stays is removed by the next start
	fault.Point("spool.put.after-remove")
}

// close closes the files.
func (a *arrival) close() {
	for _, f := range a.files {
		a.err = errors.Join(a.err, f.Close())
	}
	a.files = nil
}

// drafted is where the directory of a is made.
func (d *Dir) drafted(a *arrival) string { return filepath.Join(d.path, newPrefix+a.r.key) }

// draft makes a directory and its files, and syncs nothing.
func (d *Dir) draft(a *arrival) error {
	text, err := a.r.state.encode()
	if err != nil {
		return err
	}
	dir := d.drafted(a)
	fault.Point("spool.put.before-mkdir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	fault.Point("spool.put.after-mkdir")
	if err := d.share(dir); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
		perm fs.FileMode
	}{
		{planName, a.body, 0o600},
		{stateName, text, d.fileMode()},
	} {
		f, err := makeFile(filepath.Join(dir, file.name), file.perm)
		if err != nil {
			return err
		}
		a.files = append(a.files, f)
		if _, err := f.Write(file.data); err != nil {
			return err
		}
	}
	return nil
}

// makeFile makes a file with exactly the mode perm.
func makeFile(path string, perm fs.FileMode) (*os.File, error) {
	fault.Point("spool.put.before-write")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(perm); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.Close()
		return nil, err
	}
	return f, nil
}

// syncsAtOnce is how many syncs run side by side: so many that the file system
// has something to merge, few enough that the threads they take do not matter.
const syncsAtOnce = 16

// syncAll syncs what draft has made and closes it.
func (d *Dir) syncAll(all []*arrival) {
	type step struct {
		a    *arrival
		sync func() error
		err  error
	}
	var steps []*step
	for _, a := range all {
		if a.err == nil {
			for _, f := range a.files {
				atomicfile.StartSync(f)
				steps = append(steps, &step{a: a, sync: f.Sync})
			}
			steps = append(steps, &step{a: a, sync: func() error { return atomicfile.SyncDir(d.drafted(a)) }})
		}
	}
	var syncing sync.WaitGroup
	for n := range min(syncsAtOnce, len(steps)) {
		syncing.Go(func() {
			for i := n; i < len(steps); i += syncsAtOnce {
				fault.Point("spool.put.before-sync")
				steps[i].err = steps[i].sync()
			}
		})
	}
	syncing.Wait()
	fault.Point("spool.put.after-sync")
	for _, s := range steps {
		s.a.err = errors.Join(s.a.err, s.err)
	}
	for _, a := range all {
		a.close()
	}
}
