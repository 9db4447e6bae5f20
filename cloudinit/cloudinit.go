// SPDX-License-Identifier: Apache-2.0

// Package cloudinit renders the user data that gives a new guest its agent:
// the agent's configuration and, where the image has no agent, the agent
// itself. The result is multi-part MIME for cloud-init (22.4 and later tried).
package cloudinit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/agent/config"
)

// MaxSize is the largest user data Nova takes, in bytes before the base64 it
// travels in: its API schema allows 65535 characters of base64
// (nova/api/openstack/compute/schemas/user_data.py).
const MaxSize = 65535 / 4 * 3

// Where the guest finds what is written.
const (
	ConfigPath = "/etc/murano/agent.yaml"
	CAPath     = "/etc/murano/ca.pem"
)

// Options say what a guest gets. The zero value of every field but Agent means: nothing of it.
type Options struct {
	// Agent is written to ConfigPath, 0600. With CA set, its CA path becomes CAPath.
	Agent config.Config
	// CA is PEM: the authorities that may have signed the broker's certificate.
	CA []byte
	// Source brings the agent into an image that has none. An agent that is there already is left alone.
	Source Source
	// Parts are the operator's own, after ours, in order.
	Parts []Part
}

// Defaults are options whose agent is configured as it would be by itself.
func Defaults() Options { return Options{Agent: config.Default()} }

// A Source is where a guest without an agent gets one: a static binary, a .deb
// or an .rpm, told apart by the URL's ending.
type Source struct {
	URL    string // http or https; the guest must reach it
	SHA256 string // 64 hex digits; demanded, for the program will run as root
}

// A Part is one more document for cloud-init.
type Part struct {
	Filename    string
	ContentType string // text/cloud-config, text/x-shellscript, ...; empty: cloud-init looks at the first line
	Content     []byte
}

// ErrTooLarge says that the user data is over MaxSize even when compressed.
var ErrTooLarge = errors.New("user data is too large for Nova")

// Render makes the user data: the same bytes for the same options, so that
// Heat sees no change where there is none. The caller must treat it as a
// secret: it holds the broker's password.
func Render(o Options) ([]byte, error) {
	settings, err := o.cloudConfig()
	if err != nil {
		return nil, err
	}
	bootstrap, err := o.Source.script()
	if err != nil {
		return nil, err
	}
	parts := append([]Part{
		{Filename: "murano-agent.cfg", ContentType: "text/cloud-config", Content: settings},
		{Filename: "murano-agent.sh", ContentType: "text/x-shellscript", Content: bootstrap},
	}, o.Parts...)

	plain, err := compose(parts, false)
	if err != nil || len(plain) <= MaxSize {
		return plain, err
	}
	packed, err := compose(parts, true)
	if err != nil {
		return nil, err
	}
	if len(packed) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, compressed %d, and %d is the limit; move content of the %d extra parts to a URL the guest fetches",
			ErrTooLarge, len(plain), len(packed), MaxSize, len(o.Parts))
	}
	return packed, nil
}

type file struct {
	Path        string `yaml:"path"`
	Owner       string `yaml:"owner"`
	Permissions string `yaml:"permissions"`
	Encoding    string `yaml:"encoding"`
	Content     string `yaml:"content"`
}

// cloudConfig is the #cloud-config document that writes the agent's files.
func (o Options) cloudConfig() ([]byte, error) {
	agent := o.Agent
	if len(o.CA) > 0 {
		agent.RabbitMQ.CACerts = CAPath
	}
	text, err := agent.EncodeYAML()
	if err != nil {
		return nil, fmt.Errorf("render the agent's configuration: %w", err)
	}
	root := func(path, mode string, content []byte) file {
		return file{path, "root:root", mode, "b64", base64.StdEncoding.EncodeToString(content)}
	}
	var files []file
	if len(o.CA) > 0 {
		files = append(files, root(CAPath, "0644", o.CA))
	}
	// The configuration comes last: the unit starts on its existence.
	files = append(files, root(ConfigPath, "0600", text))
	doc, err := yaml.Marshal(map[string]any{"write_files": files})
	if err != nil {
		return nil, fmt.Errorf("render cloud-config: %w", err)
	}
	return append([]byte("#cloud-config\n"), doc...), nil
}

// compose writes the parts as multi-part MIME. Packed parts are gzip'ed one by
// one: cloud-init unpacks application/gzip parts and then looks at the first
// line for the type (cloudinit/user_data.py). The whole cannot be gzip'ed, for
// Heat carries user data as text.
func compose(parts []Part, pack bool) ([]byte, error) {
	sum := sha256.New()
	for _, p := range parts {
		sum.Write(p.Content)
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	boundary := fmt.Sprintf("murano-%x", sum.Sum(nil)[:16])
	if err := w.SetBoundary(boundary); err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=%q\nMIME-Version: 1.0\n\n", boundary)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", p.Filename))
		h.Set("Content-Transfer-Encoding", "base64")
		content := p.Content
		ctype := p.ContentType
		if ctype == "" {
			ctype = "text/plain"
		}
		if pack {
			var z bytes.Buffer
			gz, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
			if err != nil {
				return nil, err
			}
			if _, err := gz.Write(content); err != nil {
				return nil, err
			}
			if err := gz.Close(); err != nil {
				return nil, err
			}
			content, ctype = z.Bytes(), "application/gzip"
		} else {
			ctype += `; charset="utf-8"`
		}
		h.Set("Content-Type", ctype)
		pw, err := w.CreatePart(h)
		if err != nil {
			return nil, err
		}
		if _, err := pw.Write(lines(base64.StdEncoding.EncodeToString(content))); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	// Mail has CR LF; user data is a text of a template, where LF survives every YAML writer.
	return bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), nil
}

// lines breaks base64 text at 76 characters (RFC 2045 section 6.8).
func lines(s string) []byte {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76])
		b.WriteByte('\n')
		s = s[76:]
	}
	b.WriteString(s)
	b.WriteByte('\n')
	return []byte(b.String())
}
