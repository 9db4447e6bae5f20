// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A verdict is an end of a plan that is known by its state and its cause.
type verdict struct {
	state string
	cause plans.Cause
}

func (v *verdict) Error() string { return v.cause.Text }

// refuse says that a plan is not run, and why.
func refuse(code, owner, hint, format string, a ...any) error {
	return &verdict{plans.StateRejected, plans.Cause{Code: code, Text: fmt.Sprintf(format, a...), Owner: owner, Hint: hint}}
}

func cancelled(text string) verdict {
	return verdict{plans.StateCancelled, plans.Cause{
		Code: plans.CausePlanCancelled, Owner: plans.OwnerController, Text: text, Hint: "send the plan again with a new ID to run it",
	}}
}

// A timeoutError is the cause of a context whose deadline passed.
type timeoutError struct {
	what  string // the plan, script "deploy"
	after time.Duration
	phase string // empty for a script
}

func (e *timeoutError) Error() string {
	s := fmt.Sprintf("%s timed out after %s", e.what, e.after)
	if e.phase != "" {
		s += " in phase " + e.phase
	}
	return s
}

func asScriptError(err error) *ScriptError {
	var script *ScriptError
	errors.As(err, &script)
	return script
}

// An interruption says that the agent was stopped while the plan ran.
type interruption struct{ phase string }

func (e *interruption) Error() string {
	return "the agent was stopped while the plan was in phase " + e.phase
}

// causeOf says why a plan failed with err, and in which state that leaves it.
func causeOf(err error) (plans.Cause, string) {
	c := plans.Cause{Text: plans.Detail(err)}
	say := func(code, owner, hint string) { c.Code, c.Owner, c.Hint = code, owner, hint }
	var (
		end         *verdict
		again       *replayed
		option      *UnsupportedOptionError
		unsupported *plans.UnsupportedError
		format      *plans.FormatError
		syntax      *body.SyntaxError
		limit       *body.LimitError
		timeout     *timeoutError
		stopped     *interruption
		script      *ScriptError
		download    *downloadError
		exception   *body.Exception
		misuse      *ArgumentError
	)
	switch {
	case errors.As(err, &end):
		return end.cause, end.state
	case errors.As(err, &again):
		return again.failure.Cause, again.failure.State
	case errors.As(err, &option):
		say(plans.CausePlanUnsupported, plans.OwnerGuest, "leave the option out, or use a guest that has it")
		return c, plans.StateRejected
	case errors.As(err, &unsupported):
		say(plans.CausePlanVersion, plans.OwnerController, "lower FormatVersion, or update the agent")
		return c, plans.StateRejected
	case errors.As(err, &format):
		say(plans.CausePlanFormat, plans.OwnerPackage, format.Next)
		return c, plans.StateRejected
	case errors.As(err, &syntax):
		say(plans.CauseBodySyntax, plans.OwnerPackage, "change the Body; docs/plan-format.md lists what it may hold")
		return c, plans.StateRejected
	case errors.As(err, &stopped):
		say(plans.CauseAgentInterrupted, plans.OwnerGuest, "send the plan again with a new ID if its scripts may run twice")
		return c, plans.StateInterrupted
	case errors.As(err, &timeout) && timeout.phase != "":
		say(plans.CausePlanTimeout, plans.OwnerPackage, "look at the logs of the phase, or raise Options.timeout")
		return c, plans.StateExpired
	case errors.As(err, &timeout):
		say(plans.CauseScriptTimeout, plans.OwnerPackage, "look at the log of the script, or raise the timeout in its Options")
	case isDiskFull(err):
		say(plans.CauseDiskFull, plans.OwnerGuest, "free space on the guest's disk, or use a flavor with a larger one")
	case errors.Is(err, ErrChecksum):
		say(plans.CauseFileChecksum, plans.OwnerPackage, "compare the file with the plan's SHA256 and Size, then correct the one that is wrong")
	case errors.As(err, &download):
		say(plans.CauseFileDownload, plans.OwnerNetwork, "see that the guest reaches the address, and that the file is there")
	case errors.As(err, &script):
		code, owner, hint := classify(script.Output)
		say(code, owner, hint)
		if script.Output != nil && script.Output.Limit != "" {
			say(plans.CauseScriptLimit, plans.OwnerPackage, "raise the limit in Options.limits, or make the script use less")
			c.Text += fmt.Sprintf(" %d: %s", script.Output.ExitCode, script.Output.Limit)
		} else if script.Output != nil {
			c.Text += fmt.Sprintf(" %d", script.Output.ExitCode)
			if line := lastLine(script.Output); line != "" {
				c.Text += ": " + line
			}
		}
	case errors.As(err, &limit):
		say(plans.CauseBodyLimit, plans.OwnerPackage, "do the work in a script")
	case errors.As(err, &exception), errors.As(err, &misuse):
		say(plans.CauseBodyException, plans.OwnerPackage, "change the Body, or the Parameters it gets")
	default:
		say(plans.CauseAgentFault, plans.OwnerGuest, "look at the agent's log on the guest")
	}
	return c, plans.StateFailed
}

func tail(s *string, n int) string {
	if s == nil {
		return ""
	}
	return (*s)[max(0, len(*s)-n):]
}

// lastLine is the last line of stderr, else of stdout, cut to 200 bytes.
func lastLine(o *Output) string {
	for _, s := range []*string{o.Stderr, o.Stdout} {
		t := tail(s, 4<<10)
		if t = strings.TrimSpace(t[strings.LastIndexByte(t, '\n')+1:]); t != "" {
			return strings.ToValidUTF8(t[:min(len(t), 200)], "")
		}
	}
	return ""
}
