// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

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
		return nil, &verdict{plans.StateFailed, plans.Cause{
			Code: plans.CauseBodyLimit, Owner: plans.OwnerPackage, Hint: "return less, and leave the rest in a file on the guest",
			Text: fmt.Sprintf("the Body returned %d bytes of JSON; a result may hold %d", len(b), maxBody),
		}}
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
		Phases: a.phases, Scripts: a.scripts, Preflight: a.mask.text(strings.Join(a.waited, "; ")),
	}
	interim := a.interim
	a.mu.Unlock()
	res := plans.Result{ID: plans.NewResultID(), SourceID: a.id, Body: value, Time: a.r.now(), Report: report}
	if to := a.replyTo(); to != "" {
		res.ReplyTo = &to
	}
	if err == nil {
		return res
	}
	cause, state := a.causeOf(err)
	if unsupported := (*UnsupportedOptionError)(nil); errors.As(err, &unsupported) && len(report.Scripts) > 0 {
		state = plans.StateFailed
	}
	report.State, report.Cause = state, &cause
	res.ErrorCode = plans.ErrorCode(err)
	message, out := err.Error(), interim
	var script *ScriptError
	var syntax *body.SyntaxError
	switch {
	case errors.As(err, &script):
		message, out = script.Message, script.Output
	case errors.As(err, &syntax):
		message = syntax.Error()
	}
	var info *plans.ScriptOutcome
	if out != nil {
		masked := a.mask.output(*out)
		info = &plans.ScriptOutcome{ExitCode: masked.ExitCode, Stdout: masked.Stdout, Stderr: masked.Stderr}
	}
	res.Body = plans.Failure(res.ErrorCode, a.mask.text(message), info)
	// murano-agent leaves ReplyTo out of the answer to a plan that it did not accept.
	res.OmitReplyTo = res.ErrorCode == plans.CodeFormat || res.ErrorCode == plans.CodeVersion
	return res
}

// causeOf is causeOf with secrets masked, before a part of a line is quoted.
func (a *attempt) causeOf(err error) (plans.Cause, string) {
	if script := asScriptError(err); script != nil && script.Output != nil {
		whole := script.Output
		masked := a.mask.output(*whole)
		script.Output = &masked
		defer func() { script.Output = whole }()
	}
	cause, state := causeOf(err)
	cause.Text = a.mask.text(cause.Text)
	return cause, state
}

// cutResult is the result of a plan that ended while it did not run.
func (a *attempt) cutResult(v verdict) plans.Result {
	res := a.result(nil, &v)
	res.Report.Attempts = a.e.Attempts
	return res
}

// replyTo is who asked: the plan's own word, else the message's property.
func (a *attempt) replyTo() string {
	if a.plan.ReplyTo != "" {
		return a.plan.ReplyTo
	}
	return a.e.Message.ReplyTo
}
