// SPDX-License-Identifier: Apache-2.0

//go:build linux

package application

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// script writes a script and returns a call of it.
func script(t *testing.T, name, text string, args ...body.Value) agent.Call {
	t.Helper()
	dir := t.TempDir()
	entry := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(entry), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entry, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return agent.Call{
		Name: "deploy", Dir: dir, Entry: entry, Args: args, Stdout: io.Discard, Stderr: io.Discard,
		Script: plans.Script{Type: "Application", Options: plans.DefaultScriptOptions()}, Grace: 5 * time.Second,
	}
}

func text(s *string) string {
	if s == nil {
		return "None"
	}
	return strconv.Quote(*s)
}

func run(t *testing.T, c agent.Call) agent.Output {
	t.Helper()
	x := &Executor{}
	defer x.Close()
	out, err := x.Run(t.Context(), c)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return out
}

func TestWhatAScriptPrintsAndReturns(t *testing.T) {
	sh := "#!/bin/sh\n"
	tests := []struct {
		name           string
		file           string // deploy.sh if empty
		script         string
		args           []body.Value
		exit           int
		stdout, stderr string
	}{
		{name: "output is stripped and inner white space kept", script: sh + `printf "\n  a  \n b\t\n\n"`, stdout: `"a  \n b"`},
		{name: "no output is None", script: sh + "true", stdout: "None"},
		{name: "only white space is an empty string", script: sh + `printf " \n\t"`, stdout: `""`},
		{name: "unicode white space is stripped too", script: sh + `printf "\342\200\203a\302\240\034"`, stdout: `"a"`},
		{name: "CR LF and CR become LF", script: sh + `printf "a\r\nb\rc\n"`, stdout: `"a\nb\nc"`},
		{name: "a NUL byte passes", script: sh + `printf "a\000b"`, stdout: `"a\x00b"`},
		{name: "bytes that are not UTF-8 become U+FFFD and the exit code is kept", script: sh + `printf "a\377\376b"; exit 4`, exit: 4, stdout: `"a��b"`},
		{name: "stderr is apart", script: sh + "echo out; echo err >&2", stdout: `"out"`, stderr: `"err"`},
		{name: "the exit code is the script's", script: sh + "exit 255", exit: 255},
		{name: "a signal is 128 and its number", script: sh + "kill -15 $$", exit: 143, stderr: `"Terminated"`},
		{name: "SIGKILL is told by the shell", script: sh + "kill -9 $$", exit: 137, stderr: `"Killed"`},
		{name: "arguments are shell text: expansion, globbing, quotes, semicolon", script: sh + `for i in "$@"; do echo "[$i]"; done`,
			args: []body.Value{`$(echo sub) *.sh "q q" a\ b; echo second`}, stdout: `"[sub]\n[deploy.sh]\n[q q]\n[a b]\nsecond"`},
		{name: "a newline in the arguments ends the command, and the shell names line 2", script: sh + `echo "$*"`,
			args: []body.Value{"a\nb"}, exit: 127, stdout: `"a"`, stderr: `"/bin/sh: 2: b: not found"`},
		{name: "an open quote is the shell's syntax error in line 1", script: sh + "echo hello",
			args: []body.Value{"it's"}, exit: 2, stderr: `"/bin/sh: 1: Syntax error: Unterminated quoted string"`},
		{name: "the second argument is the standard input", script: sh + "cat", args: []body.Value{"", "stdin text"}, stdout: `"stdin text"`},
		{name: "None as standard input is none", script: sh + "cat", args: []body.Value{"", nil}, stdout: "None"},
		{name: "without input, standard input is /dev/null", script: sh + `read x; echo "got:[$x] rc=$?"; readlink /proc/self/fd/0`, stdout: `"got:[] rc=1\n/dev/null"`},
		{name: "a script that does not read its input is no failure", script: sh + "exit 0", args: []body.Value{"", strings.Repeat("x", 1<<20)}},
		{name: "CR LF after the shebang is not found", script: "#!/bin/sh\r\necho hi\r\n", exit: 127, stderr: `"/bin/sh: 1: ./deploy.sh: not found"`},
		{name: "a missing interpreter is not found", script: "#!/no/such/interp\n", exit: 127, stderr: `"/bin/sh: 1: ./deploy.sh: not found"`},
		{name: "without a shebang the shell runs it", script: `echo "no shebang $0"`, stdout: `"no shebang ./deploy.sh"`},
		{name: "an empty file succeeds", script: ""},
		{name: "a name with spaces is one word", file: "my script.sh", script: sh + `echo "$0"`, stdout: `"./my script.sh"`},
		{name: "a dollar in a name is data", file: "a$HOME.sh", script: sh + `echo "$0"`, stdout: `"./a$HOME.sh"`},
		{name: "a double quote in a name is data", file: `a"b.sh`, script: sh + `echo "$0"`, stdout: `"./a\"b.sh"`},
		{name: "a single quote in a name is data", file: `a'; echo pwned; 'b.sh`, script: sh + `echo "$0"`, stdout: `"./a'; echo pwned; 'b.sh"`},
		{name: "a backtick and a newline in a name are data", file: "a`id`\nb.sh", script: sh + `echo "$0"`, stdout: "\"./a`id`\\nb.sh\""},
		{name: "a name that begins with a dash is data", file: "-c", script: sh + `echo "$0"`, stdout: `"./-c"`},
		{name: "the umask is 0022", script: sh + "umask", stdout: `"0022"`},
		{name: "SIGPIPE has its default and only the standard descriptors are open", script: sh + `echo $((0x$(sed -n 's/^SigIgn:.//p' /proc/self/status) & 0x1000)); ls /proc/$$/fd`,
			stdout: `"0\n0\n1\n10\n2"`},
		{name: "the working directory is the folder of the entry file", file: "a/b/run.sh", script: sh + `pwd | sed 's,.*/\(a/b\)$,\1,'; echo "$0"`, stdout: `"a/b\n./run.sh"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := tt.file
			if file == "" {
				file = "deploy.sh"
			}
			out := run(t, script(t, file, tt.script, tt.args...))
			stdout, stderr := tt.stdout, tt.stderr
			if stdout == "" {
				stdout = "None"
			}
			if stderr == "" {
				stderr = "None"
			}
			if out.ExitCode != tt.exit || text(out.Stdout) != stdout || text(out.Stderr) != stderr {
				t.Errorf("got exit %d, stdout %s, stderr %s\nwant exit %d, stdout %s, stderr %s",
					out.ExitCode, text(out.Stdout), text(out.Stderr), tt.exit, stdout, stderr)
			}
		})
	}
}

func TestTheUmaskOfTheAgentDoesNotReachTheScript(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	if got := text(run(t, script(t, "deploy.sh", "#!/bin/sh\numask")).Stdout); got != `"0022"` {
		t.Errorf("umask %s, want 0022", got)
	}
}

func TestAFileWithoutANameCannotBeRun(t *testing.T) {
	c := script(t, "deploy.sh", "")
	c.Entry = c.Dir + "/"
	out := run(t, c)
	if out.ExitCode != 126 || text(out.Stderr) != `"/bin/sh: 1: ./: Permission denied"` {
		t.Errorf("got exit %d, stderr %s", out.ExitCode, text(out.Stderr))
	}
}

func TestEnvironmentOfThePlanIsAddedToTheAgents(t *testing.T) {
	t.Setenv("FROM_AGENT", "agent")
	t.Setenv("BOTH", "agent")
	c := script(t, "deploy.sh", "#!/bin/sh\necho $FROM_AGENT $BOTH $PLAN")
	c.Env = []string{"BOTH=plan", "PLAN=a b"}
	if got := text(run(t, c).Stdout); got != `"agent plan a b"` {
		t.Errorf("got %s", got)
	}
}

func TestKeywordsAreThoseOfMuranoAgent(t *testing.T) {
	kw := func(pairs ...body.Value) *body.Dict { return body.NewDict(pairs...) }
	tests := []struct {
		name   string
		format plans.Version
		args   []body.Value
		kwargs *body.Dict
		want   string // stdout; empty means an ArgumentError
	}{
		{"input= is ignored before format 2.3.0", plans.Version{Major: 2, Minor: 2}, nil, kw("commandline", "x y", "input", "zz"), `"x,y"`},
		{"input= is the standard input since format 2.3.0", plans.Version{Major: 2, Minor: 3}, nil, kw("commandline", "x y", "input", "zz"), `"x,y\nzz"`},
		{"three arguments are too many", plans.Version{Major: 2}, []body.Value{"a", nil, "c"}, nil, ""},
		{"an unknown keyword is refused", plans.Version{Major: 2}, nil, kw("foo", int64(1)), ""},
		{"a command line twice is refused", plans.Version{Major: 2}, []body.Value{"a"}, kw("commandline", "b"), ""},
		{"a command line that the system does not take is refused", plans.Version{Major: 2}, []body.Value{strings.Repeat("x", 200_000)}, nil, ""},
		{"a NUL in the command line is refused", plans.Version{Major: 2}, []body.Value{"a\x00b"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := script(t, "deploy.sh", "#!/bin/sh\necho \"$1,$2\"; cat\n", tt.args...)
			c.Format, c.Kwargs = tt.format, tt.kwargs
			x := &Executor{}
			out, err := x.Run(t.Context(), c)
			var misuse *agent.ArgumentError
			switch {
			case tt.want == "" && !errors.As(err, &misuse):
				t.Errorf("got %v, want an ArgumentError", err)
			case tt.want != "" && (err != nil || text(out.Stdout) != tt.want):
				t.Errorf("got %s, %v, want %s", text(out.Stdout), err, tt.want)
			}
		})
	}
}

func TestUncapturedOutputGoesToTheLogOnly(t *testing.T) {
	c := script(t, "deploy.sh", "#!/bin/sh\necho out; echo err >&2; sleep 30 &\n")
	c.Script.Options.CaptureStdout, c.Script.Options.CaptureStderr = false, false
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.Stdout = log
	start := time.Now()
	out := run(t, c)
	if out.Stdout != nil || out.Stderr != nil {
		t.Errorf("captured %s, %s", text(out.Stdout), text(out.Stderr))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("waited %s for a child in the background", took)
	}
	if b, _ := os.ReadFile(log.Name()); string(b) != "out\n" {
		t.Errorf("log %q", b)
	}
}

func TestAChildThatHoldsTheOutputIsWaitedForButNotForEver(t *testing.T) {
	c := script(t, "deploy.sh", "#!/bin/sh\n(sleep 0.3; echo late) &\necho early\n")
	if out := run(t, c); text(out.Stdout) != `"early\nlate"` {
		t.Errorf("got %s, want the child's output too", text(out.Stdout))
	}
	marker := filepath.Join(t.TempDir(), "alive")
	c = script(t, "deploy.sh", "#!/bin/sh\n(sleep 0.5; echo late; echo alive >"+marker+"; sleep 60) &\necho early; echo $!\n")
	x := &Executor{Linger: 50 * time.Millisecond}
	out, err := x.Run(t.Context(), c)
	if err != nil || !strings.HasPrefix(*out.Stdout, "early\n") {
		t.Fatalf("got %v, %v", text(out.Stdout), err)
	}
	pid, _ := strconv.Atoi(strings.TrimPrefix(*out.Stdout, "early\n"))
	defer syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the child lives on after it wrote", func() bool { _, err := os.Stat(marker); return err == nil })
	x.Close()
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the child is gone: %v", err)
	}
}

func TestTheEndOfTheContextEndsTheGroup(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"SIGTERM lets a script clean up", "#!/bin/sh\ntrap 'echo cleaned; exit 0' TERM\necho ready >&2\nwhile :; do sleep 0.05; done\n", `"cleaned"`},
		{"SIGKILL ends one that does not listen", "#!/bin/sh\ntrap '' TERM\necho ready >&2\nwhile :; do sleep 0.05; done\n", "None"},
		{"a child in the background is ended too", "#!/bin/sh\ntrap '' TERM\n(trap '' TERM; while :; do sleep 0.05; done) &\necho ready >&2\nwait\nwhile :; do sleep 0.05; done\n", "None"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := script(t, "deploy.sh", tt.script)
			c.Grace = 500 * time.Millisecond
			ready := &signalWriter{seen: make(chan struct{})}
			c.Stderr = ready
			why := errors.New("stopped by the test")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { <-ready.seen; cancel(why) }()
			x := &Executor{}
			defer x.Close()
			start := time.Now()
			out, err := x.Run(ctx, c)
			if !errors.Is(err, why) || text(out.Stdout) != tt.want {
				t.Errorf("got %s, %v", text(out.Stdout), err)
			}
			if out.ExitCode != 143 && out.ExitCode != 137 && out.ExitCode != 0 {
				t.Errorf("exit code %d", out.ExitCode)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			eventually(t, "no process is left", func() bool { return len(processesIn(c.Dir)) == 0 })
		})
	}
}

func TestOutputAboveTheBoundLosesItsMiddle(t *testing.T) {
	c := script(t, "deploy.sh", "#!/bin/sh\necho first; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last\n")
	c.MaxOutput = 1000
	var log bytes.Buffer
	c.Stdout = &log
	out := run(t, c)
	if !out.Truncated || !strings.HasPrefix(*out.Stdout, "first\nxxx") || !strings.HasSuffix(*out.Stdout, "xxx\nlast") || len(*out.Stdout) > 1200 {
		t.Errorf("got %d bytes, truncated %v: %.40q ... %q", len(*out.Stdout), out.Truncated, *out.Stdout, (*out.Stdout)[len(*out.Stdout)-20:])
	}
	if !strings.Contains(*out.Stdout, " bytes cut") {
		t.Errorf("no mark in %q", *out.Stdout)
	}
	if log.Len() != 100012 {
		t.Errorf("the log has %d bytes, want all 100012", log.Len())
	}
}

func TestOutputWithinTheBoundPassesWhole(t *testing.T) {
	c := script(t, "deploy.sh", "#!/bin/sh\nhead -c 5242880 /dev/zero | tr '\\0' x\n")
	c.MaxOutput = 6 << 20
	out := run(t, c)
	if out.Truncated || len(*out.Stdout) != 5242880 {
		t.Errorf("got %d bytes, truncated %v", len(*out.Stdout), out.Truncated)
	}
}

func TestAFullDiskUnderTheLogDoesNotStopTheScript(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	c := script(t, "deploy.sh", "#!/bin/sh\necho out && echo more\n")
	c.Stdout = full
	if out := run(t, c); out.ExitCode != 0 || text(out.Stdout) != `"out\nmore"` {
		t.Errorf("got exit %d, %s", out.ExitCode, text(out.Stdout))
	}
}

type signalWriter struct {
	seen chan struct{}
	done bool
}

func (w *signalWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.done = true
		close(w.seen)
	}
	return len(p), nil
}

// processesIn lists the processes whose working directory is dir.
func processesIn(dir string) []string {
	var found []string
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.HasPrefix(to, dir) {
			found = append(found, l)
		}
	}
	return found
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func TestAScriptIsNotTakenForTheAgentsService(t *testing.T) {
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "INVOCATION_ID", "JOURNAL_STREAM"} {
		t.Setenv(name, "systemds")
	}
	t.Setenv("OTHER", "stays")
	c := script(t, "deploy.sh", "#!/bin/sh\nenv | grep -e systemds -e ^OTHER=; echo \"$MAINPID\"\n")
	c.Env = []string{"MAINPID=the-plans"}
	if got := text(run(t, c).Stdout); got != `"OTHER=stays\nthe-plans"` {
		t.Errorf("got %s", got)
	}
}
