// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// An attempt is one run of one plan.
type attempt struct {
	r     *Runner
	e     Entry
	id    string
	log   *slog.Logger
	began time.Time
	plan  plans.Plan
	ws    *Workspace
	mask  *mask // nil masks nothing
	stop  context.CancelCauseFunc

	past    past
	journal *journal
	replay  *replay // nil once every call of earlier attempts is answered
	keeps   bool    // the plan may go on after a cut: its calls are kept whole
	clock   clock

	mu      sync.Mutex // a Body that ends with its context may leave a script behind for a moment
	now     string     // name of the phase it is in
	cut     string     // name of the phase in which its context ended, if a script or a download saw it
	interim *Output    // of the script in which its context ended
	phases  []plans.Phase
	scripts []plans.ScriptReport
	waited  []string // what its Waits came to
	calls   int      // of scripts, by the Body
	runs    int      // of scripts
	logged  int64    // bytes in the logs of its scripts
	placed  map[string]placed
}

type placed struct{ dir, entry string }

// run is the plan's straight path. The error of a plan whose context ended is
// the cause of that.
func (a *attempt) run(ctx context.Context) (json.RawMessage, error) {
	a.phase(plans.PhaseQueued, a.e.Received)()
	program, err := a.read()
	if err != nil {
		return nil, err
	}
	ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(nil)
	if t := a.plan.Options.Timeout; t > 0 {
		late := &timeoutError{what: "the plan", after: t}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t, late)
		defer cancel()
	}
	value, err := a.runBody(ctx, program)
	if err != nil {
		return nil, err
	}
	return encode(a.mask.value(value))
}

func (a *attempt) runBody(ctx context.Context, program *body.Program) (value body.Value, err error) {
	end := func() {}
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = a.ended(ctx)
		}
		end()
		a.clean(err)
		a.replay.close()
		a.journal.close()
	}()
	if err := a.remember(); err != nil {
		return nil, err
	}
	if again := a.past.reboot; again != nil && a.r.BootID != "" && again.Boot == a.r.BootID {
		return nil, a.reboot(ctx, again.Asked+1) // it has not taken place yet
	}
	if err := a.awaitGuest(ctx); err != nil {
		return nil, err
	}
	if len(a.plan.Scripts) > 0 { // without one nothing is placed
		if err := a.openWorkspace(); err != nil {
			return nil, err
		}
	}
	if a.past.waits {
		if err := a.journal.writeSync(step{Step: stepBody}); err != nil {
			return nil, err
		}
	}
	end = a.phase(plans.PhaseBody, time.Time{})
	return program.Run(ctx, a.scope())
}

// openWorkspace makes the workspace, or opens that of the attempt which goes on.
func (a *attempt) openWorkspace() (err error) {
	defer a.phase(plans.PhaseFiles, time.Time{})()
	open := NewWorkspace
	if a.goesOn() {
		open = KeptWorkspace
	}
	a.ws, err = open(a.r.Workspaces, a.folder(), a.r.Fetcher)
	return err
}

// remember reads the journal, and decides by it whether the plan goes on where
// it was cut.
func (a *attempt) remember() error {
	resume := a.plan.Options.OnInterrupt == plans.InterruptResume
	a.keeps = a.e.Dir != "" && len(a.plan.Scripts) > 0 && (resume || a.mayReboot())
	a.clock.now = a.r.now
	if a.e.Dir == "" || len(a.plan.Scripts) == 0 {
		return nil
	}
	if a.e.Attempts > 0 {
		a.past = readPast(a.e.Dir)
	}
	a.keeps = a.keeps || a.past.reboot != nil
	a.runs = a.past.runs
	var err error
	if a.journal, err = openJournal(a.e.Dir, a.past, a.r.now); err != nil && a.keeps {
		return err
	} else if err != nil {
		a.log.Warn("the plan has no journal", "error", err)
		return nil
	}
	if a.goesOn() {
		if a.replay, err = openReplay(a.e.Dir, a.past); err != nil {
			return err
		}
		a.clock.again = a.replay.next.Clock
		a.log.Info("plan goes on", "calls", a.past.calls, "reboots", a.past.reboots)
		err = a.journal.write(step{Step: stepBegin, Attempt: a.e.Attempts + 1, Boot: a.r.BootID})
	} else {
		begin := step{Step: stepBegin, Attempt: a.e.Attempts + 1, Boot: a.r.BootID, Fresh: true}
		if a.keeps {
			a.past.seed = newSeed()
			begin.Seed = a.past.seed
		}
		err = a.journal.write(begin)
	}
	if a.keeps {
		return err
	}
	return nil // it decides nothing
}

// goesOn tells whether this attempt answers from the journal what earlier ones did.
func (a *attempt) goesOn() bool {
	resume := a.plan.Options.OnInterrupt == plans.InterruptResume
	return len(a.past.seed) == seedSize && (resume || a.past.reboot != nil)
}

// halt ends the plan with err, whatever the Body makes of it.
func (a *attempt) halt(err error) error {
	a.stop(&halted{err})
	return err
}

// A halted is the cause of a context that halt ended.
type halted struct{ err error }

func (e *halted) Error() string { return e.err.Error() }

// read is all that can refuse a plan before anything of it runs.
func (a *attempt) read() (*body.Program, error) {
	if a.e.Refused != "" {
		return nil, refuse(plans.CausePlanReplay, plans.OwnerController, "send the plan with a new ID and a new Stamp to run it again", "%s", a.e.Refused)
	}
	if a.r.Key != nil {
		if err := plans.Verify(a.r.Key, a.r.Queue, a.e.Message); err != nil {
			return nil, refuse(plans.CausePlanSignature, plans.OwnerController, "see that engine_key of this agent is the public half of the key that the controller signs with", "%s", err)
		}
	}
	var err error
	if a.plan, err = (plans.ParseOptions{Max: a.r.MaxFormat, Warn: a.warn}).Parse(a.e.Message.Body); err != nil {
		return nil, err
	}
	a.mask = newMask(a.plan)
	a.log = a.mask.logger(a.log)
	if err := a.supported(); err != nil {
		return nil, err
	}
	program, err := body.Parse(a.plan.Body)
	if err != nil {
		return nil, err
	}
	return program, program.Check(func(name string) bool { _, ok := a.plan.Scripts[name]; return ok })
}

func (a *attempt) warn(e *plans.FormatError) { a.log.Warn("ignored in the plan", "what", e.Detail()) }

// supported refuses what the plan asks for and this agent cannot give; to go
// on without would be another plan. What the guest cannot give, the executors
// say.
func (a *attempt) supported() error {
	ask := func(what string) error {
		return refuse(plans.CausePlanUnsupported, plans.OwnerGuest, "leave the option out, or update the agent", "%s: this agent does not have it", what)
	}
	if a.plan.Options.Mirror == plans.MirrorOnly {
		return ask("Options.mirror: only")
	}
	for name, s := range a.plan.Scripts {
		where := fmt.Sprintf("Scripts[%q].Options", name)
		switch {
		case a.r.Executors[s.Type] == nil:
			return ask(fmt.Sprintf("Scripts[%q].Type %q", name, s.Type))
		case s.Options.Reboot != 0 && (a.r.Reboot == nil || a.e.Dir == ""):
			return ask(where + ".reboot")
		case s.Options.Mirror == plans.MirrorOnly:
			return ask(where + ".mirror: only")
		}
	}
	return nil
}

func (a *attempt) scope() body.Scope {
	scripts := make(map[string]body.Script, len(a.plan.Scripts))
	for name := range a.plan.Scripts {
		scripts[name] = func(ctx context.Context, args []body.Value, kwargs *body.Dict) (body.Value, error) {
			return a.call(ctx, name, args, kwargs)
		}
	}
	s := body.Scope{Args: a.plan.Parameters, Scripts: scripts, Files: a.r.Files, Limits: a.r.Limits, Now: a.r.Now, Log: a.log}
	if a.keeps {
		s.Now, s.Rand = a.clock.read, randomOf(a.past.seed)
	}
	return s
}

// ended says why ctx, which is done, ended: a deadline of the plan, somebody who
// cancelled it, the plan itself, or the agent.
func (a *attempt) ended(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	phase := cmp.Or(a.cut, a.now)
	var (
		late  *timeoutError
		by    Cancellation
		fault *halted
		why   = context.Cause(ctx)
	)
	switch {
	case errors.As(why, &late):
		return &timeoutError{what: late.what, after: late.after, phase: phase}
	case errors.As(why, &fault):
		return fault.err
	case errors.As(why, &by):
		v := cancelled(fmt.Sprintf("the plan was %s in phase %s", by, phase))
		return &v
	}
	return &interruption{phase: phase}
}

// cutIn notes that ctx was over before the phase was, if so.
func (a *attempt) cutIn(ctx context.Context, phase string) bool {
	if ctx.Err() == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cut = cmp.Or(a.cut, phase)
	return true
}

// clean removes the workspace, unless the plan, which ended with err, goes on in
// it at the agent's next start.
func (a *attempt) clean(err error) {
	var stopped *interruption
	cut := errors.As(err, &stopped)
	stays := a.keeps && cut && a.r.GoesOn(a.e)
	if cut && a.journal != nil && readPast(a.e.Dir).untouched(a.plan, a.e.Attempts, a.r.BootID) {
		a.journal.writeSync(step{Step: stepWait}) // so that it is known after a boot, too
	}
	switch {
	case a.ws == nil && !stays:
		a.drop()
	case a.ws == nil:
	case stays:
		a.ws.Close()
	default:
		defer a.phase(plans.PhaseCleanup, time.Time{})()
		if err := a.ws.Remove(); err != nil {
			a.log.Error("workspace was not removed", "error", err)
		}
	}
}

// drop removes the workspace of an earlier attempt, if there is one. A Runner
// without Workspaces has none: what has such a name elsewhere is another thing.
func (a *attempt) drop() {
	if a.r.Workspaces == "" || !isWorkspace(a.e.Key) {
		return
	}
	if err := removeTree(filepath.Join(a.r.Workspaces, a.e.Key)); err != nil {
		a.log.Warn("workspace of a plan that was cut was not removed", "error", err)
	}
}

// folder is the workspace's name: never a name from the plan.
func (a *attempt) folder() string {
	if a.e.Key != "" {
		return a.e.Key
	}
	return fmt.Sprintf("%d", a.began.UnixNano())
}

// isWorkspace tells whether name is one that folder makes: the key of a plan,
// which begins with the time of its arrival (agent/spool), or a time.
func isWorkspace(name string) bool {
	number, _, _ := strings.Cut(name, "-")
	return len(number) >= 14 && strings.Trim(number, "0123456789") == ""
}

// phase begins a phase, at start or now, and returns what ends it.
func (a *attempt) phase(name string, start time.Time) (end func()) {
	if start.IsZero() {
		start = a.r.now()
		a.tell(name, "", name)
	}
	a.mu.Lock()
	before := a.now
	a.now = name
	a.mu.Unlock()
	return func() {
		a.tell(before, "", "")
		p := plans.Phase{Name: name, Start: start.UTC(), Seconds: max(a.r.now().Sub(start).Seconds(), 0)} // the clock may have been set back
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now = before
		if len(a.phases) < maxReported {
			a.phases = append(a.phases, p)
		}
	}
}

// tell says where the plan is, and what is new there: no text means nothing is.
func (a *attempt) tell(phase, script, text string) {
	if a.r.Progress == nil || phase == "" {
		return
	}
	a.r.Progress(plans.Event{Kind: plans.EventProgress, Time: a.r.now(), Plan: a.id, Phase: phase, Script: script, Text: a.mask.text(text)})
}

// env is what the plan adds to the environment, the script's own words last.
func (a *attempt) env(s plans.Script) []string {
	env := slices.Clone(a.r.Env)
	for k, v := range a.plan.Options.Env {
		env = append(env, k+"="+v)
	}
	for k, v := range s.Options.Env {
		env = append(env, k+"="+v)
	}
	return env
}
