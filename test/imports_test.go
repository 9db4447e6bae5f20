// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/openmurano/murano"

// allowed is a statement of policy: for each room, the rooms it may import.
// What it does not name is forbidden. Do not change it to make a build pass;
// change the design, and docs/architecture.md with it.
var allowed = map[string][]string{
	"plans/body": {},
	"plans":      {"plans/body"},

	"internal/fault":      {},
	"internal/logs":       {},
	"internal/atomicfile": {"internal/fault"},
	"internal/amqp":       {"plans", "internal/fault"},
	"internal/memq":       {"plans"},

	"agent/config": {},
	"agent":        {"plans", "plans/body", "internal/*"},
	"agent/*":      {"agent", "plans", "plans/body", "internal/*"},
	"agent/chef":   {"agent", "agent/recipe", "plans", "plans/body"},
	"agent/puppet": {"agent", "agent/recipe", "plans", "plans/body"},

	"cloudinit": {"agent/config"},

	"controller":          {"plans", "plans/body", "internal/*", "cloudinit"},
	"controller/*":        {"controller", "plans", "plans/body", "internal/*", "cloudinit"},
	"controller/devcloud": {"controller", "plans", "plans/body", "internal/*", "cloudinit", "agent", "agent/*"},

	"cmd/*": {"plans", "plans/body", "internal/*", "cloudinit", "agent", "agent/*", "controller", "controller/*"},
}

// testOnly are rooms that production code never imports and that may import anything.
var testOnly = []string{"test", "test/*", "internal/transporttest", "agent/storetest", "controller/storetest"}

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		l.ImportPath = strings.TrimPrefix(strings.TrimPrefix(l.ImportPath, module), "/")
		all = append(all, l)
	}
	if len(all) < 5 {
		t.Fatalf("go list names only %d packages", len(all))
	}
	return all
}

func matches(patterns []string, room string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "/*")
		return p == room || wild && strings.HasPrefix(room, prefix+"/")
	})
}

// rule finds the most exact entry of allowed for room.
func rule(room string) ([]string, bool) {
	if r, ok := allowed[room]; ok {
		return r, true
	}
	top, _, _ := strings.Cut(room, "/")
	r, ok := allowed[top+"/*"]
	return r, ok
}

func TestEachRoomImportsOnlyWhatTheHouseAllows(t *testing.T) {
	for _, l := range list(t) {
		if matches(testOnly, l.ImportPath) {
			continue
		}
		may, ok := rule(l.ImportPath)
		if !ok {
			t.Errorf("%s stands nowhere in the house: give it a floor in allowed and a sentence in docs/architecture.md", l.ImportPath)
			continue
		}
		for _, imp := range l.Imports {
			room, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			if matches(testOnly, room) {
				t.Errorf("%s imports %s, which is for tests", l.ImportPath, room)
			} else if !matches(may, room) {
				t.Errorf("%s imports %s; it may import only %v", l.ImportPath, room, may)
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	for _, l := range list(t) {
		if l.Doc == "" && l.ImportPath != "" {
			t.Errorf("%s has no package comment: say in one sentence what it gives", l.ImportPath)
		}
	}
}
