// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

// A badPlan is one row of testdata/bad.json. -update writes its last three fields.
type badPlan struct {
	Name string          `json:"name"`
	Plan json.RawMessage `json:"plan,omitempty"` // or
	Raw  *string         `json:"raw,omitempty"`  // a body that is not JSON, or
	YAML *string         `json:"yaml,omitempty"` // a file
	Max  string          `json:"max,omitempty"`

	Code   int    `json:"code"`
	Wire   string `json:"wire,omitempty"` // what goes to the engine, where it is not Detail
	Detail string `json:"detail"`
}

func (b badPlan) parse(t *testing.T) error {
	var o plans.ParseOptions
	if b.Max != "" {
		var err error
		if o.Max, err = plans.ParseVersion(b.Max); err != nil {
			t.Fatal(err)
		}
	}
	text, parse := []byte(b.Plan), o.Parse
	switch {
	case b.Raw != nil:
		text = []byte(*b.Raw)
	case b.YAML != nil:
		text, parse = []byte(*b.YAML), o.ParseYAML
	}
	p, err := parse(text)
	if err != nil && (p.Body != "" || p.Scripts != nil) {
		t.Error("a plan came with the error")
	}
	return err
}

func TestEveryBadPlanIsRefusedWithPlaceReasonAndNextStep(t *testing.T) {
	const name = "testdata/bad.json"
	table, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var rows []badPlan
	if err := json.Unmarshal(table, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 35 {
		t.Errorf("%d bad plans, want at least 35", len(rows))
	}
	for i := range rows {
		row := &rows[i]
		t.Run(row.Name, func(t *testing.T) {
			err := row.parse(t)
			if err == nil {
				t.Fatal("accepted")
			}
			got := *row
			got.Code, got.Detail, got.Wire = plans.ErrorCode(err), plans.Detail(err), ""
			if err.Error() != got.Detail {
				got.Wire = err.Error()
			}
			if *update {
				*row = got
			}
			if got.Code != row.Code || got.Detail != row.Detail || got.Wire != row.Wire {
				t.Errorf("got  code %d\n     wire %s\n     detail %s\nwant code %d\n     wire %s\n     detail %s", got.Code, got.Wire, got.Detail, row.Code, row.Wire, row.Detail)
			}
			checkFault(t, err)
		})
	}
	if *update {
		writeRows(t, name, rows)
	}
}

// checkFault holds every message to the rule: place, reason, next step.
func checkFault(t *testing.T, err error) {
	var format *plans.FormatError
	var unsupported *plans.UnsupportedError
	switch {
	case errors.As(err, &unsupported):
	case !errors.As(err, &format):
		t.Errorf("%T is neither a FormatError nor an UnsupportedError", err)
	case format.Reason == "" || format.Next == "":
		t.Errorf("no reason or no next step: %+v", format)
	}
	if detail := plans.Detail(err); !strings.Contains(detail, "; ") || strings.Contains(detail, "\n") {
		t.Errorf("not one line with a next step: %q", detail)
	}
}

func writeRows(t *testing.T, name string, rows []badPlan) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i, row := range rows {
		b.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		if err := e.Encode(row); err != nil {
			t.Fatal(err)
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString("\n]\n")
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
