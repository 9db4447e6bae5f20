// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// openView opens a spool for the length of the test.
func openView(t *testing.T) (*spool.Dir, spool.View) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plans")
	d, err := spool.Open(path, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, spool.View{Path: path}
}

func keep(t *testing.T, d *spool.Dir, id, name string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"FormatVersion": "2.0.0", "ID": id, "Name": name, "Body": "return 1", "Scripts": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range d.Put(t.Context(), []plans.Message{{ID: id, Body: body}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// begin takes the next plan and begins it.
func begin(t *testing.T, d *spool.Dir) agent.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e, err := d.Next(ctx)
	if err == nil {
		err = d.Begin(ctx, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func finish(t *testing.T, d *spool.Dir, e agent.Entry, report plans.Report, code int) {
	t.Helper()
	r := plans.Result{ID: plans.NewResultID(), SourceID: e.Message.ID, ErrorCode: code, Time: time.Now(), Body: json.RawMessage("null"), Report: &report}
	if err := d.Finish(t.Context(), e, r); err != nil {
		t.Fatal(err)
	}
}

func one(t *testing.T, v spool.View, name string) spool.Plan {
	t.Helper()
	p, err := v.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAViewFollowsAPlanWhileTheAgentHasTheSpoolOpen(t *testing.T) {
	d, v := openView(t)
	keep(t, d, "one", "Deploy Apache")
	if p := one(t, v, "one"); p.State != "pending" || p.Name != "Deploy Apache" || p.Owed != 1 || p.Ended() || p.Received.IsZero() || p.Bytes == 0 {
		t.Errorf("received: %+v", p)
	}
	e := begin(t, d)
	if p := one(t, v, "one"); p.State != "running" || p.Attempts != 1 || p.Begun == nil || p.Duration(p.Begun.Add(time.Hour)) != time.Hour {
		t.Errorf("begun: %+v", p)
	}
	cause := &plans.Cause{Code: plans.CauseScriptExit, Text: "x", Owner: plans.OwnerPackage}
	finish(t, d, e, plans.Report{State: plans.StateFailed, Cause: cause}, plans.CodeScript)
	p := one(t, v, "one") // state.json does not say it yet
	if p.State != plans.StateFailed || *p.ErrorCode != plans.CodeScript || p.Cause.Code != cause.Code || p.Finished == nil || p.Owed != 1 || !p.Ended() {
		t.Errorf("finished: %+v", p)
	}
	a, err := d.Owed(t.Context())
	if err == nil {
		err = d.Archive(t.Context(), a)
	}
	if err != nil {
		t.Fatal(err)
	}
	if p := one(t, v, "one"); p.Owed != 0 || p.Answers != 1 || p.State != plans.StateFailed {
		t.Errorf("answered: %+v", p)
	}
	if err := d.Retry(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if p := one(t, v, "one"); p.State != "pending" || p.Attempts != 0 || p.ErrorCode != nil {
		t.Errorf("to be run again: %+v", p)
	}
}

func TestAPlanIsFoundByAllItsNames(t *testing.T) {
	d, v := openView(t)
	for _, p := range []struct{ id, name string }{{"4f0c9a", "deploy"}, {"4f0d00", "deploy"}, {"77", "Start It"}, {"4f", ""}} {
		keep(t, d, p.id, p.name)
	}
	all, err := v.Plans()
	if err != nil || len(all) != 4 {
		t.Fatalf("%d plans, %v", len(all), err)
	}
	for name, tt := range map[string]struct{ asked, want string }{
		"by its ID":                           {"4f0d00", "4f0d00"},
		"by its ID, which begins others":      {"4f", "4f"},
		"by the beginning of its ID":          {"4f0c", "4f0c9a"},
		"by its directory":                    {all[1].Key, "4f0d00"},
		"by its Name":                         {"Start It", "77"},
		"by its Name as the directory has it": {"start-it", "77"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := one(t, v, tt.asked).ID; got != tt.want {
				t.Errorf("%q gives %q, want %q", tt.asked, got, tt.want)
			}
		})
	}
	var missed *spool.FindError
	if _, err := v.Find("deploy"); !errors.As(err, &missed) || len(missed.Many) != 2 || !strings.Contains(err.Error(), "4f0c9a") || !strings.Contains(err.Error(), all[1].Key) {
		t.Errorf("a name of two plans: %v", err)
	}
	for _, none := range []string{"nope", "", ".."} {
		if _, err := v.Find(none); !errors.As(err, &missed) || len(missed.Many) != 0 {
			t.Errorf("%q: %v", none, err)
		}
	}
}

func TestWhatCannotBeReadIsToldOfThatPlanAlone(t *testing.T) {
	d, v := openView(t)
	for i := range 3 {
		keep(t, d, fmt.Sprint(i), "plan")
	}
	all, err := v.Plans()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(all[0].Dir, "state.json"), []byte("{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(all[1].Dir, "state.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(v.Path, "foreign"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(v.Path, ".new-17954422286073-x"), 0o700); err != nil {
		t.Fatal(err)
	}
	all, err = v.Plans()
	if err != nil || len(all) != 4 {
		t.Fatalf("%d plans, %v", len(all), err)
	}
	for i, want := range []string{"state.json: invalid", "state.json is not there", "", "state.json is not there"} {
		if got := all[i].Unreadable; !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("plan %d: %q, want %q", i, got, want)
		}
	}
	if all[2].State != "pending" || all[0].State != "" || all[0].Received.IsZero() {
		t.Errorf("%+v", all)
	}
}

func TestASpoolThatIsNotThereSaysWhereToLook(t *testing.T) {
	_, err := spool.View{Path: filepath.Join(t.TempDir(), "none")}.Plans()
	if err == nil || !strings.Contains(err.Error(), "--storage") {
		t.Errorf("%v", err)
	}
}

func TestQuarantineIsShownWithItsNotes(t *testing.T) {
	d, v := openView(t)
	if q, err := v.Quarantine(); err != nil || len(q) != 0 {
		t.Errorf("%v, %v", q, err)
	}
	keep(t, d, "torn", "plan")
	d.Close()
	all, _ := v.Plans()
	if err := os.Truncate(filepath.Join(all[0].Dir, "state.json"), 0); err != nil {
		t.Fatal(err)
	}
	d, err := spool.Open(v.Path, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.Has("") // returns once all has been read
	q, err := v.Quarantine()
	if err != nil || len(q) != 1 || q[0].Name != all[0].Key || !strings.Contains(q[0].Note, "state.json is empty") {
		t.Errorf("%+v, %v", q, err)
	}
	if all, err := v.Plans(); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestLogsComeInTheOrderTheScriptsRan(t *testing.T) {
	d, v := openView(t)
	keep(t, d, "logs", "plan")
	dir := one(t, v, "logs").Dir
	for _, name := range []string{"010-b.stdout.log", "002-a_b-attempt2.stderr.log", "001-a_b.stderr.log", "001-a_b.stdout.log", "more.stdout.log", "journal.jsonl", "x.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := v.Logs(one(t, v, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range logs {
		got = append(got, fmt.Sprintf("%d %s %d %s", l.Run, l.Script, l.Attempt, l.Stream))
	}
	want := "1 a_b 1 stdout, 1 a_b 1 stderr, 2 a_b 2 stderr, 10 b 1 stdout, 0  1 stdout"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	for name, want := range map[string]bool{"a.b": true, "a_b": true, "a部b": true, "a": false, "a.c": false} {
		if got := logs[0].IsLogOf(name); got != want {
			t.Errorf("that it is the log of %q is %v, want %v", name, got, want)
		}
	}
}

func TestAViewWritesNothing(t *testing.T) {
	d, v := openView(t)
	keep(t, d, "one", "plan")
	finish(t, d, begin(t, d), plans.Report{State: plans.StateSucceeded}, 0)
	before := treeOf(t, v.Path)
	p := one(t, v, "one")
	if _, err := v.Logs(p); err != nil {
		t.Error(err)
	}
	if _, err := v.Document(p); err != nil {
		t.Error(err)
	}
	if r, err := v.Result(p); err != nil || r.SourceID != "one" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := v.Quarantine(); err != nil {
		t.Error(err)
	}
	if after := treeOf(t, v.Path); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// treeOf lists what is below dir, with sizes and times of change.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.Mode(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAViewIsNotDisturbedByTheAgentsWork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plans")
	d, err := spool.Open(path, spool.Options{Count: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	v := spool.View{Path: path}
	worked := make(chan struct{})
	go func() { // ended by itself; waited for below
		defer close(worked)
		for i := range 60 {
			keep(t, d, fmt.Sprintf("plan-%d", i), "busy")
			finish(t, d, begin(t, d), plans.Report{State: plans.StateFailed, Cause: &plans.Cause{Code: plans.CauseScriptExit}}, plans.CodeScript)
			a, err := d.Owed(t.Context())
			if err == nil {
				err = d.Archive(t.Context(), a)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for looks := 0; ; looks++ {
		select {
		case <-worked:
			t.Logf("looked %d times", looks)
			return
		default:
		}
		all, err := v.Plans()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.Unreadable != "" || p.ID == "" || p.Name != "busy" || p.State == "" || p.Ended() != (p.ErrorCode != nil) {
				t.Fatalf("%+v", p)
			}
		}
		if _, err := v.Quarantine(); err != nil {
			t.Fatal(err)
		}
	}
}
