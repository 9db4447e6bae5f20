// SPDX-License-Identifier: Apache-2.0

package atomicfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/openmurano/murano/internal/atomicfile"
)

func TestWriteFile(t *testing.T) {
	tests := []struct {
		name string
		old  *string
		data string
		perm fs.FileMode
	}{
		{"a new file has the content and exactly the mode", nil, "hello\n", 0o666},
		{"an old file is replaced and its mode too", new(string), "new", 0o600},
		{"an empty file is possible", nil, "", 0o644},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "state.json")
			if tt.old != nil {
				if err := os.WriteFile(path, []byte("something longer, and old"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := atomicfile.WriteFile(path, []byte(tt.data), tt.perm); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != tt.data {
				t.Fatalf("got %q, %v, want %q", got, err, tt.data)
			}
			st, _ := os.Stat(path)
			if runtime.GOOS != "windows" && st.Mode().Perm() != tt.perm {
				t.Errorf("got mode %v, want %v", st.Mode().Perm(), tt.perm)
			}
			wantOnly(t, dir, "state.json")
		})
	}
}

func TestAnErrorLeavesNothingBeside(t *testing.T) {
	t.Run("the directory does not exist", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "absent", "f")
		if err := atomicfile.WriteFile(path, nil, 0o600); err == nil {
			t.Fatal("got nil, want an error")
		}
	})
	t.Run("a directory with content stands where the file should go", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "f", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := atomicfile.WriteFile(filepath.Join(dir, "f"), []byte("a"), 0o600); err == nil {
			t.Fatal("got nil, want an error")
		}
		wantOnly(t, dir, "f")
	})
}

func TestASymbolicLinkIsReplacedAndItsTargetKept(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("target"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := atomicfile.WriteFile(link, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "target" {
		t.Errorf("target: got %q, want it untouched", got)
	}
}

// A reader beside many writers sees one writer's whole content, always.
func TestReadersSeeWholeContentOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 64<<10) }
	if err := atomicfile.WriteFile(path, content(0), 0o600); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		writers.Go(func() {
			for range 10 {
				if err := atomicfile.WriteFile(path, content(i), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	for {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 64<<10 || bytes.Count(got, got[:1]) != len(got) {
			t.Fatalf("got %d bytes starting %q, want 64 KiB of one letter", len(got), got[:min(len(got), 8)])
		}
		select {
		case <-done:
			wantOnly(t, filepath.Dir(path), "f")
			return
		default:
		}
	}
}

func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	if err := atomicfile.Append(path, []byte("one\n")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one\n", "two\n"} {
		if err := atomicfile.Append(path, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAmend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "object")
	if err := os.WriteFile(path, []byte("{1\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, amend := range []func(string, []byte, []byte) error{atomicfile.Amend, atomicfile.Note} {
		if err := amend(path, []byte("\n}\n"), []byte(",2\n}\n")); err != nil {
			t.Fatal(err)
		}
		if err := amend(path, []byte("]\n"), []byte("3]\n")); !errors.Is(err, atomicfile.ErrTail) {
			t.Errorf("another end: %v", err)
		}
		if err := amend(path, bytes.Repeat([]byte("x"), 100), nil); !errors.Is(err, atomicfile.ErrTail) {
			t.Errorf("an end longer than the file: %v", err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "{1,2,2\n}\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMkdirSync(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 { // the second time everything is there
		if err := atomicfile.MkdirSync(deep, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := os.Stat(deep); err != nil || !st.IsDir() {
		t.Fatalf("got %v, %v, want a directory", st, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.MkdirSync(file, 0o700); err == nil {
		t.Error("a file in the way: got nil, want an error")
	}
	if err := atomicfile.MkdirSync(filepath.Join(file, "x"), 0o700); err == nil {
		t.Error("a file as parent: got nil, want an error")
	}
}

func TestLeftover(t *testing.T) {
	for name, want := range map[string]bool{
		".atomic-123.tmp": true, "state.json": false, ".atomic-123": false, "x.tmp": false,
	} {
		if got := atomicfile.Leftover(name); got != want {
			t.Errorf("Leftover(%q): got %v, want %v", name, got, want)
		}
	}
}

// wantOnly fails the test unless dir holds exactly the names.
func wantOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("directory holds %v, want %v", got, names)
	}
}
