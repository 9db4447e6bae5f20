// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParametersAreCheckedAndCompleted(t *testing.T) {
	p := goodPackage(t, nil)
	for name, c := range map[string]struct {
		given map[string]any
		want  map[string]any
		fault string
	}{
		"defaults fill in": {
			map[string]any{"title": "abc", "password": "12345678"},
			map[string]any{"title": "abc", "password": "12345678", "port": 80, "sizes": []any{}, "note": nil}, "",
		},
		"an integer that came as a float is one again": {
			map[string]any{"title": "abc", "password": "12345678", "port": float64(8080), "sizes": []any{1}},
			map[string]any{"title": "abc", "password": "12345678", "port": 8080, "sizes": []any{1}, "note": nil}, "",
		},
		"null means the default": {
			map[string]any{"title": "abc", "password": "12345678", "port": nil},
			map[string]any{"title": "abc", "password": "12345678", "port": 80, "sizes": []any{}, "note": nil}, "",
		},
		"all faults at once": {
			map[string]any{"title": 7, "port": "x"}, nil,
			"parameters.title: got number, want string; give a value of type string\n" +
				"parameters.password: is missing; give a value of type string\n" +
				"parameters.port: got string, want integer; give a value of type integer",
		},
		"a fraction is no integer": {
			map[string]any{"title": "abc", "password": "12345678", "port": 1.5}, nil,
			"parameters.port: got number, want integer; give a value of type integer",
		},
		"a reference that was left is text": {
			map[string]any{"title": "abc", "password": "12345678", "port": "${applications.a.outputs.port}"}, nil,
			"parameters.port: got string, want integer; give a value of type integer",
		},
		"a Go value that is no JSON": {
			map[string]any{"title": "abc", "password": "12345678", "note": make(chan int)}, nil,
			"parameters.note: is not a JSON value: json: unsupported type: chan int; give a value of type string",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.Parameters(c.given)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != c.fault {
				t.Fatalf("got  %s\nwant %s", text, c.fault)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReferencesAreTakenOnTrustBeforeDeployment(t *testing.T) {
	p := goodPackage(t, nil)
	open := map[string]any{"title": "${applications.a.outputs.x}", "password": "12345678", "sizes": []any{"${applications.a.outputs.n}"}}
	if err := p.CheckParameters(open); err != nil {
		t.Error(err)
	}
	if _, err := p.Parameters(open); err == nil {
		t.Error("Parameters took a reference for a value")
	}
}
