// SPDX-License-Identifier: Apache-2.0

package puppet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans/body"
)

func TestTheModulesOwnHieraFindsTheAttributes(t *testing.T) {
	const level = "hierarchy:\n    - data_hash: yaml_data\n      datadir: ../.run\n      name: murano\n      path: default.yaml\n"
	for name, tt := range map[string]struct{ before, after string }{
		"a module without one":  {"", "version: 5\n" + level},
		"one with its own data": {"version: 5\nhierarchy:\n- name: own\n  path: own.yaml\ndefaults: {datadir: data}\n", "version: 5\n" + level + "    - name: own\n      path: own.yaml\ndefaults:\n    datadir: data\n"},
		"one of an old version": {"---\nversion: 4\n", "---\nversion: 4\n"},
		"one that is no YAML":   {"version: [", "version: ["},
	} {
		t.Run(name, func(t *testing.T) {
			c := call(t, "m::c", body.NewDict("x", "y"))
			at := filepath.Join(c.Dir, "m", "hiera.yaml")
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.before != "" {
				if err := os.WriteFile(at, []byte(tt.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // a second call changes nothing more
				if _, err := run(t, c); err != nil {
					t.Fatal(err)
				}
				if b, err := os.ReadFile(at); err != nil || string(b) != tt.after {
					t.Errorf("%v, got\n%s\nwant\n%s", err, b, tt.after)
				}
			}
		})
	}
}

func TestAModuleThatWasDownloadedGetsItsAttributesAndALinkOutIsNotFollowed(t *testing.T) {
	c := call(t, "m::c", body.NewDict("x", "y"))
	download := filepath.Join(filepath.Dir(c.Dir), "download")
	if err := os.Mkdir(download, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(c.Dir, "m")
	if err := os.Symlink(download, link); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, c); err != nil {
		t.Fatal(err)
	}
	want := "datadir: ../" + filepath.Base(c.Dir) + "/.run\n"
	if b, err := os.ReadFile(filepath.Join(download, "hiera.yaml")); err != nil || !strings.Contains(string(b), want) {
		t.Errorf("%v, no %q in\n%s", err, want, b)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	c = call(t, "m::c", body.NewDict("x", "y"))
	c.Dir = filepath.Join(t.TempDir(), "workspace", "deploy")
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(c.Dir, "m")); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, c); err == nil {
		t.Error("a link out of the workspace: no error")
	}
	if list, _ := os.ReadDir(outside); len(list) != 0 {
		t.Errorf("%s was written outside", list[0].Name())
	}
}
