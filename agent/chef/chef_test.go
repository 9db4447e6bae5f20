// SPDX-License-Identifier: Apache-2.0

package chef_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/chef"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// fake prints its arguments and the files it finds where it was started.
const fake = `#!/bin/sh
echo "ARGV $(basename $0) $*"
[ -f node.json ] && { echo "== node.json"; cat node.json; echo; }
for a in "$@"; do case "$a" in */solo.rb) echo "== solo.rb"; cat "$a"; echo;; esac; done
if grep -qs fail node.json; then echo "ERROR: something"; echo "to stderr" >&2; exit 4; fi
`

func call(t *testing.T, args ...body.Value) agent.Call {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"chef-solo", "berks"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(fake), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	script := plans.Script{Type: "Chef", EntryPoint: "cb::default", Options: plans.DefaultScriptOptions()}
	return agent.Call{Name: "deploy", Script: script, Args: args, Dir: t.TempDir(), Stdout: io.Discard, Stderr: io.Discard}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func text(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

func run(t *testing.T, c agent.Call) (agent.Output, error) {
	t.Helper()
	return (&chef.Executor{Program: &application.Executor{}}).Run(t.Context(), c)
}

func TestChefGetsTheCommandLineAndFilesOfMuranoAgent(t *testing.T) {
	for name, tt := range map[string]struct {
		args []body.Value
		node string
	}{
		"with attributes":     {[]body.Value{body.NewDict("a", int64(1), "b", body.NewList("x", nil))}, `{"run_list": ["recipe[cb::default]"], "cb": {"a": 1, "b": ["x", null]}}`},
		"without attributes":  {nil, `{"run_list": ["recipe[cb::default]"]}`},
		"an empty dictionary": {[]body.Value{body.NewDict()}, `{"run_list": ["recipe[cb::default]"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := call(t, tt.args...)
			out, err := run(t, c)
			if err != nil {
				t.Fatal(err)
			}
			want := "ARGV chef-solo -j node.json -c " + c.Dir + "/solo.rb\n== node.json\n" + tt.node + "\n== solo.rb\ncookbook_path \"" + c.Dir + "\""
			if out.ExitCode != 0 || text(out.Stdout) != want || out.Stderr != nil {
				t.Errorf("exit %d, stderr %s, stdout\n%s\nwant\n%s", out.ExitCode, text(out.Stderr), text(out.Stdout), want)
			}
		})
	}
}

func TestCincIsRunWhereThereIsNoChef(t *testing.T) {
	c := call(t)
	bin := t.TempDir()
	write(t, filepath.Join(bin, "cinc-solo"), fake)
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	out, err := run(t, c)
	if want := "ARGV cinc-solo -j node.json -c " + c.Dir + "/solo.rb\n"; err != nil || out.ExitCode != 0 || !strings.HasPrefix(text(out.Stdout), want) {
		t.Errorf("%v, exit %d:\n%s", err, out.ExitCode, text(out.Stdout))
	}
	write(t, filepath.Join(bin, "chef-solo"), fake)
	if out, err = run(t, c); err != nil || !strings.HasPrefix(text(out.Stdout), "ARGV chef-solo ") {
		t.Errorf("with both: %v\n%s", err, text(out.Stdout))
	}
}

func TestABerksThatIsNotThereIsTold(t *testing.T) {
	c := call(t)
	c.Script.Options.UseBerkshelf = true
	write(t, filepath.Join(c.Dir, "cb", "Berksfile"), "source x")
	t.Setenv("PATH", t.TempDir())
	_, err := run(t, c)
	var failed *agent.ScriptError
	if !errors.As(err, &failed) || failed.Output.ExitCode != 127 || text(failed.Output.Stderr) != "/bin/sh: 1: berks: not found" {
		t.Errorf("got %v, %+v", err, failed)
	}
}

func TestASoloFileOfThePlanIsKept(t *testing.T) {
	c := call(t)
	write(t, filepath.Join(c.Dir, "solo.rb"), "# the plan's own")
	if out, err := run(t, c); err != nil || !strings.HasSuffix(text(out.Stdout), "# the plan's own") {
		t.Errorf("%v\n%s", err, text(out.Stdout))
	}
}

func TestBerkshelfVendorsTheCookbooks(t *testing.T) {
	c := call(t, body.NewDict("a", int64(1)))
	c.Script.Options.UseBerkshelf = true
	write(t, filepath.Join(c.Dir, "cb", "Berksfile"), "source x")
	out, err := run(t, c)
	if err != nil || !strings.HasSuffix(text(out.Stdout), `cookbook_path "`+c.Dir+`/berks-cookbooks"`) {
		t.Errorf("%v\n%s", err, text(out.Stdout))
	}

	c = call(t)
	c.Script.Options.UseBerkshelf, c.Script.Options.BerksfilePath = true, "my/Berks file"
	write(t, filepath.Join(c.Dir, "my", "Berks file"), "source x")
	bin := t.TempDir()
	write(t, filepath.Join(bin, "berks"), "#!/bin/sh\necho \"$*\"\nexit 7\n")
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	_, err = run(t, c)
	var failed *agent.ScriptError
	if !errors.As(err, &failed) || failed.Message != "Script cb::default returned error code" || failed.Output.ExitCode != 7 ||
		text(failed.Output.Stdout) != "vendor --berksfile="+c.Dir+"/my/Berks file "+c.Dir+"/berks-cookbooks" {
		t.Errorf("got %v, %+v", err, failed)
	}
	c.Script.Options.VerifyExitcode = false
	if _, err = run(t, c); !errors.As(err, &failed) || failed.Message != "Berks returned error code" {
		t.Errorf("without verifyExitcode: %v", err)
	}
}

func TestABerksfileThatIsNotThereIsNamed(t *testing.T) {
	c := call(t)
	c.Script.Options.UseBerkshelf = true
	for path, want := range map[string]string{
		"":            "Berksfile " + c.Dir + "/cb/Berksfile not found; send it",
		"other":       "Berksfile " + c.Dir + "/other not found; send it",
		"../outside":  "Berksfile ../outside is outside the script's files; give",
		"/etc/passwd": "Berksfile /etc/passwd is outside the script's files; give",
	} {
		c.Script.Options.BerksfilePath = path
		_, err := run(t, c)
		var failed *agent.ScriptError
		if !errors.As(err, &failed) || !strings.HasPrefix(failed.Message, want) || failed.Output != nil {
			t.Errorf("%q: got %v", path, err)
		}
	}
}

func TestAFailureKeepsOutputAndExitCode(t *testing.T) {
	out, err := run(t, call(t, body.NewDict("fail", int64(1))))
	if err != nil || out.ExitCode != 4 || text(out.Stderr) != "to stderr\nERROR: something" || out.Failure != "Script cb::default returned error code" {
		t.Errorf("exit %d, failure %q, stderr %q, %v", out.ExitCode, out.Failure, text(out.Stderr), err)
	}
	c := call(t)
	t.Setenv("PATH", t.TempDir())
	if out, err = run(t, c); err != nil || out.ExitCode != 127 || text(out.Stderr) != "/bin/sh: 1: chef-solo: not found" {
		t.Errorf("no chef-solo: exit %d, stderr %q, %v", out.ExitCode, text(out.Stderr), err)
	}
}

func TestAttributesThatAreNoJSONAreAnErrorOfTheBody(t *testing.T) {
	_, err := run(t, call(t, body.NewDict("a", body.Bytes("x"))))
	if failed := (*agent.ScriptError)(nil); err == nil || errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
	if _, err := run(t, call(t, "text")); err == nil {
		t.Error("text for attributes: no error")
	}
}

func TestNothingIsWrittenIntoTheAgentsOwnFolder(t *testing.T) {
	c := call(t, body.NewDict("x", "y"))
	t.Chdir(t.TempDir())
	if _, err := run(t, c); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir("."); len(list) != 0 {
		t.Errorf("%s was written", list[0].Name())
	}
}
