// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// FuzzParse: no text makes Parse panic; a plan it takes is read back from what
// Encode makes; Identify agrees with it; every fault is explained.
func FuzzParse(f *testing.F) {
	seed(f, "testdata/plans/*.json", "testdata/plans/*.yaml", "testdata/results/*.want")
	f.Add([]byte(`{"Scripts":["ZWNobw=="],"Commands":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := (plans.ParseOptions{}).ParseYAML(b); err == nil && encodable(p) {
			checkReadsBack(t, p)
		}
		p, err := plans.Parse(b)
		if err != nil {
			if code := plans.ErrorCode(err); code != plans.CodeOther && code != plans.CodeFormat && code != plans.CodeVersion {
				t.Errorf("code %d", code)
			}
			if !strings.Contains(plans.Detail(err), "; ") {
				t.Errorf("no next step: %s", plans.Detail(err))
			}
			plans.Identify(plans.Message{Body: b})
			return
		}
		id, stamp := plans.Identify(plans.Message{Body: b})
		if id != p.ID || stamp != p.Stamp {
			t.Errorf("Identify: got %q, %d; want %q, %d", id, stamp, p.ID, p.Stamp)
		}
		if encodable(p) {
			checkReadsBack(t, p)
		}
	})
}

// FuzzParseResult: no text makes ParseResult panic; a result it takes can be
// written and is read back.
func FuzzParseResult(f *testing.F) {
	seed(f, "testdata/results/*.want")
	f.Add([]byte(`{"SourceID": 5, "Body": NaN, "ErrorCode": null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		plans.ParseEvent(b)
		r, err := plans.ParseResult(b)
		if err != nil {
			return
		}
		r.ID = "0f"
		encoded, err := r.Encode()
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		back, err := plans.ParseResult(encoded)
		if err != nil || back.ErrorCode != r.ErrorCode || back.SourceID != strings.ToValidUTF8(r.SourceID, "\ufffd") {
			t.Fatalf("got %+v, %v; want %+v", back, err, r)
		}
	})
}

// encodable leaves out what murano-agent takes and Encode does not: format 0.0.0
// and, in Parameters, NaN
// and very deep nesting.
func encodable(p plans.Plan) bool {
	if p.FormatVersion == (plans.Version{}) {
		return false
	}
	if p.Parameters == nil {
		return true
	}
	_, err := body.EncodeJSON(body.NewDict("Parameters", p.Parameters))
	return err == nil
}

func seed(f *testing.F, patterns ...string) {
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %d documents, %v", pattern, len(names), err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
}
