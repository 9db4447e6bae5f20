// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func shopScope() Scope {
	return Scope{
		Environment: "shop", Application: "web",
		Parameters: map[string]any{"n": 3, "f": json.Number("1.0"), "yes": true, "none": nil, "list": []any{"a", map[string]any{"k": "v"}}, "go": map[string]string{"k": "typed"}},
		Servers: []Server{
			{Group: "web", Index: 1, Hostname: "h1", ID: "i1", Address: "10.0.0.6"},
			{Group: "web", Index: 0, Hostname: "h0", ID: "i0", Address: "10.0.0.5", Floating: "192.0.2.5"},
		},
		Applications: map[ApplicationName]ApplicationScope{"my-db": {Outputs: map[string]any{"host": "10.0.0.9", "port": float64(5432)}, Servers: []Server{{Group: "db", Address: "10.0.0.9"}}}},
		Steps:        map[string]StepResult{"Install Apache": {Results: []any{map[string]any{"version": "2.4"}, nil}}, "skip": {Skipped: true}},
	}
}

func TestAReferenceGivesWhatItsPathNames(t *testing.T) {
	for text, want := range map[string]any{
		"plain":                               "plain",
		"":                                    "",
		"${parameters.n}":                     3,
		"${parameters.f}":                     json.Number("1.0"),
		"${parameters.yes}":                   true,
		"${parameters.none}":                  nil,
		"${parameters.list}":                  []any{"a", map[string]any{"k": "v"}},
		"${parameters.list[1].k}":             "v",
		`${parameters["list"][1]['k']}`:       "v",
		"${parameters.go.k}":                  "typed",
		"n=${parameters.n} ${parameters.yes}": "n=3 true",
		"f=${parameters.f}, none=${parameters.none}.": "f=1.0, none=.",
		"${servers.web[0].address}":                   "192.0.2.5",
		"${servers.web[1].address}":                   "10.0.0.6",
		"${servers.web[0].fixedAddress}":              "10.0.0.5",
		"${servers.web[1].floatingAddress}":           nil,
		"${servers.web[1].index}":                     1,
		"${applications.my-db.outputs.host}":          "10.0.0.9",
		"p=${applications.my-db.outputs.port}":        "p=5432",
		"${applications.my-db.servers.db[0].address}": "10.0.0.9",
		`${steps["Install Apache"].result.version}`:   "2.4",
		`${steps["Install Apache"].results[1]}`:       nil,
		"${steps.skip.result}":                        nil,
		"${steps.skip.skipped}":                       true,
		"${environment.name}/${application.name}":     "shop/web",
		"$${HOME} is $HOME $":                         "${HOME} is $HOME $",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := Resolve(text, shopScope())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestResolveGoesIntoListsAndMapsAndLeavesItsInputAlone(t *testing.T) {
	in := map[string]any{"a": []any{"${parameters.n}", 1, nil}, "b": map[string]any{"c": "x${parameters.n}"}}
	got, err := Resolve(in, shopScope())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"a": []any{3, 1, nil}, "b": map[string]any{"c": "x3"}}, got); d != "" {
		t.Error(d)
	}
	if in["a"].([]any)[0] != "${parameters.n}" {
		t.Errorf("the input changed: %v", in)
	}
}

func TestAReferenceIntoTheAirSaysWhatThereIs(t *testing.T) {
	for text, want := range map[string]string{
		"${parameters.m}":                    `x[0]: ${parameters.m}: in parameters: there is no parameter "m"; there is: f, go, list, n, none, yes`,
		"${params.n}":                        `x[0]: ${params.n}: at the top: there is no part of the scope "params"; there is: application, applications, environment, parameters, servers, steps`,
		"${applications.db.outputs.host}":    `x[0]: ${applications.db.outputs.host}: in applications: there is no application "db"; there is: my-db`,
		"${applications.my-db.outputs.hots}": `x[0]: ${applications.my-db.outputs.hots}: in applications.my-db.outputs: there is no output "hots"; there is: host, port`,
		"${servers.db[0].address}":           `x[0]: ${servers.db[0].address}: in servers: there is no server group "db"; there is: web`,
		"${servers.web[2].address}":          `x[0]: ${servers.web[2].address}: in servers.web: there is no place 2; the list has 2, counted from 0`,
		"${servers.web.address}":             `x[0]: ${servers.web.address}: in servers.web: a list has no "address"; name a place in it, as in [0]`,
		"${servers.web[0].ip}":               `x[0]: ${servers.web[0].ip}: in servers.web.0: there is no "ip"; there is: address, fixedAddress, floatingAddress, group, hostname, id, index`,
		"${steps.Install.result}":            `x[0]: ${steps.Install.result}: in steps: there is no step "Install"; there is: Install Apache, skip`,
		"${steps.skip.result.version}":       `x[0]: ${steps.skip.result.version}: in steps.skip.result: null is not a list or a mapping and has no "version"`,
		"${parameters.n.x}":                  `x[0]: ${parameters.n.x}: in parameters.n: a number is not a list or a mapping and has no "x"`,
		"${applications.my-db}":              `x[0]: ${applications.my-db} stops above any value; go on with one of: outputs, servers`,
		"text ${parameters.list}":            `x[0]: ${parameters.list} inside the text "text ${parameters.list}": a list or a mapping has no text; name one value of it, or make the reference the whole value`,
		"${parameters.n":                     `x[0]: ${parameters.n has no closing }; close it, or write $${ for a literal ${`,
		"${}":                                `x[0]: ${} is not a path; write names joined by dots, [0] for a place in a list and ["..."] for a name with other characters; there are no functions`,
		"${parameters.n + 1}":                `x[0]: ${parameters.n + 1} is not a path; write names joined by dots, [0] for a place in a list and ["..."] for a name with other characters; there are no functions`,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Resolve(map[string]any{"x": []any{text}}, shopScope())
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestReferencesAreListedWithTheirPlace(t *testing.T) {
	got, err := References(map[string]any{"b": []any{"x ${a.b} ${c[0]}"}, "a": `${d["e f"]}`, "n": 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []Reference{
		{`d["e f"]`, []string{"d", "e f"}, "a"},
		{"a.b", []string{"a", "b"}, "b[0]"},
		{"c[0]", []string{"c", "0"}, "b[0]"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWhenIsTrueOrFalseAsAPersonWouldSay(t *testing.T) {
	for _, c := range []struct {
		when any
		want bool
	}{
		{nil, true}, {true, true}, {false, false}, {"${parameters.yes}", true}, {"${parameters.none}", false},
		{"${parameters.n}", true}, {0, false}, {float64(0), false}, {json.Number("0.0"), false}, {json.Number("2"), true},
		{"", false}, {"No", false}, {"false", false}, {"anything", true}, {[]any{}, false}, {map[string]any{"a": 1}, true},
		{"${steps.skip.skipped}", true},
	} {
		got, err := Truth(c.when, shopScope())
		if err != nil || got != c.want {
			t.Errorf("Truth(%#v) = %v, %v; want %v", c.when, got, err, c.want)
		}
	}
	if _, err := Truth("${parameters.m}", shopScope()); err == nil {
		t.Error("a path into the air counts as false")
	}
}
