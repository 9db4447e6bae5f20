// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/controller"
)

// good is a configuration that loads; cases change a line of it.
const good = `listen: 127.0.0.1:0
broker:
  hosts: [rabbit]
  login: controller
  password: secret
agent:
  login: agent
  password: secret
`

func TestBadConfigurationsAreRefusedWithTheirPlace(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"an empty file":                        {good, "", "broker.hosts: names no RabbitMQ; set it to"},
		"no YAML":                              {"broker:\n", "broker: [\n", "did not find expected"},
		"a list instead of keys":               {good, "- a\n", "write keys below it"},
		"a second document":                    {good, good + "---\na: b\n", "holds a second document; remove"},
		"a key that is twice there":            {"listen: 127.0.0.1:0", "listen: a:1\nlisten: b:1", `line 2: mapping key "listen" already defined`},
		"an unknown key":                       {"listen:", "lisen:", ":1: lisen: is no key there; look"},
		"an unknown key below another":         {"  hosts:", "  host:", ":3: broker.host: is no key there"},
		"a text instead of a list":             {"[rabbit]", "rabbit", ":3: broker.hosts: is a text; write a list"},
		"a word instead of a number":           {"  login: controller", "  login: controller\n  port: many", ":5: broker.port: is a text; write a whole number"},
		"a word instead of true":               {"  login: controller", "  login: controller\n  tls: perhaps", ":5: broker.tls: is a text; write true or false"},
		"a duration without its unit":          {"listen:", "timeouts: {boot: 15}\nlisten:", ":1: timeouts.boot: is no duration; write a number with its unit, as in 15m"},
		"a duration below zero":                {"listen:", "timeouts:\n  step: -1h\nlisten:", ":2: timeouts.step: is no duration"},
		"an address without a port":            {"127.0.0.1:0", "localhost", `:1: listen: is "localhost", no address with a port; write it as in 127.0.0.1:8082`},
		"no state directory":                   {"listen:", "state: ''\nlisten:", ":1: state: names no directory; set it to /var/lib"},
		"a certificate without its key":        {"listen:", "tls: {cert: x.pem}\nlisten:", ":1: tls: has only one of cert and key; set both"},
		"a certificate that is not there":      {"listen:", "tls: {cert: /nowhere/x.pem, key: /nowhere/y.pem}\nlisten:", ":1: tls.cert: cannot be read: open /nowhere/x.pem"},
		"a log format nobody knows":            {"listen:", "log: {format: xml}\nlisten:", `:1: log.format: is "xml"; set it to text or json`},
		"a nameserver that is a name":          {"listen:", "defaults: {dns: [dns.example]}\nlisten:", `:1: defaults.dns: holds "dns.example", no IP address, at place 1; write`},
		"no broker":                            {"  hosts: [rabbit]\n", "", ":2: broker.hosts: names no RabbitMQ; set it"},
		"a host with its port":                 {"[rabbit]", "['rabbit:5673']", `:3: broker.hosts: holds "rabbit:5673", a host with a port; write the host alone, and broker.port: 5673`},
		"a URL instead of a host":              {"[rabbit]", "['amqp://rabbit']", `:3: broker.hosts: holds "amqp://rabbit", no host; write names`},
		"a port beyond the last":               {"  login: agent", "  login: agent\n  port: 70000", ":8: agent.port: is 70000; set it to a port between"},
		"no login":                             {"  login: controller\n", "", ":2: broker.login: is not set; make"},
		"no password":                          {"  login: agent\n  password: secret\n", "  login: agent\n", ":6: agent.password: is not set; set it, or agent.password_file"},
		"a password and its file":              {"  login: agent", "  password_file: /x\n  login: agent", ":7: agent.password_file: is set beside agent.password; leave"},
		"a password's file that is not there":  {"  login: agent\n  password: secret", "  login: agent\n  password_file: /nowhere/p", ":8: agent.password_file: cannot be read: open /nowhere/p"},
		"a broker that guests cannot reach":    {"[rabbit]", "[127.0.0.1]", ":6: agent.hosts: is not set, and broker.hosts is 127.0.0.1, which guests cannot reach; set"},
		"agents with the controller's account": {"  login: agent", "  login: controller", ":7: agent.login: is the controller's own account"},
		"authorities without TLS":              {"  login: controller", "  login: controller\n  ca_file: /x", ":5: broker.ca_file: says whom to trust, but there is no TLS; set broker.tls: true"},
		"insecure without TLS":                 {"  login: controller", "  login: controller\n  insecure: true", ":5: broker.insecure: is about TLS, but there is none"},
		"authorities that are not there":       {"  login: controller", "  login: controller\n  tls: true\n  ca_file: /nowhere/ca", ":6: broker.ca_file: cannot be read"},
		"authorities that are none":            {"  login: controller", "  login: controller\n  tls: true\n  ca_file: settings.go", ":6: broker.ca_file: settings.go holds no certificate; name a PEM file"},
		"an agent's source without a sum":      {"  login: agent", "  source: {url: 'http://a/b'}\n  login: agent", `:7: agent.source.sha256: is "", no SHA-256`},
		"an agent's source that is no URL":     {"  login: agent", "  source: {url: /srv/agent, sha256: aa}\n  login: agent", `:7: agent.source.url: is "/srv/agent"; set it to the http or https URL`},
		"a signing key that is not there":      {"listen:", "signing_key_file: /nowhere/k\nlisten:", ":1: signing_key_file: gives no key: open /nowhere/k"},
		"a signing key that is none":           {"listen:", "signing_key_file: settings.go\nlisten:", ":1: signing_key_file: gives no key: "},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, tt.old) {
				t.Fatalf("the case changes nothing: %q", tt.old)
			}
			file := filepath.Join(t.TempDir(), "controller.yaml")
			if err := os.WriteFile(file, []byte(strings.Replace(good, tt.old, tt.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readSettings(file)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, file) && !strings.HasPrefix(line, "yaml:") && !strings.HasPrefix(line, "  line") {
					t.Errorf("%q does not name the file", line)
				}
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got\n%v\nwant %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells a password: %v", err)
			}
		})
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "controller.yaml")
	if err := os.WriteFile(file, []byte("listen: here\nstate: ''\nlog: {format: xml}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readSettings(file)
	var faults controller.Faults
	if !errors.As(err, &faults) || len(faults) < 5 {
		t.Errorf("got %v, want listen, state, log.format and both brokers", err)
	}
}

func TestTheAgentsBrokerIsAsTheControllersWhereNothingElseIsSaid(t *testing.T) {
	dir := t.TempDir()
	file, password := filepath.Join(dir, "controller.yaml"), filepath.Join(dir, "password")
	text := strings.Replace(good, "  password: secret\nagent", "  password_file: "+password+"\n  port: 5673\n  virtual_host: murano\nagent", 1)
	text += "timeouts: {boot: 90s}\n"
	for name, content := range map[string]string{file: text, password: "from a file\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := readSettings(file)
	if err != nil {
		t.Fatal(err)
	}
	guests, err := s.guests(nil)
	if err != nil || guests.Hosts[0] != "rabbit" || guests.Port != 5673 || guests.VirtualHost != "murano" || guests.Login != "agent" || guests.Password != "secret" {
		t.Errorf("guests: %+v, %v", guests, err)
	}
	if s.Broker.Password != "from a file" || s.TokenFile != "/var/lib/murano-controller/token" || time.Duration(s.Timeouts.Boot) != 90*time.Second {
		t.Errorf("settings: %+v", s)
	}
	o, err := s.Broker.options()
	if err != nil || o.Hosts[0] != "rabbit:5673" || o.TLS != nil {
		t.Errorf("options: %+v, %v", o, err)
	}
}

// sample is the file that the package installs.
const sample = "../../packaging/controller.yaml"

func TestEveryKeyIsInTheSample(t *testing.T) {
	b, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(kind reflect.Type, node *yaml.Node, at string)
	walk = func(kind reflect.Type, node *yaml.Node, at string) {
		for i := range kind.NumField() {
			f := kind.Field(i)
			name, inline, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if inline == "inline" {
				walk(f.Type, node, at)
				continue
			}
			key, value := child(node, name)
			if key == nil {
				t.Errorf("%s has no %s%s", sample, at, name)
			} else if f.Type.Kind() == reflect.Struct {
				walk(f.Type, value, at+name+".")
			}
		}
	}
	walk(reflect.TypeFor[settings](), doc.Content[0], "")
}

func TestTheSampleLoadsOnceItIsFilledIn(t *testing.T) {
	b, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "controller.yaml")
	load := func(text string) (settings, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readSettings(file)
	}
	_, err = load(string(b))
	var faults controller.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("the sample as it is: %v, want that agent.hosts and both passwords are asked for", err)
	}
	filled := strings.ReplaceAll(string(b), `password: "" `, `password: filled`)
	filled = strings.ReplaceAll(filled, "\n  password: \"\"\n", "\n  password: filled\n")
	filled = strings.Replace(filled, "hosts: []", "hosts: [rabbit.example]", 1)
	s, err := load(filled)
	if err != nil {
		t.Fatal(err)
	}
	// What the sample says is what is meant where it says nothing.
	bare, err := load("broker: {hosts: [127.0.0.1], login: murano-controller, password: filled, virtual_host: murano}\n" +
		"agent: {hosts: [rabbit.example], login: murano-agent, password: filled}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []struct {
		key       string
		got, zero duration
		want      time.Duration
	}{
		{"boot", s.Timeouts.Boot, bare.Timeouts.Boot, 15 * time.Minute}, {"step", s.Timeouts.Step, bare.Timeouts.Step, time.Hour},
		{"silence", s.Timeouts.Silence, bare.Timeouts.Silence, 5 * time.Minute}, {"destroy", s.Timeouts.Destroy, bare.Timeouts.Destroy, 2 * time.Minute},
	} {
		if time.Duration(d.got) != d.want || d.zero != 0 {
			t.Errorf("timeouts.%s: the sample has %v, and nothing gives %v; controller.Options' default is %v", d.key, time.Duration(d.got), time.Duration(d.zero), d.want)
		}
	}
	s.Timeouts, bare.Timeouts = settings{}.Timeouts, settings{}.Timeouts
	s.Defaults.DNS, bare.Defaults.DNS = nil, nil
	if !reflect.DeepEqual(s, bare) {
		t.Errorf("the sample gives\n%+v\nand its defaults are\n%+v", s, bare)
	}
}

func TestFilesWithSecretsThatEverybodyCanReadAreNamed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing there")
	}
	dir := t.TempDir()
	open, closed, config := filepath.Join(dir, "open"), filepath.Join(dir, "closed"), filepath.Join(dir, "controller.yaml")
	for name, mode := range map[string]os.FileMode{open: 0o644, closed: 0o640, config: 0o644} {
		err := os.WriteFile(name, []byte("secret\n"), mode)
		if err == nil {
			err = os.Chmod(name, mode) // whatever the umask
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var s settings
	s.Broker.PasswordFile, s.Agent.PasswordFile = closed, open
	if got, want := s.exposed(config), []string{open}; !slices.Equal(got, want) {
		t.Errorf("with the passwords elsewhere %q, want %q", got, want)
	}
	s.Agent.PasswordFile, s.SigningKeyFile, s.TokenFile = "", closed, filepath.Join(dir, "not there yet")
	if got, want := s.exposed(config), []string{config}; !slices.Equal(got, want) {
		t.Errorf("with a password in it %q, want %q", got, want)
	}
}
