// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

func TestLogsAreBounded(t *testing.T) {
	const limit = 1 << 20
	write := "#!/bin/sh\necho first\nhead -c 3000000 /dev/zero | tr '\\0' x\n"
	tests := []struct {
		name, script, body string
		captured           bool
		atMost             int64 // bytes of all logs
		first, last        string
	}{
		{"of a captured stream head and tail stay", write + "echo last", "deploy()", true, limit, "first\nxxx", "xxxlast\n"},
		{"of an uncaptured one too", write + "sleep 0.5\necho last", "deploy()", false, limit, "first\nxxx", "last\n"},
		{"of an uncaptured one of a script that ends at once too", write + "echo last", "deploy()", false, limit, "first\nxxx", "xxxlast\n"},
		{"all of a plan together have four times that", write, "for i in range(8):\n  deploy()", true, 4*limit + 1000, "first\nxxx", ""},
		{"uncaptured ones too", write, "for i in range(8):\n  deploy()", false, 4*limit + 1000, "first\nxxx", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRunner(t)
			r.MaxLog = limit
			dir := t.TempDir()
			p := document(tt.script, tt.body, options(object{"captureStdout": tt.captured}))
			got := r.Answer(t.Context(), agent.Entry{Message: plans.Message{Body: encoded(t, p)}, Dir: dir})
			if got.ErrorCode != plans.CodeOK {
				t.Fatalf("%s", got.Body)
			}
			var total int64
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				st, err := e.Info()
				if err != nil {
					t.Fatal(err)
				}
				total += st.Size()
			}
			b, err := os.ReadFile(filepath.Join(dir, "001-deploy.stdout.log"))
			if err != nil {
				t.Fatal(err)
			}
			if total > tt.atMost || total < limit/2 {
				t.Errorf("the logs have %d bytes, want at most %d", total, tt.atMost)
			}
			if !strings.HasPrefix(string(b), tt.first) || !strings.HasSuffix(string(b), tt.last) {
				t.Errorf("log %.20q ... %q", b, b[max(0, len(b)-80):])
			}
			if head, tail, ok := strings.Cut(string(b), "\n[... this log was longer than it may be: what stood here was cut ...]\n"); !ok || len(head) != limit/2 || strings.Contains(tail, "[...") {
				t.Errorf("the mark is not in the middle: %d bytes before it", len(head))
			}
		})
	}
}

func TestALogIsThereFromItsFirstByte(t *testing.T) {
	r := newRunner(t)
	dir := t.TempDir()
	script := "#!/bin/sh\ncd " + dir + "\nbefore=$(ls)\necho \"$before\"\n" +
		"while [ ! -s 001-deploy.stdout.log ]; do sleep 0.01; done\nls | grep log"
	p := document(script, "return deploy().stdout", options(object{}))
	got := r.Answer(t.Context(), agent.Entry{Message: plans.Message{Body: encoded(t, p)}, Dir: dir})
	if want := `"journal.jsonl\n001-deploy.stdout.log"`; got.ErrorCode != plans.CodeOK || !strings.Contains(string(got.Body), want) {
		t.Errorf("got %s, want %s", got.Body, want)
	}
}
