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
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
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
	switch c.Log.Format {
	case "auto", "text", "json":
	case "journal":
		if c.Log.File != "" {
			fault("log.format", "is journal, which no file is", "write text or json, or remove "+c.name("log.file"))
		}
	default:
		fault("log.format", fmt.Sprintf("%q is not a format of logs", c.Log.Format), "write auto, text, json or journal")
	}
	if c.Script.Scope != "auto" && c.Script.Scope != "off" {
		fault("script.scope", fmt.Sprintf("%q is neither auto nor off", c.Script.Scope), "write auto or off")
	}
	if reason := badProxy(c.Fetch.Proxy); reason != "" {
		fault("fetch.proxy", reason, "write http://host:port, with the login before the host if it needs one")
	}
	if c.Log.MaxSize != 0 && c.Log.MaxSize < 64<<10 {
		fault("log.maxSize", fmt.Sprintf("of %s is no room for a log", c.Log.MaxSize), "write 64K or more, or 0 for no bound")
	}
	for _, b := range []struct {
		key string
		n   int64
	}{
		{"rabbitmq.heartbeat", int64(c.RabbitMQ.Heartbeat)}, {"fetch.connectTimeout", int64(c.Fetch.ConnectTimeout)},
		{"fetch.stallTimeout", int64(c.Fetch.StallTimeout)}, {"fetch.timeout", int64(c.Fetch.Timeout)},
		{"fetch.maxSize", int64(c.Fetch.MaxSize)}, {"script.maxOutput", int64(c.Script.MaxOutput)}, {"history.count", int64(c.History.Count)},
		{"history.size", int64(c.History.Size)}, {"history.age", int64(c.History.Age)}, {"script.grace", int64(c.Script.Grace)},
		{"script.maxLog", int64(c.Script.MaxLog)},
	} {
		if b.n <= 0 {
			fault(b.key, "is not above zero", "write a larger value, or remove the key for the default")
		}
	}
	if c.Heartbeat != 0 && c.Heartbeat < time.Second {
		fault("heartbeat", fmt.Sprintf("every %s is more often than anybody listens", formatDuration(c.Heartbeat)), "write 1s or more, or 0 for none")
	}
	if c.StopTimeout > time.Hour {
		fault("stopTimeout", fmt.Sprintf("%s is longer than a guest waits for its services", formatDuration(c.StopTimeout)), "write 1h or less")
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

// badProxy says what is wrong with the URL of a proxy, without its login; "" if nothing is.
func badProxy(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil {
		return "is not a URL" // err would show it, login and all
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return fmt.Sprintf("%q is not a proxy's URL", redactURL(s))
	}
	if u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Sprintf("%q is not a proxy's URL", redactURL(s))
	}
	return ""
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
