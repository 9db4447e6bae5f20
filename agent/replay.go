// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A replay answers the calls that ended before the plan was cut, from its
// journal and in their order. It holds one call at a time. The nil replay has none.
type replay struct {
	f     *os.File
	dec   *json.Decoder
	next  step  // the call that the Body is to make next; Call 0 means there is none
	ended *step // the end of next; nil: it was cut
}

// openReplay reads the journal in dir up to its first call.
func openReplay(dir string, p past) (*replay, error) {
	f, err := os.Open(filepath.Join(dir, journalName))
	if err != nil {
		return nil, fmt.Errorf("read the journal of the plan: %w", err)
	}
	r := &replay{f: f, dec: json.NewDecoder(io.NewSectionReader(f, p.fresh, p.good-p.fresh))}
	if err := r.advance(); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// advance makes the next call r.next. A call that was cut stands in the journal
// again where it was made again.
func (r *replay) advance() error {
	r.next, r.ended = step{}, nil
	for {
		var s step
		err := r.dec.Decode(&s)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the journal of the plan: %w", err)
		}
		switch {
		case s.Step == stepCall && r.next.Call == 0:
			r.next = s
		case s.Step == stepCall && s.Call == r.next.Call: // made again after a cut
		case s.Step == stepEnd && s.Call == r.next.Call && s.Ended != nil:
			r.ended = &s
			return nil
		case s.Step == stepCall || s.Step == stepEnd:
			return fmt.Errorf("read the journal of the plan: call %d of script %q where call %d is unanswered", s.Call, s.Script, r.next.Call)
		}
	}
}

func (r *replay) close() {
	if r != nil {
		r.f.Close() // it was only read
	}
}

// A replayed is the error of a call that failed before the plan was cut.
type replayed struct {
	failure failure
	script  *ScriptError // nil where no script's output belongs to it
}

func (e *replayed) Error() string  { return e.failure.Message }
func (e *replayed) ErrorCode() int { return e.failure.Code }
func (e *replayed) Unwrap() error {
	if e.script == nil {
		return nil
	}
	return e.script
}

// endOf makes what the journal keeps of a call.
func (a *attempt) endOf(c step, r *plans.ScriptReport, out Output, err error) step {
	e := &ending{}
	if r != nil {
		e.Report, e.Ran = *r, true
	}
	end := step{Step: stepEnd, Call: c.Call, Script: c.Script, Ended: e}
	if !a.keeps {
		return end
	}
	end.Stdout, end.Stderr = out.Stdout, out.Stderr
	if err != nil {
		cause, state := a.causeOf(err)
		script := asScriptError(err)
		e.Error = &failure{Message: err.Error(), Code: plans.ErrorCode(err), State: state, Cause: cause, Output: script != nil && script.Output != nil}
	}
	return end
}

// answer gives the Body what it got before the plan was cut.
func (s *step) answer() (body.Value, error) {
	e := s.Ended
	if e.Error == nil {
		return body.NewScriptResult(e.Report.ExitCode, s.Stdout, s.Stderr), nil
	}
	again := &replayed{failure: *e.Error}
	if e.Error.Code == plans.CodeScript {
		again.script = &ScriptError{Message: e.Error.Message}
		if e.Error.Output {
			again.script.Output = &Output{ExitCode: e.Report.ExitCode, Stdout: s.Stdout, Stderr: s.Stderr, Truncated: e.Report.Truncated, Limit: e.Report.Limit}
		}
	}
	return nil, again
}

// fingerprint tells the arguments of calls apart, without keeping them.
func fingerprint(ctx context.Context, args []body.Value, kwargs *body.Dict) (string, error) {
	p, err := body.Parse("return repr(args['v'])")
	if err != nil {
		return "", err
	}
	v, err := p.Run(ctx, body.Scope{Args: body.NewDict("v", &body.Tuple{Items: []body.Value{&body.Tuple{Items: args}, kwargs}})})
	if err != nil {
		return "", err
	}
	text, _ := v.(string) // repr gives one
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
}

// maxReadings bounds what is kept of a Body that does nothing but read the clock.
const maxReadings = 1000

// A clock is the time as a Body reads it. What it read before the plan was cut
// it reads again.
type clock struct {
	now    func() time.Time
	again  []int64 // nanoseconds since 1970
	latest []int64 // since the last call of a script
}

func (c *clock) read() time.Time {
	if len(c.again) > 0 {
		at := c.again[0]
		c.again = c.again[1:]
		return time.Unix(0, at)
	}
	t := c.now()
	if len(c.latest) < maxReadings {
		c.latest = append(c.latest, t.UnixNano())
	}
	return t
}

// taken gives the readings since the last call and forgets them.
func (c *clock) taken() []int64 {
	taken := c.latest
	c.latest = nil
	return taken
}
