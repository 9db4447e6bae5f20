// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"errors"
	"fmt"
)

// ErrorCodes of a result, as Murano's engine knows them.
const (
	CodeOK      = 0
	CodeOther   = 1   // an exception in the Body, or anything without a code of its own
	CodeFormat  = 2   // the plan breaks its format
	CodeVersion = 9   // the plan's FormatVersion is newer than the agent knows
	CodeScript  = 100 // a script failed; CodeScript + n are other failures of scripts
)

// A FormatError says where a plan breaks its format. Its text is what goes to
// the wire; Detail is for a person who can change the plan.
type FormatError struct {
	Path   string // Scripts["deploy"].EntryPoint; empty means the document as a whole
	Reason string // what is wrong there
	Next   string // what to do about it
	Wire   string // murano-agent's own words, where it has words for this; engines may know them
	Code   int    // ErrorCode of the result; 0 means CodeFormat
}

// Error is the Message of the plan's result: the text of murano-agent 12.0.0
// where it refuses the same plan with a text of its own, else Detail.
func (e *FormatError) Error() string {
	if e.Wire != "" {
		return e.Wire
	}
	return e.Detail()
}

// Detail names the place, what is wrong and the next step, on one line.
func (e *FormatError) Detail() string {
	s := e.Reason
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Next != "" {
		s += "; " + e.Next
	}
	return s
}

// ErrorCode is the code of the result that answers the plan.
func (e *FormatError) ErrorCode() int {
	if e.Code != 0 {
		return e.Code
	}
	return CodeFormat
}

// An UnsupportedError says that a plan is of a newer format than the reader
// takes. Its text is murano-agent's.
type UnsupportedError struct {
	Version Version
	Max     Version // the newest that is taken
	text    string  // the version as the plan wrote it, build metadata included
}

func (e *UnsupportedError) Error() string {
	text := e.text
	if text == "" {
		text = e.Version.String()
	}
	return fmt.Sprintf("Unsupported format version %s (I support versions <=%s)", text, e.Max)
}

// Detail names the place, what is wrong and the next step, on one line.
func (e *UnsupportedError) Detail() string {
	return fmt.Sprintf("FormatVersion: %s is newer than %s, the newest this agent takes; "+
		"lower FormatVersion if the plan uses no newer key, or update the agent", e.Version, e.Max)
}

// ErrorCode is CodeVersion.
func (e *UnsupportedError) ErrorCode() int { return CodeVersion }

// ErrorCode is the code of the result that answers a plan which failed with
// err: the code that an error in err's chain has, else CodeOther; CodeOK for nil.
func ErrorCode(err error) int {
	if err == nil {
		return CodeOK
	}
	var coded interface{ ErrorCode() int }
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return CodeOther
}

// Detail is the longest text that err has for a person: with the place and
// the next step where an error in its chain knows them.
func Detail(err error) string {
	var detailed interface{ Detail() string }
	if errors.As(err, &detailed) {
		return detailed.Detail()
	}
	return err.Error()
}
