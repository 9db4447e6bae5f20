// SPDX-License-Identifier: Apache-2.0

package devcloud

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"

	"gopkg.in/yaml.v3"
)

// A template is what the dev cloud understands of a Heat template.
type template struct {
	Resources map[string]resource `yaml:"resources"`
	Outputs   map[string]struct {
		Value any `yaml:"value"`
	} `yaml:"outputs"`
}

type resource struct {
	Type       string         `yaml:"type"`
	Properties map[string]any `yaml:"properties"`
}

const typeServer = "OS::Nova::Server"

func parseTemplate(b []byte) (template, error) {
	var t template
	if err := yaml.Unmarshal(b, &t); err != nil {
		return t, fmt.Errorf("read the template: %w", err)
	}
	if len(t.Resources) == 0 {
		return t, errors.New("read the template: it has no resources")
	}
	return t, nil
}

// digest tells one definition of a server from another.
func (r resource) digest() string {
	b, err := json.Marshal(r)
	if err != nil {
		b = fmt.Appendf(nil, "%v", r)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// userData is a server's user data; empty when it has none.
func (r resource) userData() []byte {
	s, _ := r.Properties["user_data"].(string)
	return []byte(s)
}

// value gives an output its value, by the few functions of HOT that our own
// templates use: get_resource is the resource's ID, get_attr its address.
func value(v any, ids, addresses map[string]string) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = value(v[i], ids, addresses); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		if name, ok := v["get_resource"].(string); ok {
			if ids[name] == "" {
				return nil, fmt.Errorf("get_resource: there is no resource %q", name)
			}
			return ids[name], nil
		}
		if path, ok := v["get_attr"].([]any); ok && len(path) > 1 {
			name, _ := path[0].(string)
			if ids[name] == "" {
				return nil, fmt.Errorf("get_attr: there is no resource %q", name)
			}
			return addresses[name], nil
		}
		return nil, fmt.Errorf("the dev cloud knows get_resource and get_attr, not %v", v)
	}
	return v, nil
}

// addresses gives each resource that has one its address: a server's guest's,
// its ports' and its floating IPs' the same.
func (t template) addresses(guests map[string]Guest) map[string]string {
	out := map[string]string{}
	for name, g := range guests {
		out[name] = g.Address()
		networks, _ := t.Resources[name].Properties["networks"].([]any)
		for _, n := range networks {
			if n, ok := n.(map[string]any); ok {
				out[refersTo(n["port"])] = g.Address()
			}
		}
	}
	for _, r := range t.Resources {
		if r.Type == "OS::Neutron::FloatingIPAssociation" {
			out[refersTo(r.Properties["floatingip_id"])] = out[refersTo(r.Properties["port_id"])]
		}
	}
	return out
}

// refersTo is the resource that a get_resource names; empty where it is none.
func refersTo(v any) string {
	m, _ := v.(map[string]any)
	name, _ := m["get_resource"].(string)
	return name
}

// A written file is one that cloud-init would write.
type writtenFile struct {
	Path        string `yaml:"path"`
	Permissions string `yaml:"permissions"`
	Encoding    string `yaml:"encoding"`
	Content     string `yaml:"content"`
}

// writeFiles reads the write_files of all cloud-config parts of multi-part user data.
func writeFiles(userData []byte) ([]writtenFile, error) {
	if len(userData) == 0 {
		return nil, errors.New("the server has no user data, so its guest would have no agent")
	}
	m, err := mail.ReadMessage(bytes.NewReader(userData))
	if err != nil {
		return nil, fmt.Errorf("user data is not multi-part: %w", err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return nil, fmt.Errorf("user data is not multi-part but %q", m.Header.Get("Content-Type"))
	}
	var files []writtenFile
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read user data: %w", err)
		}
		text, err := partText(p)
		if err != nil {
			return nil, fmt.Errorf("read user data part %s: %w", p.FileName(), err)
		}
		if !bytes.HasPrefix(text, []byte("#cloud-config")) {
			continue
		}
		var doc struct {
			WriteFiles []writtenFile `yaml:"write_files"`
		}
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("read user data part %s: %w", p.FileName(), err)
		}
		files = append(files, doc.WriteFiles...)
	}
}

func partText(p *multipart.Part) ([]byte, error) {
	var r io.Reader = p
	if p.Header.Get("Content-Transfer-Encoding") == "base64" {
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	if strings.HasPrefix(p.Header.Get("Content-Type"), "application/gzip") {
		gz, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		r = gz
	}
	return io.ReadAll(r)
}

func (f writtenFile) bytes() ([]byte, error) {
	switch f.Encoding {
	case "b64", "base64":
		return base64.StdEncoding.DecodeString(f.Content)
	case "", "text/plain":
		return []byte(f.Content), nil
	}
	return nil, fmt.Errorf("%s: the dev cloud knows no encoding %q", f.Path, f.Encoding)
}
