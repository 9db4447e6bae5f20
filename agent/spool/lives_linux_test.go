// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

// While the plans of an earlier life are read, the first of them run already,
// and what comes in waits until it is known which plans there are.
func TestPlansRunWhileOthersAreReadAndDuplicatesAreKnown(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	const n = 300
	var ms []plans.Message
	for i := range n {
		ms = append(ms, storetest.Message(fmt.Sprint("plan", i)))
	}
	for _, err := range d.Put(t.Context(), ms) {
		must(t, err)
	}
	store := p.Open(t)
	go func() {
		for i, err := range store.Put(t.Context(), append(ms, storetest.Message("new"))) {
			if err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for i := range n + 1 {
		e, err := store.Next(ctx)
		must(t, err)
		if want := fmt.Sprint("plan", i); e.Message.ID != want && i < n || i == n && e.Message.ID != "new" {
			t.Fatalf("plan %d is %q", i, e.Message.ID)
		}
		must(t, store.Begin(ctx, e))
		must(t, store.Finish(ctx, e, storetest.Result(e.Message.ID)))
	}
	for range 2*n + 1 {
		a, err := store.Owed(ctx)
		must(t, err)
		must(t, store.Archive(ctx, a))
	}
	if pending, owed, _ := store.Counts(); pending != 0 || owed != 0 {
		t.Errorf("%d pending, %d owed", pending, owed)
	}
}

func TestASpoolThatIsClosedBeforeItWasReadLosesNothing(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	for i := range 50 {
		put(t, d, storetest.Message(fmt.Sprint("plan", i)))
	}
	must(t, d.Close())
	p.open = nil
	for range 10 {
		d, err := Open(p.dir, Options{})
		must(t, err)
		must(t, d.Close())
		if err := d.Put(t.Context(), []plans.Message{storetest.Message("late")})[0]; !errors.Is(err, ErrClosed) {
			t.Errorf("Put: %v", err)
		}
	}
	if pending, _, _ := p.spool(t).Counts(); pending != 50 {
		t.Errorf("%d pending", pending)
	}
}

func TestAPlanThatRunsIsSaidToRun(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	e := begun(t, d)
	if s, err := readState(e.Dir); err != nil || s.State != stateRunning || s.Attempts != 1 || s.Begun == nil {
		t.Errorf("%+v, %v", s, err)
	}
	b, err := os.ReadFile(filepath.Join(e.Dir, stateName))
	must(t, err)
	if !strings.Contains(string(b), `"state":"running","attempts":1,`) {
		t.Fatalf("state.json:\n%s", b)
	}
	d = p.spool(t)
	if e := begun(t, d); e.Attempts != 1 {
		t.Errorf("%d attempts before", e.Attempts)
	}
	must(t, d.Finish(t.Context(), e, storetest.Result("one")))
	must(t, d.Archive(t.Context(), answerOf(t, d)))
	if s, err := readState(e.Dir); err != nil || s.State != stateAnswered || s.Attempts != 2 || s.Result != plans.StateSucceeded {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestASpoolWithAFileOfAttemptsGoesOn(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	must(t, os.WriteFile(filepath.Join(p.dir, d.pending[0].key, attemptsName), []byte("2026-11-23T19:00:00.5Z\n"), 0o600))
	for want := 1; want < 4; want++ {
		if e := begun(t, p.spool(t)); e.Attempts != want {
			t.Errorf("%d attempts before, want %d", e.Attempts, want)
		}
	}
}

// A crash in Retry, at each of its steps, is made good at the next start.
func TestWhatACrashLeavesOfRetryIsMadeGood(t *testing.T) {
	for step, crash := range []func(dir string, d *Dir, r *record) error{
		func(dir string, d *Dir, r *record) error { return nil },
		func(dir string, d *Dir, r *record) error {
			return os.Rename(filepath.Join(dir, resultName), filepath.Join(dir, earlierName(1)))
		},
		func(dir string, d *Dir, r *record) error {
			return errors.Join(os.Rename(filepath.Join(dir, resultName), filepath.Join(dir, earlierName(1))), os.Remove(filepath.Join(dir, journalName)))
		},
	} {
		p := &place{dir: t.TempDir()}
		d := p.spool(t)
		put(t, d, storetest.Message("one"))
		e := live(t, d, nil)
		write(t, e.Dir, journalName, "torn {")
		write(t, e.Dir, "001-deploy.stdout.log", "earlier")
		r := d.byKey[e.Key]
		s := again(r.state)
		s.Retrying = 1
		must(t, d.write(r, s))
		must(t, crash(e.Dir, d, r))
		if s, err := readState(e.Dir); err != nil || s.State != statePending || s.Attempts != 0 {
			t.Errorf("step %d: a reader sees %+v, %v", step, s, err)
		}
		d = p.spool(t)
		if e := begun(t, d); e.Message.ID != "one" || e.Attempts != 0 {
			t.Errorf("step %d: got %q with %d attempts", step, e.Message.ID, e.Attempts)
		}
		if got := fmt.Sprint(names(t, e.Dir)); got != "[001-deploy.stdout.log.1 plan.json result-1.json state.json]" {
			t.Errorf("step %d: files %s", step, got)
		}
	}
}

func TestAResultThatDoesNotFitIsKeptWithoutItsContent(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	p := &place{dir: filepath.Join(disk, "plans")}
	for state, code := range map[string]int{plans.StateFailed: plans.CodeOther, "cancelled": 1} {
		d := p.spool(t)
		put(t, d, storetest.Message(state))
		e := begun(t, d)
		fill(t, filepath.Join(disk, "filler"))
		r := storetest.Result(state)
		r.Body = []byte(`"` + strings.Repeat("x", 2*reserve) + `"`)
		if state == plans.StateCancelled {
			r.ErrorCode, r.Report.State = code, state
		}
		must(t, d.Finish(t.Context(), e, r))
		d = p.spool(t)
		a := answerOf(t, d)
		if a.Result.State() != state || a.Result.ErrorCode != code || a.Result.SourceID != state || a.Result.Report.Cause.Code != plans.CauseDiskFull ||
			!strings.Contains(string(a.Result.Body), "did not fit") {
			t.Errorf("got %s %d %s", a.Result.State(), a.Result.ErrorCode, a.Result.Body)
		}
		must(t, os.Remove(filepath.Join(disk, "filler")))
		must(t, d.Archive(t.Context(), a))
	}
}

// A disk that takes no plan gives it back, and takes it when there is room.
func TestOfABatchOnlyWhatFitsIsKept(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	p := &place{dir: filepath.Join(disk, "plans")}
	d := p.spool(t)
	var ms []plans.Message
	for i := range 6 {
		m := storetest.Message(fmt.Sprint("plan", i))
		if i%2 == 1 {
			m.Body = append(m.Body, strings.Repeat(" ", 8<<20)...)
		}
		ms = append(ms, m)
	}
	for i, err := range d.Put(t.Context(), ms) {
		if kept := err == nil; kept != (i%2 == 0) || !kept && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("message %d: %v", i, err)
		}
	}
	d = p.spool(t)
	for i := 0; i < 6; i += 2 {
		if e := live(t, d, nil); e.Message.ID != fmt.Sprint("plan", i) {
			t.Errorf("got %q", e.Message.ID)
		}
	}
	if pending, owed, history := d.Counts(); pending+owed != 0 || history != 3 {
		t.Errorf("%d pending, %d owed, %d in history", pending, owed, history)
	}
}

func TestWhoReadsAnAnswerThatRetryTookBackGetsTheNextOne(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	put(t, d, storetest.Message("one"))
	e := begun(t, d)
	must(t, d.Finish(t.Context(), e, failed("one")))
	d.mu.Lock()
	stale := d.owed.heap[0]
	d.mu.Unlock()
	must(t, d.Retry(t.Context(), "one"))
	e = begun(t, d)
	must(t, d.Finish(t.Context(), e, storetest.Result("one")))
	if _, ok, err := d.result(stale); ok || err != nil {
		t.Errorf("an answer that was taken back is given: %v, %v", ok, err)
	}
	if a := answerOf(t, d); a.Result.State() != plans.StateSucceeded {
		t.Errorf("got %s", a.Result.State())
	} else {
		must(t, d.Archive(t.Context(), a))
	}
}
