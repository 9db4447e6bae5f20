// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/catalog"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

const examples = "../../examples"

func glob(t *testing.T, pattern string, atLeast int) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(examples, pattern))
	if err != nil || len(paths) < atLeast {
		t.Fatalf("%s: %d files, want at least %d (%v)", pattern, len(paths), atLeast, err)
	}
	return paths
}

func TestEveryExamplePackageLintsClean(t *testing.T) {
	for _, path := range glob(t, "packages/*", 3) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			problems, err := catalog.Lint(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				t.Errorf("%s", p.Error())
			}
			p, _, err := catalog.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if p.Manifest.FullName != filepath.Base(path) {
				t.Errorf("FullName %s, want that of the folder", p.Manifest.FullName)
			}
		})
	}
}

func TestEveryExampleEnvironmentFitsItsPackages(t *testing.T) {
	for _, path := range glob(t, "environments/*", 3) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			e, err := controller.ParseEnvironment(b)
			if err != nil {
				t.Fatal(err)
			}
			e, err = e.Complete(controller.Settings{DNS: []string{"192.0.2.53"}, Defaults: controller.Defaults{Image: "debian-12", Flavor: "m1.small"}})
			if err != nil {
				t.Fatal(err)
			}
			err = e.CheckPackages(func(name string) (*controller.Package, error) {
				p, _, err := catalog.Open(filepath.Join(examples, "packages", name))
				return p, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryExamplePlanIsValidAndItsBodyParses(t *testing.T) {
	for _, path := range glob(t, "plans/*", 3) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			p, err := plans.ParseOptions{Warn: func(e *plans.FormatError) { t.Error(e.Detail()) }}.ParseYAML(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := body.Parse(p.Body); err != nil {
				t.Error(err)
			}
		})
	}
}

// runScript runs a script of a package as a guest would: in a folder that holds
// the package's scripts, with MURANO_GUEST_DIR as in the dev mode.
func runScript(t *testing.T, guest, pkg string, args ...string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(examples, "packages", pkg, "Resources/scripts"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append([]string{filepath.Join(dir, args[0])}, args[1:]...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "MURANO_GUEST_DIR="+guest)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestGreetingIsWrittenReadAndRemoved(t *testing.T) {
	const pkg = "com.example.Greeting"
	guest := t.TempDir()
	file := runScript(t, guest, pkg, "greeting.sh", "write", "O'Brien & co")
	if got := runScript(t, guest, pkg, "greeting.sh", "read"); !strings.HasPrefix(got, "Hello, O'Brien & co!") {
		t.Errorf("read: %q", got)
	}
	runScript(t, guest, pkg, "greeting.sh", "remove")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", file, err)
	}
	runScript(t, guest, pkg, "greeting.sh", "remove")
}

func TestPageServesItsTextUntilItIsStopped(t *testing.T) {
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("perl is not installed")
	}
	const pkg = "com.example.Page"
	guest := t.TempDir()
	t.Cleanup(func() { runScript(t, guest, pkg, "page.sh", "stop") })
	for _, text := range []string{"one < two & 'three'", "another text"} {
		port := runScript(t, guest, pkg, "page.sh", "start", "0", text)
		want := strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(text)
		if got := get(t, port); !strings.Contains(got, want) {
			t.Errorf("page: %q, want it to hold %q", got, want)
		}
	}
	pid, err := os.ReadFile(filepath.Join(guest, "page/httpd.pid"))
	if err != nil {
		t.Fatal(err)
	}
	runScript(t, guest, pkg, "page.sh", "stop")
	runScript(t, guest, pkg, "page.sh", "stop")
	line, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline")
	if strings.Contains(string(line), guest) {
		t.Errorf("process %s still runs: %q", pid, line)
	}
}

func get(t *testing.T, port string) string {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	r, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s/", port))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
