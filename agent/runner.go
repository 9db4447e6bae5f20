// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A Runner turns one message into its result. A failed plan is a result too.
// Its fields are not changed once it is in use; it may answer several messages
// at once if they have different Keys.
type Runner struct {
	Executors map[string]Executor // by the Type of a script
	Fetcher   Fetcher             // of Downloadable files; nil means none can be had
	// Workspaces is the directory in which each plan has its own while it runs.
	// It is made, 0700, and belongs to the Runner alone.
	Workspaces string

	// Key, unless nil, must have signed each plan, for Queue.
	Key   crypto.PublicKey
	Queue string
	// MaxFormat is the newest FormatVersion that is run; zero means plans.MaxVersion.
	MaxFormat plans.Version

	Files     body.OpenPolicy // of open() in a Body
	Limits    body.Limits     // of a Body
	Env       []string        // KEY=value, added to the environment of each script
	Grace     time.Duration   // see Call.Grace; 0 means DefaultGrace
	MaxOutput int             // see Call.MaxOutput
	MaxLog    int64           // bytes of one log of a script; 0 means DefaultMaxLog

	// Waits are waited for, one after another, before the files of a plan that
	// has scripts are placed.
	Waits []Wait
	// Reboot asks the guest to reboot and returns; the reboot ends the agent. nil
	// means that this agent cannot: a plan with the option reboot is refused.
	Reboot func(ctx context.Context) error
	// BootID is that of this boot of the guest: another one at the next start
	// says that the reboot took place. Empty means that every start does.
	BootID string
	// RebootWait bounds the time from Reboot to the end of ctx; 0 means 5 minutes.
	RebootWait time.Duration

	// Progress, unless nil, is told where a plan is. It must not block.
	Progress func(plans.Event)
	// Rand gives numbers from 0 up to 1, for the pauses between attempts; nil
	// means random ones.
	Rand func() float64

	Version  string // of the agent, for the Report
	Hostname string
	Now      func() time.Time // nil means time.Now
	Log      *slog.Logger     // nil means nowhere
}

// A Wait is something of the guest that must be over before a plan begins, such
// as cloud-init or another program's work on the packages.
type Wait struct {
	Phase   string        // its name in the Report
	Timeout time.Duration // then the plan goes on all the same; 0 means at once
	// For says what still blocks p, for people; "" means nothing does. An error
	// means that it cannot know, and counts as nothing.
	For func(ctx context.Context, p plans.Plan) (blocked string, err error)
}

// Clean ends the scripts that an agent which died left behind, and removes its
// workspaces but those whose key unended knows: Answer, Interrupted and Cancelled
// see to these. nil means no plan is unended. It is called before the first plan
// runs. What has no name of a workspace is left alone: Workspaces may have
// become a link to somewhere else.
func (r *Runner) Clean(unended func(key string) bool) error {
	entries, err := os.ReadDir(r.Workspaces)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	left := slices.DeleteFunc(entries, func(d os.DirEntry) bool { return !isWorkspace(d.Name()) })
	if len(left) > 0 {
		endOrphans(r.Workspaces, cmp.Or(r.Grace, DefaultGrace))
	}
	for _, d := range left {
		if unended != nil && unended(d.Name()) {
			continue
		}
		err = errors.Join(err, removeTree(filepath.Join(r.Workspaces, d.Name())))
	}
	return err
}

// Answer runs the plan in e and returns its result, always. It does not ask
// e.Attempts: see Interrupted. What ends ctx interrupts the plan.
func (r *Runner) Answer(ctx context.Context, e Entry) plans.Result {
	a := r.attempt(e)
	value, err := a.run(ctx)
	return a.result(value, err)
}

// Interrupted makes the result of a plan that an earlier agent died in.
func (r *Runner) Interrupted(e Entry) plans.Result {
	a := r.attempt(e)
	a.plan, _ = plans.ParseOptions{Max: r.MaxFormat}.Parse(e.Message.Body)
	r.drop(e)
	err := refuse(plans.CauseAgentInterrupted, plans.OwnerGuest, "send the plan again with a new ID if its scripts may run twice",
		"agent or guest went down while the plan ran; what its scripts had done by then is unknown")
	res := a.result(nil, err)
	res.Report.State = plans.StateInterrupted
	res.Report.Attempts = e.Attempts
	return res
}

// maxReruns bounds how often a plan that takes the agent down is begun again.
const maxReruns = 5

// GoesOn tells whether the plan in e, which was begun and not ended, is to be
// answered again instead of as interrupted: it asks for that (onInterrupt), and
// was not cut too often; or it asked for a reboot.
func (r *Runner) GoesOn(e Entry) bool {
	if e.Refused != "" || e.Cancelled != "" || e.Attempts >= maxReruns {
		return false
	}
	p, err := plans.ParseOptions{Max: r.MaxFormat}.Parse(e.Message.Body)
	return err == nil && p.Options.OnInterrupt == plans.InterruptRerun
}

// Cancelled makes the result of a plan that was cancelled before it ran, or
// while no agent ran.
func (r *Runner) Cancelled(e Entry) plans.Result {
	a := r.attempt(e)
	a.plan, _ = plans.ParseOptions{Max: r.MaxFormat}.Parse(e.Message.Body)
	r.drop(e)
	when := "before it ran"
	if e.Attempts > 0 {
		when = "while it was interrupted; what its scripts had done by then is unknown"
	}
	res := a.result(nil, refuse(plans.CausePlanCancelled, plans.OwnerController, "send the plan again with a new ID to run it", "the plan was %s %s", Cancellation{e.Cancelled}, when))
	res.Report.State = plans.StateCancelled
	res.Report.Attempts = e.Attempts
	return res
}

// drop removes the workspace of a plan that does not go on.
func (r *Runner) drop(e Entry) {
	if !isWorkspace(e.Key) {
		return
	}
	if err := removeTree(filepath.Join(r.Workspaces, e.Key)); err != nil {
		r.logger().Warn("workspace of a plan that was cut was not removed", "plan", e.Message.ID, "error", err)
	}
}

func (r *Runner) attempt(e Entry) *attempt {
	id, _ := plans.Identify(e.Message)
	return &attempt{r: r, e: e, id: id, log: r.logger().With("plan", id), began: r.now()}
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Runner) logger() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

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

	mu      sync.Mutex // a Body that ends with its context may leave a script behind for a moment
	now     string     // name of the phase it is in
	cut     string     // name of the phase in which its context ended, if a script or a download saw it
	phases  []plans.Phase
	scripts []plans.ScriptReport
	runs    int
	logged  int64 // bytes in the logs of its scripts
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
	if t := a.plan.Options.Timeout; t > 0 {
		late := &timeoutError{what: "the plan", after: t}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, t, late)
		defer cancel()
	}
	end := a.phase(plans.PhaseFiles, time.Time{})
	a.ws, err = NewWorkspace(a.r.Workspaces, a.folder(), a.r.Fetcher)
	end()
	if err != nil {
		return nil, err
	}
	defer a.clean()

	end = a.phase(plans.PhaseBody, time.Time{})
	value, err := program.Run(ctx, a.scope())
	if err != nil && ctx.Err() != nil {
		err = a.ended(ctx)
	}
	end()
	if err != nil {
		return nil, err
	}
	return encode(value)
}

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
// on without would be another plan.
func (a *attempt) supported() error {
	ask := func(what string) error {
		return refuse(plans.CausePlanUnsupported, plans.OwnerGuest, "leave the option out, or update the agent", "%s: this agent does not have it", what)
	}
	check := func(where string, o plans.Options) error {
		switch {
		case o.RunAs != "":
			return ask(where + ".runAs")
		case o.Limits != plans.Limits{}:
			return ask(where + ".limits")
		case o.Nice != 0:
			return ask(where + ".nice")
		case o.Mirror == "only":
			return ask(where + ".mirror: only")
		}
		return nil
	}
	if a.plan.Options.OnInterrupt == "resume" {
		return ask("Options.onInterrupt: resume")
	}
	if err := check("Options", a.plan.Options); err != nil {
		return err
	}
	for name, s := range a.plan.Scripts {
		where := fmt.Sprintf("Scripts[%q].Options", name)
		if a.r.Executors[s.Type] == nil {
			return ask(fmt.Sprintf("Scripts[%q].Type %q", name, s.Type))
		}
		if s.Options.Reboot != 0 {
			return ask(where + ".reboot")
		}
		if err := check(where, s.Options.Options); err != nil {
			return err
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
	return body.Scope{Args: a.plan.Parameters, Scripts: scripts, Files: a.r.Files, Limits: a.r.Limits, Now: a.r.Now, Log: a.log}
}

// ended says why ctx, which is done, ended: a deadline of the plan, or the agent.
func (a *attempt) ended(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	phase := cmp.Or(a.cut, a.now)
	var late *timeoutError
	if errors.As(context.Cause(ctx), &late) {
		return &timeoutError{what: late.what, after: late.after, phase: phase}
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

func (a *attempt) clean() {
	end := a.phase(plans.PhaseCleanup, time.Time{})
	defer end()
	if err := a.ws.Remove(); err != nil {
		a.log.Error("workspace was not removed", "error", err)
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
		p := plans.Phase{Name: name, Start: start.UTC(), Seconds: a.r.now().Sub(start).Seconds()}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now = before
		if len(a.phases) < maxReported {
			a.phases = append(a.phases, p)
		}
	}
}

func (a *attempt) tell(phase, script, text string) {
	if a.r.Progress == nil {
		return
	}
	a.r.Progress(plans.Event{Kind: plans.EventProgress, Time: a.r.now(), Plan: a.id, Phase: phase, Script: script, Text: a.mask.text(text)})
}

// encode makes the Body of the result. What JSON has no word for (NaN,
// Infinity) is refused, as json.dumps(allow_nan=False) does; murano-agent 12.0.0
// sends it, and no JSON reader takes it.
func encode(v body.Value) (json.RawMessage, error) {
	b, err := body.EncodeJSON(v)
	if err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, &body.Exception{Class: "ValueError", Args: []body.Value{"Out of range float values are not JSON compliant"}}
	}
	if len(b) > maxBody {
		return nil, refuse(plans.CauseBodyLimit, plans.OwnerPackage, "return less, and leave the rest in a file on the guest",
			"the Body returned %d bytes of JSON; a result may hold %d", len(b), maxBody)
	}
	return b, nil
}

const (
	// maxReported bounds the phases and the runs of scripts in a Report.
	maxReported = 200
	maxBody     = plans.MaxMessage - 1<<20
)

// result makes the result of value or, unless it is nil, of err.
func (a *attempt) result(value json.RawMessage, err error) plans.Result {
	a.mu.Lock()
	report := &plans.Report{
		State: plans.StateSucceeded, Agent: a.r.Version, Host: a.r.Hostname, Attempts: a.e.Attempts + 1,
		Phases: a.phases, Scripts: a.scripts,
	}
	a.mu.Unlock()
	res := plans.Result{ID: plans.NewResultID(), SourceID: a.id, Body: value, Time: a.r.now(), Report: report}
	if to := a.replyTo(); to != "" {
		res.ReplyTo = &to
	}
	if err == nil {
		return res
	}
	var script *ScriptError
	if errors.As(err, &script) && script.Output != nil {
		masked := a.mask.output(*script.Output) // before the cause quotes a part of it
		script.Output = &masked
	}
	cause, state := causeOf(err)
	cause.Text = a.mask.text(cause.Text)
	report.State, report.Cause = state, &cause
	res.ErrorCode = plans.ErrorCode(err)
	message, info := err.Error(), (*plans.ScriptOutcome)(nil)
	var syntax *body.SyntaxError
	switch {
	case script != nil:
		if message = script.Message; script.Output != nil {
			info = &plans.ScriptOutcome{ExitCode: script.Output.ExitCode, Stdout: script.Output.Stdout, Stderr: script.Output.Stderr}
		}
	case errors.As(err, &syntax):
		message = syntax.Error()
	}
	res.Body = plans.Failure(res.ErrorCode, a.mask.text(message), info)
	// murano-agent leaves ReplyTo out of the answer to a plan that it did not accept.
	res.OmitReplyTo = res.ErrorCode == plans.CodeFormat || res.ErrorCode == plans.CodeVersion
	return res
}

// replyTo is who asked: the plan's own word, else the message's property.
func (a *attempt) replyTo() string {
	if a.plan.ReplyTo != "" {
		return a.plan.ReplyTo
	}
	return a.e.Message.ReplyTo
}
