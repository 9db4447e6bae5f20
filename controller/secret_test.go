// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"testing"
)

func TestASecretIsHiddenInEveryFormItTakes(t *testing.T) {
	const key = "-----BEGIN KEY-----\nMIIBVgIBADAN\nQkFERQ==\n-----END KEY-----\n"
	for name, c := range map[string]struct{ secret, in, want any }{
		"inside a text":                      {"s3cret", "login with s3cret!", "login with ***!"},
		"inside a list of a mapping":         {"s3cret", map[string]any{"a": []any{"s3cret"}}, map[string]any{"a": []any{"***"}}},
		"escaped as JSON":                    {"a\"b\tc", `{"password": "a\"b\tc"}`, `{"password": "***"}`},
		"quoted":                             {"pass\x01word", `said "pass\x01word"`, `said "***"`},
		"one line of a key":                  {key, "read MIIBVgIBADAN from it", "read *** from it"},
		"a key's frame is no secret":         {key, "-----BEGIN KEY-----", "-----BEGIN KEY-----"},
		"a number":                           {987654, 987654, "***"},
		"a number as JSON has it":            {json.Number("987654"), float64(987654), "***"},
		"a number in a text":                 {987654, "pin 987654", "pin ***"},
		"a number that holds it is another":  {9876, 987654, 987654},
		"a short secret alone":               {"ab", "ab", "***"},
		"a short secret in a sentence stays": {"ab", "about", "about"},
		"a mapping's values":                 {map[string]any{"user": "somebody"}, "somebody", "***"},
		"true is none":                       {true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := new(mask)
			m.add(c.secret)
			got, err := json.Marshal(m.value(c.in))
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got %s, want %s", got, want)
			}
			if hidden := string(want) != mustJSON(t, c.in); m.holds(c.in) != hidden {
				t.Errorf("holds is %v", !hidden)
			}
		})
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
