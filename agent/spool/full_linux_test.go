// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

func TestAFullDiskLosesNoResultAndNoMessage(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	p := &place{dir: filepath.Join(disk, "plans")}
	d := p.spool(t)
	put(t, d, storetest.Message("running"))
	e, err := d.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(disk, "filler") // what a script leaves
	fill(t, filler)

	if err := d.Put(t.Context(), []plans.Message{storetest.Message("refused")})[0]; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put on a full disk: %v", err)
	}
	if e, state, err := d.Cancel(t.Context(), "running", "somebody"); err != nil || state != agent.StoreRunning || e.Cancelled != "somebody" {
		t.Errorf("Cancel on a full disk: %q, cancelled %q, %v", state, e.Cancelled, err)
	}
	if err := d.Finish(t.Context(), e, storetest.Result("running")); err != nil {
		t.Errorf("Finish on a full disk: %v", err)
	}
	d = p.spool(t) // a restart on the full disk
	a, err := d.Owed(t.Context())
	if err != nil || a.Result.SourceID != "running" {
		t.Errorf("got the result of %q, %v", a.Result.SourceID, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := d.Archive(t.Context(), a); err != nil {
		t.Errorf("Archive: %v", err)
	}
	if st, err := os.Stat(filepath.Join(p.dir, reserveName)); err != nil || st.Size() != reserve {
		t.Errorf("the reserve is not there again: %v", err)
	}
	put(t, d, storetest.Message("refused")) // delivered again
	if e := live(t, d, nil); e.Message.ID != "refused" {
		t.Errorf("got %q", e.Message.ID)
	}
	for _, name := range names(t, p.dir) {
		if name == quarantineName || len(name) > 4 && name[:5] == newPrefix {
			t.Errorf("%s is left", name)
		}
	}
}

func TestAFullDiskCostsNoPlanThatIsToRunAgain(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	p := &place{dir: filepath.Join(disk, "plans")}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	e := live(t, d, nil)
	must(t, d.unend(d.byKey[e.Key])) // as far as Retry had come
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	if err := d.Retry(t.Context(), "one"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Retry on a full disk: %v", err)
	}
	if e, state, err := d.Cancel(t.Context(), "one", "somebody"); err == nil {
		t.Errorf("Cancel in the middle of that: %q, %+v", state, e)
	}
	if d := p.spool(t); d.byID["one"] != nil { // a start on the full disk
		t.Error("the plan was loaded")
	}
	must(t, os.Remove(filler))
	if e := live(t, p.spool(t), nil); e.Message.ID != "one" || e.Attempts != 0 {
		t.Errorf("got %q with %d attempts", e.Message.ID, e.Attempts)
	}
}

func TestARetryThatFailedIsTriedAgain(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	e := live(t, d, nil)
	write(t, e.Dir, whyName+"/obstacle", "")
	if err := d.Retry(t.Context(), "one"); err == nil {
		t.Error("Retry went through")
	}
	if _, state, err := d.Cancel(t.Context(), "one", "somebody"); err == nil {
		t.Errorf("Cancel in the middle of that: %q", state)
	}
	must(t, os.RemoveAll(filepath.Join(e.Dir, whyName)))
	must(t, d.Retry(t.Context(), "one"))
	if e := live(t, d, nil); e.Message.ID != "one" || e.Attempts != 0 {
		t.Errorf("got %q with %d attempts", e.Message.ID, e.Attempts)
	}
}

func TestWhatCannotBeRemovedBlocksNothing(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	for _, dir := range []string{filepath.Join(p.dir, newPrefix+"x"), filepath.Join(p.dir, d.pending[0].key, ".atomic-1.tmp")} {
		must(t, os.Mkdir(dir, 0o700))
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
			t.Skipf("no file system of its own: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	}
	if e := live(t, p.spool(t), nil); e.Message.ID != "one" {
		t.Errorf("got %q", e.Message.ID)
	}
}

// fill writes until the disk takes no byte more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
