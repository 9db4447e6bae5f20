// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/openmurano/murano/agent/config"
)

// public is an RSA key made for this test.
const public = `-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMReeAn+kHmBQwRKM9NqKVPRnFtjEIAy
VEsCpkdZ3hOy8kbAJQZkYkwxGbE0/npYODKsrPJWvabG2lZUzEqV0PUCAwEAAQ==
-----END PUBLIC KEY-----`

// engineFile is Agent-v2.template of murano 16.0.0 with its placeholders
// filled in as LinuxMuranoInstance.yaml does.
func engineFile(key string) string {
	return strings.NewReplacer("%SIGNING_KEY%", key).Replace(`
[DEFAULT]
debug=True
verbose=True
log_file = /var/log/murano-agent.log

storage=/var/murano/plans

engine_key =
%SIGNING_KEY%

[rabbitmq]

# Input queue name
input_queue = e6be51b3-h91c7

# Output routing key (usually queue name)
result_routing_key = -execution-results-6be51b3

# Connection parameters to RabbitMQ service

# Hostname or IP address where RabbitMQ is located.
host = 192.0.2.7

# RabbitMQ port (5672 is a default)
port = 5671

# Use SSL for RabbitMQ connections (True or False)
ssl = true

# Do not verify SSL certificates
insecure = false

# Path to SSL CA certificate or empty to allow self signed server certificate
ca_certs = '/etc/murano/certs/ca_certs'

# RabbitMQ credentials. Fresh RabbitMQ installation has "guest" account with "guest" password.
login = murano
password = p%40ss:w/o#r;d=$x@y

# RabbitMQ virtual host (vhost). Fresh RabbitMQ installation has "/" vhost preconfigured.
virtual_host = /
`)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func ignoreOrigin() cmp.Option {
	return cmp.Options{cmpopts.IgnoreFields(config.Config{}, "Sources", "Warnings"), cmpopts.IgnoreUnexported(config.Config{})}
}

func TestTheFileOfMuranosEngineIsReadWhole(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "agent.conf", engineFile("\t"+strings.ReplaceAll(public, "\n", "\n\t")))
	got, err := config.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Storage = "/var/murano/plans"
	want.Log.File, want.Log.Debug = "/var/log/murano-agent.log", true
	want.EngineKey = public
	want.InputQueue, want.ResultRoutingKey = "e6be51b3-h91c7", "-execution-results-6be51b3"
	want.RabbitMQ.Hosts, want.RabbitMQ.Port, want.RabbitMQ.SSL = []string{"192.0.2.7"}, 5671, true
	want.RabbitMQ.CACerts = "/etc/murano/certs/ca_certs"
	want.RabbitMQ.Login, want.RabbitMQ.Password = "murano", "p%40ss:w/o#r;d=$x@y"
	if d := cmp.Diff(want, got, ignoreOrigin()); d != "" {
		t.Error(d)
	}
	if len(got.Warnings) != 0 {
		t.Errorf("warnings %q, want none: the file is as the engine writes it", got.Warnings)
	}
	if got.Ceiling() != "2.2.0" {
		t.Errorf("ceiling %s, want 2.2.0: the engine knows no more", got.Ceiling())
	}
	if key, err := got.PublicKey(); err != nil || key == nil {
		t.Errorf("PublicKey() = %v, %v", key, err)
	}
}

func TestAnEngineWithoutAKeyLeavesTheOptionEmpty(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "agent.conf", engineFile(""))
	got, err := config.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := got.PublicKey(); err != nil || key != nil || got.EngineKey != "" {
		t.Errorf("EngineKey %q, PublicKey() = %v, %v", got.EngineKey, key, err)
	}
}

func TestOsloGrammar(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"a percent sign means itself":                  {"password = a%b%(c)s", "a%b%(c)s"},
		"a number sign does not begin a comment":       {"password = a # b", "a # b"},
		"a semicolon does not begin a comment":         {"password = a;b ; c", "a;b ; c"},
		"the first equals sign ends the key":           {"password = a=b:c", "a=b:c"},
		"a colon ends the key too":                     {"password: a=b", "a=b"},
		"one pair of quotes is taken off":              {`password = "'x'"`, "'x'"},
		"an opening quote alone is part of the value":  {`password = "x`, `"x`},
		"a back-quote means itself":                    {"password = `x", "`x"},
		"three quotes do not open a long string":       {`password = """x`, `"""x`},
		"a dollar sign means itself":                   {"password = $login$$", "$login$$"},
		"a backslash means itself":                     {`password = a\`, `a\`},
		"a later assignment wins":                      {"password = a\npassword = b", "b"},
		"white space at the ends goes":                 {"password =   a b  ", "a b"},
		"a file from Windows reads the same":           {"password = a\r\n", "a"},
		"a comment ends a value of several lines":      {"password = a\n b\n# c", "a\nb"},
		"a hash in a continuation belongs to the text": {"password = a\n # b", "a\n# b"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(write(t, t.TempDir(), "agent.conf", "[rabbitmq]\n"+tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if c.RabbitMQ.Password != tt.want {
				t.Errorf("password %q, want %q", c.RabbitMQ.Password, tt.want)
			}
		})
	}
}

func TestADirectoryIsReadInTheOrderOfNamesAndTheNativeFileWins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "20.conf", "[rabbitmq]\nlogin = b\nhost = h2\ninput_queue = q")
	write(t, dir, "10.conf", "[rabbitmq]\nlogin = a\nhost = h1\nport = 1")
	write(t, dir, "notes.txt", "not a configuration")
	c, err := config.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := []any{c.RabbitMQ.Login, c.RabbitMQ.Hosts[0], c.RabbitMQ.Port, c.Ceiling()}; !cmp.Equal(got, []any{"b", "h2", 1, "2.2.0"}) {
		t.Errorf("got %v", got)
	}
	write(t, dir, "agent.yaml", "rabbitmq: {login: c}\n")
	if c, err = config.Load(dir); err != nil || c.RabbitMQ.Login != "c" || c.Ceiling() != "2.2.0" {
		t.Errorf("login %q, ceiling %s, err %v; want c, and 2.2.0 as the INI still names the queue", c.RabbitMQ.Login, c.Ceiling(), err)
	}
	write(t, dir, "agent.yaml", "inputQueue: other\n")
	if c, err = config.Load(dir); err != nil || c.Ceiling() != "2.3.0" {
		t.Errorf("ceiling %s, err %v; want 2.3.0", c.Ceiling(), err)
	}
	if c, err = config.Load(filepath.Join(dir, "20.conf"), filepath.Join(dir, "10.conf")); err != nil || c.RabbitMQ.Login != "a" {
		t.Errorf("login %q, err %v; want that of the file named last", c.RabbitMQ.Login, err)
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	full := config.Default()
	full.Storage, full.InputQueue, full.ResultRoutingKey, full.ResultExchange = "/srv/m", "e1-h1", "-execution-results-1", "x"
	full.EnableDynamicResultQueue, full.EngineKey = true, public
	full.EventsExchange, full.EventsRoutingKey, full.MaxFormatVersion = "e", "events-1", "2.2.0"
	full.RabbitMQ.Hosts, full.RabbitMQ.Port, full.RabbitMQ.SSL, full.RabbitMQ.Insecure = []string{"h"}, 5673, true, true
	full.RabbitMQ.Login, full.RabbitMQ.VirtualHost, full.RabbitMQ.CACerts = "l", "/v", "/ca"
	full.Log.File, full.Log.Debug = "/var/log/a", true
	for _, password := range []string{"plain", `"quoted"`, "'", " blank ends ", "#;%:=@/$", "yes", "007", "~", "é漢", "a: b", "{x}", ""} {
		full.RabbitMQ.Password = password
		ini, err := full.EncodeINI()
		if err != nil {
			t.Fatal(err)
		}
		native, err := full.EncodeYAML()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, path := range []string{write(t, dir, "a.conf", string(ini)), write(t, dir, "a.yaml", string(native))} {
			got, err := config.Load(path)
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, ini, native)
			}
			if d := cmp.Diff(full, got, ignoreOrigin()); d != "" {
				t.Errorf("%s: %s", path, d)
			}
		}
	}
	full.RabbitMQ.Password = "p"
	full.RabbitMQ.Hosts = []string{"a", "b:5"}
	full.RabbitMQ.ServerName, full.RabbitMQ.Heartbeat, full.Log.Format = "s", 7*time.Second, "json"
	full.Log.MaxSize, full.Group, full.Heartbeat, full.StopTimeout = 0, "", 0, 90*time.Second
	full.Fetch = config.Fetch{ConnectTimeout: time.Second, StallTimeout: 90 * time.Minute, Timeout: 36 * time.Hour, MaxSize: 1536, Proxy: "http://u:p@h:3128", NoProxy: []string{".example", "192.0.2.0/24"}}
	full.Wait = config.Wait{CloudInit: 0, PackageLocks: time.Minute}
	full.History = config.History{Count: 1, Size: 3 << 30, Age: 48 * time.Hour}
	full.Script = config.Script{Grace: time.Hour, MaxOutput: 1, MaxLog: 2, Scope: "off"}
	native, err := full.EncodeYAML()
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(write(t, t.TempDir(), "a.yml", string(native)))
	if d := cmp.Diff(full, got, ignoreOrigin()); err != nil || d != "" {
		t.Errorf("%v %s\n%s", err, d, native)
	}
	var e *config.Error
	if _, err := full.EncodeINI(); !errors.As(err, &e) || e.Key != "group" {
		t.Errorf("EncodeINI of an option without a place there: %v", err)
	}
}

func TestTheShippedSampleLoadsAndShowsEveryOption(t *testing.T) {
	b, err := os.ReadFile("../../packaging/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asShipped, err := config.Load(write(t, t.TempDir(), "agent.yaml", string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(config.Default(), asShipped, ignoreOrigin()); d != "" {
		t.Errorf("the sample as shipped changes a default: %s", d)
	}
	on := regexp.MustCompile(`(?m)^( *)#(\w+:)`).ReplaceAllString(string(b), "$1$2")
	got, err := config.Load(write(t, t.TempDir(), "agent.yaml", on))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.InputQueue, want.ResultRoutingKey, want.MaxFormatVersion = "e0123-h4567", "-execution-results-0123", "2.3.0"
	if d := cmp.Diff(want, got, ignoreOrigin()); d != "" {
		t.Errorf("the sample shows another value than the default: %s", d)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	group := ""
	shown := make(map[string]bool)
	for _, line := range strings.Split(on, "\n") {
		m := regexp.MustCompile(`^( *)(\w+):(.*)`).FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[1] != "":
			shown[group+"."+m[2]] = true
		case m[3] == "":
			group = m[2]
		default:
			shown[m[2]] = true
		}
	}
	for _, key := range config.Keys() {
		if !shown[key] {
			t.Errorf("packaging/agent.yaml does not show %s", key)
		}
	}
}

func TestAddresses(t *testing.T) {
	for name, tt := range map[string]struct {
		r    config.RabbitMQ
		want []string
	}{
		"the plain port is RabbitMQ's":                {config.RabbitMQ{Hosts: []string{"h"}}, []string{"h:5672"}},
		"with TLS it is the other one":                {config.RabbitMQ{Hosts: []string{"h"}, SSL: true}, []string{"h:5671"}},
		"a host may bring its own":                    {config.RabbitMQ{Hosts: []string{"h:1", "g"}, Port: 2}, []string{"h:1", "g:2"}},
		"an IPv6 address is put in brackets":          {config.RabbitMQ{Hosts: []string{"2001:db8::1"}}, []string{"[2001:db8::1]:5672"}},
		"an IPv6 address in brackets stays so":        {config.RabbitMQ{Hosts: []string{"[2001:db8::1]"}}, []string{"[2001:db8::1]:5672"}},
		"an IPv6 address in brackets may have a port": {config.RabbitMQ{Hosts: []string{"[2001:db8::1]:9"}}, []string{"[2001:db8::1]:9"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.r.Addresses(); !cmp.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
