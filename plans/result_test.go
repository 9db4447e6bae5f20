// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
)

var (
	noon = time.Date(2026, 11, 23, 15, 13, 52, 71498000, time.FixedZone("CET", 3600))
	to   = "replies"
)

func results() map[string]plans.Result {
	out, ошибка := "out", "ошибка \x00\xff"
	return map[string]plans.Result{
		"value":   {ID: "0f", SourceID: "5f5a", Body: json.RawMessage(`"hello"`), Time: noon},
		"nothing": {ID: "0f", SourceID: "", Time: noon, ReplyTo: &to},
		"refused": {ID: "0f", SourceID: "5f5a", ErrorCode: plans.CodeFormat, Body: plans.Failure(plans.CodeFormat, "Scripts is not a dictionary", nil), Time: noon, OmitReplyTo: true},
		"script": {ID: "0f", SourceID: "5f5a", ErrorCode: plans.CodeScript, Time: noon,
			Body: plans.Failure(plans.CodeScript, ошибка, &plans.ScriptOutcome{ExitCode: 137, Stdout: &out})},
		"report": {ID: "0f", SourceID: "5f5a", Body: json.RawMessage("[1, 2.0]"), Time: noon, Report: &plans.Report{
			State: plans.StateFailed, Agent: "1.0.0", Host: "web", Attempts: 1,
			Phases:    []plans.Phase{{Name: plans.PhaseBody, Start: noon.UTC(), Seconds: 1.5}},
			Scripts:   []plans.ScriptReport{{Script: "deploy", Attempt: 2, ExitCode: 1, Seconds: 0.25, Truncated: true}},
			Preflight: "ready", Repairs: []string{"a nameserver was added"},
			Cause: &plans.Cause{Code: plans.CauseScriptExit, Text: "<exit> 1 & more", Owner: plans.OwnerPackage, Hint: "read the log"},
		}},
	}
}

func TestResultsAreWrittenAsMuranoAgentWritesThem(t *testing.T) {
	for name, r := range results() {
		t.Run(name, func(t *testing.T) {
			got, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "results", name+".want"), append(got, '\n'))
			back, err := plans.ParseResult(got)
			if err != nil {
				t.Fatal(err)
			}
			r.Time = r.Time.UTC()
			if r.Body == nil {
				r.Body = json.RawMessage("null")
			}
			if !reflect.DeepEqual(back, r) {
				t.Errorf("got  %+v\nwant %+v", back, r)
			}
		})
	}
}

func TestAResultWithoutIDIsGivenOne(t *testing.T) {
	r, err := plans.Result{SourceID: "x"}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := plans.ParseResult(r)
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(got.ID) {
		t.Errorf("got ID %q, %v; want a random UUID without dashes", got.ID, err)
	}
}

func TestABodyThatIsNotJSONIsNotSent(t *testing.T) {
	for _, text := range []string{"NaN", "{", `"a" "b"`} {
		if b, err := (plans.Result{SourceID: "5f5a", Body: json.RawMessage(text)}).Encode(); err == nil || !strings.Contains(err.Error(), "5f5a") {
			t.Errorf("%s: got %s, %v", text, b, err)
		}
	}
}

func TestFailureOfNothingIsNull(t *testing.T) {
	if got := plans.Failure(plans.CodeOK, "x", nil); string(got) != "null" {
		t.Errorf("got %s", got)
	}
}

func TestResultsOfOldAgentsAreRead(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       plans.Result
	}{
		{"an answer to a plan that ran", `{"FormatVersion": "2.0.0", "ID": "0f", "SourceID": "5f5a", "Action": "Execution:Result", "ErrorCode": 0, "Body": {"b": [1, 2.50]}, "Time": "2026-11-23 14:13:52.071498", "ReplyTo": null}`,
			plans.Result{ID: "0f", SourceID: "5f5a", Body: json.RawMessage(`{"b": [1, 2.50]}`), Time: noon.UTC()}},
		{"an answer to a plan that was refused", `{"ErrorCode": 9, "SourceID": "5f5a", "Body": {"Message": "x", "AdditionalInfo": null}, "Time": "2026-11-23 14:13:52"}`,
			plans.Result{SourceID: "5f5a", ErrorCode: 9, Body: json.RawMessage(`{"Message": "x", "AdditionalInfo": null}`), Time: noon.UTC().Truncate(time.Second), OmitReplyTo: true}},
		{"NaN becomes null", `{"SourceID": "5f5a", "ErrorCode": 0, "Body": [NaN, {"x": -Infinity}, 1.5], "ReplyTo": "replies"}`,
			plans.Result{SourceID: "5f5a", Body: json.RawMessage(`[null, {"x": null}, 1.5]`), ReplyTo: &to}},
		{"an ID that is a number is kept as text", `{"SourceID": 12345, "ErrorCode": 1}`,
			plans.Result{SourceID: "12345", ErrorCode: 1, Body: json.RawMessage("null"), OmitReplyTo: true}},
		{"an answer without ErrorCode succeeded", `{"SourceID": "5f5a", "Time": "yesterday"}`,
			plans.Result{SourceID: "5f5a", Body: json.RawMessage("null"), OmitReplyTo: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := plans.ParseResult([]byte(tc.text))
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tc.want)
			}
		})
	}
}

func TestWhatIsNoResultIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "not JSON"},
		{"a list", "[]", "a result is a JSON object, this is a list"},
		{"text cut short", `{"ErrorCode": 0`, "not JSON"},
		{"an ErrorCode that is text", `{"ErrorCode": "0"}`, `ErrorCode: "0" is not an integer`},
		{"a fraction as ErrorCode", `{"ErrorCode": 1.5}`, "ErrorCode: 1.5 is not an integer"},
		{"a result of format 1", `{"IsException": false, "Result": []}`, "v1 (Windows) agent"},
		{"a Report that is a list", `{"ErrorCode": 0, "Report": []}`, "Report: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := plans.ParseResult([]byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			checkFault(t, err)
		})
	}
}

func TestTheStateOfAResultIsItsReportsElseItsErrorCodes(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    plans.Result
		want string
	}{
		{"no error", plans.Result{}, plans.StateSucceeded},
		{"a format error", plans.Result{ErrorCode: plans.CodeFormat}, plans.StateRejected},
		{"a version too new", plans.Result{ErrorCode: plans.CodeVersion}, plans.StateRejected},
		{"a script", plans.Result{ErrorCode: plans.CodeScript + 1}, plans.StateFailed},
		{"a report", plans.Result{ErrorCode: 1, Report: &plans.Report{State: plans.StateExpired}}, plans.StateExpired},
	} {
		if got := tc.r.State(); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestErrorsHaveTheCodesOfResults(t *testing.T) {
	wrapped := errors.Join(os.ErrNotExist, &plans.FormatError{Path: "ID", Reason: "wrong", Next: "mend it"})
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, plans.CodeOK}, {os.ErrNotExist, plans.CodeOther}, {wrapped, plans.CodeFormat},
		{&plans.FormatError{Code: plans.CodeOther}, plans.CodeOther}, {&plans.UnsupportedError{}, plans.CodeVersion},
	} {
		if got := plans.ErrorCode(tc.err); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
	if got := plans.Detail(os.ErrNotExist); got != os.ErrNotExist.Error() {
		t.Errorf("got %q", got)
	}
}
