// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// mostPackages is how many packages are held in memory.
const mostPackages = 64

// A packageCache holds packages that were read from the store, by digest.
type packageCache struct {
	mu       sync.Mutex
	byDigest map[string]*Package
}

// PutPackage reads a package from a .zip and keeps it. Environments that are
// deployed from now on use it; one that is being deployed goes on with what it began with.
func (c *Controller) PutPackage(ctx context.Context, zipped []byte) (*Package, error) {
	p, err := PackageFromZip(zipped)
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
	p, err := PackageFromZip(r.Zip)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", r.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byDigest == nil || len(c.byDigest) >= mostPackages {
		c.byDigest = make(map[string]*Package)
	}
	c.byDigest[r.Digest] = p
	return p, nil
}
