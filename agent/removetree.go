// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// removeTree removes dir and what is in it. It refuses where a file system is
// mounted below: a script that bound / to a folder of its own must not cost the
// guest its disk. Of a symbolic link at dir, the link alone is removed.
func removeTree(dir string) error {
	switch st, err := os.Lstat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !st.IsDir():
		return os.Remove(dir)
	}
	if at := mountBelow(dir); at != "" {
		return fmt.Errorf("remove %q: a file system is mounted at %q; unmount it, then remove the directory", dir, at)
	}
	if err := os.RemoveAll(dir); err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	// A script may have made folders that not even their owner may write.
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// mountBelow names a mount point in or below dir; empty where there is none, or
// no /proc to ask.
func mountBelow(dir string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	// Nearly always the name is nowhere in the table, where only these are escaped.
	if name := filepath.Base(dir); !strings.ContainsAny(name, " \t\n\\#") && !bytes.Contains(table, []byte(name)) {
		return ""
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		at := unescape.Replace(fields[4]) // mount point: proc(5), mountinfo
		if strings.HasPrefix(at, dir+"/") || at == dir {
			return at
		}
	}
	return ""
}
