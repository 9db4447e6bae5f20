// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// A name that is nearly right is worth a guess, one that is not gets the list.
func TestTheNearestNameIsAdvised(t *testing.T) {
	known := []string{"count", "flavor", "floatingIP", "db"}
	for name, want := range map[string]string{
		"flavour": `did you mean "flavor"?`, "FloatingIp": `did you mean "floatingIP"?`, "cuont": `did you mean "count"?`, "bd": `did you mean "db"?`,
		"replicas": "use one of count, db, flavor, floatingIP", "x": "use one of count, db, flavor, floatingIP",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := nearest("x", nil); got != "there are none" {
		t.Error(got)
	}
}

func FuzzEnvironmentIsReadOrRefusedWithFaults(f *testing.F) {
	f.Add(goodEnvironment)
	seeds, _ := filepath.Glob("../examples/environments/*")
	for _, path := range seeds {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("name: x\napplications: {a: &a {package: p, parameters: *a}}")
	f.Add("name: x\napplications:\n  a: {package: p, parameters: {<<: {x: 1}}}")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEnvironment([]byte(text))
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 || faults[0].What == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseEnvironment(b); err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
	})
}

func FuzzPackageIsReadOrRefused(f *testing.F) {
	f.Add(goodManifest, goodApplication, goodTemplate)
	f.Fuzz(func(t *testing.T, manifest, application, template string) {
		p, err := NewPackage(fstest.MapFS{
			"manifest.yaml": {Data: []byte(manifest)}, "application.yaml": {Data: []byte(application)},
			"Resources/Install.template": {Data: []byte(template)}, "Resources/Check.template": {Data: []byte(checkTemplate)},
			"Resources/scripts/install.sh": {Data: []byte("#!/bin/sh\n")}, "Resources/scripts/data.bin": {Data: []byte{0}},
		})
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Fatal("an error without text")
			}
			return
		}
		for _, s := range p.Spec.Deploy {
			_, _ = p.Rehearse(s)
		}
	})
}

func FuzzTextResolvesOrIsRefused(f *testing.F) {
	for _, s := range []string{"${parameters.n}", "$${x}", "a ${servers.web[0].address} b", `${steps["Install Apache"].result}`, "${", "${a[}", "${a['}'].b}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		refs, err := References(text)
		if _, resolveErr := Resolve(text, shopScope()); err != nil && resolveErr == nil {
			t.Fatalf("References refuses %q (%v), Resolve takes it", text, err)
		}
		if err == nil && len(refs) == 0 && !strings.Contains(text, "$${") {
			if got, _ := Resolve(text, shopScope()); got != text {
				t.Fatalf("%q without references became %q", text, got)
			}
		}
	})
}
