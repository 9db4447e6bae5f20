// SPDX-License-Identifier: Apache-2.0

package logs_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openmurano/murano/internal/logs"
)

// text is a handler without times, so that lines can be compared.
func text(w io.Writer, level slog.Level) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

func TestWhatRepeatsIsWrittenOnceWithACount(t *testing.T) {
	full := errors.New("disk full")
	for _, tt := range []struct {
		name  string
		write func(*slog.Logger)
		want  string
	}{
		{"one error passes at once", func(l *slog.Logger) {
			l.Error("not kept", "error", full)
		}, `level=ERROR msg="not kept" error="disk full"` + "\n"},
		{"what repeats within a window is one line and a count", func(l *slog.Logger) {
			for range 58 {
				l.Error("not kept", "error", full)
				time.Sleep(time.Second)
			}
			time.Sleep(5 * time.Minute)
		}, `level=ERROR msg="not kept" error="disk full"
level=ERROR msg="not kept ... repeated 57 times in 5m0s" error="disk full" repeated=57
`},
		{"what goes on repeating is one line a window", func(l *slog.Logger) {
			for range 11 {
				l.Warn("no route")
				time.Sleep(62 * time.Second)
			}
		}, `level=WARN msg="no route"
level=WARN msg="no route ... repeated 4 times in 5m0s" repeated=4
level=WARN msg="no route ... repeated 5 times in 5m0s" repeated=5
level=WARN msg="no route ... repeated 1 time in 1m22s" repeated=1
`},
		{"a quiet window makes it news again", func(l *slog.Logger) {
			l.Warn("no route")
			time.Sleep(6 * time.Minute)
			l.Warn("no route")
		}, "level=WARN msg=\"no route\"\nlevel=WARN msg=\"no route\"\n"},
		{"another plan is another kind", func(l *slog.Logger) {
			l.Warn("not kept", "plan", "a")
			l.Warn("not kept", "plan", "b")
			l.Error("not kept", "plan", "a")
		}, "level=WARN msg=\"not kept\" plan=a\nlevel=WARN msg=\"not kept\" plan=b\nlevel=ERROR msg=\"not kept\" plan=a\n"},
		{"what a logger carries belongs to the kind", func(l *slog.Logger) {
			for _, plan := range []string{"a", "b", "a"} {
				l.With("plan", plan).WithGroup("g").Warn("w", "k", 1)
			}
			l.WithGroup("h").Warn("w", "k", 1)
		}, "level=WARN msg=w plan=a g.k=1\nlevel=WARN msg=w plan=b g.k=1\nlevel=WARN msg=w h.k=1\nlevel=WARN msg=\"w ... repeated 1 time in 0s\" plan=a g.k=1 g.repeated=1\n"},
		{"times, durations and attempts make no difference", func(l *slog.Logger) {
			l.Warn("not published", "attempt", 1, "in", time.Second, "at", time.Unix(1, 0))
			l.Warn("not published", "attempt", 2, "in", 2*time.Second, "at", time.Unix(2, 0))
		}, "level=WARN msg=\"not published\" attempt=1 in=1s at=" + time.Unix(1, 0).Format("2006-01-02T15:04:05.000Z07:00") + "\nlevel=WARN msg=\"not published ... repeated 1 time in 0s\" attempt=2 in=2s at=" + time.Unix(2, 0).Format("2006-01-02T15:04:05.000Z07:00") + " repeated=1\n"},
		{"a change of state ends the counting and stands behind it", func(l *slog.Logger) {
			l.Warn("lost")
			l.Warn("lost")
			l.Info("connected")
			l.Warn("lost")
		}, "level=WARN msg=lost\nlevel=WARN msg=\"lost ... repeated 1 time in 0s\" repeated=1\nlevel=INFO msg=connected\nlevel=WARN msg=lost\n"},
		{"changes of state are never counted", func(l *slog.Logger) {
			l.Info("connected")
			l.Info("connected")
		}, "level=INFO msg=connected\nlevel=INFO msg=connected\n"},
		{"debug passes and ends nothing", func(l *slog.Logger) {
			l.Warn("lost")
			l.Debug("tick")
			l.Warn("lost")
			l.Debug("tick")
		}, "level=WARN msg=lost\nlevel=DEBUG msg=tick\nlevel=DEBUG msg=tick\nlevel=WARN msg=\"lost ... repeated 1 time in 0s\" repeated=1\n"},
		{"an error between repeated warnings is not delayed", func(l *slog.Logger) {
			l.Warn("lost")
			l.Warn("lost")
			l.Error("gone")
		}, "level=WARN msg=lost\nlevel=ERROR msg=gone\nlevel=WARN msg=\"lost ... repeated 1 time in 0s\" repeated=1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				c := logs.NewCollapse(text(&out, slog.LevelDebug), logs.CollapseOptions{Passing: []string{"attempt"}})
				tt.write(slog.New(c))
				c.Close()
				if out.String() != tt.want {
					t.Errorf("got\n%s\nwant\n%s", out.String(), tt.want)
				}
			})
		})
	}
}

func TestKindsWithoutEndPassAndTakeNoRoom(t *testing.T) {
	var out bytes.Buffer
	c := logs.NewCollapse(text(&out, slog.LevelInfo), logs.CollapseOptions{})
	for n := range 1000 {
		slog.New(c).Warn("new", "n", n)
	}
	c.Close()
	if n := strings.Count(out.String(), "\n"); n != 1000 {
		t.Errorf("%d lines of 1000", n)
	}
}

func TestASwitchTakesItsLoggersAlong(t *testing.T) {
	var before, after bytes.Buffer
	s := logs.NewSwitch(text(&before, slog.LevelInfo))
	log := slog.New(s).With("plan", "a").WithGroup("g")
	log.Info("one", "k", 1)
	log.Debug("not shown")
	s.Set(text(&after, slog.LevelDebug))
	log.Debug("two", "k", 2)
	log.With("l", 3).Info("three")
	if got, want := before.String(), "level=INFO msg=one plan=a g.k=1\n"; got != want {
		t.Errorf("before: %q, want %q", got, want)
	}
	if got, want := after.String(), "level=DEBUG msg=two plan=a g.k=2\nlevel=INFO msg=three plan=a g.l=3\n"; got != want {
		t.Errorf("after: %q, want %q", got, want)
	}
}

func TestAFileStaysUnderItsSizeAndKeepsThreeOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "agent.log")
	f, err := logs.OpenFile(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	line := func(c string) string { return strings.Repeat(c, 39) + "\n" }
	for _, c := range strings.Split("abcdefghijklm", "") {
		if _, err := io.WriteString(f, line(c)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"": "m", ".1": "kl", ".2": "ij", ".3": "gh"} {
		b, err := os.ReadFile(path + name)
		text := ""
		for _, c := range strings.Split(want, "") {
			text += line(c)
		}
		if err != nil || string(b) != text {
			t.Errorf("%s: %q, %v; want %q", name, b, err, text)
		}
		if info, err := os.Stat(path + name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(path + ".4"); !os.IsNotExist(err) {
		t.Errorf("a fourth old file: %v", err)
	}
	if _, err := io.WriteString(f, strings.Repeat("x", 500)+"\n"); err != nil {
		t.Errorf("a line that is larger than the file may be: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatOthersReadIsClosedToThemAndContinued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	if err := os.WriteFile(path, []byte(strings.Repeat("old\n", 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := logs.OpenFile(path, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	io.WriteString(f, strings.Repeat("n", 40)+"\n")
	if b, err := os.ReadFile(path + ".1"); err != nil || len(b) != 80 {
		t.Errorf("what was there before counts: %d bytes, %v", len(b), err)
	}
}

func TestAFileIsReopenedAfterSomebodyRenamedIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	f, err := logs.OpenFile(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "before\n")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "still there\n")
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "after\n")
	old, _ := os.ReadFile(path + ".old")
	now, _ := os.ReadFile(path)
	if string(old) != "before\nstill there\n" || string(now) != "after\n" {
		t.Errorf("old %q, now %q", old, now)
	}
}

func TestAFileThatCannotBeRotatedGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	// A directory that is not empty cannot be replaced by rename(2).
	if err := os.MkdirAll(filepath.Join(path+".2", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path+".3", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := logs.OpenFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 3 {
		if _, err := io.WriteString(f, "12345678\n"); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := os.ReadFile(path); len(b) != 27 {
		t.Errorf("%d bytes", len(b))
	}
}

func TestManyMayWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	f, err := logs.OpenFile(path, 4000)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := logs.NewSwitch(nil)
	collapse := logs.NewCollapse(text(f, slog.LevelInfo), logs.CollapseOptions{})
	s.Set(collapse)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			log := slog.New(s).With("n", n)
			for i := range 100 {
				log.Info("state", "i", i)
				log.Error("fault", "i", i%3)
				if i%10 == 0 {
					f.Reopen()
					s.Set(collapse)
				}
			}
		})
	}
	all.Wait()
	collapse.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		if !strings.HasPrefix(l, "level=") || !strings.HasSuffix(l, "\n") {
			t.Errorf("a torn line: %q", l)
		}
	}
}
