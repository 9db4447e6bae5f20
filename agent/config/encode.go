// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// EncodeYAML writes what c says beyond the defaults as an agent.yaml. It
// holds the broker's password: mode 0600.
func (c Config) EncodeYAML() ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	groups := make(map[string]*yaml.Node)
	d := Default()
	for _, o := range options() {
		if equal(o.at(&c), o.at(&d)) {
			continue
		}
		into, key := root, o.yaml
		if group, leaf, nested := strings.Cut(o.yaml, "."); nested {
			if groups[group] == nil {
				groups[group] = &yaml.Node{Kind: yaml.MappingNode}
				root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: group}, groups[group])
			}
			into, key = groups[group], leaf
		}
		v := new(yaml.Node)
		if err := v.Encode(native(o.at(&c))); err != nil {
			return nil, fmt.Errorf("encode %s: %w", o.yaml, err)
		}
		into.Content = append(into.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, v)
	}
	if len(root.Content) == 0 {
		return []byte("{}\n"), nil
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("encode agent.yaml: %w", err)
	}
	return b.Bytes(), nil
}

// native is a field's value as YAML's own kinds.
func native(target any) any {
	switch t := target.(type) {
	case *string:
		return *t
	case *bool:
		return *t
	case *int:
		return *t
	case *[]string:
		return *t
	}
	return text(target)
}

// EncodeINI writes c in oslo.config's INI. An option without a place there
// that differs from its default is an error, and so is a value of several
// lines other than EngineKey. It holds the broker's password: mode 0600.
func (c Config) EncodeINI() ([]byte, error) {
	d := Default()
	sections := map[string]*strings.Builder{"DEFAULT": new(strings.Builder), "rabbitmq": new(strings.Builder)}
	for _, o := range options() {
		same := equal(o.at(&c), o.at(&d))
		section, key, ok := strings.Cut(o.ini, ".")
		switch {
		case !ok && same:
			continue
		case !ok:
			return nil, &Error{Key: o.yaml, Reason: "has no place in oslo's INI", Next: "write agent.yaml instead"}
		case same && section == "DEFAULT":
			continue
		}
		value, err := valueINI(o, text(o.at(&c)))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(sections[section], "%s =%s\n", key, value)
	}
	return []byte("[DEFAULT]\n" + sections["DEFAULT"].String() + "\n[rabbitmq]\n" + sections["rabbitmq"].String()), nil
}

// valueINI is what stands behind the = so that readINI, and oslo, read it back.
func valueINI(o option, value string) (string, error) {
	if o.yaml == "engineKey" {
		return "\n\t" + strings.Join(strings.Split(strings.TrimSpace(value), "\n"), "\n\t"), nil
	}
	if strings.ContainsAny(value, "\r\n") {
		return "", &Error{Key: o.yaml, Reason: "holds a line break, which oslo's INI cannot carry", Next: "write agent.yaml instead"}
	}
	if value == "" {
		return "", nil
	}
	if unquote(value) != value || strings.TrimSpace(value) != value {
		value = `"` + value + `"`
	}
	return " " + value, nil
}
