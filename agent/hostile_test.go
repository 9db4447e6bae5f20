// SPDX-License-Identifier: Apache-2.0

//go:build linux

package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/openmurano/murano/plans"
)

func TestNoTrickOfAScriptMakesCleaningLeaveTheWorkspace(t *testing.T) {
	tests := []struct {
		name   string
		script string // $1 is a folder outside, with a file keep in it
	}{
		{"the script's folder becomes a link", `d=$PWD; cd ..; rm -rf "$d"; ln -s "$1" "$d"`},
		{"the workspace becomes a link", `w=${PWD%/*}; cd /; rm -rf "$w"; ln -s "$1" "$w"`},
		{"the workspace becomes a link to the root", `w=${PWD%/*}; cd /; rm -rf "$w"; ln -s / "$w"`},
		{"the workspace becomes a file", `w=${PWD%/*}; cd /; rm -rf "$w"; echo x > "$w"`},
		{"a folder in it is a link", `ln -s "$1" inside; ln "$1/keep" hard`},
		{"its folders forbid everything", `mkdir -p a/b; touch a/b/c; chmod 000 a/b a . ..`},
		{"it is gone", `w=${PWD%/*}; cd /; rm -rf "$w"`},
		{"a tree deeper than a path may be long", `i=0; while [ $i -lt 60 ]; do mkdir ` + hundred + `; cd ` + hundred + `; i=$((i+1)); done`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outside := t.TempDir()
			keep := filepath.Join(outside, "keep")
			if err := os.WriteFile(keep, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := newRunner(t)
			got := answer(t, r, document("#!/bin/sh\n"+tt.script+"\n", "deploy('"+outside+"')", object{}))
			if got.ErrorCode != plans.CodeOK {
				t.Errorf("result %s", got.Body)
			}
			if !exists(keep)() {
				t.Error("a file outside was removed")
			}
		})
	}
}

const hundred = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

func TestCleaningTakesNothingButWorkspaces(t *testing.T) {
	r := newRunner(t)
	// An administrator moved the folder to a larger disk, and linked it to the wrong place.
	other := t.TempDir()
	for _, name := range []string{"etc", "2026-report", "17954422286073", "17954422286073-web", "17954422286073x"} {
		if err := os.Mkdir(filepath.Join(other, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(other, r.Workspaces); err != nil {
		t.Fatal(err)
	}
	if err := r.Clean(nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"etc": true, "2026-report": true, "17954422286073x": true, "17954422286073": false, "17954422286073-web": false} {
		if got := exists(filepath.Join(other, name))(); got != want {
			t.Errorf("%s: is there %v, want %v", name, got, want)
		}
	}
}
