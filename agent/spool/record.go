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
	"sync"
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
	attemptsName   = "attempts" // of 0.3 before its release: a line for each time the plan was begun
	logSuffix      = ".log"
	journalName    = "journal.jsonl" // the runner's
	lockName       = ".lock"
	reserveName    = ".reserve"
	knownName      = "known"
	quarantineName = "quarantine"
	noteName       = "NOTE.txt"
	newPrefix      = ".new-"
)

// States of state.json. result.json alone makes a plan finished: state.json does
// not say so before it is answered.
const (
	statePending  = "pending"
	stateRunning  = "running"
	stateFinished = "finished" // and owed to somebody
	stateAnswered = "answered"
)

// A record is what memory holds of a plan: never its body, never its result.
type record struct {
	key string

	// disk is held by whoever changes the plan's directory. What is below is
	// changed with it and Dir.mu held, so either is enough to read it.
	disk     sync.Mutex
	state    state
	finished bool   // result.json is there
	result   string // ID of result.json, as far as it was read
	round    int    // how often Retry set a result aside in this life

	// Of Dir.mu alone:
	taken    bool // Next has returned it
	archived bool // it is in the history
}

// earlier tells whether a is the answer of a result that Retry has set aside.
func (r *record) earlier(a agent.Answer) bool {
	return !r.finished || r.result != "" && a.Result.ID != r.result
}

// state is what state.json says. It is one JSON object, whose last lines say
// again what changed since it was written: of a key that is there twice the last
// counts, as for every reader of JSON. It is added to where a new file would cost
// too much; else it is written anew, whole.
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
	Length    *int       `json:"length,omitempty"` // of plan.json; nil in spools of before 0.3

	torn bool // it does not end as it was written
}

// A change is the last line of a state.json: what is new in it.
type change struct {
	State    string     `json:"state"`
	Result   string     `json:"result,omitempty"`
	Attempts int        `json:"attempts"`
	Begun    *time.Time `json:"begun,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Answered *time.Time `json:"answered,omitempty"`
	Owed     []string   `json:"owed,omitzero"`
	Told     []string   `json:"told,omitempty"`
	Answers  int        `json:"answers,omitempty"`
	Bytes    int64      `json:"bytes,omitempty"`
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

// readState reads the state of the plan in dir, its attempts included.
func readState(dir string) (state, error) {
	b, err := readFile(filepath.Join(dir, stateName))
	if err != nil {
		return state{}, err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return state{}, fmt.Errorf("%s is empty", stateName)
	}
	s, err := parseState(b)
	if err != nil {
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
	if s.State == stateAnswered || s.Retrying > 0 {
		return s, nil
	}
	return s, s.countAttempts(dir)
}

// parseState reads a state. Where a power loss tore the last change, what stands
// before it is read, and the change counts as an attempt: the plan may have begun.
func parseState(b []byte) (s state, err error) {
	if err = json.Unmarshal(b, &s); err == nil {
		s.torn = !bytes.HasSuffix(b, []byte(stateTail))
		return s, nil
	}
	for n := len(b); n > 0; n = bytes.LastIndexByte(b[:n], '\n') {
		var before state
		text := append(bytes.TrimRight(b[:n:n], ",\n \x00"), '}')
		if json.Unmarshal(text, &before) != nil {
			continue
		}
		if before.Length == nil { // what never was whole
			break
		}
		if before.torn = true; (n < len(b) || b[n-1] == 0) && before.State != stateAnswered {
			before.State = stateRunning
			before.Attempts++
		}
		return before, nil
	}
	return s, err
}

// stateTail is how state.json ends.
const stateTail = "\n}\n"

// countAttempts adds to s what attempts is ahead of it. Each line is one, and
// so is what a power loss left of one: the plan may have begun.
func (s *state) countAttempts(dir string) error {
	b, err := readFile(filepath.Join(dir, attemptsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n, begun := 0, s.Begun
	for line := range bytes.Lines(b) {
		n++
		if at, err := time.Parse(time.RFC3339Nano, string(bytes.TrimSpace(line))); err == nil {
			begun = &at
		}
	}
	if n > s.Attempts {
		s.Attempts, s.Begun = n, begun
	}
	if n > 0 && s.State == statePending {
		s.State = stateRunning
	}
	return nil
}

// readFile reads a file of a spool. What is no plain file, such as a link or a
// pipe, is not opened: the agent never made it, and it may have no end.
func readFile(path string) ([]byte, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file: %s", filepath.Base(path), st.Mode())
	}
	return os.ReadFile(path)
}

// write makes s the state of r, on disk first. The caller holds r.disk.
func (d *Dir) write(r *record, s state) error {
	text, err := s.encode()
	if err != nil {
		return err
	}
	if err := d.replace(r, stateName, text); err != nil {
		return err
	}
	s.torn = false
	d.mu.Lock()
	defer d.mu.Unlock()
	r.state = s
	return nil
}

// amend makes s the state of r, in which c is new, by a line that how adds to
// state.json: atomicfile.Amend or atomicfile.Note. The caller holds r.disk.
func (d *Dir) amend(r *record, s state, c change, how func(path string, tail, text []byte) error) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(line) > longestChange || r.state.torn {
		return d.write(r, s)
	}
	text := append([]byte(",\n  "), line[1:len(line)-1]...)
	err = how(filepath.Join(d.path, r.key, stateName), []byte(stateTail), append(text, stateTail...))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, atomicfile.ErrTail) {
		return d.write(r, s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		r.state.torn = true
		return err
	}
	r.state = s
	return nil
}

// longestChange is how long a line of state.json may be. Of a plan that was asked
// for thousands of times, each answer would add thousands of names to it.
const longestChange = 4 << 10

// replace replaces a file of r. Where somebody removed the directory, it is
// made again: what memory still knows must not be lost with it.
func (d *Dir) replace(r *record, name string, text []byte) error {
	dir := filepath.Join(d.path, r.key)
	path := filepath.Join(dir, name)
	err := atomicfile.WriteFile(path, text, d.fileMode())
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.restore(); err != nil {
		return err
	}
	if err := atomicfile.MkdirSync(dir, 0o700); err != nil {
		return err
	}
	if err := d.share(dir); err != nil {
		return err
	}
	state, err := r.state.encode()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, stateName), state, d.fileMode()); err != nil {
		return err
	}
	d.o.Log.Error("the directory of a plan was removed by somebody and made again; the plan itself is lost", "plan", r.state.ID, "directory", dir)
	return atomicfile.WriteFile(path, text, d.fileMode())
}

// fileMode is that of every file of a plan but plan.json.
func (d *Dir) fileMode() fs.FileMode {
	if d.o.Group > 0 {
		return 0o640
	}
	return 0o600
}

// share opens a directory of the spool to the group; what is made in it then
// belongs to the group too.
func (d *Dir) share(dir string) error {
	if d.o.Group <= 0 {
		return nil
	}
	return giveTo(dir, d.o.Group, 0o750|fs.ModeSetgid)
}

// readResult reads result.json; false where there is none that can be read.
func readResult(dir string) (plans.Result, error) {
	b, err := readFile(filepath.Join(dir, resultName))
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
