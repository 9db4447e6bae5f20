// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// call runs a script as often as its retries allow and gives the Body what
// came of the last attempt.
func (a *attempt) call(ctx context.Context, name string, args []body.Value, kwargs *body.Dict) (body.Value, error) {
	s := a.plan.Scripts[name]
	at, err := a.place(ctx, name)
	if err != nil {
		return nil, err
	}
	retry := s.Options.Retry
	if retry.Attempts == 0 {
		retry = a.plan.Options.Retry
	}
	for n := 1; ; n++ {
		out, err := a.once(ctx, name, at, args, kwargs, n)
		if a.cutIn(ctx, "script "+name) {
			return nil, ctx.Err()
		}
		if n < retry.Attempts && again(retry, out, err) {
			a.tell("script "+name, name, fmt.Sprintf("attempt %d of %d failed, exit code %d", n, retry.Attempts, out.ExitCode))
			if err := wait(ctx, pause(retry, n)); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if s.Options.VerifyExitcode && out.ExitCode != 0 {
			message := out.Failure
			if message == "" {
				message = fmt.Sprintf("Script %s returned error code", name)
			}
			return nil, &ScriptError{Message: message, Output: &out}
		}
		return body.NewScriptResult(out.ExitCode, out.Stdout, out.Stderr), nil
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

// once is one attempt. A script that ran over its time is a *ScriptError with
// what it had written.
func (a *attempt) once(ctx context.Context, name string, at placed, args []body.Value, kwargs *body.Dict, n int) (Output, error) {
	s := a.plan.Scripts[name]
	a.runs++
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
	start := a.r.now()
	a.log.Info("script starts", "script", name, "attempt", n)
	out, err := a.r.Executors[s.Type].Run(own, Call{
		Plan: a.id, Format: a.plan.FormatVersion, Name: name, Script: s, Args: args, Kwargs: kwargs,
		Dir: at.dir, Entry: at.entry, Env: a.env(s), Stdout: logs.stdout, Stderr: logs.stderr,
		Grace: a.r.Grace, MaxOutput: a.r.MaxOutput,
	})
	seconds := a.r.now().Sub(start).Seconds()
	a.log.Info("script ended", "script", name, "attempt", n, "exit", out.ExitCode, "seconds", seconds)
	a.mu.Lock()
	if len(a.scripts) < maxReported {
		a.scripts = append(a.scripts, plans.ScriptReport{Script: name, Attempt: n, ExitCode: out.ExitCode, Seconds: seconds, Truncated: out.Truncated})
	}
	a.mu.Unlock()
	a.tell(phase, name, fmt.Sprintf("exit code %d", out.ExitCode))
	var late *timeoutError
	if err != nil && own.Err() != nil && ctx.Err() == nil && errors.As(context.Cause(own), &late) {
		return out, &scriptTimeout{ScriptError{Message: late.Error(), Output: &out}, late}
	}
	return out, err
}

// A scriptTimeout is the failure of a script that ran over its own time.
type scriptTimeout struct {
	ScriptError
	late *timeoutError
}

func (e *scriptTimeout) Unwrap() []error { return []error{&e.ScriptError, e.late} }

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

// pause is the time before the attempt after the nth: the delay doubles.
func pause(r plans.Retry, n int) time.Duration {
	d := r.Delay
	for range n - 1 {
		if r.MaxDelay > 0 && d >= r.MaxDelay || d > time.Hour {
			break
		}
		d *= 2
	}
	if r.MaxDelay > 0 {
		d = min(d, r.MaxDelay)
	}
	return d
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
