// SPDX-License-Identifier: Apache-2.0

package test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write agent-deps.txt anew")

// maxAgentSize bounds the stripped agent for linux/amd64, in bytes.
const maxAgentSize = 15 << 20

func TestAgentDependsOnTheListedModulesOnly(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/murano-agent")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	modules = slices.Compact(modules)
	modules = slices.DeleteFunc(modules, func(m string) bool { return m == module })
	got := strings.Join(modules, "\n") + "\n"
	if *update {
		if err := os.WriteFile("agent-deps.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("agent-deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the agent now depends on\n%s\nand not on what test/agent-deps.txt lists\n%s\nif that is meant: go test ./test -run Depends -update", got, want)
	}
}

func TestAgentIsOneStaticFileUnderItsSize(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64"} {
		goos, goarch, _ := strings.Cut(platform, "/")
		exe := filepath.Join(t.TempDir(), "murano-agent")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", exe, "./cmd/murano-agent")
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", platform, err, out)
		}
		info, err := os.Stat(exe)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f MB", platform, float64(info.Size())/1e6)
		if platform == "linux/amd64" && info.Size() > maxAgentSize {
			t.Errorf("the agent has %d bytes, more than %d", info.Size(), maxAgentSize)
		}
		if goos != "linux" {
			continue
		}
		out, err := exec.Command("go", "version", "-m", exe).Output()
		if err != nil || !strings.Contains(string(out), "CGO_ENABLED=0") {
			t.Errorf("%s is not built without cgo: %v", platform, err)
		}
	}
}
