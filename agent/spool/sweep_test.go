// SPDX-License-Identifier: Apache-2.0

//go:build faults && linux

package spool

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

// sweepDir, in the environment of this test binary, makes it the process that
// is killed at the point MURANO_FAULT_AT.
const sweepDir = "SPOOL_TEST_SWEEP"

// The process is killed at each point of the disk in turn, and a second one must
// find all that the first was told is kept, nothing twice, nothing unreadable.
func TestKilledAtAnyPointTheSpoolKeepsWhatItSaid(t *testing.T) {
	if dir := os.Getenv(sweepDir); dir != "" {
		sweepLife(t, dir)
		return
	}
	points := 0
	for at := 1; ; at++ {
		dir := t.TempDir()
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), sweepDir+"="+dir, "MURANO_FAULT_AT="+strconv.Itoa(at), "MURANO_FAULT_TRACE="+filepath.Join(dir, "trace"))
		out, err := child.CombinedOutput()
		trace, _ := os.ReadFile(filepath.Join(dir, "trace"))
		lines := bytes.Split(bytes.TrimSpace(trace), []byte("\n"))
		where := string(lines[len(lines)-1])
		if err == nil {
			break // it came to its end
		}
		if child.ProcessState.ExitCode() != -1 {
			t.Fatalf("%s: %v\n%s", where, err, out)
		}
		points++
		said, _ := os.ReadFile(filepath.Join(dir, "said"))
		sweepCheck(t, where, dir, string(said))
		if t.Failed() {
			t.Fatalf("killed at %s, having said:\n%s", where, said)
		}
	}
	if points < 100 {
		t.Errorf("only %d points", points)
	}
	t.Logf("%d points, 6 plans: 0 lost, 0 doubled", points)
}

// sweepLife says what it is about to do and what the spool has promised.
func sweepLife(t *testing.T, dir string) {
	f, err := os.OpenFile(filepath.Join(dir, "said"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(t, err)
	say := func(what, id string) {
		_, err := fmt.Fprintln(f, what, id)
		must(t, err)
	}
	d, err := Open(filepath.Join(dir, "plans"), Options{Count: 2})
	must(t, err)
	ids := []string{"p0", "p1", "p2", "p3"}
	var ms []plans.Message
	for _, id := range ids {
		ms = append(ms, storetest.Message(id))
	}
	for i, err := range d.Put(t.Context(), ms) {
		must(t, err)
		say("kept", ids[i])
	}
	say("cancelling", "p1")
	e, state, err := d.Cancel(t.Context(), "p1", "somebody")
	must(t, err)
	if say("cancelled", "p1"); state != agent.StorePending {
		t.Fatalf("state %q", state)
	}
	say("finishing", "p1")
	must(t, d.Finish(t.Context(), e, storetest.Result("p1")))
	say("finished", "p1")
	one := func() {
		e, err := d.Next(t.Context())
		must(t, err)
		id := e.Message.ID
		say("beginning", id)
		must(t, d.Begin(t.Context(), e))
		say("begun", id)
		say("finishing", id)
		must(t, d.Finish(t.Context(), e, failed(id)))
		say("finished", id)
		a, err := d.Owed(t.Context())
		must(t, err)
		id = a.Result.SourceID
		say("archiving", id)
		must(t, d.Archive(t.Context(), a))
		say("archived", id)
	}
	for range 3 {
		one()
	}
	for range 2 { // while its answer is owed, and when it is out
		say("retrying", "p3")
		must(t, d.Retry(t.Context(), "p3"))
		one()
	}
	for _, id := range []string{"p4", "p5"} {
		put(t, d, storetest.Message(id))
		say("kept", id)
		one()
	}
}

func sweepCheck(t *testing.T, where, dir, said string) {
	t.Helper()
	has := func(what, id string) bool { return strings.Contains(said, what+" "+id+"\n") }
	p := &place{dir: filepath.Join(dir, "plans"), o: Options{Count: 2}}
	d := p.spool(t)
	defer d.Close()
	ran := map[string]bool{}
	for pending, _, _ := d.Counts(); pending > 0; pending, _, _ = d.Counts() {
		e, err := d.Next(t.Context())
		must(t, err)
		id := e.Message.ID
		again := has("retrying", id)
		switch {
		case ran[id]:
			t.Errorf("%s is run twice", id)
		case has("finished", id) && !again:
			t.Errorf("%s has ended and is run", id)
		case has("begun", id) && e.Attempts == 0 && !again:
			t.Errorf("%s had begun and is given as new", id)
		case !has("beginning", id) && e.Attempts > 0:
			t.Errorf("%s had not begun and has %d attempts", id, e.Attempts)
		case e.Refused != "" || has("cancelled", id) != (e.Cancelled != "") && !(has("cancelling", id) && !has("cancelled", id)):
			t.Errorf("%s: refused %q, cancelled %q", id, e.Refused, e.Cancelled)
		}
		ran[id] = true
		must(t, d.Finish(t.Context(), e, storetest.Result(id)))
	}
	answered := map[string]bool{}
	for _, owed, _ := d.Counts(); owed > 0; _, owed, _ = d.Counts() {
		a := answerOf(t, d)
		id := a.Result.SourceID
		if answered[id] || has("archived", id) && !ran[id] && !has("retrying", id) {
			t.Errorf("%s is answered twice", id)
		}
		answered[id] = true
		must(t, d.Archive(t.Context(), a))
	}
	for n := range 6 {
		id := fmt.Sprint("p", n)
		r := d.byID[id]
		if has("kept", id) && r == nil && !d.known.has(id) {
			t.Errorf("%s is lost", id)
		}
		if r != nil && (r.state.State != stateAnswered || r.state.Result == "" || d.known.has(id)) {
			t.Errorf("%s did not end: %+v", id, r.state)
		}
		if r == nil {
			continue
		}
		if result, err := readResult(filepath.Join(p.dir, r.key)); err != nil || result.State() != r.state.Result {
			t.Errorf("%s: result %s, state.json says %s: %v", id, result.State(), r.state.Result, err)
		}
	}
	for _, name := range names(t, p.dir) {
		if name == quarantineName || strings.HasPrefix(name, newPrefix) {
			t.Errorf("%s is left", name)
		}
	}
}
