// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

const probe = `{"Body": "return", "FormatVersion": "2.3.0", "Scripts": {}}`

func TestTheCeilingIsAnOption(t *testing.T) {
	if _, err := plans.Parse([]byte(probe)); err != nil {
		t.Errorf("by default: %v", err)
	}
	_, err := plans.ParseOptions{Max: plans.MuranoVersion()}.Parse([]byte(probe))
	var unsupported *plans.UnsupportedError
	if !errors.As(err, &unsupported) || err.Error() != "Unsupported format version 2.3.0 (I support versions <=2.2.0)" {
		t.Errorf("below it: %v", err)
	}
	if plans.ErrorCode(fmt.Errorf("plan x: %w", err)) != plans.CodeVersion {
		t.Error("its code is not CodeVersion")
	}
}

func TestOfSeveralFaultsTheFirstInMuranoAgentsOrderIsReported(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"the format before all", `{"FormatVersion": "9.0.0", "ID": "../x"}`, "Unsupported format version 9.0.0 (I support versions <=2.3.0)"},
		{"Scripts before Files", `{"FormatVersion": "2.0.0", "Files": [], "Scripts": []}`, "Scripts is not a dictionary"},
		{"scripts in the order of the document", `{"FormatVersion": "2.0.0", "Scripts": {"z": {}, "a": {}}}`, "Incorrect Type entry in script z"},
		{"scripts before files", `{"FormatVersion": "2.0.0", "Files": {"f": {}}, "Scripts": {"z": {}}}`, "Incorrect Type entry in script z"},
		{"files in the order of the document", `{"FormatVersion": "2.0.0", "Scripts": {}, "Files": {"z": {}, "a": {}}}`, "Invalid file z: {}"},
		{"its rules before ours", `{"FormatVersion": "2.0.0", "ID": "../x", "Stamp": "1", "Scripts": {}, "Files": {"z": {}}}`, "Invalid file z: {}"},
		{"Options of the document before scripts", `{"FormatVersion": "2.0.0", "Scripts": {"z": {}}, "Options": 1}`, "Options is not a dictionary"},
		{"a key that comes twice has its last value", `{"FormatVersion": "2.0.0", "Scripts": [], "Scripts": {"z": {}}}`, "Incorrect Type entry in script z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := plans.Parse([]byte(tc.text)); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestParametersKeepTheirOrder(t *testing.T) {
	p, err := plans.Parse([]byte(`{"FormatVersion": "2.0.0", "Scripts": {}, "Body": "", "Parameters": {"z": 1, "a": 2, "m": 3}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for k := range p.Parameters.All() {
		got = append(got, k.(string))
	}
	if want := []string{"z", "a", "m"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAMessageOfAWholeFileIsCut(t *testing.T) {
	_, err := plans.Parse([]byte(`{"FormatVersion": "2.0.0", "Scripts": {}, "Body": "", "Files": {"f": {"BodyText": "` + strings.Repeat("ж", 1<<20) + `"}}}`))
	if err == nil || len(err.Error()) > 5000 || !strings.HasPrefix(err.Error(), "Invalid file f: {'BodyText': 'жж") {
		t.Errorf("got %.100v", err)
	}
}

func TestAPlanBuiltByHandIsValidated(t *testing.T) {
	good := func() plans.Plan {
		return plans.Plan{FormatVersion: plans.MaxVersion(), Body: "return deploy()",
			Scripts: map[string]plans.Script{"deploy": {Type: "Application", EntryPoint: "f", Options: plans.DefaultScriptOptions()}},
			Files:   map[string]plans.File{"f": {Name: "deploy.sh", BodyType: "Text", Body: "true"}}}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		harm func(*plans.Plan)
		want string
	}{
		{"no format", func(p *plans.Plan) { p.FormatVersion = plans.Version{} }, "FormatVersion: not set; "},
		{"an ID that is a path", func(p *plans.Plan) { p.ID = "a/b" }, "ID: "},
		{"an entry that is no file", func(p *plans.Plan) { p.Files = nil }, `Scripts["deploy"].EntryPoint: `},
		{"a name that leads out", func(p *plans.Plan) { p.Files["f"] = plans.File{Name: "../x", BodyType: "Text"} }, `Files["f"].Name: `},
		{"a negative timeout", func(p *plans.Plan) { p.Options.Timeout = -1 }, "Options.timeout: "},
		{"a reboot code out of range", func(p *plans.Plan) {
			s := p.Scripts["deploy"]
			s.Options.Reboot = 300
			p.Scripts["deploy"] = s
		}, `Scripts["deploy"].Options.reboot: `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := good()
			tc.harm(&p)
			err := p.Validate()
			if err == nil || !strings.HasPrefix(plans.Detail(err), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if _, encodeErr := p.Encode(); encodeErr == nil {
				t.Error("it was encoded")
			}
		})
	}
}

func TestCausesAreExplainedInTwoLanguages(t *testing.T) {
	seen := map[string]bool{}
	owners := map[string]bool{plans.OwnerGuest: true, plans.OwnerNetwork: true, plans.OwnerPackage: true, plans.OwnerController: true}
	for _, c := range plans.Causes() {
		if seen[c.Code] || !owners[c.Owner] || !strings.HasSuffix(c.EN, ".") || !strings.HasSuffix(c.ZH, "。") || !strings.Contains(c.Code, ".") {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
	for _, code := range []string{plans.CausePlanFormat, plans.CauseBodySyntax, plans.CauseScriptExit, plans.CauseFileDownload, plans.CauseDiskFull, plans.CauseAgentInterrupted} {
		if !seen[code] {
			t.Errorf("%s is not explained", code)
		}
	}
}
