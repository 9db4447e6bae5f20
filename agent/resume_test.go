// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/plans"
)

// A history is one plan over several lives of the agent.
type history struct {
	t     *testing.T
	e     agent.Entry
	files string // of the workspaces
	boot  int
	set   func(*agent.Runner)
}

func newHistory(t *testing.T, p object) *history {
	return &history{t: t, files: filepath.Join(t.TempDir(), "files"),
		e: agent.Entry{Key: "17954422286073-case", Message: plans.Message{ID: "message", Body: encoded(t, p)}, Dir: t.TempDir(), Received: time.Now()}}
}

// runner is that of a new life.
func (h *history) runner() *agent.Runner {
	x := &application.Executor{}
	h.t.Cleanup(func() { x.Close() })
	r := &agent.Runner{
		Executors: map[string]agent.Executor{"Application": x}, Workspaces: h.files, Grace: 200 * time.Millisecond,
		BootID: fmt.Sprint("boot-", h.boot), Files: newRunner(h.t).Files,
	}
	if h.set != nil {
		h.set(r)
	}
	if err := r.Clean(func(key string) bool { return key == h.e.Key }); err != nil {
		h.t.Fatal(err)
	}
	return r
}

// live answers the plan in a new life that ends as soon as stop says so, as an
// agent does: nil if the plan stays begun.
func (h *history) live(stop func() bool) *plans.Result {
	h.t.Helper()
	r := h.runner()
	if h.e.Attempts > 0 && !r.GoesOn(h.e) {
		result := r.Interrupted(h.e)
		return &result
	}
	ctx, end := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer end()
	go func() {
		for stop != nil && ctx.Err() == nil {
			if stop() {
				end()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	result := r.Answer(ctx, h.e)
	goesOn := result.State() == plans.StateInterrupted && r.GoesOn(h.e)
	h.e.Attempts++
	if goesOn {
		return nil
	}
	if left, _ := os.ReadDir(h.files); len(left) > 0 {
		h.t.Errorf("workspaces left: %v", left)
	}
	return &result
}

func scripts(options object, texts map[string]string) object {
	s, f := object{}, object{}
	for name, text := range texts {
		s[name] = object{"Type": "Application", "EntryPoint": name, "Files": []any{}, "Options": options}
		f[name] = textFile(name+".sh", "#!/bin/sh\n"+text+"\n")
	}
	return object{"Scripts": s, "Files": f, "FormatVersion": "2.3.0"}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

func TestAResumedPlanGoesOnAtTheCallThatWasCut(t *testing.T) {
	for name, harm := range map[string]func(path string){
		"as the agent left it": func(string) {},
		"with a torn line at the end": func(path string) {
			f, _ := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			f.WriteString(`{"step":"end","call":2,"scr`)
			f.Close()
		},
		"with blocks that were never written": func(path string) {
			f, _ := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			f.Write(make([]byte, 4096))
			f.Close()
		},
		"with such blocks where a line should end": func(path string) {
			f, _ := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			f.WriteString(`{"step":"run"}`)
			f.Write(make([]byte, 4096))
			f.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ran := filepath.Join(t.TempDir(), "ran")
			p := document("", `import time, uuid
stamp = str(time.time()) + str(uuid.uuid4())
a = one(stamp).stdout
try:
    bad()
except Exception as e:
    a += str(e)
later = str(time.time())
b = two(later).stdout
return [a == stamp + 'Script bad returned error code', b == later + 'kept', three().stdout]`, scripts(object{}, map[string]string{
				"one":   "echo one >>" + ran + "; echo $1",
				"bad":   "echo bad >>" + ran + "; exit 3",
				"two":   "[ -e state ] || { touch state; echo two >>" + ran + "; exec sleep 60; }; echo two >>" + ran + "; echo $1kept",
				"three": "echo three >>" + ran,
			}))
			p["Options"] = object{"onInterrupt": "resume"}
			h := newHistory(t, p)
			if r := h.live(func() bool { return strings.Contains(read(t, ran), "two") }); r != nil {
				t.Fatalf("the plan ended: %s", r.Body)
			}
			harm(filepath.Join(h.e.Dir, "journal.jsonl"))
			r := h.live(nil)
			if r == nil || string(r.Body) != "[true, true, null]" || r.State() != plans.StateSucceeded || r.Report.Attempts != 2 {
				t.Fatalf("got %+v", r)
			}
			if got := strings.Fields(read(t, ran)); fmt.Sprint(got) != "[one bad two two three]" {
				t.Errorf("ran %v", got)
			}
			var reported []string
			for _, s := range r.Report.Scripts {
				reported = append(reported, fmt.Sprint(s.Script, s.ExitCode))
			}
			if fmt.Sprint(reported) != "[one0 bad3 two0 three0]" {
				t.Errorf("reported %v", reported)
			}
		})
	}
}

func TestAResumedPlanIsCutAgainAndAgain(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	p := document("", "for i in range(4):\n    step(str(i))\nreturn 'done'", scripts(object{}, map[string]string{
		"step": "echo $1 >>" + ran + "; [ $(grep -c $1 " + ran + ") = 2 ] || sleep 60",
	}))
	p["Options"] = object{"onInterrupt": "resume"}
	h := newHistory(t, p)
	for n := range 4 {
		if r := h.live(func() bool { return strings.Count(read(t, ran), "\n") == 2*n+1 }); r != nil {
			t.Fatalf("life %d: the plan ended: %s", n, r.Body)
		}
	}
	if r := h.live(nil); r == nil || string(r.Body) != `"done"` {
		t.Fatalf("got %+v", r)
	}
	if got := fmt.Sprint(strings.Fields(read(t, ran))); got != "[0 0 1 1 2 2 3 3]" {
		t.Errorf("ran %s", got)
	}
}

func TestAPlanThatIsCutTooOftenIsInterrupted(t *testing.T) {
	for _, how := range []string{"rerun", "resume"} {
		ran := filepath.Join(t.TempDir(), "ran")
		p := document("", "return step()", scripts(object{}, map[string]string{"step": "echo x >>" + ran + "; sleep 60"}))
		p["Options"] = object{"onInterrupt": how}
		h := newHistory(t, p)
		var r *plans.Result
		lives := 0
		for ; r == nil && lives < 10; lives++ {
			r = h.live(func() bool { return strings.Count(read(t, ran), "x") == lives+1 })
		}
		if r == nil || r.State() != plans.StateInterrupted || lives != 6 || strings.Count(read(t, ran), "x") != 5 {
			t.Fatalf("%s: after %d lives and %d runs %+v", how, lives, strings.Count(read(t, ran), "x"), r)
		}
		if want := "that was attempt 5, and onInterrupt: " + how + " has no more than 5"; !strings.Contains(r.Report.Cause.Text, want) {
			t.Errorf("%s: %s", how, r.Report.Cause.Text)
		}
	}
}

func TestAResumedPlanWhoseBodyTakesAnotherWayIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	way, ran := filepath.Join(dir, "way"), filepath.Join(dir, "ran")
	if err := os.WriteFile(way, []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := document("", "one(open('"+way+"').read())\ntry:\n    two()\nexcept Exception:\n    pass\nreturn 1", scripts(object{}, map[string]string{
		"one": "echo $1 >>" + ran, "two": "echo two >>" + ran + "; sleep 60",
	}))
	p["Options"] = object{"onInterrupt": "resume"}
	h := newHistory(t, p)
	h.live(func() bool { return strings.Contains(read(t, ran), "two") })
	if err := os.WriteFile(way, []byte("right"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := h.live(nil)
	if r == nil || r.State() != plans.StateInterrupted || !strings.Contains(r.Report.Cause.Text, "its Body took another way: call 1, script one, has other arguments") {
		t.Fatalf("got %+v", r)
	}
	if got := read(t, ran); got != "left\ntwo\n" {
		t.Errorf("ran %q", got)
	}
}

func TestAnInterruptedPlanSaysWhatRan(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	p := document("", "one()\ntwo()", scripts(object{}, map[string]string{"one": "exit 0", "two": "echo two >>" + ran + "; sleep 60"}))
	h := newHistory(t, p)
	r := h.live(func() bool { return read(t, ran) != "" })
	if r == nil || r.State() != plans.StateInterrupted { // it was stopped
		t.Fatalf("got %+v", r)
	}
	r = h.live(nil) // as if it had been killed
	want := "agent or guest went down while script two ran, after 1 call of scripts that had ended; what its scripts had done by then is unknown"
	if r.State() != plans.StateInterrupted || r.Report.Cause.Text != want || len(r.Report.Scripts) != 1 || r.Report.Scripts[0].Script != "one" {
		t.Errorf("got %+v, cause %+v", r.Report, r.Report.Cause)
	}
}

func TestAPlanThatIsRefusedIsSoInEveryLife(t *testing.T) {
	for _, p := range []object{
		document("", "return", object{"FormatVersion": "3.0.0"}), document("", "return eval('1')", nil), document("", "return", object{"Scripts": []any{}}),
	} {
		h := newHistory(t, p)
		first := h.live(nil)
		second := h.live(nil) // the agent was killed before that was kept
		if second.State() != plans.StateRejected || second.ErrorCode != first.ErrorCode || string(second.Body) != string(first.Body) {
			t.Errorf("got %d %s %s, at first %d %s", second.ErrorCode, second.State(), second.Body, first.ErrorCode, first.Body)
		}
	}
}

func TestARebootIsAStepOfThePlan(t *testing.T) {
	tests := []struct {
		name    string
		format  string
		options object
		code    int
		plan    object
	}{
		{"194 in a plan of 2.3.0", "2.3.0", object{}, 194, nil},
		{"its own code in an older plan", "2.2.0", object{"reboot": 17}, 17, nil},
		{"whatever onInterrupt says", "2.3.0", object{}, 194, object{"onInterrupt": "rerun"}},
		{"and with resume", "2.3.0", object{"retry": object{"attempts": 3}}, 194, object{"onInterrupt": "resume"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ran := filepath.Join(t.TempDir(), "ran")
			p := document("", "a = one()\nb = two()\nc = two()\nreturn [a.stdout, b.exitCode, b.stdout, c.exitCode]", scripts(tt.options, map[string]string{
				"one": "echo one >>" + ran + "; echo 1", "two": fmt.Sprintf("echo two >>%s; echo 2; [ -e again ] || { touch again; exit %d; }", ran, tt.code),
			}))
			p["FormatVersion"] = tt.format
			if tt.plan != nil {
				p["Options"] = tt.plan
			}
			h := newHistory(t, p)
			var asked atomic.Int32
			h.set = func(r *agent.Runner) { r.Reboot = func(context.Context) error { asked.Add(1); return nil } }
			if r := h.live(func() bool { return asked.Load() == 1 }); r != nil {
				t.Fatalf("the plan ended: %s", r.Body)
			}
			h.boot++
			r := h.live(nil)
			if r == nil || r.State() != plans.StateSucceeded || string(r.Body) != fmt.Sprintf(`["1", %d, "2", 0]`, tt.code) || asked.Load() != 1 {
				t.Fatalf("asked %d times, got %+v", asked.Load(), r)
			}
			if got := fmt.Sprint(strings.Fields(read(t, ran))); got != "[one two two]" {
				t.Errorf("ran %s", got)
			}
		})
	}
	t.Run("194 in an older plan is a failure", func(t *testing.T) {
		h := newHistory(t, document("#!/bin/sh\nexit 194", "deploy()", nil))
		h.set = func(r *agent.Runner) { r.Reboot = func(context.Context) error { t.Error("asked"); return nil } }
		if r := h.live(nil); r.ErrorCode != plans.CodeScript {
			t.Errorf("got %+v", r)
		}
	})
}

func TestARebootThatDoesNotComeFailsThePlan(t *testing.T) {
	newPlan := func(t *testing.T) *history {
		return newHistory(t, document("", "try:\n    step()\nexcept Exception:\n    return 'caught'", scripts(object{}, map[string]string{"step": "exit 194"})))
	}
	t.Run("it is refused", func(t *testing.T) {
		h := newPlan(t)
		h.set = func(r *agent.Runner) {
			r.RebootWait = 50 * time.Millisecond
			r.Reboot = func(context.Context) error { return errors.New("Interactive authentication required") }
		}
		r := h.live(nil)
		if r == nil || r.State() != plans.StateFailed || r.Report.Cause.Code != plans.CauseGuestReboot || !strings.Contains(r.Report.Cause.Text, "Interactive authentication required") {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("it only seems to be refused", func(t *testing.T) {
		h := newPlan(t)
		var asked atomic.Int32
		h.set = func(r *agent.Runner) {
			r.Reboot = func(context.Context) error { asked.Add(1); return errors.New("signal: terminated") }
		}
		if r := h.live(func() bool { return asked.Load() == 1 }); r != nil {
			t.Errorf("the plan ended: %+v", r)
		}
		h.boot++
		if r := h.live(nil); r == nil || r.State() != plans.StateSucceeded {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("nothing happens", func(t *testing.T) {
		h := newPlan(t)
		h.set = func(r *agent.Runner) {
			r.RebootWait = 50 * time.Millisecond
			r.Reboot = func(context.Context) error { return nil }
		}
		r := h.live(nil)
		if r == nil || r.State() != plans.StateFailed || r.Report.Cause.Text != "the guest was to be rebooted and was not within 50ms" {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("only the agent starts anew", func(t *testing.T) {
		h := newPlan(t)
		var asked atomic.Int32
		h.set = func(r *agent.Runner) { r.Reboot = func(context.Context) error { asked.Add(1); return nil } }
		var r *plans.Result
		for n := 1; r == nil && n < 10; n++ {
			r = h.live(func() bool { return int(asked.Load()) == n })
		}
		if r == nil || asked.Load() != 3 || r.State() != plans.StateFailed || r.Report.Cause.Text != "the plan asked for a reboot 3 times and the guest did not reboot" {
			t.Errorf("asked %d times, got %+v", asked.Load(), r)
		}
	})
	t.Run("the plan asks for ever", func(t *testing.T) {
		h := newHistory(t, document("", "while True:\n    deploy()", object{"FormatVersion": "2.3.0"}))
		x := &recorder{}
		for range 100 {
			x.answers = append(x.answers, recorded{out: agent.Output{ExitCode: 194}})
		}
		var asked atomic.Int32
		h.set = func(r *agent.Runner) {
			r.Executors = map[string]agent.Executor{"Application": x}
			r.Reboot = func(context.Context) error { asked.Add(1); return nil }
		}
		var r *plans.Result
		for n := 1; r == nil && n < 30; n++ {
			r = h.live(func() bool { return int(asked.Load()) == n })
			h.boot++
		}
		if r == nil || asked.Load() != 20 || len(x.calls) != 21 || r.State() != plans.StateFailed || r.Report.Cause.Text != "the plan asked for more than 20 reboots" {
			t.Errorf("asked %d times after %d runs, got %+v", asked.Load(), len(x.calls), r)
		}
	})
}

func TestACancelledPlanEndsWithWhatItsScriptHadWritten(t *testing.T) {
	dir := t.TempDir()
	p := document("#!/bin/sh\necho so far; echo problem >&2; touch "+dir+"/ready; exec sleep 60", "try:\n    deploy()\nexcept Exception:\n    return 1", nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		until(t, "the script runs", exists(filepath.Join(dir, "ready")))
		cancel(agent.Cancellation{By: "the controller"})
	}()
	r := newRunner(t)
	got := r.Answer(ctx, agent.Entry{Message: plans.Message{ID: "m", Body: encoded(t, p)}, Dir: dir})
	message, info := failure(t, got)
	if got.ErrorCode != plans.CodeOther || got.State() != plans.StateCancelled || got.Report.Cause.Code != plans.CausePlanCancelled {
		t.Errorf("got %d, %+v", got.ErrorCode, got.Report)
	}
	if message != "the plan was cancelled by the controller in phase script deploy" || info != `{"exitCode": 143, "stdout": "so far", "stderr": "problem"}` {
		t.Errorf("message %q, %s", message, info)
	}
	if read(t, filepath.Join(dir, "001-deploy.stdout.log")) != "so far\n" {
		t.Error("the log is not there")
	}
}

func TestAPlanThatIsCancelledBetweenTwoAttemptsEndsWithTheOutputOfTheFirst(t *testing.T) {
	p := document("#!/bin/sh\necho so far; exit 3", "deploy()", object{"FormatVersion": "2.3.0", "Options": object{"retry": object{"attempts": 3, "delay": "1h"}}})
	ctx, cancel := context.WithCancelCause(t.Context())
	r := newRunner(t)
	r.Progress = func(e plans.Event) {
		if strings.Contains(e.Text, "the next in") {
			cancel(agent.Cancellation{By: "the controller"})
		}
	}
	got := r.Answer(ctx, agent.Entry{Message: plans.Message{ID: "m", Body: encoded(t, p)}, Dir: t.TempDir()})
	message, info := failure(t, got)
	if got.State() != plans.StateCancelled || message != "the plan was cancelled by the controller in phase retry deploy" || info != `{"exitCode": 3, "stdout": "so far", "stderr": null}` {
		t.Errorf("message %q, %s", message, info)
	}
}

func TestAPlanThatIsCancelledWhileItDoesNotRunHasAResult(t *testing.T) {
	p := document("", "return 1", nil)
	for attempts, want := range map[int]string{
		0: "the plan was cancelled by root before it ran",
		1: "the plan was cancelled by root after it was interrupted; what its scripts had done by then is unknown",
	} {
		e := agent.Entry{Message: plans.Message{ID: "m", Body: encoded(t, p), ReplyTo: "asked"}, Attempts: attempts, Cancelled: "root"}
		for name, got := range map[string]plans.Result{"Cancelled": newRunner(t).Cancelled(e), "Answer": newRunner(t).Answer(t.Context(), e)} {
			message, info := failure(t, got)
			if got.ErrorCode != plans.CodeOther || got.State() != plans.StateCancelled || message != want || info != "null" || *got.ReplyTo != "asked" || got.Report.Attempts != attempts {
				t.Errorf("%s: got %d %s %+v", name, got.ErrorCode, got.Body, got.Report)
			}
		}
	}
}

func TestAPlanThatIsCutWhileItWaitsForTheGuestGoesOn(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	h := newHistory(t, document("#!/bin/sh\necho x >>"+ran+"; [ -e "+ran+".go ] || sleep 60", "deploy()", nil))
	var asked atomic.Int32
	blocked := true
	h.set = func(r *agent.Runner) {
		r.Waits = []agent.Wait{{Phase: "cloud-init", Timeout: time.Minute, For: func(context.Context, plans.Plan) (string, error) {
			if asked.Add(1); blocked {
				return "cloud-init", nil
			}
			return "", nil
		}}}
	}
	for life := range 8 { // more than a plan that is cut has
		before := asked.Load()
		if r := h.live(func() bool { return asked.Load() > before+1 }); r != nil {
			t.Fatalf("life %d: the plan ended: %+v", life, r.Report.Cause)
		}
		h.boot++
	}
	blocked = false
	if r := h.live(func() bool { return read(t, ran) != "" }); r == nil || r.State() != plans.StateInterrupted {
		t.Errorf("cut in a script: %+v", r)
	}
	if r := h.live(nil); r == nil || r.State() != plans.StateInterrupted || read(t, ran) != "x\n" {
		t.Errorf("after that: %+v", r)
	}
}

func TestAPlanWaitsForTheGuest(t *testing.T) {
	asked := map[string]int{}
	blocks := func(phase string, times int, timeout time.Duration) agent.Wait {
		return agent.Wait{Phase: phase, Timeout: timeout, For: func(context.Context, plans.Plan) (string, error) {
			if asked[phase]++; asked[phase] <= times {
				return "somebody", nil
			}
			return "", nil
		}}
	}
	r := newRunner(t)
	r.Waits = []agent.Wait{
		blocks("free", 0, time.Minute), blocks("cloud-init", 2, time.Minute), blocks("locks", 1000, 300*time.Millisecond),
		{Phase: "blind", For: func(context.Context, plans.Plan) (string, error) { return "", errors.New("cannot see") }},
	}
	got := answer(t, r, document("#!/bin/sh\n", "deploy()\nreturn 1", nil))
	var phases []string
	for _, p := range got.Report.Phases {
		phases = append(phases, p.Name)
	}
	if fmt.Sprint(phases) != "[queued cloud-init locks files files script deploy body cleanup]" || got.ErrorCode != 0 {
		t.Errorf("phases %v: %s", phases, got.Body)
	}
	if want := "cloud-init: waited 1s for somebody; locks: waited 0s and went on all the same; still blocked by somebody; blind: cannot see"; got.Report.Preflight != want {
		t.Errorf("preflight %q", got.Report.Preflight)
	}
	asked = map[string]int{}
	if got := answer(t, r, document("", "return 1", object{"Scripts": object{}})); got.ErrorCode != 0 || len(asked) != 0 {
		t.Errorf("a plan without scripts waited: %v", asked)
	}
}
