// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// maxUnpacked bounds what a package unpacks to, in bytes: it is read into memory.
const maxUnpacked = 256 << 20

// A packageCache holds packages that were read from the store, by digest.
type packageCache struct {
	mu       sync.Mutex
	byDigest map[string]*Package
}

// PutPackage reads a package from a .zip and keeps it. Environments that are
// deployed from now on use it; one that is being deployed goes on with what it began with.
func (c *Controller) PutPackage(ctx context.Context, zipped []byte) (*Package, error) {
	p, err := unpack(zipped)
	if err != nil {
		return nil, err
	}
	r := PackageRecord{Digest: p.Digest, Name: p.Manifest.FullName, Title: p.Manifest.Name, Zip: zipped, Added: c.now()}
	if err := c.Store.PutPackage(ctx, r); err != nil {
		return nil, fmt.Errorf("keep package %s: %w", r.Name, err)
	}
	return p, nil
}

// Package returns the package that was put last under this full name.
func (c *Controller) Package(ctx context.Context, name string) (*Package, error) {
	r, err := c.Store.PackageNamed(ctx, name)
	if err != nil {
		return nil, namePackage(name, err)
	}
	return c.packages.read(r)
}

// Packages lists the newest of each name, by name, without their content.
func (c *Controller) Packages(ctx context.Context) ([]PackageRecord, error) {
	return c.Store.Packages(ctx)
}

// packageOf returns the package with this digest.
func (c *Controller) packageOf(ctx context.Context, name, digest string) (*Package, error) {
	if p := c.packages.find(digest); p != nil {
		return p, nil
	}
	r, err := c.Store.PackageOf(ctx, digest)
	if err != nil {
		return nil, namePackage(name, err)
	}
	return c.packages.read(r)
}

func namePackage(name string, err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("package %s: %w; add it to the controller first", name, err)
	}
	return fmt.Errorf("package %s: %w", name, err)
}

func (c *packageCache) find(digest string) *Package {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byDigest[digest]
}

func (c *packageCache) read(r PackageRecord) (*Package, error) {
	if p := c.find(r.Digest); p != nil {
		return p, nil
	}
	p, err := unpack(r.Zip)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", r.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byDigest == nil {
		c.byDigest = make(map[string]*Package)
	}
	c.byDigest[r.Digest] = p
	return p, nil
}

// unpack reads a package from a .zip whose manifest.yaml is at its top or in its only folder.
func unpack(zipped []byte) (*Package, error) {
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		return nil, fmt.Errorf("read package: %w; a package is a .zip with manifest.yaml in it", err)
	}
	var size uint64
	for _, f := range r.File {
		if size += f.UncompressedSize64; size > maxUnpacked {
			return nil, fmt.Errorf("read package: it unpacks to more than %d MiB; leave large files out and let the plan download them", maxUnpacked>>20)
		}
	}
	var files fs.FS = r
	if _, err := fs.Stat(files, "manifest.yaml"); err != nil {
		if top, err := fs.ReadDir(files, "."); err == nil && len(top) == 1 && top[0].IsDir() {
			if files, err = fs.Sub(files, top[0].Name()); err != nil {
				return nil, fmt.Errorf("read package: %w", err)
			}
		}
	}
	return NewPackage(files)
}
