// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/plans/body"
)

// maxYAMLNodes bounds what the aliases of one document may grow to.
const maxYAMLNodes = 1 << 20

// DecodeYAML reads one YAML document as the value that JSON of the same plan
// would be, the order of keys kept. Words are those of YAML 1.1, which Murano's
// PyYAML reads: yes, no, on and off are booleans. Dates stay text. An error is a
// *FormatError that names the line.
func DecodeYAML(b []byte) (body.Value, error) {
	if len(b) > MaxMessage {
		return nil, &FormatError{Reason: fmt.Sprintf("a document of %d bytes, above the bound of %d", len(b), MaxMessage), Next: "make large files Downloadable"}
	}
	var doc yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(string(b)))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &FormatError{Reason: "the document is empty", Next: "write the plan into it"}
	case err != nil:
		return nil, &FormatError{Reason: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "), Next: "mend the document; indentation is by spaces"}
	}
	if err := decoder.Decode(new(yaml.Node)); err == nil {
		return nil, &FormatError{Reason: "more than one YAML document", Next: "keep one plan in a file"}
	}
	y := yamlReader{left: maxYAMLNodes, inside: map[*yaml.Node]bool{}}
	return y.value(&doc)
}

type yamlReader struct {
	left   int
	inside map[*yaml.Node]bool // aliases being followed
}

func (y *yamlReader) value(n *yaml.Node) (body.Value, error) {
	if y.left--; y.left < 0 {
		return nil, yamlFault(n, "aliases grow to more than a million values", "write the values out")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return y.value(n.Content[0])
	case yaml.AliasNode:
		if y.inside[n.Alias] {
			return nil, yamlFault(n, "an alias inside its own anchor", "write the value out")
		}
		y.inside[n.Alias] = true
		defer delete(y.inside, n.Alias)
		return y.value(n.Alias)
	case yaml.SequenceNode:
		list := &body.List{}
		for _, item := range n.Content {
			v, err := y.value(item)
			if err != nil {
				return nil, err
			}
			list.Items = append(list.Items, v)
		}
		return list, nil
	case yaml.MappingNode:
		return y.mapping(n)
	}
	return yamlScalar(n)
}

func (y *yamlReader) mapping(n *yaml.Node) (body.Value, error) {
	d := &body.Dict{}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			return nil, yamlFault(k, "a merge key (<<)", "write the keys out")
		}
		if k.Kind != yaml.ScalarNode {
			return nil, yamlFault(k, "a key that is no text", "write keys as words")
		}
		if line, twice := lines[k.Value]; twice {
			return nil, yamlFault(k, fmt.Sprintf("key %q comes twice, first on line %d", k.Value, line), "keep one of them")
		}
		lines[k.Value] = k.Line
		value, err := y.value(v)
		if err != nil {
			return nil, err
		}
		d.Set(k.Value, value)
	}
	return d, nil
}

func yamlScalar(n *yaml.Node) (body.Value, error) {
	if b, ok := yamlWord(n); ok {
		return b, nil
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, yamlError(n, err)
	case "!!int", "!!float": // an int of more than 64 bits is a float to yaml.v3
		if v, ok := new(big.Int).SetString(strings.ReplaceAll(n.Value, "_", ""), 0); ok {
			return body.Int(v), nil
		}
		var f float64
		err := n.Decode(&f)
		return f, yamlError(n, err)
	}
	return nil, yamlFault(n, fmt.Sprintf("a value with the tag %s", n.Tag), "write plain values only")
}

// yamlWord reads the booleans that YAML 1.1 has and 1.2 has not.
func yamlWord(n *yaml.Node) (value, ok bool) {
	if n.Style != 0 || n.ShortTag() != "!!str" {
		return false, false
	}
	switch n.Value {
	case "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

func yamlError(n *yaml.Node, err error) error {
	if err == nil {
		return nil
	}
	return yamlFault(n, err.Error(), "mend the value")
}

func yamlFault(n *yaml.Node, reason, next string) error {
	return &FormatError{Path: fmt.Sprintf("line %d", n.Line), Reason: reason, Next: next}
}
