// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/plans"
)

// A View is a spool as seen by somebody who is not its agent. It takes no lock
// and writes nothing, so it may be used while an agent runs, on a file system
// that is read-only, and by whoever may read. What the agent removes or
// replaces meanwhile shows as it was or as it is, never as an error.
type View struct {
	Path string // of the spool: <storage>/plans
}

// A Plan is what a View shows of one plan.
type Plan struct {
	Key   string `json:"key"` // name of its directory
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	State string `json:"state"` // pending, running, or one of plans.State...; empty where it cannot be told

	Received time.Time  `json:"received"`
	Begun    *time.Time `json:"begun,omitempty"` // the last attempt
	Finished *time.Time `json:"finished,omitempty"`
	Attempts int        `json:"attempts"`

	Owed    int `json:"owed"`    // answers that are still to be sent
	Answers int `json:"answers"` // answers that were sent

	ErrorCode *int         `json:"errorCode,omitempty"` // of the result
	Cause     *plans.Cause `json:"cause,omitempty"`     // why it did not succeed

	Bytes      int64  `json:"bytes"` // of its directory
	Dir        string `json:"dir"`
	Refused    string `json:"refused,omitempty"`    // why it must not run
	Cancelled  string `json:"cancelled,omitempty"`  // by whom
	Unreadable string `json:"unreadable,omitempty"` // what of it cannot be read, and why
}

// Ended says whether the plan has a result.
func (p Plan) Ended() bool {
	return p.State != "" && p.State != statePending && p.State != stateRunning
}

// Duration is how long the plan ran, or has run by now; 0 if it did not begin.
func (p Plan) Duration(now time.Time) time.Duration {
	switch {
	case p.Begun == nil:
		return 0
	case p.Finished != nil:
		return max(p.Finished.Sub(*p.Begun), 0)
	}
	return max(now.Sub(*p.Begun), 0)
}

// A Quarantined is a directory that an agent could not read and moved away.
type Quarantined struct {
	Name string `json:"name"`
	Dir  string `json:"dir"`
	Note string `json:"note"` // why; or why the note cannot be read
}

// Plans lists the plans by their arrival, the newest last. A plan that cannot be
// read is listed as far as it can. The error, of a spool that cannot be read at
// all, has a next step.
func (v View) Plans() ([]Plan, error) {
	entries, err := os.ReadDir(v.Path)
	if err != nil {
		return nil, v.denied(err)
	}
	all := make([]Plan, 0, len(entries))
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || name == quarantineName || strings.HasPrefix(name, ".") || atomicfile.Leftover(name) {
			continue
		}
		if p, ok := v.plan(name); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// Plan looks at one plan again, by its key.
func (v View) Plan(key string) (Plan, error) {
	if p, ok := v.plan(key); ok {
		return p, nil
	}
	return Plan{}, &FindError{Name: key, Dir: v.Path}
}

// plan looks at one directory; false if it is gone.
func (v View) plan(key string) (Plan, bool) {
	p := Plan{Key: key, Dir: filepath.Join(v.Path, key)}
	number, name, _ := strings.Cut(key, "-")
	if at, err := strconv.ParseInt(number, 10, 64); err == nil {
		p.Received = time.UnixMicro(at * 100).UTC()
	}
	s, err := readState(p.Dir)
	if err != nil {
		p.Name, p.Unreadable = name, unreadable(stateName, err)
		return p, !absent(p.Dir)
	}
	p.ID, p.Name, p.State = s.ID, s.Name, s.State
	p.Received, p.Begun, p.Finished = s.Received, s.Begun, s.Finished
	p.Attempts, p.Owed, p.Answers, p.Refused, p.Cancelled = s.Attempts, len(s.Owed), s.Answers, s.Refused, s.Cancelled
	if p.Bytes = s.Bytes; p.Bytes == 0 {
		p.Bytes = size(p.Dir)
	}
	v.ended(&p, s)
	return p, p.Unreadable == "" || !absent(p.Dir)
}

func absent(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// ended tells how p ended: as its result says, which is there before state.json
// knows of it.
func (v View) ended(p *Plan, s state) {
	if s.Retrying > 0 {
		return // the result is that of an earlier round
	}
	var r struct {
		ErrorCode int
		Time      string
		Report    *plans.Report
	}
	b, err := readFile(filepath.Join(p.Dir, resultName))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	switch {
	case err == nil:
		result := plans.Result{ErrorCode: r.ErrorCode, Report: r.Report}
		p.State, p.ErrorCode = result.State(), &r.ErrorCode
		if r.Report != nil {
			p.Cause = r.Report.Cause
		}
		if p.Finished == nil {
			p.Finished = modified(filepath.Join(p.Dir, resultName))
		}
	case s.State == stateFinished, s.State == stateAnswered:
		p.State, p.Unreadable = s.Result, unreadable(resultName, err)
	case !errors.Is(err, fs.ErrNotExist):
		p.Unreadable = unreadable(resultName, err)
	}
}

func modified(path string) *time.Time {
	st, err := os.Stat(path)
	if err != nil {
		return nil
	}
	t := st.ModTime().UTC()
	return &t
}

func unreadable(name string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return name + " is not there"
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if strings.HasPrefix(err.Error(), name) {
		return err.Error()
	}
	return name + ": " + err.Error()
}

// Quarantine lists what an agent moved to quarantine. None is no error.
func (v View) Quarantine() ([]Quarantined, error) {
	dir := filepath.Join(v.Path, quarantineName)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, v.denied(err)
	}
	var all []Quarantined
	for _, e := range entries {
		q := Quarantined{Name: e.Name(), Dir: filepath.Join(dir, e.Name())}
		if b, err := readFile(filepath.Join(q.Dir, noteName)); err == nil {
			q.Note = strings.TrimSpace(string(b))
		} else {
			q.Note = unreadable(noteName, err)
		}
		all = append(all, q)
	}
	return all, nil
}

// A FindError says that a View has no plan, or several, of a name.
type FindError struct {
	Name string
	Dir  string // of the spool
	Many []Plan // two or more; empty where there is none
}

func (e *FindError) Error() string {
	if len(e.Many) == 0 {
		return fmt.Sprintf("%s has no plan %q; murano-agent plans list names them", e.Dir, e.Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q may mean %d plans; name one by its ID or directory:", e.Name, len(e.Many))
	const most = 20
	for _, p := range e.Many[max(len(e.Many)-most, 0):] {
		fmt.Fprintf(&b, "\n  %s  %s  %s", p.Key, cmp.Or(p.ID, "-"), p.State)
	}
	if n := len(e.Many) - most; n > 0 {
		fmt.Fprintf(&b, "\n  and %d older ones", n)
	}
	return b.String()
}

// Find gives the plan that name means: its ID or directory, whole; else its
// Name, or the beginning of ID or directory, if that of one plan alone. What
// it does not find, or finds twice, is a *FindError.
func (v View) Find(name string) (Plan, error) {
	all, err := v.Plans()
	if err != nil {
		return Plan{}, err
	}
	var many []Plan
	for _, p := range all {
		_, short, _ := strings.Cut(p.Key, "-")
		switch {
		case name == "":
		case p.ID == name, p.Key == name:
			return p, nil
		case p.Name == name, short == name, strings.HasPrefix(p.ID, name), strings.HasPrefix(p.Key, name):
			many = append(many, p)
		}
	}
	if len(many) == 1 {
		return many[0], nil
	}
	return Plan{}, &FindError{Name: name, Dir: v.Path, Many: many}
}

// Document is the plan as it was received. It may hold secrets, so that as a
// rule only the agent's own user may read it.
func (v View) Document(p Plan) ([]byte, error) {
	b, err := readFile(filepath.Join(p.Dir, planName))
	if err != nil {
		return nil, v.denied(err)
	}
	return b, nil
}

// Result is what the plan was answered, or will be; the error of a plan without
// one is fs.ErrNotExist.
func (v View) Result(p Plan) (plans.Result, error) {
	r, err := readResult(p.Dir)
	if errors.Is(err, fs.ErrPermission) {
		err = v.denied(err)
	}
	return r, err
}

// A Log is one file of a plan's directory that a script wrote.
type Log struct {
	Path    string    `json:"path"`
	Run     int       `json:"run"`     // the runs of a plan's scripts are counted through; 0 is a file of what came after those counted
	Script  string    `json:"script"`  // as file names spell it: see IsLogOf
	Attempt int       `json:"attempt"` // from 1
	Stream  string    `json:"stream"`  // stdout or stderr
	Bytes   int64     `json:"bytes"`
	Changed time.Time `json:"changed"`
}

// logPattern is how the runner names the logs of scripts (agent/logs.go).
var logPattern = regexp.MustCompile(`^(?:(\d{3,})-(.*?)(?:-attempt(\d+))?|more)\.(stdout|stderr)\.log$`)

// IsLogOf says whether the log is of the script called name in the plan: file
// names have _ for what is no plain letter, and are cut.
func (l Log) IsLogOf(name string) bool {
	const longest = 40
	spelt := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '_'
	}, name)
	return l.Run > 0 && l.Script == spelt[:min(len(spelt), longest)]
}

// Logs are the logs of the plan's scripts in the order they ran, of each
// attempt stdout first. Those that stayed empty are not there.
func (v View) Logs(p Plan) ([]Log, error) {
	files, err := v.Files(p)
	if err != nil {
		return nil, err
	}
	var logs []Log
	for _, f := range files {
		m := logPattern.FindStringSubmatch(f.Name())
		if m == nil || !f.Mode().IsRegular() {
			continue
		}
		l := Log{Path: filepath.Join(p.Dir, f.Name()), Script: m[2], Attempt: 1, Stream: m[4], Bytes: f.Size(), Changed: f.ModTime()}
		l.Run, _ = strconv.Atoi(m[1]) // digits, or nothing
		if m[3] != "" {
			l.Attempt, _ = strconv.Atoi(m[3])
		}
		logs = append(logs, l)
	}
	slices.SortStableFunc(logs, func(a, b Log) int {
		// 0 becomes the highest: what came after the runs that are counted.
		return cmp.Or(cmp.Compare(uint(a.Run-1), uint(b.Run-1)), cmp.Compare(b.Stream, a.Stream))
	})
	return logs, nil
}

// Files are those of the plan's directory, by name.
func (v View) Files(p Plan) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(p.Dir)
	if err != nil {
		return nil, v.denied(err)
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if atomicfile.Leftover(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil { // gone meanwhile, else
			files = append(files, info)
		}
	}
	return files, nil
}

// denied gives err, of something in the spool, its next step.
func (v View) denied(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; no agent has kept plans there: name its storage with --storage, or its configuration with --config-dir", err)
	case !errors.Is(err, fs.ErrPermission):
		return err
	}
	path := v.Path
	var p *fs.PathError
	if errors.As(err, &p) {
		path = p.Path
	}
	if group := openTo(path); group != "" {
		return fmt.Errorf("%w; it is open to the group %s: join it (sudo usermod -aG %s USER, then log in again), or use sudo", err, group, group)
	}
	return fmt.Errorf("%w; only the agent's own user may read it: use sudo", err)
}
