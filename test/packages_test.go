// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// A packaged file, as nfpm and goreleaser both write it.
type packaged struct {
	Dst, Type, Packager string
	FileInfo            struct{ Mode int } `yaml:"file_info"`
}

type packaging struct {
	ID, Name string
	Contents []packaged
	Scripts  map[string]string
}

// lines says what a package has, one thing a line, in order.
func (p packaging) lines() []string {
	var lines []string
	for _, c := range p.Contents {
		for _, zsh := range []struct{ kind, folder string }{{"deb", "vendor-completions"}, {"rpm", "site-functions"}} {
			if c.Packager != "" && c.Packager != zsh.kind {
				continue
			}
			dst := strings.ReplaceAll(c.Dst, "@ZSH@", zsh.folder)
			lines = append(lines, fmt.Sprintf("%s %s %s %o", zsh.kind, dst, c.Type, c.FileInfo.Mode))
		}
	}
	for when, script := range p.Scripts {
		lines = append(lines, when+" "+script)
	}
	slices.Sort(lines)
	return lines
}

func TestReleasesPackageWhatMakePackageDoes(t *testing.T) {
	var release struct{ Nfpms []packaging }
	b, err := os.ReadFile("../goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &release); err != nil {
		t.Fatal(err)
	}
	if len(release.Nfpms) != 2 {
		t.Fatalf("goreleaser.yaml has %d packages, want 2", len(release.Nfpms))
	}
	for _, released := range release.Nfpms {
		b, err := os.ReadFile("../packaging/" + released.ID + ".nfpm.yaml")
		if err != nil {
			t.Fatal(err)
		}
		// Placeholders that stand without quotes are no YAML.
		b = []byte(strings.NewReplacer("@ARCH@", "amd64", "@MTIME@", "2001-01-01T00:00:00Z").Replace(string(b)))
		var made packaging
		if err := yaml.Unmarshal(b, &made); err != nil {
			t.Fatal(err)
		}
		// goreleaser adds the program itself.
		made.Contents = slices.DeleteFunc(made.Contents, func(c packaged) bool { return c.Dst == "/usr/bin/"+released.ID })
		got, want := released.lines(), made.lines()
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s: goreleaser.yaml lacks %s", released.ID, line)
			}
		}
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s: packaging/%s.nfpm.yaml lacks %s", released.ID, released.ID, line)
			}
		}
	}
}
