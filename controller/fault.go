// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strconv"
	"strings"
)

// A Fault is one thing wrong in a document a person wrote: where it is, what
// is wrong, and what to do.
type Fault struct {
	File string `json:"file,omitempty"` // within a package; empty when the document has no file name
	Line int    `json:"line,omitempty"` // from 1; 0 when the place has no line, such as a value set on a command line
	Path string `json:"path,omitempty"` // deploy[0].on
	What string `json:"what"`           // lower case, no full stop
	Do   string `json:"do,omitempty"`   // the next step, lower case, no full stop
}

// Error gives file:line: path: what; what to do.
func (f Fault) Error() string {
	var b strings.Builder
	switch {
	case f.File != "" && f.Line > 0:
		b.WriteString(f.File + ":" + strconv.Itoa(f.Line) + ": ")
	case f.File != "":
		b.WriteString(f.File + ": ")
	case f.Line > 0:
		b.WriteString("line " + strconv.Itoa(f.Line) + ": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.What)
	if f.Do != "" {
		b.WriteString("; " + f.Do)
	}
	return b.String()
}

// Faults are all things wrong in one document, in the order of the document.
// A document without faults gives a nil error, never empty Faults.
type Faults []Fault

// Error gives one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is nil when there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
