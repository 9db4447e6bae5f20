// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/openmurano/murano/plans"
)

// A Workspace is the directory of one plan while it runs: a folder for each
// script that was called, with its Files beside its entry file. No name that a
// plan holds leads out of it, symbolic links its scripts make included.
type Workspace struct {
	dir     string
	root    *os.Root
	fetch   Fetcher
	written map[string]bool   // what was placed, relative: all else is of an earlier attempt, or a script's
	fetched map[string]string // by file ID: what Fetch returned
}

// NewWorkspace makes the directory name in parent, both 0700. A directory of
// that name, of an attempt that was cut, is removed first.
func NewWorkspace(parent, name string, fetch Fetcher) (*Workspace, error) {
	if err := plainName(name); err != nil {
		return nil, err
	}
	if err := removeTree(filepath.Join(parent, name)); err != nil {
		return nil, fmt.Errorf("remove an earlier workspace: %w", err)
	}
	return KeptWorkspace(parent, name, fetch)
}

// KeptWorkspace opens the directory name in parent with what an attempt that was
// cut left in it; files of the plan are placed anew. Where there is none, it is
// made.
func KeptWorkspace(parent, name string, fetch Fetcher) (*Workspace, error) {
	if err := plainName(name); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make workspace: %w", err)
	}
	dir, err := filepath.Abs(filepath.Join(parent, name))
	if err != nil {
		return nil, fmt.Errorf("make workspace: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make workspace: %w", err)
	}
	if st, err := os.Lstat(dir); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("open workspace: %q is no directory", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open workspace: %w", err)
	}
	return &Workspace{dir: dir, root: root, fetch: fetch, written: map[string]bool{}, fetched: map[string]string{}}, nil
}

func plainName(name string) error {
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return fmt.Errorf("make workspace: %q is no plain name", name)
	}
	return nil
}

// Close leaves the directory as it is, for KeptWorkspace.
func (w *Workspace) Close() { w.root.Close() }

// Remove removes the directory and all that is in it. A file system that a
// script mounted in it is not touched: then nothing is removed, and the error
// names it.
func (w *Workspace) Remove() error {
	w.root.Close()
	return removeTree(w.dir)
}

// Place puts the files of the script into its folder, in the order of its
// Files, the entry file last, and returns folder and entry file. Where two
// files have one Name, the first is kept (murano-agent 12.0.0 files_manager.py).
func (w *Workspace) Place(ctx context.Context, p plans.Plan, name string) (dir, entry string, err error) {
	s := p.Scripts[name]
	folder, err := w.folder(p, name)
	if err != nil {
		return "", "", err
	}
	for _, id := range s.Files {
		if _, err := w.place(ctx, folder, id, p, false); err != nil {
			return "", "", fmt.Errorf("place file %q of script %q: %w", id, name, err)
		}
	}
	if s.Type == "Application" {
		if entry, err = w.place(ctx, folder, s.EntryPoint, p, true); err != nil {
			return "", "", fmt.Errorf("place file %q, the entry point of script %q: %w", s.EntryPoint, name, err)
		}
	}
	// A child that another goroutine is starting may hold a copy of a file
	// descriptor open for writing, and "Text file busy" would be the answer to
	// whoever executes that file. No start is under way while this lock is held.
	syscall.ForkLock.Lock()
	//lint:ignore SA2001 the wait is all that is wanted
	syscall.ForkLock.Unlock()
	return filepath.Join(w.dir, folder), entry, nil
}

// folder makes the folder of a script: its name, where that is a plain one.
func (w *Workspace) folder(p plans.Plan, name string) (string, error) {
	f := name
	if !filepath.IsLocal(f) || strings.ContainsAny(f, `/\`) || f == "." || len(f) > 200 || strings.HasPrefix(f, ".") {
		f = ".script-" + strconv.Itoa(rank(p.Scripts, name))
	}
	if err := w.mkdir(f); err != nil {
		return "", fmt.Errorf("make the folder of script %q: %w", name, err)
	}
	return f, nil
}

// rank numbers the keys of m: the same in every attempt.
func rank[V any](m map[string]V, key string) int {
	n := 0
	for k := range m {
		if k < key {
			n++
		}
	}
	return n
}

func (w *Workspace) place(ctx context.Context, folder, id string, p plans.Plan, executable bool) (string, error) {
	f := p.Files[id]
	name := path.Clean(f.Name)
	if name == "." {
		return filepath.Join(w.dir, folder) + string(filepath.Separator), nil
	}
	if !filepath.IsLocal(name) {
		return "", &plans.FormatError{Path: fmt.Sprintf("Files[%q].Name", id), Reason: fmt.Sprintf("%q leads out of the script's folder", f.Name), Next: "use a relative name without .."}
	}
	at := path.Join(folder, name)
	if err := w.parents(folder, name); err != nil {
		return "", err
	}
	if f.Type == "Downloadable" {
		return w.download(ctx, at, id, p, executable)
	}
	content, err := content(f)
	if err != nil {
		return "", err
	}
	mode := f.Mode.Perm()
	switch {
	case executable:
		mode = mode&^0o222 | 0o500
	case mode == 0:
		mode = 0o644
	}
	if err := w.make(at, func() error { return w.write(at, content, mode) }); err != nil {
		return "", err
	}
	if executable {
		// Where a file of Files has the entry file's Name, that one is run.
		if err := w.allowExecution(at); err != nil {
			return "", err
		}
	}
	return filepath.Join(w.dir, at), nil
}

// make has a file made at that place, once. What is there and was not placed, as
// by an earlier attempt or a script, is removed: as a rule nothing is.
func (w *Workspace) make(at string, file func() error) error {
	err := file()
	if errors.Is(err, fs.ErrExist) && w.written[at] {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		if err := w.root.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("what is in the place of the file is not removed: %w", err)
		}
		err = file()
	}
	w.written[at] = w.written[at] || err == nil
	return err
}

// parents makes the directories above the file of that name in folder.
func (w *Workspace) parents(folder, name string) error {
	for i, c := range name {
		if c == '/' {
			if err := w.mkdir(path.Join(folder, name[:i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// mkdir makes a directory that scripts of other users may enter; it may be there.
func (w *Workspace) mkdir(name string) error {
	err := w.root.Mkdir(name, 0o755)
	if errors.Is(err, fs.ErrExist) {
		if st, serr := w.root.Stat(name); serr != nil || !st.IsDir() {
			return fmt.Errorf("make directory %q: a file of that name is in the way", name)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return w.root.Chmod(name, 0o755) // whatever the umask
}

func (w *Workspace) write(name string, content []byte, mode fs.FileMode) error {
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err != nil {
		w.root.Remove(name)
	}
	return err
}

func (w *Workspace) allowExecution(name string) error {
	st, err := w.root.Stat(name)
	if err != nil || st.IsDir() || st.Mode().Perm()&0o500 == 0o500 {
		return err
	}
	return w.root.Chmod(name, st.Mode().Perm()&^0o222|0o500)
}

// download fetches a file once for the plan and links the folder it is in to
// at: a script finds at/<last part of the URL>.
func (w *Workspace) download(ctx context.Context, at, id string, p plans.Plan, executable bool) (string, error) {
	if w.fetch == nil {
		return "", errors.New("this agent cannot download files")
	}
	got, ok := w.fetched[id]
	folder := ".download-" + strconv.Itoa(rank(p.Files, id))
	if !ok {
		if err := w.root.RemoveAll(folder); err != nil {
			return "", err
		}
		if err := w.mkdir(folder); err != nil {
			return "", err
		}
		var err error
		if got, err = w.fetch.Fetch(ctx, p.Files[id], filepath.Join(w.dir, folder)); err != nil {
			return "", &downloadError{err}
		}
		w.fetched[id] = got
	}
	rel, err := filepath.Rel(w.dir, got)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("downloaded to %q, which is outside the workspace", got)
	}
	folder, inside, _ := strings.Cut(filepath.ToSlash(rel), "/")
	err = w.make(at, func() error { return w.root.Symlink(filepath.Join(w.dir, folder), at) })
	if err != nil {
		return "", err
	}
	if executable {
		if err := w.allowExecution(filepath.ToSlash(rel)); err != nil {
			return "", err
		}
	}
	return filepath.Join(w.dir, at, filepath.FromSlash(inside)), nil
}

// A downloadError is an error of a Fetcher.
type downloadError struct{ err error }

func (e *downloadError) Error() string { return e.err.Error() }
func (e *downloadError) Unwrap() error { return e.err }

// content is what is in an inline file. A BodyType that is neither Text nor
// Base64 is an empty file (murano-agent 12.0.0 files_manager.py).
func content(f plans.File) ([]byte, error) {
	switch f.BodyType {
	case "", "Text":
		return []byte(f.Body), nil
	case "Base64":
		return decodeBase64(f.Body)
	}
	return nil, nil
}

// decodeBase64 reads s as Python's base64.b64decode without validation: bytes
// outside the alphabet are skipped, and all that follows the padding.
func decodeBase64(s string) ([]byte, error) {
	clean := make([]byte, 0, len(s))
	pads := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '=' {
			if quad := len(clean) % 4; quad >= 2 {
				if pads++; quad+pads >= 4 {
					break
				}
			}
			continue
		}
		if !inAlphabet(c) {
			continue
		}
		pads = 0
		clean = append(clean, c)
	}
	switch quad := len(clean) % 4; {
	case quad == 1:
		//lint:ignore ST1005 the text is CPython's
		return nil, fmt.Errorf("Invalid base64-encoded string: number of data characters (%d) cannot be 1 more than a multiple of 4", len(clean))
	case quad != 0 && quad+pads < 4:
		//lint:ignore ST1005 the text is CPython's
		return nil, errors.New("Incorrect padding")
	}
	return base64.RawStdEncoding.AppendDecode(nil, clean)
}

func inAlphabet(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}
