// SPDX-License-Identifier: Apache-2.0

package cloudinit_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/cloudinit"
)

// part is what testdata/parse.py prints of one part.
type part struct {
	Type, Filename, Payload string
	Faults                  []string
}

// understood is the user data as cloud-init's own code reads it.
func understood(t *testing.T, userData []byte) []part {
	t.Helper()
	tree, err := filepath.Abs("../.cache/cloud-init/usr/lib/python3/dist-packages")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tree); err != nil {
		if os.Getenv("MURANO_TEST_REQUIRE_BROKER") != "" {
			t.Fatalf("cloud-init is not unpacked, run test/setup.sh: %v", err)
		}
		t.Skip("cloud-init is not unpacked; run test/setup.sh")
	}
	// Debian's own python3: it has the libraries cloud-init depends on.
	cmd := exec.Command("/usr/bin/python3", "testdata/parse.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+tree, "PYTHONHOME=", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = bytes.NewReader(userData)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cloud-init's parser: %v\n%s", err, stderr.Bytes())
	}
	var parts []part
	if err := json.Unmarshal(out, &parts); err != nil {
		t.Fatal(err)
	}
	return parts
}

// schema asks the command `cloud-init schema` about a cloud-config document.
func schema(t *testing.T, doc string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "doc.yaml")
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "../.cache/cloud-init/usr/bin/cloud-init", "schema", "--config-file", file)
	cmd.Env = append(os.Environ(), "PYTHONPATH=../.cache/cloud-init/usr/lib/python3/dist-packages", "PYTHONHOME=", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func agentConfig() config.Config {
	c := config.Default()
	c.InputQueue = "e1234-h5678"
	c.ResultRoutingKey = "murano-results"
	c.RabbitMQ.Hosts = []string{"172.24.4.1"}
	c.RabbitMQ.Login = "agent"
	c.RabbitMQ.Password = `p@ss: "word" #/%`
	return c
}

// written returns the files of a write_files document by path.
func written(t *testing.T, doc string) map[string]struct {
	Content, Permissions string
} {
	t.Helper()
	var cc struct {
		WriteFiles []struct{ Path, Owner, Permissions, Encoding, Content string } `yaml:"write_files"`
	}
	if err := yaml.Unmarshal([]byte(doc), &cc); err != nil {
		t.Fatal(err)
	}
	files := map[string]struct{ Content, Permissions string }{}
	for _, f := range cc.WriteFiles {
		b, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil || f.Encoding != "b64" || f.Owner != "root:root" {
			t.Fatalf("%s: encoding %q owner %q: %v", f.Path, f.Encoding, f.Owner, err)
		}
		files[f.Path] = struct{ Content, Permissions string }{string(b), f.Permissions}
	}
	return files
}

func TestCloudInitReadsConfigurationAndScript(t *testing.T) {
	ud, err := cloudinit.Render(cloudinit.Options{
		Agent: agentConfig(),
		CA:    []byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
		Parts: []cloudinit.Part{{Filename: "ops.cfg", Content: []byte("#cloud-config\nfinal_message: up\n")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	parts := understood(t, ud)
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3: %+v", len(parts), parts)
	}
	for i, want := range []string{"text/cloud-config", "text/x-shellscript", "text/cloud-config"} {
		if parts[i].Type != want || len(parts[i].Faults) > 0 {
			t.Errorf("part %d (%s) is %s with faults %v, want %s without", i, parts[i].Filename, parts[i].Type, parts[i].Faults, want)
		}
	}
	if out, err := schema(t, parts[0].Payload); err != nil {
		t.Errorf("cloud-init schema: %v: %s", err, out)
	}
	if _, err := schema(t, "#cloud-config\nwrite_files: 5\n"); err == nil {
		t.Error("cloud-init schema accepts what it should not; the check above says nothing")
	}
	files := written(t, parts[0].Payload)
	if got := files[cloudinit.ConfigPath].Permissions; got != "0600" {
		t.Errorf("%s has mode %s, want 0600: it holds the broker's password", cloudinit.ConfigPath, got)
	}
	if _, ok := files[cloudinit.CAPath]; !ok {
		t.Errorf("no %s", cloudinit.CAPath)
	}
	// The agent reads back what was meant.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "agent.yaml"), []byte(files[cloudinit.ConfigPath].Content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, files[cloudinit.ConfigPath].Content)
	}
	if want := agentConfig(); got.RabbitMQ.Password != want.RabbitMQ.Password || got.InputQueue != want.InputQueue || got.RabbitMQ.CACerts != cloudinit.CAPath {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(parts[1].Payload, agentConfig().RabbitMQ.Password) {
		t.Error("the script holds the password; scripts are kept world-readable by some images")
	}
}

func TestBootstrapScriptIsValidShellForEverySource(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, s := range map[string]cloudinit.Source{
		"none":    {},
		"binary":  {URL: "https://mirror.example/murano-agent", SHA256: sum},
		"deb":     {URL: "https://mirror.example/murano-agent_0.1.0_amd64.deb?x=1", SHA256: sum},
		"rpm":     {URL: "https://mirror.example/murano-agent.rpm", SHA256: strings.ToUpper(sum)},
		"hostile": {URL: "https://mirror.example/a'; rm -rf \"$HOME\" #", SHA256: sum},
	} {
		ud, err := cloudinit.Render(cloudinit.Options{Agent: agentConfig(), Source: s})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		script := understood(t, ud)[1].Payload
		if strings.Contains(script, "@URL@") || strings.Contains(script, "@UNIT@") {
			t.Errorf("%s: a placeholder was left", name)
		}
		cmd := exec.Command("/bin/sh", "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		// What sh makes of the first assignment is the URL, whatever is in it.
		cmd = exec.Command("/bin/sh", "-c", strings.SplitN(script, "\nsha256=", 2)[0]+"\nprintf %s \"$url\"")
		if out, err := cmd.Output(); err != nil || string(out) != s.URL {
			t.Errorf("%s: sh reads the URL as %q, want %q (%v)", name, out, s.URL, err)
		}
	}
}

func TestSourceWithoutHttpOrChecksumIsRefused(t *testing.T) {
	for _, s := range []cloudinit.Source{
		{URL: "ftp://mirror.example/agent", SHA256: strings.Repeat("ab", 32)},
		{URL: "/usr/bin/murano-agent", SHA256: strings.Repeat("ab", 32)},
		{URL: "https://mirror.example/agent"},
		{URL: "https://mirror.example/agent", SHA256: "abcd"},
	} {
		if _, err := cloudinit.Render(cloudinit.Options{Agent: agentConfig(), Source: s}); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

func TestLargeUserDataIsPackedAndTooLargeIsRefused(t *testing.T) {
	extra := cloudinit.Part{Filename: "big.sh", ContentType: "text/x-shellscript", Content: []byte("#!/bin/sh\n" + strings.Repeat("# padding\n", 8000))}
	ud, err := cloudinit.Render(cloudinit.Options{Agent: agentConfig(), Parts: []cloudinit.Part{extra}})
	if err != nil {
		t.Fatal(err)
	}
	if len(ud) > cloudinit.MaxSize {
		t.Errorf("got %d bytes, over %d", len(ud), cloudinit.MaxSize)
	}
	parts := understood(t, ud)
	if len(parts) != 3 || parts[0].Type != "text/cloud-config" || parts[2].Type != "text/x-shellscript" || parts[2].Payload != string(extra.Content) {
		t.Errorf("cloud-init did not unpack it: %d parts", len(parts))
	}

	noise := make([]byte, 60000)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	extra.Content = []byte("#!/bin/sh\n# " + hex.EncodeToString(noise))
	if _, err := cloudinit.Render(cloudinit.Options{Agent: agentConfig(), Parts: []cloudinit.Part{extra}}); !errors.Is(err, cloudinit.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestSameOptionsGiveSameBytes(t *testing.T) {
	o := cloudinit.Options{Agent: agentConfig(), CA: []byte("x")}
	a, err := cloudinit.Render(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := cloudinit.Render(o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two renderings differ: Heat would replace the server")
	}
}

func TestUnitIsTheOneThatPackagesShip(t *testing.T) {
	shipped, err := os.ReadFile("../packaging/systemd/murano-agent.service")
	if err != nil {
		t.Fatal(err)
	}
	brought, err := os.ReadFile("murano-agent.service")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shipped, brought) {
		t.Error("cloudinit/murano-agent.service and packaging/systemd/murano-agent.service differ; copy the one to the other")
	}
}
