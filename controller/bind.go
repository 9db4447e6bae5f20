// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A binder reads a plan template as PyYAML's SafeLoader does and binds $names
// as Murano's engine does (murano 17, engine/system/yaql_functions.py, bind).
//
// A text that is $name becomes the value of that name, of any type. A text
// that begins with $ and holds {name} loses its $ and has each {name} replaced
// by that value's text. Keys are bound too. Two things differ: a name without
// a value is an error in both forms (Murano writes None in the second), and a
// value of null is null (Murano leaves the text $name).
type binder struct {
	document
	with map[string]any
	used map[string]bool
}

var braceName = regexp.MustCompile(`\{([\p{L}\p{N}_]+)\}`)

// value reads and binds n. A mapping becomes ordered, a list []any.
func (b *binder) value(n *yaml.Node, path string) any {
	n = b.follow(n)
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for i, c := range n.Content {
			out = append(out, b.value(c, index(path, i)))
		}
		return out
	case yaml.MappingNode:
		return b.object(n, path)
	}
	v, err := pyScalar(n)
	if err != nil {
		b.fault(n, path, err.Error(), "put it in quotes if it is meant as text")
		return nil
	}
	if s, ok := v.(string); ok && strings.HasPrefix(s, "$") {
		return b.bind(n, path, s[1:])
	}
	return v
}

// object reads a mapping; of two equal keys the last wins, as in PyYAML.
func (b *binder) object(n *yaml.Node, path string) ordered {
	out := ordered{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := b.follow(n.Content[i])
		if k.Kind == yaml.ScalarNode && k.Value == "<<" && plain(k) {
			out = b.merge(out, n.Content[i+1], path)
			continue
		}
		key, ok := b.key(k, path)
		if !ok {
			continue
		}
		out = out.set(key, b.value(n.Content[i+1], join(path, key)))
	}
	return out
}

// merge adds the keys of a << that the mapping has not got.
func (b *binder) merge(into ordered, n *yaml.Node, path string) ordered {
	n = b.follow(n)
	from := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		from = n.Content
	}
	for _, one := range from {
		if one = b.follow(one); one.Kind != yaml.MappingNode {
			b.fault(one, path, "<< wants a mapping, not "+describe(one), "")
			continue
		}
		for _, p := range b.object(one, path) {
			if _, there := into.get(p.key); !there {
				into = append(into, p)
			}
		}
	}
	return into
}

func (b *binder) key(k *yaml.Node, path string) (string, bool) {
	if k.Kind != yaml.ScalarNode {
		b.fault(k, path, "a key must be plain text", "")
		return "", false
	}
	switch v := b.value(k, path).(type) {
	case string:
		return v, true
	case nil:
		return "null", true
	case bool, int, json.Number:
		return fmt.Sprint(v), true
	}
	b.fault(k, path, fmt.Sprintf("the key %s is bound to a list or a mapping", k.Value), "bind it to text")
	return "", false
}

func (b *binder) bind(n *yaml.Node, path, macro string) any {
	if !braceName.MatchString(macro) {
		return b.look(n, path, macro)
	}
	return braceName.ReplaceAllStringFunc(macro, func(name string) string {
		name = name[1 : len(name)-1]
		text, err := pyText(b.look(n, path, name))
		if err != nil {
			b.fault(n, path, fmt.Sprintf("{%s} %s", name, err), "bind a value of the list or mapping instead")
		}
		return text
	})
}

func (b *binder) look(n *yaml.Node, path, name string) any {
	b.used[name] = true
	v, ok := b.with[name]
	if !ok {
		known := sortedKeys(b.with)
		has := "with gives nothing"
		if len(known) > 0 {
			has = "with gives " + strings.Join(known, ", ")
		}
		b.fault(n, path, fmt.Sprintf("$%s has no value", shorten(name)), "add it to the step's with; "+has)
	}
	return v
}

// pyText is Python's str of a plain value.
func pyText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "None", nil
	case string:
		return v, nil
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case []any, map[string]any:
		return "", fmt.Errorf("is a list or a mapping, which has no text")
	}
	b, err := compactJSON(v)
	return string(b), err
}

// plain says whether a scalar was written without quotes and tag.
func plain(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

// The forms of PyYAML 6's SafeLoader (resolver.py), which is YAML 1.1.
var (
	pyBool  = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	pyNull  = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
	pyInt   = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	pyFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
	pyOdd   = regexp.MustCompile(`^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
)

// pyScalar gives a scalar the value that PyYAML gives it; dates stay text, as
// Murano has it.
func pyScalar(n *yaml.Node) (any, error) {
	s := n.Value
	if !plain(n) {
		if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str" {
			return scalar(n)
		}
		return s, nil
	}
	switch {
	case pyNull.MatchString(s):
		return nil, nil
	case pyBool.MatchString(s):
		return contains([]string{"yes", "true", "on"}, strings.ToLower(s)), nil
	case pyOdd.MatchString(s):
		return nil, fmt.Errorf("%s is a number that JSON cannot hold", s)
	case pyFloat.MatchString(s):
		return pyNumber(s, true)
	case pyInt.MatchString(s):
		return pyNumber(s, false)
	}
	return s, nil
}

func pyNumber(s string, float bool) (any, error) {
	s = strings.ReplaceAll(s, "_", "")
	if float && !strings.Contains(s, ":") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%s is a number that JSON cannot hold", s)
		}
		return floatNumber(f), nil
	}
	if strings.Contains(s, ":") {
		return sexagesimal(s, float)
	}
	var whole big.Int
	if _, ok := whole.SetString(s, 0); !ok {
		return nil, fmt.Errorf("%s is not a number", s)
	}
	if whole.IsInt64() {
		return int(whole.Int64()), nil
	}
	return json.Number(whole.String()), nil
}

// sexagesimal reads 1:30 as 90, as YAML 1.1 has it.
func sexagesimal(s string, float bool) (any, error) {
	sum, negative := 0.0, strings.HasPrefix(s, "-")
	for _, digits := range strings.Split(strings.TrimLeft(s, "+-"), ":") {
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is not a number", s)
		}
		sum = sum*60 + f
	}
	if negative {
		sum = -sum
	}
	if float {
		return floatNumber(sum), nil
	}
	if math.Abs(sum) >= 1<<53 {
		return nil, fmt.Errorf("%s is too large", s)
	}
	return int(sum), nil
}
