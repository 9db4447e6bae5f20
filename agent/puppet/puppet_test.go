// SPDX-License-Identifier: Apache-2.0

package puppet_test

import (
	"errors"
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

// fake prints its arguments and the files it finds where it was started.
const fake = `#!/bin/sh
echo "ARGV $(basename $0) $*"
for f in hiera.yaml manifest.pp default.yaml; do [ -f $f ] && { echo "== $f"; cat $f; echo; }; done
if grep -qs fail default.yaml; then echo "ERROR: something"; echo "to stderr" >&2; exit 4; fi
`

// call is one of the class mysql::server, with the fake in PATH.
func call(t *testing.T, entry string, args ...body.Value) agent.Call {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "puppet"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	script := plans.Script{Type: "Puppet", EntryPoint: entry, Options: plans.DefaultScriptOptions()}
	return agent.Call{Name: "deploy", Script: script, Args: args, Dir: t.TempDir(), Stdout: io.Discard, Stderr: io.Discard}
}

func text(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

func run(t *testing.T, c agent.Call) (agent.Output, error) {
	t.Helper()
	return (&puppet.Executor{Program: &application.Executor{}}).Run(t.Context(), c)
}

const hiera = "== hiera.yaml\nbackends: yaml\nhierarchy: '%{env}'\nlogger: console\nyaml:\n  datadir: /etc/puppet/hieradata\n\n== manifest.pp\n"

func TestPuppetGetsTheCommandLineAndFilesOfMuranoAgent(t *testing.T) {
	for name, tt := range map[string]struct {
		entry string
		args  []body.Value
		want  string
	}{
		"with attributes":       {"mysql::server", []body.Value{body.NewDict("port", int64(80))}, "node 'default' { class { mysql::server:}}\n== default.yaml\nmysql::port: 80"},
		"without attributes":    {"mysql::server", nil, "node 'default' { class { mysql::server:}}"},
		"None for attributes":   {"mysql::server", []body.Value{nil, "input"}, "node 'default' { class { mysql::server:}}"},
		"the module's own":      {"mysql::", nil, "node 'default' { class { mysql:}}"},
		"a class in a class":    {"a::b::c", []body.Value{body.NewDict("x", "y")}, "node 'default' { class { a::b::c:}}\n== default.yaml\na::b::x: y"},
		"an empty dictionary":   {"m::c", []body.Value{body.NewDict()}, "node 'default' { class { m::c:}}\n== default.yaml\n{}"},
		"an attribute of lists": {"m::c", []body.Value{body.NewDict("l", body.NewList(int64(1), "yes"))}, "node 'default' { class { m::c:}}\n== default.yaml\nm::l:\n- 1\n- 'yes'"},
	} {
		t.Run(name, func(t *testing.T) {
			c := call(t, tt.entry, tt.args...)
			out, err := run(t, c)
			if err != nil {
				t.Fatal(err)
			}
			want := "ARGV puppet apply --hiera_config=hiera.yaml --modulepath " + c.Dir + " manifest.pp\n" + hiera + tt.want
			if out.ExitCode != 0 || text(out.Stdout) != want || out.Stderr != nil {
				t.Errorf("exit %d, stderr %s, stdout\n%s\nwant\n%s", out.ExitCode, text(out.Stderr), text(out.Stdout), want)
			}
		})
	}
}

func TestTheFilesOfAnEarlierCallAreGone(t *testing.T) {
	c := call(t, "m::c", body.NewDict("x", "y"))
	if _, err := run(t, c); err != nil {
		t.Fatal(err)
	}
	c.Args = nil
	out, err := run(t, c)
	if err != nil || strings.Contains(text(out.Stdout), "default.yaml") {
		t.Errorf("%v: the attributes of the call before are still there:\n%s", err, text(out.Stdout))
	}
}

func TestNothingIsWrittenIntoTheAgentsOwnFolder(t *testing.T) {
	c := call(t, "m::c", body.NewDict("x", "y"))
	t.Chdir(t.TempDir())
	if _, err := run(t, c); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir("."); len(list) != 0 {
		t.Errorf("%s was written", list[0].Name())
	}
}

func TestLinesThatTellOfAnErrorAreInStderrToo(t *testing.T) {
	c := call(t, "m::c", body.NewDict("fail", int64(4)))
	out, err := run(t, c)
	if err != nil || out.ExitCode != 4 || text(out.Stderr) != "to stderr\nERROR: something" || out.Failure != "Script m::c returned error code" {
		t.Errorf("exit %d, failure %q, stderr %q, %v", out.ExitCode, out.Failure, text(out.Stderr), err)
	}
	c.Script.Options.CaptureStdout = false
	if out, err = run(t, c); err != nil || out.Stdout != nil || text(out.Stderr) != "to stderr" {
		t.Errorf("stdout not captured: %q, %q, %v", text(out.Stdout), text(out.Stderr), err)
	}
	c.Script.Options.CaptureStderr = false
	if out, err = run(t, c); err != nil || out.Stderr != nil {
		t.Errorf("stderr not captured: %q, %v", text(out.Stderr), err)
	}
}

func TestAGuestWithoutPuppetAnswersAsItsShellWould(t *testing.T) {
	c := call(t, "m::c")
	t.Setenv("PATH", t.TempDir())
	out, err := run(t, c)
	if err != nil || out.ExitCode != 127 || text(out.Stderr) != "/bin/sh: 1: puppet: not found" {
		t.Errorf("exit %d, stderr %q, %v", out.ExitCode, text(out.Stderr), err)
	}
}

func TestMisuseIsToldToTheBody(t *testing.T) {
	for name, tt := range map[string]struct {
		args   []body.Value
		kwargs *body.Dict
	}{
		"three arguments":        {[]body.Value{nil, nil, nil}, nil},
		"text for attributes":    {[]body.Value{"x"}, nil},
		"an unknown keyword":     {nil, body.NewDict("colour", "red")},
		"attributes given twice": {[]body.Value{body.NewDict()}, body.NewDict("recipe_attributes", body.NewDict())},
	} {
		t.Run(name, func(t *testing.T) {
			c := call(t, "m::c", tt.args...)
			c.Kwargs = tt.kwargs
			_, err := run(t, c)
			if misuse := (*agent.ArgumentError)(nil); !errors.As(err, &misuse) {
				t.Errorf("got %v", err)
			}
		})
	}
	c := call(t, "m::c")
	c.Kwargs = body.NewDict("recipe_attributes", body.NewDict("x", "y"), "input", "z")
	if out, err := run(t, c); err != nil || !strings.Contains(text(out.Stdout), "m::x: y") {
		t.Errorf("keywords: %v %s", err, text(out.Stdout))
	}
}

func TestFilesThatCannotBeWrittenAreAScriptError(t *testing.T) {
	c := call(t, "m::c")
	c.Dir = filepath.Join(c.Dir, "gone")
	_, err := run(t, c)
	var failed *agent.ScriptError
	if !errors.As(err, &failed) || !strings.HasPrefix(failed.Message, "Module m returned error code c: ") || failed.Output.ExitCode != 2 {
		t.Errorf("got %v", err)
	}
}
