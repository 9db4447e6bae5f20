// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Validate says whether an agent can run with c. It reports everything that
// is wrong, each with the option's name in both files and the next step.
func (c Config) Validate() error {
	var faults []error
	fault := func(key, reason, next string) {
		faults = append(faults, &Error{File: c.Source(), Key: c.name(key), Reason: reason, Next: next})
	}
	if !filepath.IsAbs(c.Storage) {
		fault("storage", fmt.Sprintf("%q is not an absolute path", c.Storage), "write the whole path, /var/murano")
	}
	if c.InputQueue == "" {
		fault("inputQueue", "is not set: the agent does not know where its plans arrive", "set it to the queue that the controller declared for this server")
	}
	if len(c.InputQueue) > 255 {
		fault("inputQueue", "is longer than the 255 bytes AMQP allows", "shorten the name")
	}
	if c.ResultRoutingKey == "" && !c.EnableDynamicResultQueue {
		fault("resultRoutingKey", "is not set: the agent does not know where results go", "set it to the controller's result queue, or set "+c.name("enableDynamicResultQueue")+" to true")
	}
	if !regexp.MustCompile(`^(|[12]\.\d{1,3}\.\d{1,3})$`).MatchString(c.MaxFormatVersion) {
		fault("maxFormatVersion", fmt.Sprintf("%q is not a format of plans", c.MaxFormatVersion), "write "+FormatINI+" or "+FormatNative)
	}
	if _, err := c.PublicKey(); err != nil {
		fault("engineKey", err.Error(), "paste the engine's public key whole, from -----BEGIN PUBLIC KEY----- to -----END PUBLIC KEY-----, each line indented; or remove the option to take plans unsigned")
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		fault("log.format", fmt.Sprintf("%q is not a format of logs", c.Log.Format), "write text or json")
	}
	for _, b := range []struct {
		key string
		n   int64
	}{
		{"rabbitmq.heartbeat", int64(c.RabbitMQ.Heartbeat)}, {"fetch.connectTimeout", int64(c.Fetch.ConnectTimeout)},
		{"fetch.stallTimeout", int64(c.Fetch.StallTimeout)}, {"fetch.timeout", int64(c.Fetch.Timeout)},
		{"fetch.maxSize", int64(c.Fetch.MaxSize)}, {"script.maxOutput", int64(c.Script.MaxOutput)}, {"history.count", int64(c.History.Count)},
		{"history.size", int64(c.History.Size)}, {"history.age", int64(c.History.Age)}, {"script.grace", int64(c.Script.Grace)},
	} {
		if b.n <= 0 {
			fault(b.key, "is not above zero", "write a larger value, or remove the key for the default")
		}
	}
	c.RabbitMQ.validate(fault)
	return errors.Join(faults...)
}

func (r RabbitMQ) validate(fault func(key, reason, next string)) {
	if len(r.Hosts) == 0 {
		fault("rabbitmq.hosts", "is empty", "name the broker's host or address")
	}
	for _, h := range r.Hosts {
		if strings.ContainsAny(h, "/@ \t") {
			fault("rabbitmq.hosts", fmt.Sprintf("%q is not a host", redactURL(h)), "write a name or an address only; login, password and virtual host have options of their own")
		} else if _, port, err := net.SplitHostPort(h); err == nil {
			if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
				fault("rabbitmq.hosts", fmt.Sprintf("%q has no valid port", h), "write a port from 1 to 65535 after the colon")
			}
		}
	}
	if r.Port < 0 || r.Port > 65535 {
		fault("rabbitmq.port", fmt.Sprintf("%d is not a port", r.Port), "write a number from 1 to 65535; RabbitMQ listens on 5672, with TLS on 5671")
	}
	if _, err := r.TLS(); err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Reason: err.Error()}
		}
		fault("rabbitmq.caCerts", e.Reason, e.Next)
	}
}

// redactURL hides what stands before an @: a URL in place of a host carries the password.
func redactURL(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "***" + s[at:]
	}
	return s
}

// name is an option's name in the file it would stand in.
func (c Config) name(yaml string) string {
	native := true
	for _, s := range c.Sources {
		native = strings.HasSuffix(s, ".yaml") || strings.HasSuffix(s, ".yml")
	}
	if !native {
		for _, o := range options() {
			if section, key, ok := strings.Cut(o.ini, "."); ok && o.yaml == yaml {
				return fmt.Sprintf("[%s] %s", section, key)
			}
		}
	}
	return yaml
}

// PublicKey is EngineKey decoded; nil without an error when there is none.
func (c Config) PublicKey() (crypto.PublicKey, error) {
	text := strings.TrimSpace(c.EngineKey)
	if text == "" {
		return nil, nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("is not a key in PEM form")
	}
	switch block.Type {
	case "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("is not a public key that can be read")
		}
		return key, nil
	case "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("is not an RSA public key that can be read")
		}
		return key, nil
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return nil, errors.New("is a private key, which has no place in a guest")
	}
	return nil, fmt.Errorf("is a %q, not a public key", block.Type)
}

// TLS is how to speak to the broker: nil when SSL is off. The broker's
// certificate is verified unless Insecure says otherwise.
func (r RabbitMQ) TLS() (*tls.Config, error) {
	if !r.SSL {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.ServerName, InsecureSkipVerify: r.Insecure} // the operator's word
	if r.CACerts == "" || r.Insecure {
		return t, nil
	}
	b, err := os.ReadFile(r.CACerts)
	if err != nil {
		return nil, &Error{Reason: fmt.Sprintf("%s cannot be read: %v", r.CACerts, errors.Unwrap(err)), Next: "put the certificate of the authority that signed the broker's there, or remove the option to trust the system's"}
	}
	if len(strings.TrimSpace(string(b))) == 0 {
		return t, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, &Error{Reason: r.CACerts + " holds no certificate in PEM form", Next: "put the certificate of the authority that signed the broker's there, from -----BEGIN CERTIFICATE----- on"}
	}
	t.RootCAs = pool
	return t, nil
}
