// SPDX-License-Identifier: Apache-2.0

package puppet

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans/body"
)

// testdata/pyyaml.json holds values and what PyYAML 6.0.3 makes of them:
// yaml.dump(value, default_flow_style=False, width=1000000).
func TestYAMLIsThatOfPyYAML(t *testing.T) {
	b, err := os.ReadFile("testdata/pyyaml.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Value json.RawMessage
		YAML  string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		v, err := body.DecodeJSON(c.Value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encodeYAML(v.(*body.Dict))
		if err != nil {
			t.Errorf("%s: %v", c.Value, err)
			continue
		}
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(c.YAML, "\n")
		for i := range wantLines {
			if i >= len(gotLines) || gotLines[i] != wantLines[i] {
				t.Errorf("line %d: want %q\ngot:\n%s", i+1, wantLines[i], got)
				break
			}
		}
	}
}

func TestAValueYAMLHasNoWordForIsAnError(t *testing.T) {
	if _, err := encodeYAML(body.NewDict("a", body.Bytes("x"))); err == nil {
		t.Error("no error")
	}
}
