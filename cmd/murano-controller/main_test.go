// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"murano-controller": main})
}

// TestScripts runs the whole program. Scripts have the command
//
//	started DIR    wait until a dev with --dir DIR listens, and be its client
//	file NAME      wait until the file is there
//	gone NAME      wait until nothing is there
//
// and the variables EXAMPLES, the examples' directory, and CLOSED, a URL where nobody listens.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("EXAMPLES", examples)
			e.Setenv("CLOSED", "http://"+l.Addr().String())
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("NO_COLOR", "1")
			return l.Close()
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"started": func(ts *testscript.TestScript, _ bool, args []string) {
				file := filepath.Join(ts.MkAbs(args[0]), "env")
				await(ts, file, true)
				for line := range strings.Lines(ts.ReadFile(file)) {
					name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
					ts.Setenv(name, strings.Trim(value, "'"))
				}
			},
			"file": func(ts *testscript.TestScript, _ bool, args []string) { await(ts, ts.MkAbs(args[0]), true) },
			"gone": func(ts *testscript.TestScript, _ bool, args []string) { await(ts, ts.MkAbs(args[0]), false) },
		},
	})
}

// await waits until a file is there, or is not.
func await(ts *testscript.TestScript, file string, there bool) {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(file); (err == nil) == there {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: there: %t, after half a minute", file, !there)
		}
	}
}
