// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

const (
	// journalName is a file in the plan's directory. It holds what scripts wrote,
	// secrets included, and is closed to everybody else as plan.json is.
	journalName = "journal.jsonl"
	// maxJournal bounds it. What is answered from it must be in it whole.
	maxJournal = 256 << 20
)

// A step is a line of a journal.
type step struct {
	Step string    `json:"step"` // one of the constants below
	Time time.Time `json:"time"`

	Fresh bool   `json:"fresh,omitempty"` // begin: from the start; what stands above no longer counts
	Seed  []byte `json:"seed,omitempty"`  // begin, fresh: of what is random in the Body
	Boot  string `json:"boot,omitempty"`  // begin, reboot, end of a call that asks for one: of the guest
	Asked int    `json:"asked,omitempty"` // reboot, end: the how manieth time for this one

	Call   int     `json:"call,omitempty"`   // call, run, end: from 1, in the order of the Body
	Script string  `json:"script,omitempty"` // call, run, end
	With   string  `json:"with,omitempty"`   // call: fingerprint of the arguments
	Clock  []int64 `json:"clock,omitempty"`  // call: what the Body read from the clock since the call before

	Run     int `json:"run,omitempty"`     // run: number of the run in the plan
	Attempt int `json:"attempt,omitempty"` // run: of the call, begin: of the plan; from 1

	Ended *ending `json:"ended,omitempty"` // end
	Why   string  `json:"why,omitempty"`   // over

	// Stdout and Stderr are those of Ended. They come last, and are written in
	// pieces: they may be as long as all else in memory.
	Stdout *string `json:"stdout,omitempty"`
	Stderr *string `json:"stderr,omitempty"`
}

const (
	stepBegin  = "begin"
	stepCall   = "call"
	stepRun    = "run"
	stepEnd    = "end"
	stepReboot = "reboot" // is asked for again
	stepOver   = "over"   // the plan cannot go on
	stepWait   = "wait"   // the plan waits for the guest; nothing of it runs
	stepBody   = "body"   // it does no more
)

// An ending is what came of the call of a script.
type ending struct {
	Report plans.ScriptReport `json:"report"`          // of the last attempt
	Ran    bool               `json:"ran"`             // false: it was not started
	Error  *failure           `json:"error,omitempty"` // what the Body got for an exception
}

// A failure is an error of a call, as a journal keeps it.
type failure struct {
	Message string      `json:"message"`
	Code    int         `json:"code"` // ErrorCode of a result
	State   string      `json:"state"`
	Cause   plans.Cause `json:"cause"`
	Output  bool        `json:"output,omitempty"` // the script ran, and its output belongs to the error
}

// A journal is the record of one plan: who reads it after a crash knows which
// scripts ran. The nil journal takes everything and keeps nothing.
type journal struct {
	f    *os.File
	size int64
	now  func() time.Time
	err  error // the first; from then on nothing more is written
}

// openJournal opens the journal in dir to go on behind what p knows of it.
func openJournal(dir string, p past, now func() time.Time) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal of the plan: %w", err)
	}
	if err := f.Truncate(p.good); err != nil { // what a crash tore
		f.Close()
		return nil, fmt.Errorf("open the journal of the plan: %w", err)
	}
	return &journal{f: f, size: p.good, now: now}, nil
}

// write appends s. It is not on disk before sync.
func (j *journal) write(s step) error {
	if j == nil {
		return nil
	}
	if j.err != nil {
		return j.err
	}
	s.Time = j.now().UTC()
	fault.Point("runner.journal.before-write")
	if err := j.writeLine(s); err != nil {
		j.err = fmt.Errorf("write the journal of the plan: %w", err)
	}
	fault.Point("runner.journal.after-write")
	return j.err
}

func (j *journal) writeLine(s step) error {
	outputs := []struct {
		key  string
		text *string
	}{{"stdout", s.Stdout}, {"stderr", s.Stderr}}
	s.Stdout, s.Stderr = nil, nil
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(j, 2*piece)
	w.Write(line[:len(line)-1]) // as all that follows, it fails with Flush
	for _, o := range outputs {
		if o.text != nil {
			w.WriteString(`,"` + o.key + `":"`)
			writePieces(w, *o.text)
			w.WriteByte('"')
		}
	}
	w.WriteString("}\n")
	return w.Flush()
}

// piece is how much of an output is made JSON at once.
const piece = 32 << 10

// writePieces writes text as the inside of a JSON string.
func writePieces(w *bufio.Writer, text string) {
	for text != "" {
		n := min(len(text), piece)
		for n < len(text) && n > piece-utf8.UTFMax && !utf8.RuneStart(text[n]) {
			n--
		}
		quoted, err := json.Marshal(text[:n])
		if err != nil {
			panic("agent: a string has a JSON form: " + err.Error())
		}
		w.Write(quoted[1 : len(quoted)-1])
		text = text[n:]
	}
}

// Write appends p within the bound of a journal.
func (j *journal) Write(p []byte) (int, error) {
	if j.size += int64(len(p)); j.size > maxJournal {
		return 0, fmt.Errorf("it has more than %d bytes; let the scripts of the plan write less, or set captureStdout to false", maxJournal)
	}
	return j.f.Write(p)
}

// writeSync appends s and puts it on disk.
func (j *journal) writeSync(s step) error {
	if err := j.write(s); err != nil {
		return err
	}
	return j.sync()
}

// sync puts what was written on disk.
func (j *journal) sync() error {
	if j == nil || j.err != nil {
		return j.failed()
	}
	fault.Point("runner.journal.before-sync")
	if err := j.f.Sync(); err != nil {
		j.err = fmt.Errorf("sync the journal of the plan: %w", err)
	}
	fault.Point("runner.journal.after-sync")
	return j.err
}

// forget empties the journal, so that nobody believes what it does not say.
func (j *journal) forget() error {
	if j == nil {
		return nil
	}
	return j.f.Truncate(0)
}

func (j *journal) failed() error {
	if j == nil {
		return nil
	}
	return j.err
}

func (j *journal) close() {
	if j != nil {
		j.f.Close() // what matters was synced
	}
}

// A past is what the journal of a plan tells of earlier attempts.
type past struct {
	fresh   int64  // where the steps begin that still count
	good    int64  // where the last whole step ends
	seed    []byte // of those steps
	torn    bool   // something stands behind that
	attempt int    // that began last; 0 means none did
	boot    string // in which it began
	ran     bool   // a script was about to be run
	runs    int    // the highest number of a run
	running string // the script whose call has no end; empty means none
	open    int    // number of its latest run; 0 means none
	calls   int    // that have an end
	scripts []plans.ScriptReport

	waits   bool   // nothing of the plan ran: it waited for the guest
	over    string // why the plan cannot go on; empty means that it can
	reboots int    // that were asked for, in all
	reboot  *step  // the reboot that was asked for last, if no script was called since
}

// readPast reads the journal in dir. A journal that is torn ends before the tear;
// one that is not there tells nothing.
func readPast(dir string) (p past) {
	if dir == "" {
		return p
	}
	f, err := os.Open(filepath.Join(dir, journalName))
	if err != nil {
		return p
	}
	defer f.Close()
	defer func() {
		st, err := f.Stat()
		p.torn = err != nil || st.Size() > p.good
	}()
	dec := json.NewDecoder(f)
	for {
		var s struct {
			step
			Stdout skipped `json:"stdout"`
			Stderr skipped `json:"stderr"`
		}
		if dec.Decode(&s) != nil {
			return p
		}
		end := dec.InputOffset()
		var behind [1]byte
		if f.ReadAt(behind[:], end); behind[0] != '\n' { // it is there or it is not
			return p // without its line end it may be less than was written
		}
		p.good = end + 1
		p.take(s.step)
		if s.Step == stepEnd && s.Ended != nil && s.Ended.Ran && len(p.scripts) < maxReported {
			p.scripts = append(p.scripts, s.Ended.Report)
		}
	}
}

// skipped is JSON that nobody wants to know.
type skipped struct{}

func (*skipped) UnmarshalJSON([]byte) error { return nil }

func (p *past) take(s step) {
	switch s.Step {
	case stepBegin:
		if s.Fresh {
			*p = past{fresh: p.good, good: p.good, seed: s.Seed, runs: p.runs, reboots: p.reboots, waits: p.waits}
		}
		p.attempt, p.boot = s.Attempt, s.Boot
	case stepCall:
		p.running, p.open, p.reboot, p.waits = s.Script, 0, nil, false
	case stepWait:
		p.waits = true
	case stepBody:
		p.waits = false
	case stepRun:
		p.ran, p.waits, p.open, p.runs = true, false, s.Run, max(p.runs, s.Run)
	case stepEnd:
		p.running, p.open = "", 0
		p.calls++
		if s.Asked > 0 {
			p.reboots++
			p.reboot = &s
		}
	case stepOver:
		p.over = s.Why
	case stepReboot:
		p.reboot = &s
	}
}

// whole tells whether the journal knows of each run of so many attempts. What was
// not synced is there only as long as the guest has not gone down.
func (p past) whole(attempts int, boot string) bool {
	return p.attempt > 0 && p.attempt >= attempts && boot != "" && p.boot == boot && !p.torn
}

const seedSize = 32

// newSeed makes what a Body's random numbers are made of.
func newSeed() []byte {
	seed := make([]byte, seedSize)
	rand.Read(seed) // it never fails (crypto/rand)
	return seed
}

// randomOf gives the same numbers for the same seed, and such that nobody
// without it can tell them from random ones.
func randomOf(seed []byte) io.Reader {
	return mathrand.NewChaCha8([seedSize]byte(seed))
}
