// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// call gives the Body what comes of a script: from the journal, where an earlier
// attempt called it to the end, else by running it.
func (a *attempt) call(ctx context.Context, name string, args []body.Value, kwargs *body.Dict) (body.Value, error) {
	a.calls++
	c := step{Step: stepCall, Call: a.calls, Script: name}
	if a.keeps {
		var err error
		if c.With, err = fingerprint(ctx, args, kwargs); err != nil {
			return nil, err
		}
	}
	if ended, err := a.replayed(c); err != nil {
		return nil, a.halt(err)
	} else if ended != nil {
		return ended.answer()
	}
	if a.keeps {
		c.Clock = a.clock.taken()
	}
	if err := a.journal.write(c); err != nil && a.keeps {
		return nil, a.halt(err)
	}
	report, out, err := a.script(ctx, name, args, kwargs)
	if a.cutIn(ctx, "script "+name) {
		if report != nil { // it ran, or had failed and was about to run again
			a.mu.Lock()
			a.interim = &out
			a.mu.Unlock()
		}
		return nil, ctx.Err()
	}
	if option := (*UnsupportedOptionError)(nil); errors.As(err, &option) {
		return nil, a.halt(err)
	}
	reboots := err == nil && a.reboots(name, out.ExitCode)
	if s := a.plan.Scripts[name]; err == nil && !reboots && s.Options.VerifyExitcode && out.ExitCode != 0 {
		message := cmp.Or(out.Failure, fmt.Sprintf("Script %s returned error code", name))
		err = &ScriptError{Message: message, Output: &out}
	}
	end := a.endOf(c, report, out, err)
	if reboots { // as one step: what asks for a reboot gets it, whatever happens between
		end.Boot, end.Asked = a.r.BootID, 1
	}
	if err := a.ends(end, reboots); err != nil {
		return nil, a.halt(err)
	}
	if reboots {
		return nil, a.reboot(ctx, 1)
	}
	if err != nil {
		return nil, err
	}
	return body.NewScriptResult(out.ExitCode, out.Stdout, out.Stderr), nil
}

// replayed gives what came of the call before the plan was cut; nil: nothing yet.
// A call that is not the one in the journal is an error.
func (a *attempt) replayed(c step) (*step, error) {
	if a.replay == nil {
		return nil, nil
	}
	was, ended := a.replay.next, a.replay.ended
	if was.Call != 0 && (was.Call != c.Call || was.Script != c.Script || was.With != c.With) {
		why := fmt.Sprintf("the plan was cut and cannot go on, because its Body took another way: call %d was script %s and now is script %s", c.Call, was.Script, c.Script)
		if was.Script == c.Script {
			why = fmt.Sprintf("the plan was cut and cannot go on, because its Body took another way: call %d, script %s, has other arguments", c.Call, c.Script)
		}
		if err := a.journal.write(step{Step: stepOver, Why: why}); err != nil {
			return nil, err
		}
		return nil, &verdict{plans.StateInterrupted, plans.Cause{
			Code: plans.CauseAgentInterrupted, Owner: plans.OwnerPackage, Text: why,
			Hint: "let the Body decide by Parameters and by what its scripts return alone, or send the plan again with a new ID",
		}}
	}
	if ended == nil { // the call that was cut, or the first that was not made
		a.replay.close()
		a.replay, a.clock.again = nil, nil
		return nil, nil
	}
	if err := a.replay.advance(); err != nil {
		return nil, err
	}
	a.clock.again = a.replay.next.Clock
	if ended.Ended.Ran {
		a.report(ended.Ended.Report)
	}
	return ended, nil
}

// ends keeps what came of a call. What the script did is on disk before the
// journal says that it ended.
func (a *attempt) ends(end step, reboots bool) error {
	durable := reboots || a.plan.Options.OnInterrupt == plans.InterruptResume
	if durable {
		syncDisks()
	}
	err := a.journal.write(end)
	if err == nil && durable {
		err = a.journal.sync()
	}
	if a.keeps && durable {
		return err
	}
	return nil
}

// script runs a script as often as its retries allow and gives what came of the
// last attempt.
func (a *attempt) script(ctx context.Context, name string, args []body.Value, kwargs *body.Dict) (*plans.ScriptReport, Output, error) {
	s := a.plan.Scripts[name]
	at, err := a.place(ctx, name)
	if err != nil {
		return nil, Output{}, err
	}
	retry := s.Options.Retry
	if retry.Attempts == 0 {
		retry = a.plan.Options.Retry
	}
	for n := 1; ; n++ {
		report, out, err := a.once(ctx, name, at, args, kwargs, n)
		if ctx.Err() != nil || n >= retry.Attempts || err == nil && a.reboots(name, out.ExitCode) || !again(retry, out, err) {
			return report, out, err
		}
		d := a.r.pause(retry, n)
		phase := "retry " + name
		end := a.phase(phase, time.Time{})
		a.tell(phase, name, fmt.Sprintf("attempt %d of %d failed, exit code %d; the next in %s", n, retry.Attempts, out.ExitCode, d.Round(time.Millisecond)))
		err = wait(ctx, d)
		a.cutIn(ctx, phase)
		end()
		if err != nil {
			return report, out, err
		}
	}
}

// place puts the script's files there before its first run, as murano-agent
// does: later runs find them as the earlier ones left them.
func (a *attempt) place(ctx context.Context, name string) (placed, error) {
	if at, ok := a.placed[name]; ok {
		return at, nil
	}
	defer a.phase(plans.PhaseFiles, time.Time{})()
	dir, entry, err := a.ws.Place(ctx, a.plan, name)
	if err != nil {
		a.cutIn(ctx, plans.PhaseFiles)
		return placed{}, err
	}
	if a.placed == nil {
		a.placed = map[string]placed{}
	}
	a.placed[name] = placed{dir, entry}
	return a.placed[name], nil
}

// unitPrefix begins the name of each unit that a script runs in.
const unitPrefix = "murano-"

// unitOfRun names the unit of a run of a script of the plan with that folder.
func unitOfRun(folder string, run int) string {
	return fmt.Sprintf("%s%s-%d", unitPrefix, folder, run)
}

// once is one attempt; its report is nil if nothing ran. A script that ran over
// its time is a *ScriptError with what it had written.
func (a *attempt) once(ctx context.Context, name string, at placed, args []body.Value, kwargs *body.Dict, n int) (*plans.ScriptReport, Output, error) {
	s := a.plan.Scripts[name]
	a.runs++
	if err := a.noteRun(name, n); err != nil {
		return nil, Output{}, err
	}
	phase := "script " + name
	end := a.phase(phase, time.Time{})
	defer end()
	logs := a.openLogs(name, n, s.Options)
	defer logs.close()

	own := ctx
	if t := s.Options.Timeout; t > 0 {
		var cancel context.CancelFunc
		own, cancel = context.WithTimeoutCause(ctx, t, &timeoutError{what: fmt.Sprintf("Script %s", name), after: t})
		defer cancel()
	}
	o := effective(a.plan.Options, s.Options.Options)
	start := a.r.now()
	a.log.Info("script starts", "script", name, "attempt", n)
	out, err := a.r.Executors[s.Type].Run(own, Call{
		Plan: a.id, Format: a.plan.FormatVersion, Name: name, Script: s, Args: args, Kwargs: kwargs,
		Dir: at.dir, Entry: at.entry, Env: a.env(s), Stdout: logs.stdout, Stderr: logs.stderr,
		Unit: unitOfRun(a.folder(), a.runs), User: o.RunAs, Nice: o.Nice, Limits: o.Limits, PrivateTmp: o.PrivateTmp, Secret: a.mask.finder(),
		Grace: a.r.Grace, MaxOutput: a.r.MaxOutput,
	})
	out.bound(cmp.Or(a.r.MaxOutput, DefaultMaxOutput))
	seconds := a.r.now().Sub(start).Seconds()
	a.log.Info("script ended", "script", name, "attempt", n, "exit", out.ExitCode, "seconds", seconds)
	var late *timeoutError
	if err != nil && own.Err() != nil && ctx.Err() == nil && errors.As(context.Cause(own), &late) {
		err = &scriptTimeout{ScriptError{Message: late.Error(), Output: &out}, late}
	}
	if option := (*UnsupportedOptionError)(nil); errors.As(err, &option) {
		return nil, out, err
	}
	report := plans.ScriptReport{Script: name, Attempt: n, ExitCode: out.ExitCode, Seconds: seconds, Truncated: out.Truncated, Limit: out.Limit}
	a.report(report)
	a.tell(phase, name, fmt.Sprintf("exit code %d", out.ExitCode))
	return &report, out, err
}

// noteRun has the journal say that a script is about to run. One that cannot
// say so must not be read as if none had.
func (a *attempt) noteRun(script string, n int) error {
	err := a.journal.write(step{Step: stepRun, Script: script, Run: a.runs, Attempt: n})
	if err != nil && !a.keeps {
		err = a.journal.forget()
	}
	if err != nil {
		return a.halt(err)
	}
	return nil
}

// bound cuts the middle out of streams that an Executor made longer than limit,
// as the three bytes do that stand for each byte of what is no text.
func (o *Output) bound(limit int) {
	const mark = cutMark + "the middle was cut: the whole output is in the log of the script, on the guest ...]\n"
	for _, s := range []**string{&o.Stdout, &o.Stderr} {
		if *s == nil || len(**s) <= limit+1<<10 { // an Executor's own mark comes on top
			continue
		}
		text := **s
		text = strings.ToValidUTF8(text[:limit/2], "") + mark + strings.ToValidUTF8(text[len(text)-limit/2:], "")
		*s, o.Truncated = &text, true
	}
}

func (a *attempt) report(r plans.ScriptReport) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.scripts) < maxReported {
		a.scripts = append(a.scripts, r)
	}
}

// effective are a script's own options, and the plan's where it has none.
func effective(plan, own plans.Options) plans.Options {
	return plans.Options{
		RunAs: cmp.Or(own.RunAs, plan.RunAs), Nice: cmp.Or(own.Nice, plan.Nice), PrivateTmp: own.PrivateTmp || plan.PrivateTmp,
		Limits: plans.Limits{
			Memory: cmp.Or(own.Limits.Memory, plan.Limits.Memory), CPU: cmp.Or(own.Limits.CPU, plan.Limits.CPU),
			Pids: cmp.Or(own.Limits.Pids, plan.Limits.Pids),
		},
	}
}

// A scriptTimeout is the failure of a script that ran over its own time.
type scriptTimeout struct {
	ScriptError
	late *timeoutError
}

func (e *scriptTimeout) Unwrap() []error { return []error{&e.ScriptError, e.late} }

// again decides whether a script is run again after an attempt.
func again(r plans.Retry, out Output, err error) bool {
	var late *scriptTimeout
	switch {
	case errors.As(err, &late):
		return len(r.On) == 0 && len(r.Class) == 0
	case err != nil:
		return false // the script did not run: it will not, however often
	case out.ExitCode == 0:
		return false
	case len(r.On) == 0 && len(r.Class) == 0:
		return true
	}
	code, _, _ := classify(&out)
	class := strings.TrimPrefix(code, "script.") // network and lock are named as their causes are
	return slices.Contains(r.On, out.ExitCode) || slices.Contains(r.Class, class)
}

// pause is the time before the attempt after the nth: the delay doubles, and is
// shortened by up to a quarter, so that many guests do not come back at once.
func (r *Runner) pause(retry plans.Retry, n int) time.Duration {
	d := retry.Delay
	for range n - 1 {
		if retry.MaxDelay > 0 && d >= retry.MaxDelay || d > time.Hour {
			break
		}
		d *= 2
	}
	if retry.MaxDelay > 0 {
		d = min(d, retry.MaxDelay)
	}
	random := r.Rand
	if random == nil {
		random = mathrand.Float64
	}
	return d - time.Duration(random()*float64(d)/4)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// plain makes a file name of a script's name.
func plain(name string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
	return s[:min(len(s), 40)]
}
