// SPDX-License-Identifier: Apache-2.0

// Package catalog reads application packages from directories and zip files,
// packs them, and checks them for their authors.
package catalog

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openmurano/murano/controller"
)

// Open reads a package from a directory or a .zip, and gives it packed too: the
// same bytes for the same files.
func Open(path string) (*controller.Package, []byte, error) {
	zipped, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	p, err := FromZip(zipped)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, zipped, nil
}

// read gives the zip of a package, packing a directory.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read package: %w; name a directory or a .zip", err)
	}
	if info.IsDir() {
		return Pack(path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read package %s: %d bytes are more than a package may have", path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read package: %w", err)
	}
	return b, nil
}

// FromZip reads a package from a zip file in memory. It refuses one that is too
// large, that unpacks to too much, or that holds links or names leading out.
func FromZip(b []byte) (*controller.Package, error) { return controller.PackageFromZip(b) }

// maxFile bounds a file before it is read into memory, in bytes.
const maxFile = 256 << 20

// Pack makes a zip of a package directory: in the order of names, without
// times, so the same files give the same bytes. Names that begin with a dot
// are left out, at any depth. A link is an error.
func Pack(dir string) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	var total int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is a link or no plain file; put the file itself in", name)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if total += info.Size(); total > maxFile {
			return fmt.Errorf("its files have more than %d MiB together; leave large files out and let the plan download them", maxFile>>20)
		}
		return add(w, path, name, info.Mode())
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	return out.Bytes(), nil
}

func add(w *zip.Writer, path, name string, mode fs.FileMode) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	h.SetMode(perm)
	f, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return err
}
