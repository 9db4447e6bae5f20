// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
)

// An Error is one fault of a configuration: where, what, and what to do.
type Error struct {
	File   string // empty when no file is to blame
	Line   int    // from 1; 0 when no line is
	Key    string // as written in that file: rabbitmq.port; empty when no key is
	Reason string // what is wrong
	Next   string // what to do about it
}

// Error is `FILE:LINE: KEY: REASON; NEXT`, without the parts that are absent.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Reason)
	if e.Next != "" {
		b.WriteString("; " + e.Next)
	}
	return b.String()
}

// nearest is the candidate that a mistyped key most likely meant, or "" when
// none is close: at most a third of the letters, and two, may differ.
func nearest(key string, candidates []string) string {
	best, least := "", 3
	if third := len(key)/3 + 1; third < least {
		least = third
	}
	for _, c := range candidates {
		if strings.EqualFold(plainKey(c), plainKey(key)) {
			return c
		}
		if d := distance(strings.ToLower(key), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// plainKey is a key without what separates its words.
func plainKey(s string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(s)
}

// distance is the number of letters to insert, remove, replace or swap with
// their neighbour to come from a to b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
