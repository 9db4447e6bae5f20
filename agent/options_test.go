// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

func TestWhatTheAgentCannotGiveIsRefusedBeforeAnythingRuns(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "ran")
	for name, o := range map[string]object{
		"mirror":    {"Options": object{"mirror": "only"}},
		"a script":  options(object{"mirror": "only"}),
		"reboot":    options(object{"reboot": 194}),
		"a builtin": {"Body": "deploy()\nreturn eval('1')"},
	} {
		p := document("#!/bin/sh\ntouch "+marker, "deploy()\nreturn 1", o)
		p["FormatVersion"] = "2.3.0"
		got := answer(t, newRunner(t), p)
		if got.ErrorCode == plans.CodeOK || got.Report.State != plans.StateRejected {
			t.Errorf("%s: got %d %s, state %s", name, got.ErrorCode, got.Body, got.Report.State)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Fatalf("%s: the script ran", name)
		}
	}
}

// recorder is an Executor that keeps its Calls and answers from a list.
type recorder struct {
	calls   []agent.Call
	answers []recorded
}

type recorded struct {
	out agent.Output
	err error
}

func (r *recorder) Run(_ context.Context, c agent.Call) (agent.Output, error) {
	r.calls = append(r.calls, c)
	if n := len(r.calls); n <= len(r.answers) {
		return r.answers[n-1].out, r.answers[n-1].err
	}
	return agent.Output{}, nil
}

func TestAnOptionThatTheGuestDoesNotHaveRejectsThePlanUnlessAScriptRan(t *testing.T) {
	missing := &agent.UnsupportedOptionError{Option: "limits.memory", Reason: "no cgroups here"}
	for _, tt := range []struct {
		name    string
		answers []recorded
		state   string
	}{
		{"nothing ran", []recorded{{err: missing}}, plans.StateRejected},
		{"a script ran before", []recorded{{}, {err: missing}}, plans.StateFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRunner(t)
			r.Executors = map[string]agent.Executor{"Application": &recorder{answers: tt.answers}}
			p := document("", "try:\n    deploy()\n    deploy()\nexcept Exception:\n    return 'caught'", nil)
			got := answer(t, r, p)
			message, _ := failure(t, got)
			if got.ErrorCode != plans.CodeOther || got.State() != tt.state || got.Report.Cause.Code != plans.CausePlanUnsupported || message != "option limits.memory: no cgroups here" {
				t.Errorf("got %d %s %s %+v", got.ErrorCode, got.State(), got.Body, got.Report.Cause)
			}
		})
	}
}

func TestAScriptsOptionsStandBeforeThoseOfThePlan(t *testing.T) {
	x := &recorder{}
	r := newRunner(t)
	r.Executors = map[string]agent.Executor{"Application": x}
	p := document("", "deploy()\nreturn 1", options(object{"runAs": "www-data", "limits": object{"memory": "64M"}}))
	p["FormatVersion"] = "2.3.0"
	p["Parameters"] = object{"password": "correct horse"}
	p["Options"] = object{"runAs": "nobody", "nice": 5, "privateTmp": true, "limits": object{"memory": "1G", "pids": 10}, "secrets": []any{"password"}}
	e := agent.Entry{Key: "17954422286073-case", Message: plans.Message{ID: "m", Body: encoded(t, p)}, Dir: t.TempDir()}
	if got := r.Answer(t.Context(), e); got.ErrorCode != 0 {
		t.Fatalf("%s", got.Body)
	}
	c := x.calls[0]
	if c.User != "www-data" || c.Nice != 5 || !c.PrivateTmp || c.Limits != (plans.Limits{Memory: 64 << 20, Pids: 10}) || c.Unit != "murano-17954422286073-case-1" {
		t.Errorf("call %+v", c)
	}
	if c.Secret == nil || !c.Secret("--password='correct horse'") || c.Secret("nothing") {
		t.Error("Secret does not tell the secret")
	}
}

func TestAScriptThatALimitEndedSaysSo(t *testing.T) {
	r := newRunner(t)
	r.Executors = map[string]agent.Executor{"Application": &recorder{answers: []recorded{{out: agent.Output{ExitCode: 137, Limit: "killed: memory limit of 64 MiB"}}}}}
	got := answer(t, r, document("", "return deploy()", nil))
	if got.ErrorCode != plans.CodeScript || got.Report.Cause.Code != plans.CauseScriptLimit ||
		got.Report.Cause.Text != "Script deploy returned error code 137: killed: memory limit of 64 MiB" || got.Report.Scripts[0].Limit == "" {
		t.Errorf("got %d, cause %+v, scripts %+v", got.ErrorCode, got.Report.Cause, got.Report.Scripts)
	}
}
