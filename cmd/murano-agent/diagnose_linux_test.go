// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAStorageFromWhichNothingCanBeRunIsTold(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOEXEC, "size=256m"); err != nil {
		t.Skip("no file system can be mounted here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if o := checkStorage(t.Context(), &scene{storage: dir}); o.Verdict != verdictFail || !strings.Contains(o.Text, "noexec") || o.Next == "" {
		t.Errorf("got %+v", o)
	}
	plan := filepath.Join(t.TempDir(), "plan.json")
	text := `{"FormatVersion": "2.0.0", "Body": "return f()", "Scripts": {"f": {"Type": "Application", "EntryPoint": "f"}},
		"Files": {"f": {"Name": "f.sh", "BodyType": "Text", "Body": "#!/bin/sh\ntrue\n"}}}`
	if err := os.WriteFile(plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if code := run([]string{"murano-agent", "exec", plan, "--storage", dir}, strings.NewReader(""), io.Discard, &said); code != exitFailed || !strings.Contains(said.String(), "mounted noexec") {
		t.Errorf("code %d: %s", code, said.String())
	}
}

func TestAStorageThatWasOpenedForAScriptsUserIsSharedAllTheSame(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give directories to groups")
	}
	for before, want := range map[os.FileMode]os.FileMode{0o700: 0o750, 0o701: 0o751, 0o755: 0o755, 0o500: 0o500} {
		dir := filepath.Join(t.TempDir(), "storage")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, before); err != nil {
			t.Fatal(err)
		}
		if err := shareStorage(dir, "daemon"); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != want {
			t.Errorf("%o became %v, %v, want %o", before, st.Mode(), err, want)
		}
	}
}
