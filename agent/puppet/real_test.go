// SPDX-License-Identifier: Apache-2.0

package puppet_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/puppet"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// The real puppet, of Debian's package puppet-agent, where make test-puppet runs it.
func TestTheRealPuppetAppliesAClass(t *testing.T) {
	if os.Getenv("MURANO_TEST_REQUIRE_PUPPET") == "" {
		t.Skip("make test-puppet brings a puppet")
	}
	for name, tt := range map[string]struct {
		class    string
		args     []body.Value
		silent   bool // captureStdout false
		exit     int
		file     string // what the class wrote; empty means it wrote nothing
		out, err string // part of each
	}{
		"of a module":                          {class: "motd::greeting", file: "hello, world, from a file\n", out: "defined content as"},
		"the module's own, its output ignored": {class: "motd::", silent: true, file: "own\n"},
		"with attributes":                      {class: "motd::greeting", args: []body.Value{body.NewDict("who", "murano")}, file: "hello, murano, from a file\n", out: "defined content as"},
		"that fails":                           {class: "motd::broken", exit: 1, err: "this class always fails"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			motd := filepath.Join(dir, "motd.txt")
			for path, text := range map[string]string{
				"motd/manifests/init.pp":     "class motd { file { '" + motd + "': content => \"own\\n\" } }",
				"motd/manifests/greeting.pp": "class motd::greeting($who = lookup('motd::who'), $from) { file { '" + motd + "': content => \"hello, ${who}, from ${from}\\n\" } }",
				"motd/hiera.yaml":            "version: 5\ndefaults: {datadir: data, data_hash: yaml_data}\nhierarchy:\n- {name: own, path: own.yaml}\n",
				"motd/data/own.yaml":         "motd::who: world\nmotd::greeting::from: a file\n",
				"motd/manifests/broken.pp":   "class motd::broken { fail('this class always fails') }",
			} {
				at := filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			options := plans.DefaultScriptOptions()
			options.CaptureStdout = !tt.silent
			var printed strings.Builder
			out, err := (&puppet.Executor{Program: &application.Executor{}}).Run(t.Context(), agent.Call{
				Name: "deploy", Script: plans.Script{Type: "Puppet", EntryPoint: tt.class, Options: options},
				Args: tt.args, Dir: dir, Stdout: &printed, Stderr: io.Discard,
				Env: []string{"HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if out.ExitCode != tt.exit || !strings.Contains(text(out.Stdout), tt.out) || !strings.Contains(text(out.Stderr), tt.err) {
				t.Errorf("exit %d, want %d; stdout\n%s\nstderr\n%s", out.ExitCode, tt.exit, text(out.Stdout), text(out.Stderr))
			}
			if tt.silent && (out.Stdout != nil || !strings.Contains(printed.String(), "defined content as")) {
				t.Errorf("stdout that was not captured: %s; in the log: %s", text(out.Stdout), printed.String())
			}
			if b, _ := os.ReadFile(motd); string(b) != tt.file {
				t.Errorf("the class wrote %q, want %q", b, tt.file)
			}
		})
	}
}
