// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// readYAML puts what an agent.yaml says into c. It is strict: a key it does
// not know, a key given twice and a value of the wrong kind are errors, all of
// them reported at once.
func readYAML(c *Config, file string, b []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	var document yaml.Node
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil // comments only: every option has its default
	case err != nil:
		return yamlSyntax(file, err)
	}
	var more yaml.Node
	if err := d.Decode(&more); err == nil {
		return &Error{File: file, Line: more.Line, Reason: "a second document begins here", Next: "remove the line ---"}
	} else if !errors.Is(err, io.EOF) {
		return yamlSyntax(file, err)
	}
	r := yamlReader{file: file, config: c, leaves: make(map[string]option), groups: make(map[string]bool)}
	for _, o := range options() {
		r.leaves[o.yaml] = o
		if group, _, ok := strings.Cut(o.yaml, "."); ok {
			r.groups[group] = true
		}
	}
	if root := document.Content[0]; root.Tag != "!!null" {
		r.mapping("", root)
	}
	return errors.Join(r.faults...)
}

type yamlReader struct {
	file   string
	config *Config
	leaves map[string]option
	groups map[string]bool
	faults []error
}

func (r *yamlReader) fault(n *yaml.Node, key, reason, next string) {
	r.faults = append(r.faults, &Error{File: r.file, Line: n.Line, Key: key, Reason: reason, Next: next})
}

// mapping reads the keys below path, "" for the top.
func (r *yamlReader) mapping(path string, n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		key := path
		if key == "" {
			key = "the document"
		}
		r.fault(n, key, "is not a mapping of keys", "write `key: value` lines")
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := k.Value
		if path != "" {
			key = path + "." + key
		}
		if first, twice := seen[key]; twice {
			r.fault(k, key, fmt.Sprintf("is given twice, first in line %d", first), "remove one of them")
			continue
		}
		seen[key] = k.Line
		if o, ok := r.leaves[key]; ok {
			r.value(o, key, v)
		} else if r.groups[key] {
			if v.Tag != "!!null" {
				r.mapping(key, v)
			}
		} else {
			r.fault(k, key, "is not an option of the agent", r.suggest(path, key))
		}
	}
}

// suggest is the next step for an unknown key.
func (r *yamlReader) suggest(path, key string) string {
	var siblings, all []string
	for _, o := range options() {
		all = append(all, o.yaml)
		group, _, nested := strings.Cut(o.yaml, ".")
		if (nested && group == path) || (!nested && path == "") {
			siblings = append(siblings, o.yaml)
		}
	}
	for g := range r.groups {
		if path == "" {
			siblings = append(siblings, g)
		}
	}
	if n := nearest(key, append(siblings, all...)); n != "" {
		return "did you mean " + n + "?"
	}
	last := key[strings.LastIndexByte(key, '.')+1:]
	for _, o := range all { // the right name at the wrong depth, or oslo's name of it
		if plainKey(o[strings.LastIndexByte(o, '.')+1:]) == plainKey(last) {
			return "did you mean " + o + "?"
		}
	}
	for _, o := range options() {
		if _, ini, ok := strings.Cut(o.ini, "."); ok && strings.EqualFold(plainKey(ini), plainKey(last)) {
			return "did you mean " + o.yaml + "?"
		}
	}
	return "the commented sample agent.yaml of the package lists every key"
}

// value reads v into o's field.
func (r *yamlReader) value(o option, key string, v *yaml.Node) {
	if v.Kind == yaml.AliasNode {
		v = v.Alias
	}
	target := o.at(r.config)
	if list, ok := target.(*[]string); ok && v.Kind == yaml.SequenceNode {
		*list = nil
		for _, e := range v.Content {
			if e.Kind != yaml.ScalarNode || e.Tag == "!!null" {
				r.fault(e, key, "has an entry that is not text", "write each entry as text")
				return
			}
			*list = append(*list, e.Value)
		}
		return
	}
	if v.Kind != yaml.ScalarNode {
		r.fault(v, key, "is a list or a mapping", "write a single value")
		return
	}
	if v.Tag == "!!null" { // `key:` with nothing behind it keeps the default
		return
	}
	if next, err := set(target, v.Value); err != nil {
		reason := err.Error()
		if o.secret {
			reason = "has a value of the wrong kind"
		}
		r.fault(v, key, reason, next)
		return
	}
	if o.yaml == "inputQueue" {
		r.config.queueFromINI = false
	}
}

// yamlSyntax turns the library's `yaml: line 3: ...` into an Error.
func yamlSyntax(file string, err error) error {
	reason, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(reason); m != nil {
		line, _ = strconv.Atoi(m[1])
		reason = reason[len(m[0]):]
	}
	return &Error{File: file, Line: line, Reason: "not YAML: " + reason, Next: "mind tabs, indentation, and put text with : # @ % or a leading quote in single quotes"}
}
