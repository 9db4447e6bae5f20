// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
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

// workspaced is script in a workspace as the agent makes it: closed directories
// above, the entry file for its owner alone, another script beside.
func workspaced(t *testing.T, text string, args ...body.Value) agent.Call {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	top, err := os.MkdirTemp("", "storage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	c := script(t, "deploy.sh", text, args...)
	c.Dir = filepath.Join(top, "files", "17954422286073-case", "deploy")
	c.Entry = filepath.Join(c.Dir, "deploy.sh")
	other := filepath.Join(filepath.Dir(c.Dir), "other")
	for _, d := range []string{c.Dir, filepath.Join(c.Dir, "sub"), other} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(d), 0o700), os.Mkdir(d, 0o755), os.Chmod(d, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]struct {
		text string
		mode fs.FileMode
	}{
		c.Entry:                              {text, 0o500},
		filepath.Join(c.Dir, "sub/data"):     {"data\n", 0o600},
		filepath.Join(other, "secret"):       {"secret\n", 0o644},
		filepath.Join(top, "files", "token"): {"token\n", 0o600},
	} {
		if err := errors.Join(os.WriteFile(name, []byte(f.text), f.mode), os.Chmod(name, f.mode)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestAScriptRunsAsTheUserThePlanNames(t *testing.T) {
	nobody := `uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)`
	tests := []struct{ name, user, script, stdin, want string }{
		{"with the ids and groups of the user", "nobody", "id", "", nobody},
		{"who may be named by number", "65534", "id", "", nobody},
		{"with the environment that su sets", "nobody", `echo "$HOME $USER $LOGNAME $SHELL"`, "", "/nonexistent nobody nobody /usr/sbin/nologin"},
		{"with all groups of the user", "daemon", "id -G", "", "1"},
		{"as root, if the plan says so", "root", `echo "$(id -u) $HOME $USER"`, "", "0 /root root"},
		{"in a folder that is the user's", "nobody", "touch new && cat sub/data && stat -c %U . sub/data deploy.sh", "", "data\nnobody\nnobody\nnobody"},
		{"which can be reached by its whole name", "nobody", `cat "$PWD/sub/data"`, "", "data"},
		{"and the standard streams can be opened by name", "nobody", "cat /dev/stdin >/dev/stdout; echo err >/dev/stderr", "input", "input"},
		{"the plan's other files stay closed", "nobody", "cat ../other/secret ../../token 2>/dev/null; ls .. 2>/dev/null; ls ../other 2>/dev/null; echo end", "", "end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := workspaced(t, "#!/bin/sh\n"+tt.script+"\n", "", tt.stdin)
			c.User = tt.user
			out := run(t, c)
			if out.Stdout == nil || *out.Stdout != tt.want || out.ExitCode != 0 && tt.want != "end" {
				t.Errorf("got exit %d, %s, %s", out.ExitCode, text(out.Stdout), text(out.Stderr))
			}
		})
	}
}

func TestAScriptRunsAgainAsItsUser(t *testing.T) {
	c := workspaced(t, "#!/bin/sh\n[ -e link ] || ln -s /etc/hostname link\ntouch \"run$1\"; ls run*\n", "1")
	c.User = "nobody"
	before, _ := os.Stat("/etc/hostname")
	run(t, c)
	c.Args = []body.Value{"2"}
	if got := text(run(t, c).Stdout); got != `"run1\nrun2"` {
		t.Errorf("got %s", got)
	}
	if after, _ := os.Stat("/etc/hostname"); after.Sys().(*syscall.Stat_t).Uid != before.Sys().(*syscall.Stat_t).Uid {
		t.Error("a file behind a link changed its owner")
	}
}

func TestAFileWithASecondNameElsewhereIsNotGivenAway(t *testing.T) {
	c := workspaced(t, "#!/bin/sh\ntrue\n")
	c.User = "nobody"
	victim := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(c.Dir))), fmt.Sprintf("victim-%d", os.Getpid()))
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(victim)
	if err := os.Link(victim, filepath.Join(c.Dir, "mine")); err != nil {
		t.Fatal(err)
	}
	run(t, c)
	if st, _ := os.Stat(victim); st.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Error("the file belongs to the user now")
	}
}

func TestAUserDatabaseThatHangsHoldsNoScriptForEver(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "getent"), []byte("#!/bin/sh\nsleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, late)
	defer cancel()
	start := time.Now()
	if _, err := lookUp(ctx, "somebody-of-ldap"); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestALinkThatTheUserMadeOpensNothingForALaterRun(t *testing.T) {
	c := workspaced(t, "#!/bin/sh\nln -sfn \"$(dirname \"$PWD\")/other\" mine\ncat mine/secret 2>/dev/null\necho end\n")
	c.User = "nobody"
	for n := range 3 {
		if got := text(run(t, c).Stdout); got != `"end"` {
			t.Errorf("run %d: got %s", n+1, got)
		}
	}
}

// What an earlier run left running may exchange names otherwise.
func TestAFolderIsClosedToTheUserWhileItIsGivenToThem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := filepath.Join(t.TempDir(), "deploy")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	for n := range 3000 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &account{name: "nobody", uid: 65534, gid: 65534}
	given := make(chan error, 1)
	go func() { given <- a.own(dir) }()
	closed := 0
	for {
		select {
		case err := <-given:
			if err != nil || closed == 0 {
				t.Errorf("closed %d times, %v", closed, err)
			}
			for _, name := range []string{dir, filepath.Join(dir, "7")} {
				if st, err := os.Stat(name); err != nil || st.Sys().(*syscall.Stat_t).Uid != 65534 {
					t.Errorf("%s: %v, %v", name, st, err)
				}
			}
			if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o755 {
				t.Errorf("%v, %v", st.Mode(), err)
			}
			return
		default:
		}
		st, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if st.Sys().(*syscall.Stat_t).Uid == 0 && st.Mode().Perm() == 0o700 {
			closed++
		}
	}
}

func TestADownloadCanBeReadByTheUserOfItsScript(t *testing.T) {
	c := workspaced(t, "#!/bin/sh\n./get/tool && cat ../.download-1/tool\n")
	c.User = "nobody"
	ws := filepath.Dir(c.Dir)
	for _, n := range []string{"0", "1"} {
		d := filepath.Join(ws, ".download-"+n)
		if err := errors.Join(os.Mkdir(d, 0o755), os.WriteFile(filepath.Join(d, "tool"), []byte("#!/bin/sh\necho tool\n"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(ws, ".download-0"), filepath.Join(c.Dir, "get")); err != nil {
		t.Fatal(err)
	}
	if out := run(t, c); text(out.Stdout) != `"tool"` || out.ExitCode == 0 {
		t.Errorf("got exit %d, %s, %s", out.ExitCode, text(out.Stdout), text(out.Stderr))
	}
}

func TestOptionsThatThisGuestCannotGiveAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*agent.Call, *Executor)
		option string
		says   string
	}{
		{"a user who is not there", func(c *agent.Call, _ *Executor) { c.User = "no-such-user" }, "runAs", `"no-such-user"`},
		{"a user who looks like an option", func(c *agent.Call, _ *Executor) { c.User = "--help" }, "runAs", `"--help"`},
		{"a limit without scopes", func(c *agent.Call, x *Executor) { x.Scope, c.Limits.Memory = ScopesOff, 1 }, "limits.memory", "script.scope"},
		{"a limit of processes without scopes", func(c *agent.Call, x *Executor) { x.Scope, c.Limits.Pids = ScopesOff, 1 }, "limits.pids", "script.scope"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := workspaced(t, "#!/bin/sh\ntouch /tmp/ran-$$\n")
			x := &Executor{}
			tt.change(&c, x)
			_, err := x.Run(t.Context(), c)
			var refused *agent.UnsupportedOptionError
			if !errors.As(err, &refused) || refused.Option != tt.option || !strings.Contains(refused.Reason, tt.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAFolderNobodyMayReachIsNamed(t *testing.T) {
	c := workspaced(t, "#!/bin/sh\n")
	top := filepath.Dir(filepath.Dir(filepath.Dir(c.Dir)))
	deep := filepath.Join(top, fmt.Sprintf("closed-%d", os.Getpid()), "a", "b", "c", "deploy")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(filepath.Join(top, fmt.Sprintf("closed-%d", os.Getpid())))
	c.Dir, c.User = deep, "nobody"
	_, err := (&Executor{}).Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("closed-%d is closed to others, mode 0700", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

func TestNicenessIsAddedBeforeTheScriptRuns(t *testing.T) {
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, nice := range []int{5, 19} {
		c := script(t, "deploy.sh", "#!/bin/sh\ncut -d' ' -f19 /proc/self/stat; ls /proc/$$/fd\n")
		c.Nice = nice
		want := fmt.Sprintf("%d\n0\n1\n10\n2", min(20-own+nice, 19))
		if out := run(t, c); out.Stdout == nil || *out.Stdout != want {
			t.Errorf("nice %d: got %s, want %q", nice, text(out.Stdout), want)
		}
	}
}

func TestAPrivateTmpIsTheScriptsAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, user := range []string{"", "nobody"} {
		mark := fmt.Sprintf("mark-%d%s", os.Getpid(), user)
		c := workspaced(t, "#!/bin/sh\nls -A /tmp | grep -v storage; ls -A /var/tmp; stat -c %a /tmp /var/tmp; echo 1 >/tmp/"+mark+" && cat /tmp/"+mark+" && echo 2 >/var/tmp/"+mark+"; cat sub/data; pwd\n")
		c.User, c.PrivateTmp = user, true
		namespace, _ := os.Readlink("/proc/self/ns/mnt")
		out := run(t, c)
		if want := "1777\n1777\n1\ndata\n" + c.Dir; out.Stdout == nil || *out.Stdout != want {
			t.Errorf("as %q: got %s, %s", user, text(out.Stdout), text(out.Stderr))
		}
		for _, d := range []string{"/tmp/", "/var/tmp/"} {
			if _, err := os.Stat(d + mark); err == nil {
				t.Errorf("%s%s is in the guest", d, mark)
			}
		}
		if now, _ := os.Readlink("/proc/self/ns/mnt"); now != namespace {
			t.Error("the agent is in another mount namespace now")
		}
		table, _ := os.ReadFile("/proc/self/mountinfo")
		if strings.Contains(string(table), c.Dir) {
			t.Error("a mount is left")
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Dir), ".tmp-*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func TestASecretOfTheCommandLineIsNotInTheShellsArguments(t *testing.T) {
	// The script's own argument is made by the shell, and is not what is tested.
	const text1 = `>/dev/null; : hunter2; cat "/proc/$$/cmdline" "/proc/$$/environ" | tr '\0' '\n'; tr '\0' '\n' </proc/self/environ | grep -c MURANO_COMMAND; echo "[$1]"`
	for _, hide := range []bool{false, true} {
		for _, nice := range []int{0, 1} {
			c := script(t, "deploy.sh", "#!/bin/sh\n", text1)
			c.Nice = nice
			if hide {
				c.Secret = func(s string) bool { return strings.Contains(s, "hunter2") }
			}
			out := run(t, c)
			if out.Stdout == nil {
				t.Fatalf("%+v", out)
			}
			arguments, _, _ := strings.Cut(*out.Stdout, "PATH=")
			arguments, _, _ = strings.Cut(arguments, "MURANO_COMMAND=")
			if strings.Contains(arguments, "hunter2") == hide {
				t.Errorf("hide %v, nice %d: got %s", hide, nice, text(out.Stdout))
			}
			if !strings.HasSuffix(*out.Stdout, "\n0\n[]") {
				t.Errorf("what runs there has the command line, or arguments of ours: %s", text(out.Stdout))
			}
		}
	}
}

func TestAHiddenCommandLineIsTheSameShellText(t *testing.T) {
	tests := []struct{ name, args, want string }{
		{"expansion, quotes, semicolon", `$(echo sub) "q q"; echo second`, `"[sub]\n[q q]\nsecond"`},
		{"a newline", "a\necho b", `"[a]\nb"`},
		{"no parameters", `"$#"`, `"[0]"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := script(t, "deploy.sh", `#!/bin/sh
for i in "$@"; do echo "[$i]"; done
`, tt.args)
			c.Secret = func(string) bool { return true }
			if out := run(t, c); text(out.Stdout) != tt.want {
				t.Errorf("got %s, %s", text(out.Stdout), text(out.Stderr))
			}
		})
	}
}

func TestAShellWhoseAgentDiesAtTheGateDoesNotRunTheScript(t *testing.T) {
	read, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", gate+"echo ran")
	cmd.ExtraFiles = []*os.File{read}
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read.Close()
	open.Close()
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 125 || out.Len() > 0 {
		t.Errorf("got exit %d, %q", cmd.ProcessState.ExitCode(), out.String())
	}
}

func TestADaemonWithUncapturedOutputNeitherFillsItsLogNorDies(t *testing.T) {
	c := script(t, "deploy.sh", "#!/bin/sh\necho out\n(i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero; i=$((i+1)); done; echo done >finished; sleep 60) &\necho $! >pid\n")
	c.Script.Options.CaptureStdout, c.Script.Options.CaptureStderr = false, false
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout = log
	start := time.Now()
	run(t, c)
	log.Close()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the plan was held for %s", took)
	}
	b, _ := os.ReadFile(filepath.Join(c.Dir, "pid"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the daemon writes on", func() bool { _, err := os.Stat(filepath.Join(c.Dir, "finished")); return err == nil })
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the daemon: %v", err)
	}
	st, _ := os.Stat(log.Name())
	if size := st.Size(); size < 4 || size > 8<<20 {
		t.Errorf("the log has %d bytes", size)
	}
}

func TestAmountsAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{1 << 30: "1 GiB", 64 << 20: "64 MiB", 1536 << 20: "1536 MiB", 4 << 10: "4 KiB", 1000: "1000 bytes"} {
		if got := amount(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestVersionsOfSystemdAreRead(t *testing.T) {
	for s, want := range map[string]int{`"252.39-1~deb12u1"`: 252, "v255.4": 255, `"219"`: 219, "": 0} {
		if got := versionOf(s); got != want {
			t.Errorf("%s: got %d, want %d", s, got, want)
		}
	}
}

func TestADescriptionIsOneShortLine(t *testing.T) {
	got := describe(agent.Call{Name: "a\nb" + strings.Repeat("é", 200), Plan: "p"})
	if !strings.HasPrefix(got, "Murano script a_bé") || len([]rune(got)) != 120 {
		t.Errorf("got %q", got)
	}
	if limitOption(plans.Limits{CPU: 1, Pids: 1}) != "limits.cpu" {
		t.Error("the first limit is not named")
	}
}
