// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

type place struct {
	dir  string
	o    Options
	open *Dir
}

// Open gives up the lock that the dead process would have lost; all else is
// left as it is.
func (p *place) Open(t *testing.T) agent.Store { return p.unread(t) }

// spool opens it and waits until it has been read.
func (p *place) spool(t testing.TB) *Dir {
	d := p.unread(t)
	<-d.loaded
	return d
}

func (p *place) unread(t testing.TB) *Dir {
	t.Helper()
	p.crash()
	d, err := Open(p.dir, p.o)
	if err != nil {
		t.Fatal(err)
	}
	p.open = d
	t.Cleanup(func() { d.Close() })
	return d
}

func (p *place) crash() {
	if p.open != nil {
		<-p.open.loaded
		p.open.lock.Unlock()
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place { return &place{dir: filepath.Join(t.TempDir(), "plans")} })
}

func put(t testing.TB, d *Dir, m plans.Message) {
	t.Helper()
	if err := d.Put(t.Context(), []plans.Message{m})[0]; err != nil {
		t.Fatal(err)
	}
}

// live takes one plan from Next to Archive and returns its entry.
func live(t testing.TB, d *Dir, change func(*plans.Result)) agent.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e, err := d.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(ctx, e); err != nil {
		t.Fatal(err)
	}
	r := storetest.Result(e.Message.ID)
	if change != nil {
		change(&r)
	}
	if err := d.Finish(ctx, e, r); err != nil {
		t.Fatal(err)
	}
	a, err := d.Owed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Archive(ctx, a); err != nil {
		t.Fatal(err)
	}
	return e
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestAPersonCanReadThePlansDirectory(t *testing.T) {
	p := &place{dir: filepath.Join(t.TempDir(), "plans")}
	d := p.spool(t)
	m := storetest.Message("0123456789abcdef")
	m.Body = bytes.Replace(m.Body, []byte(`"Name": "0123456789abcdef"`), []byte(`"Name": "Deploy Apache / 2"`), 1)
	put(t, d, m)
	e := live(t, d, func(r *plans.Result) {
		r.ErrorCode = plans.CodeScript
		r.Report = &plans.Report{State: plans.StateFailed, Cause: &plans.Cause{Code: plans.CauseScriptExit, Text: "no route", Owner: "network", Hint: "call the network people"},
			Scripts: []plans.ScriptReport{{Script: "deploy", Attempt: 1, ExitCode: 3}}}
	})
	if name := filepath.Base(e.Dir); !strings.HasSuffix(name, "-deploy-apache-2") {
		t.Errorf("directory %q", name)
	}
	if got := fmt.Sprint(names(t, e.Dir)); got != "[WHY.txt plan.json result.json state.json]" {
		t.Errorf("files %s", got)
	}
	why, _ := os.ReadFile(filepath.Join(e.Dir, whyName))
	for _, want := range []string{"no route", "network", "call the network people", "deploy, attempt 1: exit code 3"} {
		if !strings.Contains(string(why), want) {
			t.Errorf("WHY.txt does not say %q:\n%s", want, why)
		}
	}
	state, _ := os.ReadFile(filepath.Join(e.Dir, stateName))
	if !strings.Contains(string(state), `"state":"answered"`) || !strings.Contains(string(state), `"result":"failed"`) {
		t.Errorf("state.json:\n%s", state)
	}
	filepath.WalkDir(p.dir, func(path string, f os.DirEntry, err error) error {
		if st, err := f.Info(); err == nil && st.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s: others may read it", path, st.Mode())
		}
		return nil
	})
}

func TestWhatCannotBeReadIsQuarantinedAndBlocksNothing(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
	}{
		{"a state.json of no length", func(t *testing.T, dir string) { write(t, dir, "17954422286073-x/state.json", "") }},
		{"a torn state.json", func(t *testing.T, dir string) { write(t, dir, "17954422286073-x/state.json", `{"format": 1, "sta`) }},
		{"an empty directory", func(t *testing.T, dir string) { write(t, dir, "17954422286073-x/", "") }},
		{"a directory of murano-agent", func(t *testing.T, dir string) {
			write(t, dir, "17954422286073/plan.json", `{"Data": "e30=", "Signature": "", "ID": "a", "ReplyTo": null}`)
		}},
		{"somebody's directory", func(t *testing.T, dir string) { write(t, dir, "lost+found/x", "y") }},
		{"a state of a later format", func(t *testing.T, dir string) {
			write(t, dir, "17954422286073-x/state.json", `{"format": 2, "state": "pending"}`)
		}},
		{"a state.json that is a directory", func(t *testing.T, dir string) { write(t, dir, "17954422286073-x/state.json/", "") }},
		{"the same plan twice", func(t *testing.T, dir string) {
			for _, at := range []string{"1", "2"} {
				write(t, dir, at+"-x/state.json", `{"format": 1, "state": "answered", "id": "twin", "owed": []}`)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			p := &place{dir: t.TempDir(), o: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
			tt.make(t, p.dir)
			d := p.spool(t)
			put(t, d, storetest.Message("next"))
			if e := live(t, d, nil); e.Message.ID != "next" {
				t.Errorf("got plan %q", e.Message.ID)
			}
			moved := names(t, filepath.Join(p.dir, quarantineName))
			if len(moved) != 1 {
				t.Fatalf("quarantine holds %v", moved)
			}
			if note, _ := os.ReadFile(filepath.Join(p.dir, quarantineName, moved[0], noteName)); len(note) < 100 {
				t.Errorf("note: %q", note)
			}
			if !strings.Contains(log.String(), "quarantine") {
				t.Errorf("log: %s", log.String())
			}
			p.spool(t)
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if strings.HasSuffix(name, "/") {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHalfMadeDirectoriesOfACrashAreRemoved(t *testing.T) {
	p := &place{dir: t.TempDir()}
	write(t, p.dir, newPrefix+"17954422286073-x/plan.json", "{")
	d := p.spool(t)
	put(t, d, storetest.Message("a"))
	e, _ := d.Next(t.Context())
	write(t, e.Dir, ".atomic-1.tmp", "torn")
	p.spool(t)
	for _, dir := range []string{p.dir, e.Dir} {
		for _, n := range names(t, dir) {
			if strings.HasPrefix(n, newPrefix) || strings.HasPrefix(n, ".atomic-") {
				t.Errorf("%s is still in %s", n, dir)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, quarantineName)); err == nil {
		t.Errorf("quarantine: %v", names(t, filepath.Join(p.dir, quarantineName)))
	}
}

func TestAPlanThatCannotBeReadAgainIsAnswered(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"plan.json is gone": func(dir string) error { return os.Remove(filepath.Join(dir, planName)) },
		"plan.json is a folder": func(dir string) error {
			os.Remove(filepath.Join(dir, planName))
			return os.Mkdir(filepath.Join(dir, planName), 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &place{dir: t.TempDir()}
			d := p.spool(t)
			m := storetest.Message("a")
			m.ID = ""
			put(t, d, m)
			if err := spoil(filepath.Join(p.dir, d.pending[0].key)); err != nil {
				t.Fatal(err)
			}
			e, err := p.spool(t).Next(t.Context())
			if err != nil || e.Refused == "" {
				t.Fatalf("got %+v, %v; want it refused", e, err)
			}
			if id, _ := plans.Identify(e.Message); id != "a" {
				t.Errorf("answers plan %q, want a", id)
			}
		})
	}
}

func TestAResultThatCannotBeReadAgainIsReplaced(t *testing.T) {
	for _, content := range []string{"", `{"SourceID": "a", "Err`, "[]"} {
		t.Run(fmt.Sprintf("%q", content), func(t *testing.T) {
			p := &place{dir: t.TempDir()}
			d := p.spool(t)
			put(t, d, storetest.Message("a"))
			e := live(t, d, nil)
			write(t, e.Dir, resultName, content)
			put(t, d, storetest.Message("a"))
			a, err := d.Owed(t.Context())
			if err != nil || a.Result.ErrorCode != plans.CodeOther || a.Result.SourceID != "a" {
				t.Errorf("got %+v, %v", a, err)
			}
			if why, err := os.ReadFile(filepath.Join(e.Dir, whyName)); err != nil || !strings.Contains(string(why), "cannot be read again") {
				t.Errorf("%s, %v", why, err)
			}
			// In a plan that is not answered it means that nobody knows how it ended.
			put(t, d, storetest.Message("b"))
			e, _ = d.Next(t.Context())
			d.Begin(t.Context(), e)
			d.Finish(t.Context(), e, storetest.Result("b"))
			write(t, e.Dir, resultName, content)
			if e, err := p.spool(t).Next(t.Context()); err != nil || e.Message.ID != "b" || e.Attempts != 1 {
				t.Errorf("got %+v, %v", e, err)
			}
		})
	}
}

func TestHistoryIsKeptByCountBytesAndAge(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Minute); return now }
	tests := []struct {
		name string
		o    Options
		min  int
		max  int
	}{
		{"by count", Options{Count: 5}, 5, 5},
		{"by bytes", Options{Bytes: 10_000}, 5, 20},
		{"by age", Options{Age: time.Hour}, 5, 20},
		{"without bounds", Options{Count: -1, Bytes: -1, Age: -1}, 30, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Now = clock
			p := &place{dir: t.TempDir(), o: tt.o}
			d := p.spool(t)
			for n := range 30 {
				put(t, d, storetest.Message(fmt.Sprint("plan", n)))
				live(t, d, nil)
			}
			put(t, d, storetest.Message("waiting"))
			count := func() (n int) {
				for _, name := range names(t, p.dir) {
					if strings.Contains(name, "-plan") {
						n++
					}
				}
				return n
			}
			if got := count(); got < tt.min || got > tt.max {
				t.Errorf("%d directories, want %d to %d", got, tt.min, tt.max)
			}
			before := count()
			d = p.spool(t)
			if got := count(); got > before || got < before-10 {
				t.Errorf("%d directories after the next start, %d before", got, before)
			}
			if e, err := d.Next(t.Context()); err != nil || e.Message.ID != "waiting" {
				t.Errorf("got %q, %v", e.Message.ID, err)
			}
		})
	}
}

func stamped(id string, stamp int64) plans.Message {
	m := storetest.Message(id)
	m.Body = fmt.Appendf(nil, `{"FormatVersion": "2.0.0", "ID": %q, "Name": %q, "Body": "return 1", "Scripts": {}, "Stamp": %d}`, id, id, stamp)
	return m
}

func TestAPlanIsNotRunTwiceHoweverOldItIs(t *testing.T) {
	p := &place{dir: t.TempDir(), o: Options{Count: 3, Known: 8}}
	d := p.spool(t)
	for n := range 30 {
		put(t, d, stamped(fmt.Sprint("plan", n), int64(1000+n)))
		if e := live(t, d, nil); e.Refused != "" {
			t.Fatalf("plan%d refused: %s", n, e.Refused)
		}
	}
	check := func(d *Dir, id string, stamp int64, want string) {
		t.Helper()
		put(t, d, stamped(id, stamp))
		if e := live(t, d, nil); want == "" && e.Refused != "" || !strings.Contains(e.Refused, want) {
			t.Errorf("%s, stamp %d: refused %q, want %q", id, stamp, e.Refused, want)
		}
	}
	for round := range 2 {
		check(d, "plan22", 1022, "was run before")
		check(d, fmt.Sprint("plan", 2+round), 1002, "no longer knows")
		check(d, fmt.Sprint("new", d.last), 1005, "no longer knows")
		check(d, fmt.Sprint("low", d.last), 1029, "")
		check(d, fmt.Sprint("unstamped", d.last), 0, "")
		d = p.spool(t)
	}
}

func TestALowerStampWithANewIDRuns(t *testing.T) {
	d := (&place{dir: t.TempDir()}).spool(t)
	put(t, d, stamped("future", 99_999_999_999_999))
	live(t, d, nil)
	put(t, d, stamped("now", 17_954_422_286_073))
	if e := live(t, d, nil); e.Refused != "" {
		t.Errorf("refused: %s", e.Refused)
	}
}

func TestTwoAgentsDoNotShareASpool(t *testing.T) {
	p := &place{dir: t.TempDir()}
	p.spool(t)
	if _, err := Open(p.dir, Options{}); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("got %v", err)
	}
}

func TestAClosedSpoolSaysSo(t *testing.T) {
	d := (&place{dir: t.TempDir()}).spool(t)
	done := make(chan error)
	go func() { _, err := d.Next(t.Context()); done <- err }()
	d.Close()
	if err := <-done; err != ErrClosed {
		t.Errorf("Next: %v", err)
	}
	if err := d.Put(t.Context(), []plans.Message{storetest.Message("a")})[0]; err != ErrClosed {
		t.Errorf("Put: %v", err)
	}
}

func TestAStampInTheFutureDoesNotKeepOutThePlansAfterIt(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p := &place{dir: t.TempDir(), o: Options{Count: 1, Known: 4, Now: func() time.Time { return now }}}
	d := p.spool(t)
	put(t, d, stamped("future", stampOf(now.Add(24*time.Hour))))
	live(t, d, nil)
	for n := range 20 {
		now = now.Add(time.Second)
		put(t, d, stamped(fmt.Sprint("plan", n), stampOf(now)))
		if e := live(t, d, nil); e.Refused != "" {
			t.Fatalf("plan%d refused: %s", n, e.Refused)
		}
	}
	if d.known.has("future") || d.known.horizon == 0 {
		t.Errorf("the plan was not forgotten, or the horizon did not rise: %d", d.known.horizon)
	}
}
