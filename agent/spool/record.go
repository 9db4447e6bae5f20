// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/plans"
)

const (
	planName       = "plan.json"
	stateName      = "state.json"
	resultName     = "result.json"
	whyName        = "WHY.txt"
	journalName    = "journal.jsonl" // the runner's
	lockName       = ".lock"
	reserveName    = ".reserve"
	knownName      = "known"
	quarantineName = "quarantine"
	noteName       = "NOTE.txt"
	newPrefix      = ".new-"
)

// States of state.json. Between Finish and Archive the file says running, and
// result.json says otherwise: it alone makes a plan finished.
const (
	statePending  = "pending"
	stateRunning  = "running"
	stateFinished = "finished" // and owed to somebody
	stateAnswered = "answered"
)

// A record is what memory holds of a plan: never its body, never its result.
type record struct {
	key      string
	state    state
	waits    bool   // Next has not returned it
	finished bool   // result.json is there
	archived bool   // it is in the history
	result   string // ID of result.json, as far as it was read
}

// earlier tells whether a is the answer of a result that Retry has set aside.
func (r *record) earlier(a agent.Answer) bool {
	return !r.finished || r.result != "" && a.Result.ID != r.result
}

// state is state.json.
type state struct {
	Format    int        `json:"format"`
	ID        string     `json:"id"`
	Name      string     `json:"name,omitempty"`
	Stamp     int64      `json:"stamp,omitempty"`
	State     string     `json:"state"`
	Result    string     `json:"result,omitempty"` // State of the Report
	Attempts  int        `json:"attempts"`
	Received  time.Time  `json:"received"`
	Begun     *time.Time `json:"begun,omitempty"` // the last attempt
	Finished  *time.Time `json:"finished,omitempty"`
	Answered  *time.Time `json:"answered,omitempty"`
	Owed      []string   `json:"owed"`           // for each answer that is still owed, where to; "" means the configured queue
	Told      []string   `json:"told,omitempty"` // as Owed, whom this round's answers went to
	Answers   int        `json:"answers"`
	Bytes     int64      `json:"bytes,omitempty"` // of the directory, from when it was answered
	Refused   string     `json:"refused,omitempty"`
	Cancelled string     `json:"cancelled,omitempty"` // by whom
	Retrying  int        `json:"retrying,omitempty"`  // the earlier result is about to become result-<n>.json
	Message   properties `json:"message"`
}

// properties are those of the message, its body apart.
type properties struct {
	ID          string `json:"messageId,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	ReplyTo     string `json:"replyTo,omitempty"`
	Signature   []byte `json:"signature,omitempty"`
	Exchange    string `json:"exchange,omitempty"`
	Key         string `json:"routingKey,omitempty"`
	Redelivered bool   `json:"redelivered,omitempty"`
}

func propertiesOf(m plans.Message) properties {
	return properties{m.ID, m.ContentType, m.ReplyTo, m.Signature, m.Exchange, m.Key, m.Redelivered}
}

func (p properties) message(body []byte) plans.Message {
	return plans.Message{ID: p.ID, Body: body, ContentType: p.ContentType, ReplyTo: p.ReplyTo, Signature: p.Signature,
		Exchange: p.Exchange, Key: p.Key, Redelivered: p.Redelivered}
}

func (s state) encode() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

func readState(dir string) (state, error) {
	b, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return state{}, err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return state{}, fmt.Errorf("%s is empty", stateName)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return state{}, fmt.Errorf("%s: %w", stateName, err)
	}
	switch s.State {
	case statePending, stateRunning, stateFinished, stateAnswered:
	default:
		return state{}, fmt.Errorf("%s: state %q is none this agent knows", stateName, s.State)
	}
	if s.Format != 1 {
		return state{}, fmt.Errorf("%s: format %d is not 1", stateName, s.Format)
	}
	return s, nil
}

// write makes s the state of r, on disk first.
func (d *Dir) write(r *record, s state) error { return d.change(r, s, atomicfile.WriteFile) }

// change makes s the state of r, with how writing it.
func (d *Dir) change(r *record, s state, how writer) error {
	text, err := s.encode()
	if err != nil {
		return err
	}
	if err := d.replace(r, stateName, text, how); err != nil {
		return err
	}
	r.state = s
	return nil
}

// A writer is atomicfile.WriteFile or atomicfile.Replace.
type writer func(path string, data []byte, perm fs.FileMode) error

// replace replaces a file of r. Where somebody removed the directory, it is
// made again: what memory still knows must not be lost with it.
func (d *Dir) replace(r *record, name string, text []byte, how writer) error {
	dir := filepath.Join(d.path, r.key)
	path := filepath.Join(dir, name)
	err := how(path, text, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.restore(); err != nil {
		return err
	}
	if err := atomicfile.MkdirSync(dir, 0o700); err != nil {
		return err
	}
	state, err := r.state.encode()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, stateName), state, 0o600); err != nil {
		return err
	}
	d.o.Log.Error("the directory of a plan was removed by somebody and made again; the plan itself is lost", "plan", r.state.ID, "directory", dir)
	return how(path, text, 0o600)
}

// readResult reads result.json; false where there is none that can be read.
func readResult(dir string) (plans.Result, error) {
	b, err := os.ReadFile(filepath.Join(dir, resultName))
	if err != nil {
		return plans.Result{}, err
	}
	if len(b) == 0 {
		return plans.Result{}, errors.New("result.json is empty")
	}
	return plans.ParseResult(b)
}

// shortName is the part of a directory's name that is for people.
func (s state) shortName() string {
	plain := func(text string, n int) string {
		text = strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
				return r
			case r >= 'A' && r <= 'Z':
				return r + 'a' - 'A'
			}
			return '-'
		}, text)
		for strings.Contains(text, "--") {
			text = strings.ReplaceAll(text, "--", "-")
		}
		return strings.Trim(text[:min(len(text), n)], "-")
	}
	if n := plain(s.Name, 32); n != "" {
		return n
	}
	if n := plain(s.ID, 12); n != "" {
		return n
	}
	return "plan"
}
