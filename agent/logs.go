// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/openmurano/murano/plans"
)

// DefaultMaxLog bounds one log of a script: 64 MiB. All logs of one plan
// together have four times that.
const DefaultMaxLog = 64 << 20

const (
	logFull  = "\n[... this log is full: the rest was cut ...]\n"
	logShort = "\n[... this log was full: what stood here was cut ...]\n"
	// directCheck is how often the size of a log is looked at that a script
	// writes by itself.
	directCheck = 200 * time.Millisecond
)

// logs are the two logs of one attempt. None grows without bound while the
// script runs: what passes through the agent is cut at its end. An uncaptured
// stream is the file itself, so that a script's background child need not die
// with the agent; it is cut in its middle once it is too long.
type logs struct {
	stdout, stderr io.Writer
	files, direct  []*os.File
	limit          int64
	total          *int64 // of the plan

	stop, stopped chan struct{}
}

// openLogs opens <run>-<script>[-attempt].stdout.log and .stderr.log in the
// plan's directory. A log that cannot be opened costs the log, not the plan.
func (a *attempt) openLogs(name string, n int, o plans.ScriptOptions) *logs {
	l := &logs{stdout: io.Discard, stderr: io.Discard, total: &a.logged}
	if a.e.Dir == "" {
		return l
	}
	one := cmp.Or(max(a.r.MaxLog, 0), DefaultMaxLog)
	l.limit = min(one, max(4*one-a.logged, 0))
	base := fmt.Sprintf("%03d-%s", a.runs, plain(name))
	if n > 1 {
		base += fmt.Sprintf("-attempt%d", n)
	}
	if a.runs > maxReported {
		base = "more" // a Body that loops must not eat the inodes
	}
	open := func(suffix string, captured bool) io.Writer {
		f, err := os.OpenFile(filepath.Join(a.e.Dir, base+suffix), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			a.log.Warn("log of the script was not opened", "script", name, "error", err)
			return io.Discard
		}
		st, err := f.Stat()
		if err == nil {
			*l.total -= st.Size() // it is counted when it is closed
		}
		l.files = append(l.files, f)
		if !captured {
			l.direct = append(l.direct, f)
			return f
		}
		left := l.limit
		if err == nil {
			left -= st.Size()
		}
		return &limited{w: f, left: left}
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

// shorten leaves of a log that is too long its first half. Whoever writes to it
// appends, and goes on behind that.
func (l *logs) shorten() {
	for _, f := range l.direct {
		if st, err := f.Stat(); err == nil && st.Size() > l.limit && f.Truncate(l.limit/2) == nil {
			io.WriteString(f, logShort) // without room for the mark the log has none
		}
	}
}

// close closes the logs and removes those that stayed empty.
func (l *logs) close() {
	if l.stop != nil {
		close(l.stop)
		<-l.stopped
	}
	for _, f := range l.files {
		st, err := f.Stat()
		f.Close()
		if err != nil {
			continue
		}
		*l.total += st.Size()
		if st.Size() == 0 {
			os.Remove(f.Name())
		}
	}
}

// limited is a log that takes limit bytes and never fails: neither a full disk
// nor a talkative script may stop a plan.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if n := min(int64(len(p)), l.left); n > 0 {
		l.w.Write(p[:n])
		if l.left -= n; l.left == 0 {
			io.WriteString(l.w, logFull)
		}
	}
	return len(p), nil
}
