// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// The wanted values are PyYAML 6.0's (YAML 1.1), but for dates, which JSON has not.
func TestYAMLIsReadAsMuranoReadsIt(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"numbers", "[1, -2, 0x1f, 0755, 1_000, 1.5, 1.0e+3, 123456789012345678901234567890]", "[1, -2, 31, 493, 1000, 1.5, 1000.0, 123456789012345678901234567890]"},
		{"words of YAML 1.1", "[yes, No, on, OFF, true, False, 'yes', \"no\", y]", `[true, false, true, false, true, false, "yes", "no", "y"]`},
		{"nothing", "[null, ~, '', Null]", `[null, null, "", null]`},
		{"versions and dates stay text", "[2.0.0, 2026-11-23, 1.0.0]", `["2.0.0", "2026-11-23", "1.0.0"]`},
		{"keys keep their order and are text", "z: 1\na: {2: x, true: y}\n", `{"z": 1, "a": {"2": "x", "true": "y"}}`},
		{"blocks keep their lines", "a: |\n  x\n   y\nb: >\n  x\n  y\n", `{"a": "x\n y\n", "b": "x y\n"}`},
		{"aliases are followed", "a: &x [1]\nb: *x\n", `{"a": [1], "b": [1]}`},
		{"JSON is YAML", `{"a": [1, true, null, "\u00e9"]}`, `{"a": [1, true, null, "\u00e9"]}`},
		{"dollars stay", "p: {x: $x, y: '{$a}'}", `{"p": {"x": "$x", "y": "{$a}"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := plans.DecodeYAML([]byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := body.EncodeJSON(v)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestYAMLThatIsNotPlainDataIsRefused(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += string(i) + ": &" + string(i) + " [" + strings.Repeat("*"+string(i-1)+", ", 9) + "]\n"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"aliases that grow", bomb, "more than a million"},
		{"a tag of another kind", "a: !!binary AAAA", "a value with the tag !!binary"},
		{"a key that is a list", "[1]: x", "a key that is no text"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := plans.DecodeYAML([]byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			checkFault(t, err)
		})
	}
}
