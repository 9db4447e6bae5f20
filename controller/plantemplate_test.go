// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/plans/body"
)

func readJSON(t *testing.T, b []byte) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The .want.json were made by murano 17's own bind and build_execution_plan,
// with each file ID replaced by the file's name and its BodyType or URL.
func TestAPlanIsBuiltAsMuranosEngineBuildsIt(t *testing.T) {
	const dir = "testdata/plantemplates"
	text, err := os.ReadFile(dir + "/with.json")
	if err != nil {
		t.Fatal(err)
	}
	with := readJSON(t, text).(map[string]any)
	templates, err := filepath.Glob(dir + "/Resources/*.template")
	if err != nil || len(templates) < 3 {
		t.Fatalf("%d templates, %v", len(templates), err)
	}
	p := &Package{Files: os.DirFS(dir)}
	for _, path := range templates {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			made, err := p.build(name, with)
			if err != nil {
				t.Fatal(err)
			}
			b, err := compactJSON(made.plan)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(dir, strings.TrimSuffix(name, ".template")+".want.json"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(readJSON(t, want), nameFiles(readJSON(t, b))); d != "" {
				t.Error(d)
			}
			if _, err := p.Plan(name, with); err != nil {
				t.Errorf("plans refuses it: %v", err)
			}
		})
	}
}

// nameFiles replaces file IDs as the golden plans have it.
func nameFiles(v any) any {
	plan := v.(map[string]any)
	ids, named := map[any]any{}, map[string]any{}
	for id, f := range plan["Files"].(map[string]any) {
		file := f.(map[string]any)
		kind := file["BodyType"]
		if kind == nil {
			kind = file["URL"]
		}
		ids[id] = fmt.Sprintf("%s %s", file["Name"], kind)
		named[ids[id].(string)] = file
	}
	plan["Files"] = named
	rename := func(v any) any {
		if name, ok := ids[v]; ok {
			return name
		}
		return v
	}
	for _, s := range plan["Scripts"].(map[string]any) {
		script := s.(map[string]any)
		script["EntryPoint"] = rename(script["EntryPoint"])
		if list, ok := script["Files"].([]any); ok {
			for i := range list {
				list[i] = rename(list[i])
			}
		}
	}
	return plan
}

// The table was made with PyYAML 6.0's SafeLoader, dates as text.
func TestScalarsAreReadAsPyYAMLReadsThem(t *testing.T) {
	for text, want := range map[string]string{
		"yes": "true", "No": "false", "ON": "true", "off": "false", "y": `"y"`, "true": "true", "TRUE": "true", "tRUE": `"tRUE"`,
		"~": "null", "null": "null", "Null": "null", "": "null", "nULL": `"nULL"`,
		"1": "1", "-1": "-1", "+1": "1", "0": "0", "00": "0", "017": "15", "08": `"08"`, "0x1F": "31", "0b101": "5", "1_000": "1000",
		"1:30": "90", "-1:30:00": "-5400", "1:30.5": "90.5", "1.0": "1.0", "1.": "1.0", ".5": "0.5", "-.5": `"-.5"`, "+.5": `"+.5"`,
		"1e3": `"1e3"`, "1.0e3": `"1.0e3"`, "1.0e+3": "1000.0", "1.5e-7": "1.5e-07", "1_0.5": "10.5", "1e+3": `"1e+3"`, "1.5e+300": "1.5e+300",
		"100000000000000000000": "100000000000000000000", "1234567890123456789.0": "1.2345678901234568e+18",
		"2026-01-02": `"2026-01-02"`, "2.0.0": `"2.0.0"`, "2.0": "2.0", `"1"`: `"1"`, "'yes'": `"yes"`, "!!str 1": `"1"`, "0o17": `"0o17"`,
	} {
		t.Run(text, func(t *testing.T) {
			var n yaml.Node
			if err := yaml.Unmarshal([]byte("k: "+text), &n); err != nil {
				t.Fatal(err)
			}
			v, err := pyScalar(n.Content[0].Content[1])
			if err != nil {
				t.Fatal(err)
			}
			if b, err := compactJSON(v); err != nil || string(b) != want {
				t.Errorf("got %s, want %s (%v)", b, want, err)
			}
		})
	}
}

func TestWhatMuranoBindsSilentlyWrongIsAnErrorOrMeansWhatWasMeant(t *testing.T) {
	bind := func(text string) (any, error) {
		b := &binder{with: map[string]any{"none": nil, "list": []any{1}}, used: map[string]bool{}}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		v := b.value(n.Content[0], "x")
		return v, b.faults.Err()
	}
	if v, err := bind("$none"); v != nil || err != nil {
		t.Errorf("null is bound as %v, %v", v, err)
	}
	for text, want := range map[string]string{
		"$gone":       `line 1: x: $gone has no value; add it to the step's with; with gives list, none`,
		"$http{gone}": `line 1: x: $gone has no value; add it to the step's with; with gives list, none`,
		"${HOME}/x":   `line 1: x: $HOME has no value; add it to the step's with; with gives list, none`,
		"$a {list}":   `line 1: x: {list} is a list or a mapping, which has no text; bind a value of the list or mapping instead`,
		"{$list: 1}":  `line 1: x: the key $list is bound to a list or a mapping; bind it to text`,
	} {
		if _, err := bind(text); err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", text, err, want)
		}
	}
}

func TestTheSameInputGivesTheSamePlan(t *testing.T) {
	p := goodPackage(t, nil)
	with := map[string]any{"title": "abc", "password": "12345678", "port": 80}
	one, err := p.StepPlan(p.Spec.Deploy[0], with)
	if err != nil {
		t.Fatal(err)
	}
	again, err := goodPackage(t, nil).StepPlan(p.Spec.Deploy[0], with)
	if err != nil {
		t.Fatal(err)
	}
	first, err := one.Encode()
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Encode()
	if err != nil || string(first) != string(second) {
		t.Errorf("%s\n%s\n%v", first, second, err)
	}
	if one.ID != "" || one.Stamp != 0 {
		t.Errorf("ID %q and Stamp %d are the dispatcher's to give", one.ID, one.Stamp)
	}
}

func TestASecretIsNamedUnderTheParametersThatCarryIt(t *testing.T) {
	p := goodPackage(t, nil)
	plan, err := p.StepPlan(p.Spec.Deploy[0], map[string]any{"title": "abc", "password": "pw 12345678", "port": 80})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"secretText"}, plan.Options.Secrets); d != "" {
		t.Error(d)
	}
	if v, _ := plan.Parameters.Get("port"); v != body.Value(int64(80)) {
		t.Errorf("port is %v (%T)", v, v)
	}
}

func TestAPlanThatBreaksItsFormatNamesTheTemplate(t *testing.T) {
	p := goodPackage(t, map[string]string{"Resources/Check.template": "Scripts: {} => Scripts: {}\nFiles: {x: {Name: /etc/passwd, BodyType: Text, Body: x}}"})
	_, err := p.Plan("Check.template", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "Resources/Check.template:") || !strings.Contains(err.Error(), "/etc/passwd") {
		t.Errorf("got %v", err)
	}
}
