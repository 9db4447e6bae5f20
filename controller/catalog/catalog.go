// SPDX-License-Identifier: Apache-2.0

// Package catalog reads application packages from directories and zip files.
package catalog

import (
	"github.com/openmurano/murano/controller"
)

// Open reads a package from a directory or a .zip, and gives it packed too: the
// same bytes for the same files.
func Open(path string) (*controller.Package, []byte, error) { panic("not yet") }

// FromZip reads a package from a zip file in memory.
func FromZip(b []byte) (*controller.Package, error) { panic("not yet") }

// Pack makes a zip of a package directory: sorted, without times, so the same
// files give the same bytes.
func Pack(dir string) ([]byte, error) { panic("not yet") }

// A Problem is something Lint found.
type Problem struct {
	controller.Fault
	Warning bool // the package can be deployed all the same
}

// Lint checks a package directory or zip thoroughly. The error says that the path
// could not be read at all.
func Lint(path string) ([]Problem, error) { panic("not yet") }
