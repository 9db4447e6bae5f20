// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"

	"github.com/openmurano/murano/plans/body"
)

// ParseOptions say how a plan is read. The zero value is Parse's.
type ParseOptions struct {
	// Max is the newest format that is taken; zero means MaxVersion. An agent
	// configured by Murano's engine has MuranoVersion.
	Max Version
	// Warn, unless nil, is told what is ignored and likely a mistake.
	Warn func(*FormatError)
}

// Parse reads a plan of any format up to MaxVersion from JSON. It reports the
// fault that murano-agent 12.0.0 would meet first, then those only this
// project looks for. An error wraps a *FormatError or an *UnsupportedError.
func Parse(b []byte) (Plan, error) { return ParseOptions{}.Parse(b) }

// Parse reads a plan as o says.
func (o ParseOptions) Parse(b []byte) (Plan, error) {
	doc, err := decodeDocument(b)
	if err != nil {
		return Plan{}, err
	}
	return o.fromDocument(doc)
}

// ParseYAML reads a plan from YAML, of which JSON is a part. Only files hold
// plans as YAML, messages never do.
func (o ParseOptions) ParseYAML(b []byte) (Plan, error) {
	v, err := DecodeYAML(b)
	if err != nil {
		return Plan{}, err
	}
	doc, ok := v.(*body.Dict)
	if !ok {
		return Plan{}, notDocument(v)
	}
	return o.fromDocument(doc)
}

// Validate tells whether Parse would take what Encode makes of p.
func (p Plan) Validate() error {
	if p.FormatVersion == (Version{}) {
		return &FormatError{Path: "FormatVersion", Reason: "not set", Next: "set the oldest format that has what the plan uses, such as " + MuranoVersion().String()}
	}
	_, err := ParseOptions{}.fromDocument(p.document())
	return err
}

func decodeDocument(b []byte) (*body.Dict, error) {
	const next = "send the plan as one JSON object"
	switch {
	case len(b) > MaxMessage:
		return nil, &FormatError{Reason: fmt.Sprintf("a plan of %d bytes, above the bound of %d", len(b), MaxMessage), Next: "make large files Downloadable"}
	case len(bytes.TrimSpace(b)) == 0:
		return nil, &FormatError{Reason: "the plan is empty", Next: next}
	case bytes.HasPrefix(b, []byte("\ufeff")):
		return nil, &FormatError{Reason: "a byte order mark stands before the plan", Next: "save the plan as UTF-8 without one"}
	}
	v, err := body.DecodeJSON(b)
	if err != nil {
		return nil, &FormatError{Reason: "the plan is not JSON: " + err.Error(), Next: next}
	}
	doc, ok := v.(*body.Dict)
	if !ok {
		return nil, notDocument(v)
	}
	return doc, nil
}

func notDocument(v body.Value) error {
	return &FormatError{Reason: "a plan is an object with FormatVersion, Body and Scripts, this is " + kindOf(v), Next: "send the plan as one JSON object"}
}

// fromDocument checks doc against murano-agent's rules in its order, then reads
// it by ours.
func (o ParseOptions) fromDocument(doc *body.Dict) (Plan, error) {
	r := reader{ParseOptions: o, doc: doc}
	if r.Max == (Version{}) {
		r.Max = MaxVersion()
	}
	if err := r.checkMurano(); err != nil {
		return Plan{}, err
	}
	return r.plan()
}

// A reader is one plan being read.
type reader struct {
	ParseOptions
	doc    *body.Dict
	format Version
}

func (r *reader) warn(e *FormatError) {
	if r.Warn != nil {
		r.Warn(e)
	}
}

// plan reads a document that passed checkMurano.
func (r *reader) plan() (Plan, error) {
	p := Plan{FormatVersion: r.format}
	p.Name, p.Action, p.Version = r.informative("Name"), r.informative("Action"), r.informative("Version")
	for _, step := range []func(*Plan) error{
		r.readBody, r.readParameters, r.readID, r.readStamp, r.readReplyTo, r.readFiles, r.readScripts, r.readOptions,
	} {
		if err := step(&p); err != nil {
			return Plan{}, err
		}
	}
	return p, nil
}

// informative reads a text that nobody acts on: what is no string is dropped.
func (r *reader) informative(key string) string {
	v, ok := r.doc.Get(key)
	if s, isText := v.(string); isText {
		return s
	}
	if ok && v != nil {
		r.warn(&FormatError{Path: key, Reason: kindOf(v) + " where a string is expected; it is ignored", Next: "write it in quotes"})
	}
	return ""
}

func (r *reader) readBody(p *Plan) error {
	v, ok := r.doc.Get("Body")
	s, isText := v.(string)
	switch {
	case !ok:
		return &FormatError{Path: "Body", Reason: "missing", Next: `say what to run, at least "return"`, Code: CodeOther}
	case !isText:
		return &FormatError{Path: "Body", Reason: kindOf(v) + " where a string is expected", Next: `write the Body as one string, lines separated by \n`, Code: CodeOther}
	}
	p.Body = s
	return nil
}

// readParameters takes what is false in Python as none, as murano-agent does.
func (r *reader) readParameters(p *Plan) error {
	v, _ := r.doc.Get("Parameters")
	d, ok := v.(*body.Dict)
	switch {
	case ok && d.Len() > 0:
		p.Parameters = d
	case truthy(v):
		return &FormatError{Path: "Parameters", Reason: kindOf(v) + " where an object is expected", Next: "give each parameter a name", Code: CodeOther}
	}
	return nil
}

func (r *reader) readID(p *Plan) error {
	v, ok := r.doc.Get("ID")
	if !ok {
		return nil
	}
	s, isText := v.(string)
	if !isText {
		return &FormatError{Path: "ID", Reason: kindOf(v) + " where a string is expected", Next: "write it in quotes, or leave it out and set message_id", Code: CodeOther}
	}
	if reason := CheckID(s); reason != "" {
		return &FormatError{Path: "ID", Reason: fmt.Sprintf("%.80q %s", s, reason), Next: "use a random UUID"}
	}
	p.ID = s
	return nil
}

// CheckID tells what is wrong with id as the ID of a plan, which may name a
// directory and must fit into message_id; empty means nothing is. No ID at all
// is right too: message_id takes its place.
func CheckID(id string) string {
	switch {
	case strings.ContainsAny(id, `/\`):
		return "is a path, not a name"
	case id == "." || id == "..":
		return "is a directory"
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "holds a control character"
	case len(id) > 255:
		return "is longer than 255 bytes"
	case valid(id) != id:
		return "is not UTF-8"
	}
	return ""
}

func (r *reader) readStamp(p *Plan) error {
	v, _ := r.doc.Get("Stamp")
	switch n := v.(type) {
	case nil:
		return nil
	case int64:
		p.Stamp = max(n, 0)
		return nil
	}
	reason := kindOf(v) + " where an integer is expected"
	switch v.(type) {
	case float64, *big.Int:
		reason = pyText(v) + " is not an integer of 64 bits"
	}
	return &FormatError{Path: "Stamp", Reason: reason, Next: "send tenths of milliseconds since 1970, or leave it out"}
}

func (r *reader) readReplyTo(p *Plan) error {
	v, _ := r.doc.Get("ReplyTo")
	s, isText := v.(string)
	if !isText && v != nil {
		return &FormatError{Path: "ReplyTo", Reason: kindOf(v) + " where a string is expected", Next: "name a queue, or leave it out"}
	}
	p.ReplyTo = s
	return nil
}
