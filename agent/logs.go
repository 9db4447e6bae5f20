// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openmurano/murano/plans"
)

// DefaultMaxLog bounds one log of a script: 64 MiB. All logs of one plan
// together have four times that.
const DefaultMaxLog = 64 << 20

const (
	// logMark stands in a log in the place of what was cut out of it.
	logMark = "\n[... this log was longer than it may be: what stood here was cut ...]\n"
	// leastLog is the least that a log has: below it, there is none.
	leastLog = 4 << 10
	// directCheck is how often the size of a log is looked at that a script
	// writes by itself.
	directCheck = 200 * time.Millisecond
)

// logs are the two logs of one attempt. None grows without bound while the
// script runs: of one that does, head and tail stay. An uncaptured stream is the
// file itself, so that a script's background child need not die with the agent;
// where the plan has secrets it passes through the agent, to be masked.
type logs struct {
	stdout, stderr io.Writer
	files          []*logFile
	direct         []*logFile
	masks          []*maskedWriter
	total          *int64 // of the plan

	stop, stopped chan struct{}
}

// openLogs makes ready <run>-<script>[-attempt].stdout.log and .stderr.log in
// the plan's directory: each is there from its first byte on, a direct one at
// once. A log that cannot be opened costs the log, not the plan.
func (a *attempt) openLogs(name string, n int, o plans.ScriptOptions) *logs {
	l := &logs{stdout: io.Discard, stderr: io.Discard, total: &a.logged}
	if a.e.Dir == "" {
		return l
	}
	one := cmp.Or(max(a.r.MaxLog, 0), DefaultMaxLog)
	base := fmt.Sprintf("%03d-%s", a.runs, plain(name))
	if n > 1 {
		base += fmt.Sprintf("-attempt%d", n)
	}
	if a.runs > maxReported {
		base = "more" // a Body that loops must not eat the inodes
	}
	open := func(suffix string, captured bool) io.Writer {
		f := &logFile{path: filepath.Join(a.e.Dir, base+suffix), limit: min(one, 4*one-a.logged)}
		f.lost = func(err error) { a.log.Warn("log of the script was not opened", "script", name, "error", err) }
		if f.limit < leastLog {
			return io.Discard
		}
		if st, err := os.Stat(f.path); err == nil {
			f.size = st.Size()
			*l.total -= f.size // it is counted when it is closed
		}
		l.files = append(l.files, f)
		switch {
		case a.mask != nil:
			w := &maskedWriter{w: f, mask: a.mask}
			l.masks = append(l.masks, w)
			return w
		case captured:
			return f
		case !f.open():
			return io.Discard
		}
		l.direct = append(l.direct, f)
		return f.file
	}
	l.stdout = open(".stdout.log", o.CaptureStdout)
	l.stderr = open(".stderr.log", o.CaptureStderr)
	if len(l.direct) > 0 {
		l.stop, l.stopped = make(chan struct{}), make(chan struct{})
		go l.watch()
	}
	return l
}

// watch shortens the direct logs until close.
func (l *logs) watch() {
	defer close(l.stopped)
	tick := time.NewTicker(directCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.shorten()
		case <-l.stop:
			l.shorten()
			return
		}
	}
}

func (l *logs) shorten() {
	for _, f := range l.direct {
		if st, err := f.file.Stat(); err == nil && st.Size() > f.limit {
			f.size = st.Size()
			f.shorten()
		}
	}
}

// close closes the logs, and removes a direct one that stayed empty.
func (l *logs) close() {
	if l.stop != nil {
		close(l.stop)
		<-l.stopped
	}
	for _, w := range l.masks {
		w.flush()
	}
	for _, f := range l.files {
		*l.total += f.close()
	}
}

// A logFile is a log that has at most limit bytes and never fails: neither a full
// disk nor a talkative script may stop a plan. It can be read at any time.
type logFile struct {
	path   string
	limit  int64
	lost   func(error) // is told why it cannot be opened
	mu     sync.Mutex
	size   int64
	file   *os.File // appends; nil until it is opened
	random *os.File // the same file, to be written anywhere; nil until it is needed

	closed, broken bool
}

// open opens the log, with the mode and the group of its directory: who may list
// the one may read the other. A log that cannot be opened is closed.
func (l *logFile) open() bool {
	mode := fs.FileMode(0o600)
	dir, err := os.Stat(filepath.Dir(l.path))
	if err == nil && dir.Mode().Perm()&0o050 == 0o050 {
		mode = 0o640
	}
	if l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, mode); err != nil {
		l.closed = true
		l.lost(err)
		return false
	}
	if mode == 0o640 {
		giveGroup(l.file, dir)
	}
	return true
}

func (l *logFile) Write(p []byte) (int, error) {
	n := len(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p) > 0 && !l.closed && l.file == nil {
		l.open()
	}
	for len(p) > 0 && !l.closed {
		room := l.limit - l.size
		if room <= 0 {
			if !l.shorten() {
				return n, nil
			}
			continue
		}
		part := p[:min(int64(len(p)), room)]
		wrote, err := l.file.Write(part)
		l.size += int64(wrote)
		if err != nil {
			return n, nil
		}
		p = p[len(part):]
	}
	return n, nil
}

// shorten cuts the middle out of a log that is full: its first half stays, then a
// mark, then its last quarter. Whoever appends to it goes on behind that. It tells
// whether there is room again.
func (l *logFile) shorten() bool {
	if l.broken {
		return false
	}
	head := l.limit / 2
	tail := l.limit / 4
	to := head + int64(len(logMark))
	if l.size-tail <= to {
		return false
	}
	var err error
	if l.random == nil {
		if l.random, err = os.OpenFile(l.path, os.O_RDWR, 0); err != nil {
			l.broken = true
			return false
		}
	}
	if _, err = l.random.WriteAt([]byte(logMark), head); err == nil {
		from := io.NewSectionReader(l.random, l.size-tail, tail)
		_, err = io.Copy(io.NewOffsetWriter(l.random, to), from)
	}
	if err == nil {
		err = l.random.Truncate(to + tail)
	}
	l.broken = err != nil
	l.size = to + tail
	return err == nil
}

// close closes the log, removes it if it stayed empty, and returns its size.
func (l *logFile) close() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.file == nil {
		return l.size
	}
	size := l.size
	if st, err := l.file.Stat(); err == nil {
		size = st.Size()
	}
	l.file.Close()
	if l.random != nil {
		l.random.Close()
	}
	if size == 0 {
		os.Remove(l.path)
	}
	return size
}
