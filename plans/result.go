// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/openmurano/murano/plans/body"
)

// MaxMessage is the largest message this project takes, in bytes: what RabbitMQ
// 3.10 lets through (a result of 140 MB was refused).
const MaxMessage = 128 << 20

const (
	resultFormat = "2.0.0"
	resultAction = "Execution:Result"
	resultTime   = "2006-01-02 15:04:05.000000"
)

// A Result answers one plan.
type Result struct {
	ID        string          // 32 hex digits; Encode makes one where it is empty
	SourceID  string          // ID of the plan that is answered
	ErrorCode int             // CodeOK or why not
	Body      json.RawMessage // what the plan's Body returned; see Failure where ErrorCode is not 0. Empty means null
	Time      time.Time
	// ReplyTo repeats the plan's reply-to, nil means null. murano-agent writes
	// it for plans that ran and leaves it out, as OmitReplyTo does, for plans
	// that broke their format, and wherever it goes to that reply-to.
	ReplyTo     *string
	OmitReplyTo bool
	Report      *Report // additive: Murano's engine does not read it
}

// A ScriptOutcome is what is known of the script that made a plan fail.
type ScriptOutcome struct {
	ExitCode int     `json:"exitCode"`
	Stdout   *string `json:"stdout"` // nil: nothing was written, or it was not captured
	Stderr   *string `json:"stderr"`
}

// NewResultID makes an ID: a random UUID without dashes, as murano-agent's.
func NewResultID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return hex.EncodeToString(u[:])
}

// Failure makes the Body of a result whose ErrorCode is code. info may be nil.
// It is null for CodeOK, which is no failure.
func Failure(code int, message string, info *ScriptOutcome) json.RawMessage {
	if code == CodeOK {
		return json.RawMessage("null")
	}
	var additional body.Value
	if info != nil {
		additional = body.NewDict("exitCode", int64(info.ExitCode), "stdout", optional(info.Stdout), "stderr", optional(info.Stderr))
	}
	b, err := body.EncodeJSON(body.NewDict("Message", valid(message), "AdditionalInfo", additional))
	if err != nil {
		panic("plans: strings and numbers have a JSON form: " + err.Error())
	}
	return b
}

func optional(s *string) body.Value {
	if s == nil {
		return nil
	}
	return valid(*s)
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// Encode writes r as murano-agent writes a result: its keys, in its order, as
// json.dumps spells them. Report comes after them.
func (r Result) Encode() ([]byte, error) {
	id := r.ID
	if id == "" {
		id = NewResultID()
	}
	value := bytes.TrimSpace(r.Body)
	if len(value) == 0 {
		value = []byte("null")
	}
	if !json.Valid(value) {
		return nil, fmt.Errorf("encode the result of plan %q: its Body is not JSON", r.SourceID)
	}
	d := body.NewDict(
		"FormatVersion", resultFormat,
		"ID", id,
		"SourceID", valid(r.SourceID),
		"Action", resultAction,
		"ErrorCode", int64(r.ErrorCode),
	)
	head, err := body.EncodeJSON(d)
	if err != nil {
		return nil, fmt.Errorf("encode the result of plan %q: %w", r.SourceID, err)
	}
	tail, err := r.encodeTail()
	if err != nil {
		return nil, fmt.Errorf("encode the result of plan %q: %w", r.SourceID, err)
	}
	out := make([]byte, 0, len(head)+len(value)+len(tail)+16)
	out = append(out, head[:len(head)-1]...)
	out = append(out, `, "Body": `...)
	out = append(out, value...)
	out = append(out, ", "...)
	return append(out, tail[1:]...), nil
}

func (r Result) encodeTail() ([]byte, error) {
	d := body.NewDict("Time", r.Time.UTC().Format(resultTime))
	if !r.OmitReplyTo {
		d.Set("ReplyTo", optional(r.ReplyTo))
	}
	if r.Report != nil {
		report, err := toValue(r.Report)
		if err != nil {
			return nil, err
		}
		d.Set("Report", report)
	}
	return body.EncodeJSON(d)
}

// toValue gives v, which encoding/json can write, as a value of package body.
func toValue(v any) (body.Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return body.DecodeJSON(b)
}

// ParseResult reads a result: one of ours or one of murano-agent's. NaN and
// infinities in it, which murano-agent can write and JSON has not, become null.
// An error wraps a *FormatError.
func ParseResult(b []byte) (Result, error) {
	if len(b) > MaxMessage {
		return Result{}, &FormatError{Reason: fmt.Sprintf("a result of %d bytes, above the bound of %d", len(b), MaxMessage), Next: "return less from the Body"}
	}
	var w struct {
		ID, SourceID, Time, ReplyTo json.RawMessage
		ErrorCode                   json.RawMessage
		Body                        json.RawMessage
		Report                      json.RawMessage
		IsException                 json.RawMessage
	}
	if err := json.Unmarshal(b, &w); err != nil {
		plain, err := withoutNaN(b)
		if err != nil {
			return Result{}, err
		}
		if err := json.Unmarshal(plain, &w); err != nil {
			return Result{}, &FormatError{Reason: "not a result: " + err.Error(), Next: "look at what else publishes to this queue"}
		}
	}
	if w.IsException != nil {
		return Result{}, &FormatError{Path: "IsException", Reason: "a result of Murano's v1 (Windows) agent", Next: "use an agent of format 2"}
	}
	r := Result{Body: w.Body, OmitReplyTo: w.ReplyTo == nil}
	if r.Body == nil {
		r.Body = json.RawMessage("null")
	}
	r.ID, r.SourceID = lenientText(w.ID), lenientText(w.SourceID)
	if w.ReplyTo != nil && string(w.ReplyTo) != "null" {
		to := lenientText(w.ReplyTo)
		r.ReplyTo = &to
	}
	code, err := resultCode(w.ErrorCode)
	if err != nil {
		return Result{}, err
	}
	r.ErrorCode = code
	r.Time = resultInstant(lenientText(w.Time))
	if len(w.Report) > 0 && string(w.Report) != "null" {
		var report Report
		if err := json.Unmarshal(w.Report, &report); err != nil {
			return Result{}, &FormatError{Path: "Report", Reason: err.Error(), Next: "run agent and controller of one version"}
		}
		r.Report = &report
	}
	return r, nil
}

func withoutNaN(b []byte) ([]byte, error) {
	v, err := body.DecodeJSON(b)
	if err != nil {
		return nil, &FormatError{Reason: "not JSON: " + err.Error(), Next: "look at what else publishes to this queue"}
	}
	if _, ok := v.(*body.Dict); !ok {
		return nil, &FormatError{Reason: "a result is a JSON object, this is " + kindOf(v), Next: "look at what else publishes to this queue"}
	}
	return body.EncodeJSON(finite(v))
}

// finite gives v with null for what JSON cannot write. It changes v.
func finite(v body.Value) body.Value {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case *body.List:
		for i, item := range v.Items {
			v.Items[i] = finite(item)
		}
	case *body.Dict:
		for _, k := range v.Keys() {
			item, _ := v.Get(k)
			v.Set(k, finite(item))
		}
	}
	return v
}

// lenientText gives a JSON string's text, and any other value as it is spelt.
func lenientText(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func resultCode(raw json.RawMessage) (int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return CodeOK, nil // as Murano's engine reads a result without one
	}
	var n int
	if err := json.Unmarshal(raw, &n); err != nil {
		return 0, &FormatError{Path: "ErrorCode", Reason: fmt.Sprintf("%.40s is not an integer", raw), Next: "look at what else publishes to this queue"}
	}
	return n, nil
}

// resultInstant reads Python's str(datetime), which leaves out zero microseconds.
func resultInstant(s string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
