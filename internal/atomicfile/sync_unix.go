// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/openmurano/murano/internal/fault"
)

// SyncDir returns nil once the names in the directory dir, as they are now, are
// on disk. A file system that cannot sync a directory (EINVAL, as fsync(2)
// says) keeps its names some other way; that is no error. On Windows, which
// has no such call, it does nothing.
func SyncDir(dir string) error {
	fault.Point("atomicfile.dir.before-sync")
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("sync directory %q: %w", dir, err)
	}
	fault.Point("atomicfile.dir.after-sync")
	return nil
}
