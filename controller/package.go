// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"io/fs"
)

// A Package is an application package: what it is called, what it needs and
// does, and its files. It is read-only once made and may be shared.
type Package struct {
	Manifest Manifest
	Spec     ApplicationSpec
	Files    fs.FS
	Digest   string // SHA-256 over names and contents of all files, lower-case hex: the same files, the same digest
}

// A Manifest is manifest.yaml, in Murano's keys.
type Manifest struct {
	Format      string // Agent/1.0
	Type        string // Application
	FullName    string
	Name        string
	Description string
	Author      string
	Version     string
	Tags        []string
	Logo        string
	Require     map[string]string // FullName to version
}

// NewPackage reads manifest.yaml and application.yaml from the top of files.
// It is strict; all faults are found at once and come as Faults. A package of
// another format is refused with a *FormatError.
func NewPackage(files fs.FS) (*Package, error) { panic("not yet") }

// A FormatError says that a package is of a format this controller does not deploy.
type FormatError struct {
	Format string // MuranoPL/1.3, Heat.HOT/1.0
	What   string
	Do     string
}

func (e *FormatError) Error() string {
	return "manifest.yaml: Format " + e.Format + ": " + e.What + "; " + e.Do
}
