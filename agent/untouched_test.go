// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

// fetching is a Fetcher that hands over to a function.
type fetching func(ctx context.Context, dir string) (string, error)

func (f fetching) Fetch(ctx context.Context, _ plans.File, dir string) (string, error) {
	return f(ctx, dir)
}

// An agent that is killed leaves the plan begun: Attempts 1, and the journal as it is.
func TestAPlanOfWhichNothingRanIsBegunAgain(t *testing.T) {
	alone := object{"Scripts": object{}}
	tests := []struct {
		name     string
		plan     object
		attempts int
		want     bool
	}{
		{"its Body does nothing but reckon", document("", "return 1", alone), 1, true},
		{"but not for ever", document("", "return 1", alone), 5, false},
		{"its Body may have written a file", document("", "open('/tmp/x', 'w').write('x')", alone), 1, false},
		{"it has scripts, and no journal tells of them", document("", "deploy()", nil), 1, false},
		{"it is refused, which Interrupted says", document("", "return eval('1')", object{"FormatVersion": "9.0.0"}), 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(t, tt.plan)
			h.e.Attempts = tt.attempts
			r := h.runner()
			if got := r.GoesOn(h.e); got != tt.want {
				t.Errorf("goes on: %v", got)
			}
			if cause := r.Interrupted(h.e).Report.Cause.Text; strings.Contains(cause, "in each of 5 attempts") != (tt.attempts == 5) {
				t.Errorf("cause: %s", cause)
			}
		})
	}
}

func TestAPlanThatIsCutBeforeItsFirstScriptIsBegunAgain(t *testing.T) {
	download := object{"Files": object{"f1": textFile("deploy.sh", "#!/bin/sh\necho ran"), "far": object{"Name": "far", "Type": "Downloadable", "URL": "http://example.com/far"}},
		"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{"far"}, "Options": object{}}}}
	killed := func(h *history) agent.Entry { // while an agent of this life has it
		e := h.e
		e.Attempts++
		return e
	}
	h := newHistory(t, document("", "return deploy().stdout", download))
	var fetches atomic.Int32
	h.set = func(r *agent.Runner) {
		r.Fetcher = fetching(func(ctx context.Context, dir string) (string, error) {
			if fetches.Add(1) > 2 {
				return filepath.Join(dir, "far"), os.WriteFile(filepath.Join(dir, "far"), nil, 0o600)
			}
			if !r.GoesOn(killed(h)) {
				t.Error("killed in a download it does not go on")
			}
			rebooted := *r
			if rebooted.BootID = "another"; rebooted.GoesOn(killed(h)) {
				t.Error("it goes on although the disk may have lost what the journal said")
			}
			again := killed(h)
			again.Attempts++
			if r.GoesOn(again) {
				t.Error("it goes on although the journal knows nothing of the latest attempt")
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
	}
	for life := range 2 {
		if r := h.live(func() bool { return int(fetches.Load()) > life }); r != nil {
			t.Fatalf("life %d, stopped in a download: %+v", life, r.Report.Cause)
		}
		h.boot++ // an agent that was stopped has said on the disk that nothing ran
	}
	if r := h.live(nil); r == nil || string(r.Body) != `"ran"` || r.Report.Attempts != 3 {
		t.Fatalf("got %+v", r)
	}
	if h.runner().GoesOn(h.e) {
		t.Error("killed after its script ran it goes on")
	}
}

func TestAScriptThatTheJournalCannotNameIsNotTakenForOneThatDidNotRun(t *testing.T) {
	h := newHistory(t, document("#!/bin/sh\ntrue\n", "deploy()", nil))
	if err := os.Mkdir(filepath.Join(h.e.Dir, "journal.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	if r := h.live(nil); r == nil || r.State() != plans.StateSucceeded {
		t.Fatalf("got %+v", r)
	}
	if h.runner().GoesOn(h.e) {
		t.Error("it goes on")
	}
}

func TestARebootIsAskedForInTheStepThatEndsTheCall(t *testing.T) {
	h := newHistory(t, document("#!/bin/sh\nexit 194", "deploy()", object{"FormatVersion": "2.3.0"}))
	var asked atomic.Int32
	h.set = func(r *agent.Runner) {
		r.Reboot = func(context.Context) error {
			lines := strings.Split(strings.TrimSpace(read(t, filepath.Join(h.e.Dir, "journal.jsonl"))), "\n")
			var last struct{ Step string }
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || asked.Add(1) == 1 && last.Step != "end" {
				t.Errorf("%v: the journal ends with %s: a kill between that and the end would cost the reboot", err, lines[len(lines)-1])
			}
			return nil
		}
	}
	if r := h.live(func() bool { return asked.Load() == 1 }); r != nil {
		t.Fatalf("the plan ended: %s", r.Body)
	}
	r := h.runner()
	r.Reboot = nil // the same boot, and an agent that cannot
	if got := r.Answer(t.Context(), h.e); got.State() != plans.StateFailed || got.Report.Cause.Code != plans.CauseGuestReboot {
		t.Errorf("got %+v", got.Report)
	}
}

func TestARunnerWithoutWorkspacesRemovesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHistory(t, document("", "return 1", nil))
	if err := os.Mkdir(h.e.Key, 0o700); err != nil { // somebody works among the plans
		t.Fatal(err)
	}
	h.e.Cancelled = "somebody"
	if got := new(agent.Runner).Cancelled(h.e); got.State() != plans.StateCancelled {
		t.Errorf("got %+v", got.Report)
	}
	if _, err := os.Stat(h.e.Key); err != nil {
		t.Error(err)
	}
}

func TestProgressSaysWhereAPlanIsAlsoAfterAScript(t *testing.T) {
	r := newRunner(t)
	var at []string
	r.Progress = func(e plans.Event) {
		if len(at) == 0 || at[len(at)-1] != e.Phase {
			at = append(at, e.Phase)
		}
	}
	answer(t, r, document("#!/bin/sh\n", "deploy()\ndeploy()\nreturn 1", nil))
	if got := fmt.Sprint(at); got != "[files body files body script deploy body script deploy body cleanup]" {
		t.Errorf("told %s", got)
	}
}

func TestADownloadThatFailedIsBegunAgainInAnEmptyFolder(t *testing.T) {
	p := document("", "try:\n    deploy()\nexcept Exception:\n    pass\nreturn deploy().stdout", object{
		"Files":   object{"f1": textFile("deploy.sh", "#!/bin/sh\nls far"), "far": object{"Name": "far", "Type": "Downloadable", "URL": "http://example.com/far"}},
		"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{"far"}, "Options": object{}}}})
	r := newRunner(t)
	fetches := 0
	r.Fetcher = fetching(func(_ context.Context, dir string) (string, error) {
		if fetches++; fetches == 1 {
			return "", errors.Join(errors.New("the line was cut"), os.WriteFile(filepath.Join(dir, "half"), nil, 0o600))
		}
		return filepath.Join(dir, "far"), os.WriteFile(filepath.Join(dir, "far"), nil, 0o600)
	})
	if got := answer(t, r, p); string(got.Body) != `"far"` || fetches != 2 {
		t.Errorf("after %d downloads %s", fetches, got.Body)
	}
}
