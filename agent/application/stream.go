// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"io"
	"os"
	"sync"
	"time"
)

// A stream is the standard output or error of a script: a pipe that is read
// into a log and, captured, into memory.
type stream struct {
	read, write *os.File // nil where nobody wants the output
	log         io.Writer
	kept        *capture      // nil where nothing is captured
	done        chan struct{} // closed once nothing is read any more
	ended       bool          // whether all writers had gone; valid once done

	mu sync.Mutex // of kept
}

func newStream(captured bool, log io.Writer, limit int) (*stream, error) {
	s := &stream{log: log, done: make(chan struct{})}
	if captured {
		s.kept = newCapture(limit)
	} else if discard(log) {
		s.ended = true
		close(s.done)
		return s, nil
	}
	var err error
	s.read, s.write, err = os.Pipe()
	return s, err
}

// started closes our copy of the script's end and, if the script was started,
// begins to read.
func (s *stream) started(ok bool) {
	if s.write == nil {
		return
	}
	s.write.Close()
	if !ok {
		s.read.Close()
		close(s.done)
		return
	}
	go func() {
		defer close(s.done)
		_, err := io.Copy(s, s.read)
		if s.ended = err == nil; s.ended {
			s.read.Close()
		} // else it is at the deadline of wait, and handed over
	}()
}

// wait waits for the end of all writers, and tells whether it came within
// bound. If it did not, s is not read any more, and s.read is the caller's.
func (s *stream) wait(ctx context.Context, bound time.Duration) bool {
	timer := time.NewTimer(max(bound, 0))
	defer timer.Stop()
	select {
	case <-s.done:
		return s.ended
	case <-timer.C:
	case <-ctx.Done():
		// What was written is in the pipe already.
		select {
		case <-s.done:
		case <-time.After(brief):
		}
	}
	if s.read != nil {
		s.read.SetReadDeadline(time.Unix(1, 0))
	}
	<-s.done
	return s.ended
}

// Write takes what the script wrote. It never fails: a full disk under the log
// is no reason to stop the script.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != nil {
		s.kept.Write(p)
	}
	if !discard(s.log) {
		s.log.Write(p)
	}
	return len(p), nil
}

// text is what was captured, and whether its middle is missing.
func (s *stream) text() (*string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		return nil, false
	}
	return s.kept.text()
}
