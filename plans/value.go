// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/openmurano/murano/plans/body"
)

// kindOf says in JSON's words what v is.
func kindOf(v body.Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64, *big.Int, float64:
		return "a number"
	case string:
		return "a string"
	case *body.List:
		return "a list"
	case *body.Dict:
		return "an object"
	}
	return "a value of another kind"
}

// truthy is Python's bool(v).
func truthy(v body.Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *body.List:
		return len(v.Items) > 0
	case *body.Dict:
		return v.Len() > 0
	}
	return true
}

// pyText is Python's str(v), as murano-agent puts values into its messages; cut
// where it would make a message of a whole file.
func pyText(v body.Value) string {
	const bound = 4096
	s := valid((&body.Exception{Args: []body.Value{v}}).Error())
	if len(s) <= bound {
		return s
	}
	cut := bound
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

// nearest gives the word that was likely meant by got; empty if none is near.
func nearest(got string, words []string) string {
	best, bound := "", max(2, len(got)/3)+1
	for _, w := range words {
		if d := distance(strings.ToLower(got), strings.ToLower(w)); d < bound {
			best, bound = w, d
		}
	}
	return best
}

// distance is Levenshtein's, on bytes; long texts are far from everything.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
