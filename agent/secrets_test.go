// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

func TestSecretsAreMaskedWhereTheyWouldBePrinted(t *testing.T) {
	const key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n-----END KEY-----\n"
	tests := []struct {
		name, script, body, value string
		parameter                 any
		want                      string // in the result
	}{
		{"in a script's output and the cause", "echo wrong: $1 >&2; echo out $1; exit 3", "return deploy(args.secret)", "hunter22", "hunter22", "wrong: ***"},
		{"where the cause cuts a line", `printf '%0195d%s' 0 "$1" >&2; exit 3`, "return deploy(args.secret)", "hunte", "hunter22", "0***"},
		{"in an exception's text", "", "raise Exception('bad ' + args.secret)", "hunter22", "hunter22", "bad ***"},
		{"in a KeyError", "", "return args[args.secret]", "hunter22", "hunter22", "'***'"},
		{"in what the Body prints", "", "print('say', args.secret)\nraise Exception('x')", "hunter22", "hunter22", "x"},
		{"as a number", "", "raise Exception(args.secret)", "98765432", 98765432, "***"},
		{"inside lists and objects", "", "raise Exception(args.secret['a'][0])", "hunter22", object{"a": []any{"hunter22"}}, "***"},
		{"a line of several", `echo "$1" | tail -2 | head -1 >&2; exit 3`, `return deploy('"' + args.secret + '"')`, "MIIEpAIB", key, "***"},
		{"as repr spells it", "", "return args[args.secret]", "MIIEpAIB", key, "'***'"},
		{"when the script runs out of time", "echo $1; sleep 60", "return deploy(args.secret)", "hunter22", "hunter22", "timed out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var told []string
			var log lockedBuffer
			r := newRunner(t)
			r.Progress = func(e plans.Event) { told = append(told, e.Text) }
			r.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			p := document("#!/bin/sh\n"+tt.script, tt.body, object{
				"FormatVersion": "2.3.0", "Parameters": object{"secret": tt.parameter}, "Options": object{"secrets": []any{"secret"}},
				"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{}, "Options": object{"timeout": "2s"}}}})
			got := answer(t, r, p)
			if got.ErrorCode == plans.CodeOK {
				t.Fatalf("the plan succeeded: %s", got.Body)
			}
			sent, err := got.Encode()
			if err != nil {
				t.Fatal(err)
			}
			for where, text := range map[string]string{"result": string(sent), "events": fmt.Sprint(told), "log": log.String()} {
				if strings.Contains(text, tt.value) {
					t.Errorf("the %s: %s", where, text)
				}
			}
			if !strings.Contains(string(sent), tt.want) {
				t.Errorf("got %s, want %q in it", sent, tt.want)
			}
			if strings.Contains(tt.body, "print") && !strings.Contains(log.String(), "say ***") {
				t.Errorf("log %s", log.String())
			}
		})
	}
}

func TestSecretsAreInNoFileButThePlanAndItsJournal(t *testing.T) {
	const secret = "correct horse battery"
	for _, captured := range []bool{true, false} {
		r := newRunner(t)
		p := document("#!/bin/sh\nprintf 'correct horse '; sleep 0.1; echo 'battery staple'; echo \"$1\" >&2; echo $PASSWORD", "return [deploy('\"' + args.secret + '\"').stdout, args.secret]", object{
			"FormatVersion": "2.3.0", "Parameters": object{"secret": secret}, "Options": object{"secrets": []any{"secret"}, "env": object{"PASSWORD": secret}},
			"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{}, "Options": object{"captureStdout": captured, "captureStderr": captured}}}})
		dir := t.TempDir()
		got := r.Answer(t.Context(), agent.Entry{Message: plans.Message{Body: encoded(t, p)}, Dir: dir})
		want := `["*** staple\n***", "***"]`
		if !captured {
			want = `[null, "***"]`
		}
		if string(got.Body) != want {
			t.Errorf("Body %s", got.Body)
		}
		for name, want := range map[string]string{"001-deploy.stdout.log": "*** staple\n***\n", "001-deploy.stderr.log": "***\n"} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != want {
				t.Errorf("captured %v: %s: %q, %v", captured, name, b, err)
			}
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			b, _ := os.ReadFile(filepath.Join(dir, e.Name()))
			if st, _ := e.Info(); strings.Contains(string(b), secret) && (e.Name() != "journal.jsonl" || st.Mode().Perm() != 0o600) {
				t.Errorf("%s (%s): %s", e.Name(), st.Mode(), b)
			}
		}
	}
}

func TestOfTwoSecretsTheLongerIsMaskedWhole(t *testing.T) {
	r := newRunner(t)
	p := document("#!/bin/sh\n", "raise Exception(args.a + ' ' + args.b)", object{
		"FormatVersion": "2.3.0", "Parameters": object{"a": "pass", "b": "password1", "none": nil, "empty": ""},
		"Options": object{"secrets": []any{"a", "b", "none", "empty"}}})
	if message, _ := failure(t, answer(t, r, p)); message != "*** ***" {
		t.Errorf("message %q", message)
	}
}
