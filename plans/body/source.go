// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"math"
	"strings"
)

// A SyntaxError says why a Body cannot run: it is not Python, or it is Python
// outside the subset.
type SyntaxError struct {
	Line, Column int    // from 1, in the Body as its author wrote it; column in characters
	Construct    string // what is outside the subset, as "class definition"; empty where it is not Python
	Reason       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// A source is a Body in both its forms: the author's lines, and the function
// that murano-agent makes of them, which is what Python reads.
type source struct {
	author []string
	text   string // tabs expanded, un-indented, wrapped, every line end a \n
	cut    int    // columns taken from the left of each line
}

const wrapperIndent = 4

// newSource wraps a Body as murano-agent 12.0.0 execution_plan_runner.py does.
func newSource(body string) *source {
	lines := strings.Split(expandTabs(body, 4), "\n")
	cut := math.MaxInt
	for _, line := range lines {
		rest := strings.TrimLeft(line, " ")
		if rest != "" {
			cut = min(cut, len(line)-len(rest))
		}
	}
	if cut == math.MaxInt {
		cut = 0
	}
	var b strings.Builder
	b.WriteString("def __execution_plan_main():\n")
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.Repeat(" ", wrapperIndent))
		if len(line) > cut {
			b.WriteString(line[cut:])
		}
	}
	b.WriteByte('\n')
	return &source{author: strings.Split(oneLineEnd(body), "\n"), text: oneLineEnd(b.String()), cut: cut}
}

func oneLineEnd(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// fault makes a SyntaxError for a place in the wrapped text; line counts from
// 1 there, column from 0.
func (s *source) fault(line, column int, reason string) *SyntaxError {
	l := min(max(line-1, 1), len(s.author))
	target := max(column-wrapperIndent+s.cut, 0)
	written := runesOf(s.author[l-1])
	if line-1 > len(s.author) {
		target = math.MaxInt
	}
	at, shown := 0, 0
	for at < len(written) && shown < target {
		if written[at] == '\t' {
			shown += 4 - shown%4
		} else {
			shown++
		}
		at++
	}
	return &SyntaxError{Line: l, Column: at + 1, Reason: reason}
}

// expandTabs is str.expandtabs.
func expandTabs(s string, size int) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	var b strings.Builder
	column := 0
	for i := 0; i < len(s); {
		_, n := decodeRune(s[i:])
		switch c := s[i]; {
		case c == '\t':
			if size > 0 {
				pad := size - column%size
				b.WriteString(strings.Repeat(" ", pad))
				column += pad
			}
		case c == '\n' || c == '\r':
			column = 0
			b.WriteByte(c)
		default:
			column++
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
