// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Kept is how many old files are kept beside the one that is written: file.1,
// the youngest, to file.3.
const Kept = 3

// A File is a log that is appended to and is its owner's alone (0600), for
// what scripts say may end there. Several goroutines may write to it; a Write
// is never torn over two files.
type File struct {
	path string
	max  int64

	mu   sync.Mutex
	f    *os.File // nil after an error, until it can be opened again
	size int64
}

// OpenFile opens the log at path, with its directory. A Write that would take
// it beyond max bytes renames it to path.1 first, and the older ones along;
// 0 means it grows without bound.
func OpenFile(path string, max int64) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	l := &File{path: path, max: max}
	return l, l.open()
}

func (l *File) open() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		// murano-agent left it 0644; a pipe or a device keeps its mode.
		if err = f.Chmod(0o600); os.IsPermission(err) {
			err = nil
		}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.size = f, 0
	if info.Mode().IsRegular() {
		l.size = info.Size()
	}
	return nil
}

// Write appends p. What cannot be written is lost, and the next Write tries anew.
func (l *File) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil && l.max > 0 && l.size > 0 && l.size+int64(len(p)) > l.max {
		l.rotate()
	}
	if l.f == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	return n, err
}

// rotate renames path to path.1, path.1 to path.2 and so on; the last is
// replaced. Where that fails the log goes on in the file that is there. It is
// closed first: Windows renames no open file.
func (l *File) rotate() {
	l.f.Close() // each Write was a whole one
	l.f = nil
	for n := Kept; n > 0; n-- {
		older := fmt.Sprintf("%s.%d", l.path, n)
		newer := l.path
		if n > 1 {
			newer = fmt.Sprintf("%s.%d", l.path, n-1)
		}
		if err := os.Rename(newer, older); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // open finds what is left
		}
	}
}

// Reopen goes on in the file that has the path now: somebody else renamed the
// one that was written.
func (l *File) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.f
	if err := l.open(); err != nil {
		return err // the old one stays
	}
	if old != nil {
		old.Close() // each Write was a whole one
	}
	return nil
}

// Close ends the log; a Write after it opens it again.
func (l *File) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
