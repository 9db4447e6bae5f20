// SPDX-License-Identifier: Apache-2.0

// Package atomicfile replaces a file in one step and syncs its directory, so
// that after a crash or a power loss a reader finds the old content or the new
// one, never a part, and finds the new one once WriteFile has returned.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openmurano/murano/internal/fault"
)

const (
	leftoverPrefix = ".atomic-"
	leftoverSuffix = ".tmp"
)

// WriteFile makes data the content of the file at path, with exactly the mode
// perm (the umask does not apply; on Windows only the write bit counts). It
// returns nil once content and name are on disk. On an error before the rename
// the old file is untouched and nothing new lies beside it; if only the sync of
// the directory failed, the new content is in place but may not survive a power
// loss. A symbolic link at path is replaced, not followed. The directory must
// exist: see MkdirSync.
//
// Two writers of one path never mix their content; the later rename wins. On
// Windows a target that another process holds open without sharing its deletion
// cannot be replaced; that is an error.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	if err := replace(path, data, perm); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// replace is WriteFile without the sync of the directory.
func replace(path string, data []byte, perm fs.FileMode) (err error) {
	fault.Point("atomicfile.replace.before-create")
	f, err := os.CreateTemp(filepath.Dir(path), leftoverPrefix+"*"+leftoverSuffix)
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close() // a second Close of an *os.File is harmless
			os.Remove(f.Name())
		}
	}()
	fault.Point("atomicfile.replace.before-write")
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := f.Chmod(perm); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("write %q: %w", path, err)
	}
	fault.Point("atomicfile.replace.before-sync")
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	// Close reports what a network file system kept to itself at Sync.
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	fault.Point("atomicfile.replace.before-rename")
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	fault.Point("atomicfile.replace.after-rename")
	return nil
}

// Append adds line to the end of the file at path, which must be there, and
// returns nil once it is on disk: with one sync of the content, cheaper than
// WriteFile. After an error nothing of line stays, if the file system lets it; a
// power loss in it may leave a part.
func Append(path string, line []byte) error { return extend(path, nil, line, true) }

// Amend is Append to a file that ends with tail: text is put in its place.
// Where the file ends otherwise nothing is done, and the error is ErrTail.
func Amend(path string, tail, text []byte) error { return extend(path, tail, text, true) }

// Note is Amend without the sync: after a power loss text, or a part of it, may
// not be there. It is for what may be said twice.
func Note(path string, tail, text []byte) error { return extend(path, tail, text, false) }

// ErrTail says that a file does not end as it should.
var ErrTail = errors.New("the file does not end as it was written")

func extend(path string, tail, text []byte, sync bool) error {
	fault.Point("atomicfile.append.before-write")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("add to %q: %w", path, err)
	}
	if err = errors.Join(extendFile(f, tail, text, sync), f.Close()); err != nil {
		return fmt.Errorf("add to %q: %w", path, err)
	}
	fault.Point("atomicfile.append.after")
	return nil
}

func extendFile(f *os.File, tail, text []byte, sync bool) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	at, end := st.Size()-int64(len(tail)), make([]byte, len(tail))
	if at < 0 {
		return ErrTail
	}
	if _, err := f.ReadAt(end, at); err != nil {
		return err
	}
	if !bytes.Equal(end, tail) {
		return ErrTail
	}
	_, err = f.WriteAt(text, at)
	if err == nil && sync {
		fault.Point("atomicfile.append.before-sync")
		err = syncContent(f)
	}
	if err != nil { // as it was, if the file system lets it
		f.WriteAt(tail, at)
		f.Truncate(st.Size())
	}
	return err
}

// MkdirSync makes the directory path and the parents it lacks, all with perm
// (less the umask), and returns nil once their names are on disk. A directory
// that is there already is left as it is.
func MkdirSync(path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	fault.Point("atomicfile.mkdir.before")
	err := os.Mkdir(path, perm)
	switch {
	case err == nil:
		return SyncDir(filepath.Dir(path))
	case errors.Is(err, fs.ErrExist):
		if st, serr := os.Stat(path); serr != nil {
			return serr
		} else if !st.IsDir() {
			return fmt.Errorf("make directory %q: a file of that name is in the way", path)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path:
		if err := MkdirSync(filepath.Dir(path), perm); err != nil {
			return err
		}
		err := os.Mkdir(path, perm)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return SyncDir(filepath.Dir(path))
	default:
		return err
	}
}

// Leftover says whether name (a base name) is that of a temporary file of
// WriteFile. One that lies in a directory where nobody is writing stems from a
// crash and may be removed.
func Leftover(name string) bool {
	return strings.HasPrefix(name, leftoverPrefix) && strings.HasSuffix(name, leftoverSuffix)
}
