// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// The bounds of a zipped package. It is kept in the controller's store and in
// memory; what is larger belongs on a server the plan downloads from.
const (
	maxZip      = 64 << 20  // bytes of the file
	maxUnzipped = 256 << 20 // bytes of its content
	maxEntries  = 4000
)

// PackageFromZip reads a package from a zip file. manifest.yaml is at its top,
// or in its only folder. A zip that is too large, unpacks to too much, or holds
// anything but plain files inside it, is refused. b must not change as long as
// the package is used.
func PackageFromZip(b []byte) (*Package, error) {
	if len(b) > maxZip {
		return nil, fmt.Errorf("read package: the zip has %d bytes, more than %d MiB; leave large files out and let the plan download them", len(b), maxZip>>20)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("read package: %w; a package is a .zip with manifest.yaml in it", err)
	}
	if err := checkEntries(r.File); err != nil {
		return nil, fmt.Errorf("read package: %w", err)
	}
	files, err := packageRoot(r)
	if err != nil {
		return nil, fmt.Errorf("read package: %w", err)
	}
	return NewPackage(files)
}

// checkEntries trusts the sizes in the headers: archive/zip ends reading an
// entry with an error once it gives more than its header says.
func checkEntries(entries []*zip.File) error {
	if len(entries) > maxEntries {
		return fmt.Errorf("the zip has %d entries, more than %d; pack many small files into one", len(entries), maxEntries)
	}
	var total uint64
	seen := map[string]bool{}
	for _, f := range entries {
		name := strings.TrimSuffix(f.Name, "/")
		switch {
		case strings.Contains(name, `\`) || strings.Contains(name, ":"):
			return fmt.Errorf("the entry %q is no portable name; use / between folders and no colons", f.Name)
		case !fs.ValidPath(name) || name == ".":
			return fmt.Errorf("the entry %q leads out of the package; write names below the package, without any .. in them", f.Name)
		case f.Mode()&fs.ModeSymlink != 0:
			return fmt.Errorf("the entry %q is a link; put the file itself in", f.Name)
		case !f.Mode().IsRegular() && !f.Mode().IsDir():
			return fmt.Errorf("the entry %q is no plain file; take it out", f.Name)
		case f.Flags&1 != 0:
			return fmt.Errorf("the entry %q is encrypted; pack it without a password", f.Name)
		case seen[path.Clean(name)]:
			return fmt.Errorf("the entry %q stands twice; pack the folder anew", f.Name)
		}
		seen[path.Clean(name)] = true
		if total += f.UncompressedSize64; f.UncompressedSize64 > maxUnzipped || total > maxUnzipped {
			return fmt.Errorf("the zip unpacks to more than %d MiB; leave large files out and let the plan download them", maxUnzipped>>20)
		}
	}
	return nil
}

// packageRoot finds the folder of manifest.yaml.
func packageRoot(files fs.FS) (fs.FS, error) {
	if _, err := fs.Stat(files, "manifest.yaml"); err == nil {
		return files, nil
	}
	top, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	if len(top) == 1 && top[0].IsDir() {
		return fs.Sub(files, top[0].Name())
	}
	return files, nil
}
