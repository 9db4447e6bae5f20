// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// EncodeJSON writes v as json.dumps does: ", " and ": " between elements, only
// ASCII, the keys of a dict made to text. A value JSON has no form for is a
// TypeError, NaN and the infinities are a ValueError.
func EncodeJSON(v Value) ([]byte, error) {
	e := jsonEncoder{ascii: true, item: ", ", key: ": "}
	if err := e.value(v, 0); err != nil {
		return nil, err
	}
	return []byte(e.b.String()), nil
}

// A jsonEncoder holds json.dumps' options.
type jsonEncoder struct {
	b         strings.Builder
	open      []Value
	ascii     bool
	nan       bool // write NaN and Infinity as CPython does unless told otherwise
	indented  bool
	sortKeys  bool
	skipKeys  bool
	indent    string
	item, key string
	other     func(Value) (Value, error) // default=
	bound     int                        // bytes; 0 means none
}

func (e *jsonEncoder) value(v Value, depth int) error {
	if e.bound > 0 && e.b.Len() > e.bound {
		return &LimitError{"bytes", int64(e.bound)}
	}
	switch v := v.(type) {
	case nil:
		e.b.WriteString("null")
	case bool:
		if v {
			e.b.WriteString("true")
		} else {
			e.b.WriteString("false")
		}
	case int64, *big.Int:
		s, err := reprOf(v)
		if err != nil {
			return err
		}
		e.b.WriteString(s)
	case float64:
		s, err := e.float(v)
		if err != nil {
			return err
		}
		e.b.WriteString(s)
	case string:
		e.text(v)
	case *List:
		return e.array(v, v.Items, depth)
	case *Tuple:
		return e.array(v, v.Items, depth)
	case *Dict:
		return e.object(v, depth)
	default:
		return e.fallback(v, depth)
	}
	return nil
}

func (e *jsonEncoder) fallback(v Value, depth int) error {
	if e.other == nil {
		return typeError("Object of type %s is not JSON serializable", typeName(v))
	}
	if err := e.enter(v); err != nil {
		return err
	}
	defer e.leave()
	r, err := e.other(v)
	if err != nil {
		return err
	}
	return e.value(r, depth)
}

func (e *jsonEncoder) enter(v Value) error {
	if slices.Contains(e.open, v) {
		return valueError("Circular reference detected")
	}
	if len(e.open) >= maxNesting {
		return raise("RecursionError", "maximum recursion depth exceeded while encoding a JSON object")
	}
	e.open = append(e.open, v)
	return nil
}

func (e *jsonEncoder) leave() { e.open = e.open[:len(e.open)-1] }

func (e *jsonEncoder) float(f float64) (string, error) {
	if !math.IsNaN(f) && !math.IsInf(f, 0) {
		return floatRepr(f), nil
	}
	if !e.nan {
		return "", valueError("Out of range float values are not JSON compliant")
	}
	switch {
	case math.IsNaN(f):
		return "NaN", nil
	case f > 0:
		return "Infinity", nil
	}
	return "-Infinity", nil
}

func (e *jsonEncoder) newline(depth int) {
	if e.indented {
		e.b.WriteByte('\n')
		e.b.WriteString(strings.Repeat(e.indent, depth))
	}
}

func (e *jsonEncoder) array(v Value, items []Value, depth int) error {
	if len(items) == 0 {
		e.b.WriteString("[]")
		return nil
	}
	if err := e.enter(v); err != nil {
		return err
	}
	defer e.leave()
	e.b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			e.b.WriteString(e.item)
		}
		e.newline(depth + 1)
		if err := e.value(item, depth+1); err != nil {
			return err
		}
	}
	e.newline(depth)
	e.b.WriteByte(']')
	return nil
}

func (e *jsonEncoder) object(d *Dict, depth int) error {
	if d.Len() == 0 {
		e.b.WriteString("{}")
		return nil
	}
	if err := e.enter(d); err != nil {
		return err
	}
	defer e.leave()
	keys := d.Keys()
	if e.sortKeys {
		if err := sortValues(keys); err != nil {
			return err
		}
	}
	e.b.WriteByte('{')
	first := true
	for _, k := range keys {
		name, ok, err := e.keyText(k)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if !first {
			e.b.WriteString(e.item)
		}
		first = false
		e.newline(depth + 1)
		e.text(name)
		e.b.WriteString(e.key)
		v, _ := d.Get(k)
		if err := e.value(v, depth+1); err != nil {
			return err
		}
	}
	e.newline(depth)
	e.b.WriteByte('}')
	return nil
}

func (e *jsonEncoder) keyText(k Value) (string, bool, error) {
	switch k := k.(type) {
	case string:
		return k, true, nil
	case nil:
		return "null", true, nil
	case bool:
		if k {
			return "true", true, nil
		}
		return "false", true, nil
	case int64, *big.Int:
		s, err := reprOf(k)
		return s, true, err
	case float64:
		s, err := e.float(k)
		return s, true, err
	}
	if e.skipKeys {
		return "", false, nil
	}
	return "", false, typeError("keys must be str, int, float, bool or None, not %s", typeName(k))
}

func (e *jsonEncoder) text(s string) {
	b := &e.b
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || e.ascii && r > 0x7e && r < 0x10000:
			b.WriteString(`\u` + hexDigits(uint64(r), 4))
		case e.ascii && r >= 0x10000:
			r -= 0x10000
			b.WriteString(`\u` + hexDigits(uint64(0xd800+r>>10), 4) + `\u` + hexDigits(uint64(0xdc00+r&0x3ff), 4))
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	b.WriteByte('"')
}
