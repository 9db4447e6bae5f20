// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/agent/config"
)

// TestBadConfigurations holds the message of each: the file, the line where
// there is one, the option, what is wrong, and what to do.
func TestBadConfigurations(t *testing.T) {
	const queues = "inputQueue: q\nresultRoutingKey: r\n"
	for _, tt := range []struct {
		name, file, text string
		want             string // with DIR for the folder
	}{
		{"an unknown key of agent.yaml", "agent.yaml", "storage: /a\nstorrage: /b\n", "DIR/agent.yaml:2: storrage: is not an option of the agent; did you mean storage?"},
		{"an unknown nested key", "agent.yaml", "rabbitmq:\n  pasword: x\n", "DIR/agent.yaml:2: rabbitmq.pasword: is not an option of the agent; did you mean rabbitmq.password?"},
		{"oslo's name in agent.yaml", "agent.yaml", "input_queue: q\n", "DIR/agent.yaml:1: input_queue: is not an option of the agent; did you mean inputQueue?"},
		{"a key at the wrong depth", "agent.yaml", "virtualHost: /\n", "DIR/agent.yaml:1: virtualHost: is not an option of the agent; did you mean rabbitmq.virtualHost?"},
		{"a key like no other", "agent.yaml", "colour: red\n", "DIR/agent.yaml:1: colour: is not an option of the agent; the commented sample agent.yaml of the package lists every key"},
		{"a key given twice", "agent.yaml", "storage: /a\nstorage: /b\n", "DIR/agent.yaml:2: storage: is given twice, first in line 1; remove one of them"},
		{"text where a number belongs", "agent.yaml", "rabbitmq: {port: amqp}\n", `DIR/agent.yaml:1: rabbitmq.port: "amqp" is not a whole number; write digits only`},
		{"a word where true or false belongs", "agent.yaml", "rabbitmq:\n  ssl: maybe\n", `DIR/agent.yaml:2: rabbitmq.ssl: "maybe" is neither true nor false; write true or false`},
		{"a duration without a unit", "agent.yaml", "fetch: {timeout: 20}\n", `DIR/agent.yaml:1: fetch.timeout: "20" is not a duration; write a number with its unit: 30s, 20m, 4h, 7d`},
		{"a size nobody can read", "agent.yaml", "history: {size: big}\n", `DIR/agent.yaml:1: history.size: "big" is not a size; write digits and, if need be, one of K, M, G, T: 512M`},
		{"a list where text belongs", "agent.yaml", "storage: [a]\n", "DIR/agent.yaml:1: storage: is a list or a mapping; write a single value"},
		{"text where a group belongs", "agent.yaml", "rabbitmq: localhost\n", "DIR/agent.yaml:1: rabbitmq: is not a mapping of keys; write `key: value` lines"},
		{"a document that is a list", "agent.yaml", "- a\n", "DIR/agent.yaml:1: the document: is not a mapping of keys; write `key: value` lines"},
		{"a tab in YAML", "agent.yaml", "log:\n\tfile: x\n", "DIR/agent.yaml:2: not YAML: found character that cannot start any token; mind tabs, indentation, and put text with : # @ % or a leading quote in single quotes"},
		{"a second document", "agent.yaml", "storage: /a\n---\nstorage: /b\n", "DIR/agent.yaml:2: a second document begins here; remove the line ---"},
		{"no assignment in agent.conf", "agent.conf", "[DEFAULT]\nstorage\n", "DIR/agent.conf:2: there is no = in this line; write key = value, or # before a comment"},
		{"an INI key before any section", "agent.conf", "storage = /a\n", `DIR/agent.conf:1: key "storage" stands before the first section; write [DEFAULT] above it`},
		{"a section without its end", "agent.conf", "[rabbitmq\nport = 1\n", `DIR/agent.conf:1: "[rabbitmq" is not the head of a section; write [DEFAULT] or [rabbitmq]`},
		{"a continuation of nothing", "agent.conf", "[DEFAULT]\n  storage = /a\n", "DIR/agent.conf:2: this line begins with a space, but there is no value above it to continue; remove the space, or the empty line before it"},
		{"a bad number in agent.conf", "agent.conf", "[rabbitmq]\n\nport = 56x\n", `DIR/agent.conf:3: [rabbitmq] port: "56x" is not a whole number; write digits only`},
		{"a bad boolean in agent.conf", "agent.conf", "[rabbitmq]\nssl = TLS\n", `DIR/agent.conf:2: [rabbitmq] ssl: "TLS" is neither true nor false; write true or false`},
		{"no queue in agent.conf", "agent.conf", "[rabbitmq]\nresult_routing_key = r\n", "DIR/agent.conf: [rabbitmq] input_queue: is not set: the agent does not know where its plans arrive; set it to the queue that the controller declared for this server"},
		{"no way back", "agent.yaml", "inputQueue: q\n", "DIR/agent.yaml: resultRoutingKey: is not set: the agent does not know where results go; set it to the controller's result queue, or set enableDynamicResultQueue to true"},
		{"a relative storage", "agent.yaml", queues + "storage: murano\n", `DIR/agent.yaml: storage: "murano" is not an absolute path; write the whole path, /var/murano`},
		{"a port that cannot be", "agent.yaml", queues + "rabbitmq: {port: 70000}\n", "DIR/agent.yaml: rabbitmq.port: 70000 is not a port; write a number from 1 to 65535; RabbitMQ listens on 5672, with TLS on 5671"},
		{"a URL for a host, its password hidden", "agent.yaml", queues + "rabbitmq: {hosts: ['amqp://u:secret@h/']}\n", `DIR/agent.yaml: rabbitmq.hosts: "***@h/" is not a host; write a name or an address only; login, password and virtual host have options of their own`},
		{"no host", "agent.yaml", queues + "rabbitmq: {hosts: []}\n", "DIR/agent.yaml: rabbitmq.hosts: is empty; name the broker's host or address"},
		{"a key that is no key", "agent.conf", "[DEFAULT]\nengine_key =\n\tMIIBIjAN\n[rabbitmq]\ninput_queue=q\nresult_routing_key=r", "DIR/agent.conf: [DEFAULT] engine_key: is not a key in PEM form; paste the engine's public key whole, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----, each line indented; or remove the option to take plans unsigned"},
		{"a CA file that is not there", "agent.yaml", queues + "rabbitmq: {ssl: true, caCerts: /nowhere/ca.pem}\n", "DIR/agent.yaml: rabbitmq.caCerts: /nowhere/ca.pem cannot be read: no such file or directory; put the certificate of the authority that signed the broker's there, or remove the option to trust the system's"},
		{"a format from the future", "agent.yaml", queues + "maxFormatVersion: 3.0.0\n", `DIR/agent.yaml: maxFormatVersion: "3.0.0" is not a format of plans; write 2.2.0 or 2.3.0`},
		{"a log format nobody writes", "agent.yaml", queues + "log: {format: xml}\n", `DIR/agent.yaml: log.format: "xml" is not a format of logs; write auto, text, json or journal`},
		{"a journal in a file", "agent.yaml", queues + "log: {format: journal, file: /var/log/a.log}\n", "DIR/agent.yaml: log.format: is journal, which no file is; write text or json, or remove log.file"},
		{"a log without room", "agent.yaml", queues + "log: {maxSize: 1K}\n", "DIR/agent.yaml: log.maxSize: of 1K is no room for a log; write 64K or more, or 0 for no bound"},
		{"scopes that are neither on nor off", "agent.yaml", queues + "script: {scope: always}\n", `DIR/agent.yaml: script.scope: "always" is neither auto nor off; write auto or off`},
		{"a proxy that is a host", "agent.yaml", queues + "fetch: {proxy: 'me:hunter2@proxy:3128'}\n", `DIR/agent.yaml: fetch.proxy: "***@proxy:3128" is not a proxy's URL; write http://host:port, with the login before the host if it needs one`},
		{"a proxy that no URL is", "agent.yaml", queues + "fetch: {proxy: 'http://me:hunter2@pro xy'}\n", "DIR/agent.yaml: fetch.proxy: is not a URL; write http://host:port, with the login before the host if it needs one"},
		{"a heartbeat like a drum", "agent.yaml", queues + "heartbeat: 10ms\n", "DIR/agent.yaml: heartbeat: every 10ms is more often than anybody listens; write 1s or more, or 0 for none"},
		{"a stop that takes for ever", "agent.yaml", queues + "stopTimeout: 2h\n", "DIR/agent.yaml: stopTimeout: 2h is longer than a guest waits for its services; write 1h or less"},
		{"a bound of nothing", "agent.yaml", queues + "fetch: {maxSize: 0}\n", "DIR/agent.yaml: fetch.maxSize: is not above zero; write a larger value, or remove the key for the default"},
		{"an empty directory", "", "", "DIR: the directory has neither agent.yaml nor a *.conf file; write agent.yaml there (the package has a commented sample), or name another directory with --config-dir"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.file != "" {
				write(t, dir, tt.file, tt.text)
			}
			c, err := config.Load(dir)
			if err == nil {
				err = c.Validate()
			}
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != tt.want {
				t.Errorf("got:  %s\nwant: %s", got, tt.want)
			}
		})
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "gone")); err == nil || !strings.Contains(err.Error(), "there is no such file or directory; name another") {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestASecretOfTheWrongKindIsNotShown(t *testing.T) {
	_, err := config.Load(write(t, t.TempDir(), "agent.yaml", "rabbitmq:\n  password: [hunter2]\n"))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := config.Load(write(t, t.TempDir(), "agent.yaml", "a: 1\nrabbitmq: {port: x}\nlog: {debug: x}\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want three lines", err)
	}
}

func TestUnknownINIKeysAreWarnings(t *testing.T) {
	path := write(t, t.TempDir(), "agent.conf", "[DEFAULT]\nuse_syslog = true\ninput_queue = q\nverbose = True\n[rabbitmq]\nresult_routng_key = r\n[other]\nx = y\n")
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		path + ":2: [DEFAULT] use_syslog is not an option of the agent and is ignored",
		path + ":3: [DEFAULT] input_queue is not an option of the agent and is ignored; it belongs under [rabbitmq]",
		path + ":6: [rabbitmq] result_routng_key is not an option of the agent and is ignored; did you mean [rabbitmq] result_routing_key?",
		path + ":8: [other] x is not an option of the agent and is ignored",
	}
	if got := strings.Join(c.Warnings, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestAFileThatShowsThePasswordIsAWarning(t *testing.T) {
	path := write(t, t.TempDir(), "agent.conf", "[rabbitmq]\npassword = x\n")
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "mode 0664") {
		t.Errorf("warnings %q, err %v", c.Warnings, err)
	}
}
