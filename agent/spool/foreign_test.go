// SPDX-License-Identifier: Apache-2.0

//go:build unix

package spool

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openmurano/murano/agent/storetest"
)

const someState = `{"format": 1, "state": "pending", "id": "x", "owed": [""]}`

func TestWhatIsNoPlanIsQuarantinedWithANoteThatSaysWhatItWas(t *testing.T) {
	file := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { write(t, dir, name, text) }
	}
	python := func(name string, files map[string]string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for file, text := range files {
				write(t, dir, name+"/"+file, text)
			}
		}
	}
	message := fmt.Sprintf(`{"Data": %q, "Signature": "", "ID": "m1", "ReplyTo": null}`,
		base64.StdEncoding.EncodeToString([]byte(`{"ID": "abc", "Name": "Deploy web", "Scripts": {}}`)))
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir string)
		want []string // of the note
	}{
		{"a file where a directory should be", file("17954422286073-x", "text"), []string{"no directory"}},
		{"somebody's file", file("notes.txt", "text"), []string{"notes.txt", "its name"}},
		{"a link to a directory", func(t *testing.T, dir string) {
			other := t.TempDir()
			write(t, other, stateName, someState)
			must(t, os.Symlink(other, filepath.Join(dir, "17954422286073-x")))
		}, []string{"no directory"}},
		{"a link that leads nowhere", func(t *testing.T, dir string) {
			must(t, os.Symlink("nowhere", filepath.Join(dir, "17954422286073-x")))
		}, []string{"no directory"}},
		{"a pipe", func(t *testing.T, dir string) { must(t, syscall.Mkfifo(filepath.Join(dir, "17954422286073-x"), 0o600)) }, []string{"no directory"}},
		{"a state.json that is a pipe", func(t *testing.T, dir string) {
			write(t, dir, "17954422286073-x/", "")
			must(t, syscall.Mkfifo(filepath.Join(dir, "17954422286073-x", stateName), 0o600))
		}, []string{"no plain file"}},
		{"a state.json that is an endless device", func(t *testing.T, dir string) {
			write(t, dir, "17954422286073-x/", "")
			must(t, os.Symlink("/dev/zero", filepath.Join(dir, "17954422286073-x", stateName)))
		}, []string{"no plain file"}},
		{"attempts that are a directory", func(t *testing.T, dir string) {
			write(t, dir, "17954422286073-x/state.json", someState)
			write(t, dir, "17954422286073-x/attempts/", "")
		}, []string{"attempts", "no plain file"}},
		{"a name with odd characters", file("-\n\x1b[31m ü%s\xff-x/state.json", someState), []string{`\n\x1b[31m`}},
		{"a name with a sign", file("+1-x/state.json", someState), []string{"its name"}},
		{"a name without a time", file("-x/state.json", someState), []string{"its name"}},
		{"a note of its own that leads elsewhere", func(t *testing.T, dir string) {
			write(t, dir, "17954422286073-x/", "")
			must(t, os.Symlink(filepath.Join(dir, knownName), filepath.Join(dir, "17954422286073-x", noteName)))
		}, []string{"state.json"}},
		{"a plan that the Python agent had not run", python("17954422286073", map[string]string{"plan.json": message}),
			[]string{"Python murano-agent", `"abc"`, `"Deploy web"`, "2026-11-23", "had not ended", "send it again"}},
		{"a plan that the Python agent had run", python("17954422286073", map[string]string{"plan.json": message, "result.json": "{}"}),
			[]string{"Python murano-agent", `"abc"`, "its result was not sent"}},
		{"a plan of which the Python agent wrote nothing", python("17954422286073", map[string]string{"plan.json": ""}),
			[]string{"Python murano-agent", "nothing was written"}},
		{"a plan of which the Python agent wrote a part", python("17954422286073", map[string]string{"plan.json": message[:20]}),
			[]string{"Python murano-agent", "in part"}},
		{"the Python agent's stamp", file("stamp", "17954422286073"), []string{"Python murano-agent", "Stamp", `"17954422286073"`}},
	} {
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
				t.Fatalf("quarantine holds %q", moved)
			}
			note, err := os.ReadFile(filepath.Join(p.dir, quarantineName, moved[0], noteName))
			for _, want := range append(tt.want, "moved here") {
				if !strings.Contains(string(note), want) {
					t.Errorf("note %q, %v; want %q in it", note, err, want)
				}
			}
			if !strings.Contains(log.String(), "quarantine") {
				t.Errorf("log: %s", log.String())
			}
			d = p.spool(t) // and it stays there
			if again := names(t, filepath.Join(p.dir, quarantineName)); fmt.Sprint(again) != fmt.Sprint(moved) {
				t.Errorf("after another start it holds %q", again)
			}
			put(t, d, storetest.Message("after"))
			live(t, d, nil)
		})
	}
}

func TestAPlanWhoseFileLostItsEndIsRefusedAndAnswered(t *testing.T) {
	for _, left := range []int64{0, 20} {
		p := &place{dir: t.TempDir()}
		d := p.spool(t)
		put(t, d, storetest.Message("torn"))
		must(t, os.Truncate(filepath.Join(p.dir, d.pending[0].key, planName), left))
		d = p.spool(t)
		if e := begun(t, d); !strings.Contains(e.Refused, fmt.Sprintf("%d bytes of", left)) || e.Message.ID != "torn" {
			t.Errorf("%d bytes left: %+v", left, e)
		}
	}
}

func TestOfAttemptsEveryLineCountsHoweverTorn(t *testing.T) {
	for text, want := range map[string]int{
		"":                         0,
		"2026-11-23T19:00:00.5Z\n": 1,
		"2026-11-2":                1,
		"\x00\x00\x00\x00":         1,
		"2026-11-23T19:00:00Z\n\xff\xfe\n2026-11-23T19:00:01Z\n": 3,
	} {
		p := &place{dir: t.TempDir()}
		d := p.spool(t)
		put(t, d, storetest.Message("one"))
		must(t, os.WriteFile(filepath.Join(p.dir, d.pending[0].key, attemptsName), []byte(text), 0o600))
		e, err := p.spool(t).Next(t.Context())
		if err != nil || e.Attempts != want {
			t.Errorf("%q: %d attempts, %v, want %d", text, e.Attempts, err, want)
		}
	}
}

func TestWhatIsLeftOfALineOfTheStateCountsAsAnAttempt(t *testing.T) {
	for text, want := range map[string]int{
		",\n  \"state\":\"running\",\"attempts\":1\n}\n": 1,
		",\n  \"state\":\"running\",\"attempts\":2":      2,
		",\n  \"state\":\"running\",\"attempts\":2\n}":   2,
		",\n  \"state\":\"runn":                          1,
		",\n  ":                                          0,
		",":                                              0,
		"":                                               0,
		"\x00\x00\x00\x00":                               1,
		"\x00\x00\x00\x00\n}\n":                          1,
		",\n  \"state\":\"running\",\"attempts\":3,\n  \"state\":\"runn": 4,
	} {
		p := &place{dir: t.TempDir()}
		d := p.spool(t)
		put(t, d, storetest.Message("one"))
		path := filepath.Join(p.dir, d.pending[0].key, stateName)
		b, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, []byte(strings.TrimSuffix(string(b), stateTail)+text), 0o600))
		e := begun(t, p.spool(t)) // which adds a line behind it
		if e.Attempts != want {
			t.Errorf("%q: %d attempts, want %d", text, e.Attempts, want)
		}
		d = p.spool(t)
		if e = begun(t, d); e.Attempts != want+1 {
			t.Errorf("%q: %d attempts after one more, want %d", text, e.Attempts, want+1)
		}
		must(t, d.Finish(t.Context(), e, storetest.Result("one")))
		must(t, d.Archive(t.Context(), answerOf(t, d)))
		if s, err := readState(e.Dir); err != nil || s.State != stateAnswered || s.Attempts != want+2 || len(s.Owed) != 0 || s.Answers != 1 {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
		var any struct{ State string } // any reader of JSON takes the last of a key
		if b, err := os.ReadFile(path); err != nil || json.Unmarshal(b, &any) != nil || any.State != stateAnswered {
			t.Errorf("%q: %v\n%s", text, err, b)
		}
	}
}

func TestAPlanThatIsAskedForManyTimesKeepsItsFileSmall(t *testing.T) {
	p := &place{dir: t.TempDir()}
	d := p.spool(t)
	const n = 200
	for i := range n {
		m := storetest.Message("one")
		m.ReplyTo = fmt.Sprintf("%0200d", i)
		put(t, d, m)
	}
	e := begun(t, d)
	must(t, d.Finish(t.Context(), e, storetest.Result("one")))
	for range n {
		must(t, d.Archive(t.Context(), answerOf(t, d)))
	}
	st, err := os.Stat(filepath.Join(e.Dir, stateName))
	must(t, err)
	if st.Size() > 2*n*200 {
		t.Errorf("%s has %d bytes", stateName, st.Size())
	}
	if _, owed, history := p.spool(t).Counts(); owed != 0 || history != 1 {
		t.Errorf("after a start %d are owed, %d history", owed, history)
	}
}

func TestTheGroupMayReadAllButThePlanAndWhatIsForeign(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("giving files to a group needs root")
	}
	const group = 54321
	p := &place{dir: filepath.Join(t.TempDir(), "plans")}
	d := p.spool(t) // without a group
	for _, id := range []string{"ended", "running", "waiting"} {
		put(t, d, storetest.Message(id))
	}
	live(t, d, nil)
	write(t, begun(t, d).Dir, journalName, "{}")
	write(t, p.dir, "foreign/plan.json", "{}")
	write(t, p.dir, "foreign/open.txt", "")
	must(t, os.Chmod(filepath.Join(p.dir, "foreign", "open.txt"), 0o644))
	p.o.Group = group
	d = p.spool(t)
	put(t, d, storetest.Message("new"))
	e := begun(t, d)
	must(t, d.Finish(t.Context(), e, failed("running")))
	for range 2 {
		e = live(t, d, nil)
		must(t, os.WriteFile(filepath.Join(e.Dir, "001-deploy.stdout.log"), nil, 0o640)) // as the runner does
	}
	seen := map[string]bool{}
	err := filepath.WalkDir(p.dir, func(path string, f os.DirEntry, err error) error {
		must(t, err)
		name, _ := filepath.Rel(p.dir, path)
		st, err := f.Info()
		must(t, err)
		gid := st.Sys().(*syscall.Stat_t).Gid
		want, wantGroup := os.FileMode(0o640), uint32(group)
		switch base := filepath.Base(name); {
		case strings.HasSuffix(name, "-ended"), strings.Contains(name, "-ended/"):
			want, wantGroup = 0o600, gid // of before
			if f.IsDir() {
				want = 0o700
			}
		case f.IsDir():
			want = 0o750
		case base == planName, base == journalName, base == "open.txt", strings.HasPrefix(base, "."):
			want, wantGroup = 0o600, gid
		}
		if strings.HasPrefix(name, ".lock") { // flock's own
			return nil
		}
		if st.Mode().Perm() != want || gid != wantGroup {
			t.Errorf("%s is %s of group %d, want %s of %d", name, st.Mode(), gid, want, wantGroup)
		}
		seen[filepath.Base(name)] = true
		return nil
	})
	must(t, err)
	for _, want := range []string{stateName, resultName, whyName, planName, journalName, noteName, "001-deploy.stdout.log", "open.txt"} {
		if !seen[want] {
			t.Errorf("no %s was seen", want)
		}
	}
	p.o.Group = 0
	p.spool(t)
	if st, err := os.Stat(p.dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("without the group: %v, %v", st.Mode(), err)
	}
}
