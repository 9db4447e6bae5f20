// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/plans"
)

// settings is /etc/murano/controller.yaml; packaging/controller.yaml is its
// commented sample.
type settings struct {
	Listen    string      `yaml:"listen"`     // address of the API
	TLS       tlsFiles    `yaml:"tls"`        // of the API; empty means plain HTTP
	State     string      `yaml:"state"`      // directory of the database and the token
	TokenFile string      `yaml:"token_file"` // empty means <state>/token, made when it is not there
	Cloud     string      `yaml:"cloud"`      // name in clouds.yaml; empty means the OS_* variables
	Broker    broker      `yaml:"broker"`     // as the controller reaches it
	Agent     agentBroker `yaml:"agent"`      // as the agents in the guests reach it
	Defaults  struct {
		DNS      []string `yaml:"dns"`
		External string   `yaml:"external"`
		Image    string   `yaml:"image"`
		Flavor   string   `yaml:"flavor"`
		Keypair  string   `yaml:"keypair"`
	} `yaml:"defaults"`
	Timeouts struct {
		Boot    time.Duration `yaml:"boot"`
		Step    time.Duration `yaml:"step"`
		Silence time.Duration `yaml:"silence"`
		Destroy time.Duration `yaml:"destroy"`
	} `yaml:"timeouts"`
	SigningKeyFile string `yaml:"signing_key_file"` // PEM, RSA; empty means plans are not signed
	Log            struct {
		Format string `yaml:"format"` // text or json
		Debug  bool   `yaml:"debug"`
	} `yaml:"log"`
}

type tlsFiles struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

type broker struct {
	Hosts        []string `yaml:"hosts"`
	Port         int      `yaml:"port"` // 0 means 5672, with tls 5671
	Login        string   `yaml:"login"`
	Password     string   `yaml:"password"`
	PasswordFile string   `yaml:"password_file"` // instead of password
	VirtualHost  string   `yaml:"virtual_host"`
	TLS          bool     `yaml:"tls"`
	CAFile       string   `yaml:"ca_file"`
	Insecure     bool     `yaml:"insecure"` // TLS without verification
}

type agentBroker struct {
	broker `yaml:",inline"`
	Source struct {
		URL    string `yaml:"url"`
		SHA256 string `yaml:"sha256"`
	} `yaml:"source"` // of the agent, for images that have none
}

// readSettings reads the file. Each error names it, the key and what to do.
func readSettings(file string) (settings, error) {
	s := settings{Listen: defaultListen, State: systemState}
	s.Broker.VirtualHost, s.Log.Format = "/", "text"
	b, err := os.ReadFile(file)
	if err != nil {
		return s, fmt.Errorf("read the configuration: %w; name another with --config", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("%s: %w; the sample /etc/murano/controller.yaml of the package explains each key", file, tidyYAML(err))
	}
	if err := s.complete(); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// tidyYAML takes the name of a Go type out of the decoder's words.
func tidyYAML(err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return err
	}
	lines := make([]string, len(te.Errors))
	for i, l := range te.Errors {
		before, _, _ := strings.Cut(l, " in type ")
		lines[i] = strings.Replace(before, "field ", "there is no key ", 1)
		lines[i] = strings.TrimSuffix(lines[i], " not found")
	}
	return errors.New(strings.Join(lines, "; "))
}

// complete fills in what follows from other keys, reads the files the
// settings name, and refuses what cannot work.
func (s *settings) complete() error {
	if len(s.Broker.Hosts) == 0 {
		return errors.New("broker.hosts names no RabbitMQ; set it to [host, …]")
	}
	if s.State == "" {
		return errors.New("state names no directory; set it to " + systemState)
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		return errors.New("tls needs both cert and key")
	}
	if s.Log.Format != "text" && s.Log.Format != "json" {
		return fmt.Errorf("log.format is %q; there are text and json", s.Log.Format)
	}
	if s.TokenFile == "" {
		s.TokenFile = filepath.Join(s.State, "token")
	}
	for key, d := range map[string]time.Duration{"boot": s.Timeouts.Boot, "step": s.Timeouts.Step, "silence": s.Timeouts.Silence, "destroy": s.Timeouts.Destroy} {
		if d < 0 {
			return fmt.Errorf("timeouts.%s is %v; write a duration such as 15m", key, d)
		}
	}
	if err := s.Broker.complete("broker"); err != nil {
		return err
	}
	// What is not said of the agents' broker is as for the controller's, but for the account: guests get one of their own.
	a := &s.Agent.broker
	if len(a.Hosts) == 0 {
		a.Hosts = s.Broker.Hosts
		for _, h := range a.Hosts {
			if h == "localhost" || strings.HasPrefix(h, "127.") || h == "::1" {
				return fmt.Errorf("agent.hosts is not set and broker.hosts is %s, which guests cannot reach; set agent.hosts to the broker's address in the guests' network", h)
			}
		}
		a.Port, a.TLS = s.Broker.Port, s.Broker.TLS
		a.CAFile, a.Insecure = s.Broker.CAFile, s.Broker.Insecure
	}
	if a.VirtualHost == "" {
		a.VirtualHost = s.Broker.VirtualHost
	}
	if a.Login == "" {
		return errors.New("agent.login is not set; make a RabbitMQ account for the agents with the permissions of docs/protocol.md and name it there")
	}
	if a.Login == s.Broker.Login {
		return errors.New("agent.login is the controller's own account; a guest is hostile ground: make an account for the agents with the permissions of docs/protocol.md")
	}
	return a.complete("agent")
}

// complete reads the password's file.
func (b *broker) complete(key string) error {
	if b.Port < 0 || b.Port > 65535 {
		return fmt.Errorf("%s.port is %d; a port is between 1 and 65535", key, b.Port)
	}
	if b.PasswordFile == "" {
		return nil
	}
	if b.Password != "" {
		return fmt.Errorf("%s has password and password_file; leave one out", key)
	}
	p, err := os.ReadFile(b.PasswordFile)
	if err != nil {
		return fmt.Errorf("%s.password_file: %w", key, err)
	}
	b.Password = strings.TrimRight(string(p), "\r\n")
	return nil
}

// port is the port that is meant.
func (b broker) port() int {
	switch {
	case b.Port != 0:
		return b.Port
	case b.TLS:
		return 5671
	}
	return 5672
}

// ca reads the authorities; nil means the machine's own.
func (b broker) ca(key string) ([]byte, error) {
	if b.CAFile == "" {
		return nil, nil
	}
	ca, err := os.ReadFile(b.CAFile)
	if err != nil {
		return nil, fmt.Errorf("%s.ca_file: %w", key, err)
	}
	return ca, nil
}

// options are those of the controller's connection.
func (b broker) options() (amqp.Options, error) {
	o := amqp.Options{User: b.Login, Password: b.Password, VHost: b.VirtualHost}
	for _, h := range b.Hosts {
		o.Hosts = append(o.Hosts, net.JoinHostPort(strings.Trim(h, "[]"), strconv.Itoa(b.port())))
	}
	if !b.TLS {
		return o, nil
	}
	ca, err := b.ca("broker")
	if err != nil {
		return o, err
	}
	o.TLS = &tls.Config{InsecureSkipVerify: b.Insecure, MinVersion: tls.VersionTLS12}
	if ca != nil {
		o.TLS.RootCAs = x509.NewCertPool()
		if !o.TLS.RootCAs.AppendCertsFromPEM(ca) {
			return o, fmt.Errorf("broker.ca_file: %s holds no certificate in PEM", b.CAFile)
		}
	}
	return o, nil
}

// guests is what the agents in the guests are told.
func (s settings) guests(key crypto.Signer) (controller.AgentBroker, error) {
	a := s.Agent.broker
	ca, err := a.ca("agent")
	if err != nil {
		return controller.AgentBroker{}, err
	}
	out := controller.AgentBroker{
		Hosts: a.Hosts, Port: a.port(), Login: a.Login, Password: a.Password, VirtualHost: a.VirtualHost,
		TLS: a.TLS, CA: ca, Insecure: a.Insecure,
		Source: controller.AgentSource{URL: s.Agent.Source.URL, SHA256: s.Agent.Source.SHA256},
	}
	if key != nil {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return out, fmt.Errorf("signing_key_file: %w", err)
		}
		out.EngineKey = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	return out, nil
}

// signingKey reads the key plans are signed with; nil means none.
func (s settings) signingKey() (crypto.Signer, error) {
	if s.SigningKeyFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(s.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("signing_key_file: %w", err)
	}
	key, err := plans.ParsePrivateKey(string(b))
	if err != nil {
		return nil, fmt.Errorf("signing_key_file: %s: %w", s.SigningKeyFile, err)
	}
	return key, nil
}
