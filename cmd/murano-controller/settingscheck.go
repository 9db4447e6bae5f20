// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/controller"
)

// readSettings reads the file. The error names all that is wrong in it, each
// with the file, the line where there is one, the key, and what to do.
func readSettings(file string) (settings, error) {
	s := settings{Listen: defaultListen, State: systemState}
	s.Broker.VirtualHost, s.Log.Format = "/", "text"
	b, err := os.ReadFile(file)
	if err != nil {
		return s, fmt.Errorf("read the configuration: %w; name another with --config", err)
	}
	c := check{file: file}
	decoder := yaml.NewDecoder(bytes.NewReader(b))
	if err := decoder.Decode(&c.doc); err != nil && !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("%s: %w; the file is YAML: the sample in the package shows each key", file, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		c.fault("", "holds a second document", "remove the line --- and what follows it")
		return s, c.faults.Err()
	}
	strict := yaml.NewDecoder(bytes.NewReader(b))
	strict.KnownFields(true)
	if err := strict.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return s, c.decoding(err)
	}
	c.settings(&s)
	return s, c.faults.Err()
}

// A check collects what is wrong in one configuration file.
type check struct {
	file   string
	doc    yaml.Node
	faults controller.Faults
}

// fault notes what is wrong with the value of a key. One that is not in the
// file has the line of the nearest key above it that is.
func (c *check) fault(path, what, do string) {
	line, node := 0, &c.doc
	if len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, part := range strings.Split(path, ".") {
		key, value := child(node, part)
		if key == nil {
			break
		}
		line, node = key.Line, value
	}
	c.faults = append(c.faults, controller.Fault{File: c.file, Line: line, Path: path, What: what, Do: do})
}

// child finds a key of a mapping.
func child(n *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// path gives the key whose value begins in a line; the innermost, dotted.
func path(n *yaml.Node, line int) string {
	found := ""
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Line > line {
			break
		}
		found = key.Value
		if inner := path(value, line); inner != "" && value.Line <= line {
			found += "." + inner
		}
	}
	return found
}

var (
	unknownKey = regexp.MustCompile(`^line (\d+): field (.+) not found in type `)
	wrongKind  = regexp.MustCompile(`^line (\d+): cannot unmarshal (?:!!(\w+))?.* into (.+)$`)
)

// decoding puts the decoder's words into those of the file's author.
func (c *check) decoding(err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return fmt.Errorf("%s: %w", c.file, err)
	}
	for _, text := range te.Errors {
		f := controller.Fault{File: c.file, What: text, Do: "the sample in the package shows each key"}
		if m := unknownKey.FindStringSubmatch(text); m != nil {
			f.Line, _ = strconv.Atoi(m[1])
			f.Path, f.What, f.Do = path(c.root(), f.Line), "is no key there", "look for its right name and place in the sample of the package"
		} else if m := wrongKind.FindStringSubmatch(text); m != nil {
			f.Line, _ = strconv.Atoi(m[1])
			f.Path, f.What, f.Do = path(c.root(), f.Line), "is "+kinds[m[2]], "write "+wanted(m[3])
		}
		c.faults = append(c.faults, f)
	}
	return c.faults
}

func (c *check) root() *yaml.Node {
	if len(c.doc.Content) == 0 {
		return &c.doc
	}
	return c.doc.Content[0]
}

// kinds are YAML's tags for a person.
var kinds = map[string]string{
	"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false",
	"seq": "a list", "map": "a mapping", "": "no duration", "null": "empty", "timestamp": "a date",
}

// wanted says what belongs where a value of a Go type is read into.
func wanted(kind string) string {
	switch {
	case kind == "duration":
		return "a number with its unit, as in 15m or 1h"
	case kind == "[]string":
		return "a list, as in [one, two]"
	case kind == "string":
		return "a text"
	case kind == "bool":
		return "true or false"
	case kind == "int":
		return "a whole number"
	}
	return "keys below it, indented"
}

// settings fills in what follows from other keys, reads the files the settings
// name, and notes what cannot work.
func (c *check) settings(s *settings) {
	if _, port, err := net.SplitHostPort(s.Listen); err != nil || port == "" {
		c.fault("listen", fmt.Sprintf("is %q, no address with a port", s.Listen), "write it as in "+defaultListen)
	}
	if s.State == "" {
		c.fault("state", "names no directory", "set it to "+systemState)
	}
	if s.TokenFile == "" {
		s.TokenFile = filepath.Join(s.State, "token")
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		c.fault("tls", "has only one of cert and key", "set both, or neither for plain HTTP")
	} else {
		c.readable("tls.cert", s.TLS.Cert)
		c.readable("tls.key", s.TLS.Key)
	}
	if s.Log.Format != "text" && s.Log.Format != "json" {
		c.fault("log.format", fmt.Sprintf("is %q", s.Log.Format), "set it to text or json")
	}
	for i, address := range s.Defaults.DNS {
		if _, err := netip.ParseAddr(address); err != nil {
			c.fault("defaults.dns", fmt.Sprintf("holds %q, no IP address, at place %d", address, i+1), "write the nameserver's address")
		}
	}
	if _, err := s.signingKey(); err != nil {
		c.fault("signing_key_file", "gives no key: "+err.Error(), "name a PEM file with an RSA private key that the controller's user can read")
	}
	if len(s.Broker.Hosts) == 0 {
		c.fault("broker.hosts", "names no RabbitMQ", "set it to [host, ...]")
	}
	c.broker("broker", &s.Broker)
	c.agent(s)
}

// agent fills in what is not said of the agents' broker: it is as for the
// controller's, but for the account, for guests get one of their own.
func (c *check) agent(s *settings) {
	a := &s.Agent.broker
	if len(a.Hosts) == 0 {
		a.Hosts = s.Broker.Hosts
		if a.Port == 0 {
			a.Port = s.Broker.Port
		}
		if !a.TLS && a.CAFile == "" && !a.Insecure {
			a.TLS, a.CAFile, a.Insecure = s.Broker.TLS, s.Broker.CAFile, s.Broker.Insecure
		}
		if i := slices.IndexFunc(a.Hosts, loopback); i >= 0 {
			c.fault("agent.hosts", fmt.Sprintf("is not set, and broker.hosts is %s, which guests cannot reach", a.Hosts[i]),
				"set it to the broker's address in the guests' network")
		}
	}
	if a.VirtualHost == "" {
		a.VirtualHost = s.Broker.VirtualHost
	}
	if a.Login != "" && a.Login == s.Broker.Login {
		c.fault("agent.login", "is the controller's own account, and a guest is hostile ground",
			"make an account for the agents with the permissions of docs/protocol.md and name it there")
	}
	c.broker("agent", a)
	c.source(s.Agent.Source)
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}

func (c *check) source(s source) {
	if s == (source{}) {
		return
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.fault("agent.source.url", fmt.Sprintf("is %q", s.URL), "set it to the http or https URL of the agent's static binary, .deb or .rpm")
	}
	if sum, err := hex.DecodeString(s.SHA256); err != nil || len(sum) != 32 {
		c.fault("agent.source.sha256", fmt.Sprintf("is %q, no SHA-256, and what is fetched runs as root in the guests", s.SHA256), "set it to what sha256sum prints for that file")
	}
}

// broker notes what is wrong with one way to RabbitMQ, and reads its password's file.
func (c *check) broker(key string, b *broker) {
	for _, h := range b.Hosts {
		_, port, err := net.SplitHostPort(h)
		switch {
		case h == "" || strings.Contains(h, "/"):
			c.fault(key+".hosts", fmt.Sprintf("holds %q, no host", h), "write names or addresses alone, as in [rabbit1, rabbit2]")
		case err == nil:
			c.fault(key+".hosts", fmt.Sprintf("holds %q, a host with a port", h), "write the host alone, and "+key+".port: "+port)
		}
	}
	if b.Port < 0 || b.Port > 65535 {
		c.fault(key+".port", fmt.Sprintf("is %d", b.Port), "set it to a port between 1 and 65535, or to 0 for RabbitMQ's own")
	}
	if b.Login == "" {
		c.fault(key+".login", "is not set", "make a RabbitMQ account with the permissions of docs/protocol.md and name it there")
	}
	switch password, err := os.ReadFile(b.PasswordFile); {
	case b.PasswordFile == "" && b.Password == "":
		c.fault(key+".password", "is not set", "set it, or "+key+".password_file")
	case b.PasswordFile == "":
	case b.Password != "":
		c.fault(key+".password_file", "is set beside "+key+".password", "leave one of them out")
	case err != nil:
		c.fault(key+".password_file", "cannot be read: "+err.Error(), "name a file that the controller's user can read")
	default:
		b.Password = strings.TrimRight(string(password), "\r\n")
	}
	switch {
	case !b.TLS && b.CAFile != "":
		c.fault(key+".ca_file", "says whom to trust, but there is no TLS", "set "+key+".tls: true, or leave ca_file out")
	case !b.TLS && b.Insecure:
		c.fault(key+".insecure", "is about TLS, but there is none", "set "+key+".tls: true, or leave insecure out")
	case b.CAFile != "" && c.readable(key+".ca_file", b.CAFile) && !authorities(b.CAFile):
		c.fault(key+".ca_file", b.CAFile+" holds no certificate", "name a PEM file with the authority that signed the broker's certificate")
	}
}

// readable notes a file that cannot be read. Empty means there is none to read.
func (c *check) readable(key, file string) bool {
	if file == "" {
		return false
	}
	f, err := os.Open(file)
	if err != nil {
		c.fault(key, "cannot be read: "+err.Error(), "name a file that the controller's user can read")
		return false
	}
	_ = f.Close() // nothing was written
	return true
}

func authorities(file string) bool {
	b, err := os.ReadFile(file)
	return err == nil && x509.NewCertPool().AppendCertsFromPEM(b)
}
