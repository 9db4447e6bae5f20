// SPDX-License-Identifier: Apache-2.0

package application

import (
	"io"
	"os"
	"sync"
	"time"
)

// A stream is the standard output or error of a script: a pipe that is read
// into a capture and a log, or, uncaptured, the log itself.
type stream struct {
	read, write *os.File // nil where there is no pipe
	direct      *os.File // the log file, given to the script
	log         io.Writer
	kept        *capture // nil where nothing is captured
	done        chan struct{}

	mu       sync.Mutex
	detached bool
}

func newStream(captured bool, log io.Writer, limit int) (*stream, error) {
	s := &stream{log: log, done: make(chan struct{})}
	if !captured {
		// No pipe: a script's background child may keep it for ever.
		if f, ok := log.(*os.File); ok {
			s.direct = f
			close(s.done)
			return s, nil
		}
		if discard(log) {
			close(s.done)
			return s, nil
		}
	}
	if captured {
		s.kept = newCapture(limit)
	}
	var err error
	s.read, s.write, err = os.Pipe()
	return s, err
}

// end is what the script gets; nil means /dev/null.
func (s *stream) end() io.Writer {
	switch {
	case s.write != nil:
		return s.write
	case s.direct != nil:
		return s.direct
	}
	return nil
}

// abandon closes a stream whose script was never started.
func (s *stream) abandon() { s.started(false) }

// started closes our copy of the script's end and begins to read.
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
		defer s.read.Close()
		io.Copy(s, s.read) // ends at the last writer's end, or at the deadline of leftovers
	}()
}

// Write takes what the script wrote. It never fails: a full disk under the log
// is no reason to stop the script.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached {
		return len(p), nil
	}
	if s.kept != nil {
		s.kept.Write(p)
	}
	if !discard(s.log) {
		s.log.Write(p)
	}
	return len(p), nil
}

// detach ends the writing to log and capture.
func (s *stream) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detached = true
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

// leftovers are streams whose script has ended and whose writers have not.
type leftovers struct {
	mu   sync.Mutex
	open map[*stream]struct{}
}

func (l *leftovers) add(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for old := range l.open {
		select {
		case <-old.done:
			delete(l.open, old)
		default:
		}
	}
	select {
	case <-s.done:
	default:
		if l.open == nil {
			l.open = map[*stream]struct{}{}
		}
		l.open[s] = struct{}{}
	}
}

func (l *leftovers) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.open {
		s.read.SetReadDeadline(time.Unix(1, 0))
		<-s.done
		delete(l.open, s)
	}
}
