// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/preflight"
	"github.com/openmurano/murano/plans"
)

const aptScript = "#!/bin/sh\napt-get -y install nginx\n"

func TestMain(m *testing.M) {
	if path := os.Getenv("HOLD_LOCK"); path != "" {
		hold(path)
		return
	}
	os.Exit(m.Run())
}

// hold locks path as rpm does and says so, until its standard input ends.
func hold(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart})
	}
	fmt.Println(err)
	io.Copy(io.Discard, os.Stdin)
}

// holding starts a process that holds path until the test ends.
func holding(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "HOLD_LOCK="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	said := make([]byte, 6)
	if _, err := io.ReadFull(out, said); err != nil || string(said) != "<nil>\n" {
		t.Fatalf("the lock was not taken: %s, %v", said, err)
	}
	return cmd
}

func TestAHeldLockIsToldWithItsHolder(t *testing.T) {
	for _, lock := range []string{
		"var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "var/lib/apt/lists/lock", "var/cache/apt/archives/lock",
		"var/lib/rpm/.rpm.lock", "usr/lib/sysimage/rpm/.rpm.lock",
	} {
		t.Run(filepath.Base(filepath.Dir(lock))+" "+filepath.Base(lock), func(t *testing.T) {
			l := preflight.PackageLock{Root: write(t, map[string]string{lock: ""})}
			if got, err := l.Blocked(t.Context(), script(aptScript)); got != "" || err != nil {
				t.Fatalf("nobody holds it: %q, %v", got, err)
			}
			cmd := holding(t, filepath.Join(l.Root, lock))
			got, err := l.Blocked(t.Context(), script(aptScript))
			if want := fmt.Sprintf("(pid %d) holds the lock /%s", cmd.Process.Pid, lock); err != nil || !strings.Contains(got, want) {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
	}
}

// The real dpkg, installing a package whose script waits.
func TestDpkgAtWorkBlocksUntilItHasEnded(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no dpkg here")
	}
	if os.Getuid() != 0 {
		t.Skip("dpkg installs for root only")
	}
	root := write(t, map[string]string{
		"var/lib/dpkg/status": "", "var/lib/dpkg/info/format": "1\n", "var/lib/dpkg/updates/.keep": "",
		"slow/DEBIAN/control": "Package: slow\nVersion: 1\nArchitecture: all\nMaintainer: t <t@localhost>\nDescription: waits\n",
		"slow/DEBIAN/preinst": "#!/bin/sh\nwhile [ ! -e \"$DPKG_ROOT/go\" ]; do sleep 0.05; done\n",
	})
	os.Remove(filepath.Join(root, "var/lib/dpkg/updates/.keep"))
	for path, mode := range map[string]os.FileMode{"": 0o755, "slow/DEBIAN": 0o755, "slow/DEBIAN/preinst": 0o755} {
		if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("dpkg-deb", "--build", filepath.Join(root, "slow"), filepath.Join(root, "slow.deb")).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	dpkg := exec.CommandContext(t.Context(), "dpkg", "--root="+root, "--force-script-chrootless", "--unpack", filepath.Join(root, "slow.deb"))
	var said strings.Builder
	dpkg.Stdout, dpkg.Stderr = &said, &said
	if err := dpkg.Start(); err != nil {
		t.Fatal(err)
	}
	l := preflight.PackageLock{Root: root}
	want := fmt.Sprintf("dpkg (pid %d) holds the lock /var/lib/dpkg/lock-frontend", dpkg.Process.Pid)
	got := ""
	for end := time.Now().Add(20 * time.Second); got != want && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got, _ = l.Blocked(t.Context(), script(aptScript))
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(root, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := dpkg.Wait(); err != nil {
		t.Fatalf("dpkg: %v: %s", err, said.String())
	}
	if got, err := l.Blocked(t.Context(), script(aptScript)); got != "" || err != nil {
		t.Errorf("after its end: %q, %v", got, err)
	}
}

func TestANoteOfAProcessIsBelievedOnlyWhileItRuns(t *testing.T) {
	bin := write(t, map[string]string{"yum": "#!/bin/sh\nread x\n", "zypper": "#!/bin/sh\nread x\n"})
	start := func(name string) int {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(bin, name))
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); cmd.Wait() })
		return cmd.Process.Pid
	}
	yum, zypper := start("yum"), start("zypper")
	for name, tt := range map[string]struct {
		file, text string
		want       string
	}{
		"yum":                       {"run/yum.pid", fmt.Sprint(yum), fmt.Sprintf("(pid %d) is at work, says /run/yum.pid", yum)},
		"dnf's metadata":            {"var/cache/dnf/metadata_lock.pid", fmt.Sprint(yum), "/var/cache/dnf/metadata_lock.pid"},
		"zypper":                    {"run/zypp.pid", fmt.Sprintln(zypper), "/run/zypp.pid"},
		"a process that has ended":  {"run/yum.pid", "4194304", ""},
		"a number that was reused":  {"run/yum.pid", fmt.Sprint(os.Getpid()), ""},
		"an empty note":             {"run/yum.pid", "", ""},
		"a note that is no number":  {"run/zypp.pid", "x", ""},
		"the group of all of them":  {"run/zypp.pid", "-1", ""},
		"a note of nobody we know":  {"run/other.pid", fmt.Sprint(yum), ""},
		"a folder instead of a one": {"run/yum.pid/x", fmt.Sprint(yum), ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := preflight.PackageLock{Root: write(t, map[string]string{tt.file: tt.text})}
			got, err := l.Blocked(t.Context(), script(aptScript))
			if err != nil || !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestOnlyAPlanThatMayInstallWaitsForALock(t *testing.T) {
	const lock = "var/lib/dpkg/lock"
	l := preflight.PackageLock{Root: write(t, map[string]string{lock: ""})}
	holding(t, filepath.Join(l.Root, lock))
	of := func(kind string, f plans.File) plans.Plan {
		p := script("")
		p.Scripts["run"] = plans.Script{Type: kind, EntryPoint: "f"}
		p.Files["f"] = f
		return p
	}
	body := script("uptime")
	body.Body = "return run('yum -y install httpd')"
	for name, tt := range map[string]struct {
		plan  plans.Plan
		waits bool
	}{
		"apt-get":             {script(aptScript), true},
		"a path to dpkg":      {script("/usr/bin/dpkg -i x.deb"), true},
		"add-apt-repository":  {script("add-apt-repository -y ppa:x"), true},
		"rpm":                 {script("rpm -Uvh x.rpm"), true},
		"zypper":              {script("zypper -n in x"), true},
		"the Body's own text": {body, true},
		"a recipe":            {of("Chef", plans.File{}), true},
		"a class":             {of("Puppet", plans.File{}), true},
		"a binary":            {of("Application", plans.File{BodyType: "Base64", Body: "AAAA"}), true},
		"a download":          {of("Application", plans.File{Type: "Downloadable", URL: "http://h/x"}), true},
		"a harmless script":   {script("systemctl restart nginx"), false},
		"words that hold one": {script("echo captured aptly in trpmx"), false},
		"no script at all":    {plans.Plan{Body: "return 'apt'"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := l.Blocked(t.Context(), tt.plan)
			if err != nil || (got != "") != tt.waits {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// Looking costs a plan below a millisecond.
func BenchmarkNothingBlocks(b *testing.B) {
	root := b.TempDir()
	for _, name := range []string{"var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "var/lib/apt/lists/lock", "var/cache/apt/archives/lock"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o640); err != nil {
			b.Fatal(err)
		}
	}
	p := script(aptScript + strings.Repeat("echo nothing of interest\n", 40_000))
	for b.Loop() {
		for _, blocked := range []func() (string, error){
			func() (string, error) { return preflight.CloudInit{Root: root}.Blocked(b.Context(), p) },
			func() (string, error) { return preflight.PackageLock{Root: root}.Blocked(b.Context(), p) },
		} {
			if got, err := blocked(); got != "" || err != nil {
				b.Fatal(got, err)
			}
		}
	}
}
