// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cloudinit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A guest is a Debian tree with a layer to write in, as an image is before its
// first boot: no agent, and a console that can be read.
type guest struct {
	root string
	// files serves what the guest fetches; fetched counts.
	server  *httptest.Server
	fetched atomic.Int32
}

// newGuest needs root and a tree; test/packaging/test.sh has both.
func newGuest(t *testing.T, files map[string]string) *guest {
	t.Helper()
	tree := os.Getenv("MURANO_TEST_TREE")
	if tree == "" || os.Getuid() != 0 {
		t.Skip("needs root and a Debian tree: make package-test")
	}
	// A layer must not be on an overlay itself: beside the tree it is not.
	dir, err := os.MkdirTemp(filepath.Dir(tree), "guest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	g := &guest{root: filepath.Join(dir, "root")}
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{g.root, upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("overlay", g.root, "overlay", 0, "lowerdir="+tree+",upperdir="+upper+",workdir="+work); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(g.root, 0); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	if err := os.RemoveAll(filepath.Join(g.root, "dev/console")); err != nil {
		t.Fatal(err)
	}
	g.write(t, "dev/console", "", 0o600)
	// Tries are counted, not waited for.
	g.write(t, "usr/local/bin/sleep", "#!/bin/sh\n", 0o755)
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.fetched.Add(1)
		file, ok := files[path.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, file)
	}))
	t.Cleanup(g.server.Close)
	return g
}

func (g *guest) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	file := filepath.Join(g.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func (g *guest) read(name string) string {
	b, err := os.ReadFile(filepath.Join(g.root, name))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// systemd makes the guest take itself for booted; what is asked of systemctl is in /asked.
func (g *guest) systemd(t *testing.T) {
	t.Helper()
	g.write(t, "usr/local/bin/systemctl", "#!/bin/sh\necho \"$*\" >>/asked\n", 0o755)
	g.write(t, "run/systemd/system/.keep", "", 0o644)
}

// boot runs the script of a source as cloud-init does.
func (g *guest) boot(t *testing.T, s Source) (output string, code int) {
	t.Helper()
	script, err := s.script()
	if err != nil {
		t.Fatal(err)
	}
	g.write(t, "var/lib/cloud/instance/scripts/murano-agent.sh", string(script), 0o700)
	cmd := exec.CommandContext(t.Context(), "/var/lib/cloud/instance/scripts/murano-agent.sh")
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: g.root}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// source is a file of the test's server with its checksum.
func (g *guest) source(t *testing.T, name, file string) Source {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return Source{URL: g.server.URL + "/" + name, SHA256: hex.EncodeToString(sum[:])}
}

func shipped() map[string]string {
	return map[string]string{"murano-agent": os.Getenv("MURANO_TEST_BINARY"), "murano-agent.deb": os.Getenv("MURANO_TEST_DEB")}
}

func TestBootstrapBringsTheAgentOnce(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		// without names the programs the image lacks.
		without []string
		unit    string
	}{
		{name: "a binary, with curl", file: "murano-agent", unit: "etc/systemd/system/murano-agent.service"},
		{name: "a binary, with wget", file: "murano-agent", without: []string{"curl"}, unit: "etc/systemd/system/murano-agent.service"},
		{name: "a binary, with python3", file: "murano-agent", without: []string{"curl", "wget"}, unit: "etc/systemd/system/murano-agent.service"},
		{name: "a package", file: "murano-agent.deb", unit: "usr/lib/systemd/system/murano-agent.service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGuest(t, shipped())
			g.systemd(t)
			for _, program := range tc.without {
				if err := os.Remove(filepath.Join(g.root, "usr/bin", program)); err != nil {
					t.Fatal(err)
				}
			}
			s := g.source(t, tc.file, shipped()[tc.file])
			out, code := g.boot(t, s)
			if code != 0 {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			if got, want := g.read("dev/console"), "murano-agent: installed from "+s.URL+"\n"; got != want {
				t.Errorf("the console says %q, want %q", got, want)
			}
			if got := g.read(tc.unit); got != unit {
				t.Errorf("the unit is\n%s", got)
			}
			if asked := g.read("asked"); !strings.Contains(asked, "enable murano-agent.service\nstart --no-block murano-agent.service\n") {
				t.Errorf("asked of systemd: %s", asked)
			}
			for _, name := range []string{"/usr/bin/murano-agent", "/usr/bin/muranoagent"} {
				cmd := exec.Command(name, "--version")
				cmd.Dir = "/"
				cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: g.root}
				if out, err := cmd.CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("murano-agent ")) {
					t.Errorf("%s --version: %v\n%s", name, err, out)
				}
			}
			left, err := filepath.Glob(filepath.Join(g.root, "tmp/*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left in /tmp: %v %v", left, err)
			}

			fetched := g.fetched.Load()
			if out, code := g.boot(t, s); code != 0 || out != "" {
				t.Errorf("the second run: exit code %d, and it says %q", code, out)
			}
			if again := g.fetched.Load() - fetched; again != 0 {
				t.Errorf("the second run fetched %d times", again)
			}
		})
	}
}

func TestBootstrapSaysOnTheConsoleWhyThereIsNoAgent(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.deb")
	if err := os.WriteFile(broken, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := shipped()
	files["broken.deb"] = broken
	for _, tc := range []struct {
		name    string
		source  func(*testing.T, *guest) Source
		tools   bool
		fetched int32
		want    string // after NOT STARTED:, with URL for the source's
	}{
		{
			name:   "no source",
			source: func(*testing.T, *guest) Source { return Source{} },
			tools:  true,
			want:   "the image has no murano-agent and the controller names no source; bake the agent into the image or set agent.source",
		},
		{
			name: "a wrong checksum",
			source: func(t *testing.T, g *guest) Source {
				s := g.source(t, "murano-agent", files["murano-agent"])
				s.SHA256 = strings.Repeat("0", 64)
				return s
			},
			tools:   true,
			fetched: 1,
			want:    "URL has SHA-256 SUM, expected " + strings.Repeat("0", 64),
		},
		{
			name: "a file that is not there",
			source: func(t *testing.T, g *guest) Source {
				return Source{URL: g.server.URL + "/absent", SHA256: strings.Repeat("0", 64)}
			},
			tools:   true,
			fetched: 5,
			want:    "cannot fetch URL after 5 tries; is it reachable from this subnet?",
		},
		{
			name: "a package that dpkg refuses",
			source: func(t *testing.T, g *guest) Source {
				return g.source(t, "broken.deb", broken)
			},
			tools:   true,
			fetched: 1,
			want:    "dpkg -i refused URL; /var/log/cloud-init-output.log says why",
		},
		{
			name: "nothing to fetch with",
			source: func(t *testing.T, g *guest) Source {
				return g.source(t, "murano-agent", files["murano-agent"])
			},
			want: "no curl, wget or python3 to fetch URL with",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGuest(t, files)
			g.systemd(t)
			if !tc.tools {
				for _, program := range []string{"curl", "wget", "python3"} {
					if err := os.Remove(filepath.Join(g.root, "usr/bin", program)); err != nil {
						t.Fatal(err)
					}
				}
			}
			s := tc.source(t, g)
			out, code := g.boot(t, s)
			if code != 1 {
				t.Errorf("exit code %d, want 1\n%s", code, out)
			}
			sum := g.source(t, "", files["murano-agent"]).SHA256
			want := "murano-agent: NOT STARTED: " + strings.NewReplacer("URL", s.URL, "SUM", sum).Replace(tc.want) + "\n"
			if got := g.read("dev/console"); got != want {
				t.Errorf("the console says\n%q, want\n%q", got, want)
			}
			if !strings.HasSuffix(out, want) {
				t.Errorf("the output is %q", out)
			}
			if got := g.fetched.Load(); got != tc.fetched {
				t.Errorf("fetched %d times, want %d", got, tc.fetched)
			}
			if asked := g.read("asked"); strings.Contains(asked, "start") {
				t.Errorf("asked of systemd: %s", asked)
			}
			if _, err := os.Lstat(filepath.Join(g.root, "usr/bin/murano-agent")); err == nil {
				t.Error("there is an agent all the same")
			}
		})
	}
}

func TestBootstrapStartsTheAgentOnceWithoutSystemd(t *testing.T) {
	g := newGuest(t, shipped())
	// It waits for a broker: nothing listens on port 1.
	g.write(t, "etc/murano/agent.yaml", "inputQueue: e1-h1\nresultRoutingKey: results\nrabbitmq: {hosts: ['127.0.0.1:1']}\n", 0o600)
	s := g.source(t, "murano-agent", shipped()["murano-agent"])
	if out, code := g.boot(t, s); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(g.read("run/murano-agent.pid")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		for range 100 {
			if syscall.Kill(pid, 0) != nil {
				return
			}
			<-time.After(100 * time.Millisecond)
		}
		t.Errorf("the agent, process %d, does not end", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	})
	for range 100 {
		if strings.Contains(g.read("var/log/murano-agent.log"), "127.0.0.1:1") {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	if out, code := g.boot(t, s); code != 0 {
		t.Fatalf("the second run: exit code %d\n%s", code, out)
	}
	if got := strings.TrimSpace(g.read("run/murano-agent.pid")); got != strconv.Itoa(pid) {
		t.Errorf("the second run started another agent, process %s beside %d; the log:\n%s", got, pid, g.read("var/log/murano-agent.log"))
	}
	if info, err := os.Stat(filepath.Join(g.root, "var/log/murano-agent.log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log: %v %v", info, err)
	}
}
