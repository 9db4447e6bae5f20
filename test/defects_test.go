// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryMeasuredDefectHasATest(t *testing.T) {
	b, err := os.ReadFile("../docs/defects.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := exec.Command("git", "ls-files", "-z", "../*_test.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range strings.Split(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	rows, want := 0, regexp.MustCompile("`(Test\\w+)`|Case (\\d+)")
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !regexp.MustCompile(`^ [DM]\d`).MatchString(cells[1]) {
			continue
		}
		rows++
		named := want.FindAllStringSubmatch(cells[4], -1)
		if len(named) == 0 {
			t.Errorf("%s: nothing shows it", cells[1])
		}
		for _, name := range named {
			if name[1] != "" && !strings.Contains(all.String(), "func "+name[1]+"(") {
				t.Errorf("%s: no test is called %s", cells[1], name[1])
			}
			if name[2] != "" {
				if found, _ := filepath.Glob("conformance/testdata/*/" + name[2] + "-*.json"); len(found) != 1 {
					t.Errorf("%s: case %s is in %d files", cells[1], name[2], len(found))
				}
			}
		}
	}
	if rows != 38 {
		t.Errorf("%d rows, want 37 defects and the measured faults", rows)
	}
}
