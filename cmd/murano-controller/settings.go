// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
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
		Boot    duration `yaml:"boot"`
		Step    duration `yaml:"step"`
		Silence duration `yaml:"silence"`
		Destroy duration `yaml:"destroy"`
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
	Source source `yaml:"source"` // of the agent, for images that have none
}

type source struct {
	URL    string `yaml:"url"`
	SHA256 string `yaml:"sha256"`
}

// A duration is written 15m. A bare number would be nanoseconds, which nobody means.
type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || v < 0 {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: cannot unmarshal %q into duration", n.Line, n.Value)}}
	}
	*d = duration(v)
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

// exposed lists those of the files with secrets that others than owner and
// group can read. file is the configuration's own. On Windows, whose modes say
// nothing of that, there are none.
func (s settings) exposed(file string) []string {
	secret := []string{s.Broker.PasswordFile, s.Agent.PasswordFile, s.SigningKeyFile, s.TLS.Key, s.TokenFile}
	if s.Broker.PasswordFile == "" || s.Agent.PasswordFile == "" { // then it has a password in it
		secret = append(secret, file)
	}
	var out []string
	for _, name := range secret {
		info, err := os.Stat(name)
		if err == nil && info.Mode().Perm()&0o004 != 0 && runtime.GOOS != "windows" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// signingKey reads the key plans are signed with; nil means none.
func (s settings) signingKey() (crypto.Signer, error) {
	if s.SigningKeyFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(s.SigningKeyFile)
	if err != nil {
		return nil, err
	}
	return plans.ParsePrivateKey(string(b))
}
