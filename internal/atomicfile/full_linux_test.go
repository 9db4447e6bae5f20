// SPDX-License-Identifier: Apache-2.0

package atomicfile_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openmurano/murano/internal/atomicfile"
)

// limitedPath, in the environment of this test binary, makes it a child that
// may write no file longer than 4096 bytes and tries to replace the file there.
const limitedPath = "ATOMICFILE_TEST_LIMITED_PATH"

// A file-size limit fails a write half way, as a full disk does.
func TestAWriteThatFailsHalfWayKeepsTheOldContent(t *testing.T) {
	if path := os.Getenv(limitedPath); path != "" {
		signal.Ignore(syscall.SIGXFSZ) // then write(2) gives EFBIG
		limit := syscall.Rlimit{Cur: 4096, Max: 4096}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		err := atomicfile.WriteFile(path, make([]byte, 8192), 0o600)
		if !errors.Is(err, syscall.EFBIG) {
			t.Fatalf("got %v, want EFBIG", err)
		}
		if !strings.Contains(err.Error(), path) {
			t.Errorf("got %q, want it to name %q", err, path)
		}
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := atomicfile.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), limitedPath+"="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v, want the old content", got, err)
	}
	wantOnly(t, dir, "f")
}

func TestADiskThatIsFullKeepsTheOldContent(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a tmpfs needs root: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path := filepath.Join(dir, "f")
	if err := atomicfile.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		err := atomicfile.WriteFile(path, make([]byte, 128<<10), 0o600)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("attempt %d: got %v, want ENOSPC", i, err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v, want the old content", got, err)
	}
	wantOnly(t, dir, "f")
	if err := atomicfile.WriteFile(path, []byte(fmt.Sprintf("%01000d", 7)), 0o600); err != nil {
		t.Errorf("after the failures: %v", err)
	}
}
