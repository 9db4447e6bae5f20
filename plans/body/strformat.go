// SPDX-License-Identifier: Apache-2.0

package body

import (
	"strconv"
	"strings"
)

func strFormat(c *call) (Value, error) {
	d := &Dict{}
	for _, k := range c.kw {
		d.Set(k.name, k.value)
	}
	return c.formatted(c.a, d)
}

func strFormatMap(c *call) (Value, error) {
	d, ok := c.a[0].(*Dict)
	if !ok {
		return nil, typeError("'%s' object is not subscriptable", typeName(c.a[0]))
	}
	return c.formatted(nil, d)
}

func (c *call) formatted(args []Value, named *Dict) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	f := &fieldFormatter{r: c.r, args: args, named: named, mapping: c.name == "format_map"}
	out, err := f.run(s, 2)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// A fieldFormatter does str.format: s with its {fields} replaced.
type fieldFormatter struct {
	r       *run
	args    []Value
	named   *Dict
	mapping bool // of format_map: there are no positional arguments
	auto    int
	style   byte // m manual, a automatic numbering
}

func (f *fieldFormatter) run(s string, depth int) (string, error) {
	if depth == 0 {
		return "", valueError("Max string recursion exceeded")
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if c != '{' && c != '}' {
			next := strings.IndexAny(s[i:], "{}")
			if next < 0 {
				next = len(s) - i
			}
			b.WriteString(s[i : i+next])
			i += next
			continue
		}
		if i+1 < len(s) && s[i+1] == c {
			b.WriteByte(c)
			i += 2
			continue
		}
		if c == '}' {
			return "", valueError("Single '}' encountered in format string")
		}
		if i+1 >= len(s) {
			return "", valueError("Single '{' encountered in format string")
		}
		text, n, err := f.field(s[i+1:], depth)
		if err != nil {
			return "", err
		}
		if err := f.r.alloc(len(text)); err != nil {
			return "", err
		}
		b.WriteString(text)
		i += 1 + n
	}
	return b.String(), f.r.alloc(b.Len())
}

// field formats the field at the start of s and tells how long it is, with its
// closing brace.
func (f *fieldFormatter) field(s string, depth int) (string, int, error) {
	i, inIndex := 0, false
	for ; i < len(s); i++ {
		switch s[i] {
		case '{':
			return "", 0, valueError("unexpected '{' in field name")
		case '[':
			inIndex = true
			continue
		case ']':
			inIndex = false
			continue
		case '}', ':', '!':
			if inIndex {
				continue
			}
		default:
			continue
		}
		break
	}
	if i >= len(s) {
		return "", 0, valueError("expected '}' before end of string")
	}
	name, conversion, spec := s[:i], byte(0), ""
	i++
	if s[i-1] == '!' {
		if i >= len(s) {
			return "", 0, valueError("end of string while looking for conversion specifier")
		}
		conversion = s[i]
		i++
		if i >= len(s) {
			return "", 0, valueError("unmatched '{' in format spec")
		}
		i++
		if s[i-1] != ':' && s[i-1] != '}' {
			return "", 0, valueError("expected ':' after conversion specifier")
		}
	}
	if s[i-1] == ':' {
		start, level := i, 1
		for ; i < len(s) && level > 0; i++ {
			switch s[i] {
			case '{':
				level++
			case '}':
				level--
			}
		}
		if level > 0 {
			return "", 0, valueError("unmatched '{' in format spec")
		}
		spec = s[start : i-1]
	}
	text, err := f.value(name, conversion, spec, depth)
	return text, i, err
}

func (f *fieldFormatter) value(name string, conversion byte, spec string, depth int) (string, error) {
	v, err := f.lookup(name)
	if err != nil {
		return "", err
	}
	switch conversion {
	case 0:
	case 's', 'r', 'a':
		if v, err = f.r.convert(v, conversion); err != nil {
			return "", err
		}
	default:
		if conversion > ' ' && conversion < 0x7f {
			return "", valueError("Unknown conversion specifier %c", conversion)
		}
		return "", valueError("Unknown conversion specifier \\x%x", conversion)
	}
	if strings.ContainsAny(spec, "{}") {
		if spec, err = f.run(spec, depth-1); err != nil {
			return "", err
		}
	}
	return f.r.format(v, spec)
}

// lookup finds the value of a field: name, then .attribute and [index].
func (f *fieldFormatter) lookup(name string) (Value, error) {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	v, err := f.first(name[:end])
	if err != nil {
		return nil, err
	}
	rest := name[end:]
	for rest != "" {
		if rest[0] == '.' {
			n := strings.IndexAny(rest[1:], ".[")
			if n < 0 {
				n = len(rest) - 1
			}
			attr := rest[1 : 1+n]
			if attr == "" {
				return nil, valueError("Empty attribute in format string")
			}
			if v, err = f.r.getAttr(v, attr); err != nil {
				return nil, err
			}
			rest = rest[1+n:]
			continue
		}
		if rest[0] != '[' {
			return nil, valueError("Only '.' or '[' may follow ']' in format field specifier")
		}
		n := strings.IndexByte(rest, ']')
		if n < 0 {
			return nil, valueError("Missing ']' in format string")
		}
		key := rest[1:n]
		if key == "" {
			return nil, valueError("Empty attribute in format string")
		}
		var index Value = key
		if number, ok := fieldNumber(key); ok {
			index = int64(number)
		}
		if v, err = f.r.getItem(v, index); err != nil {
			return nil, err
		}
		rest = rest[n+1:]
	}
	return v, nil
}

func fieldNumber(s string) (int, bool) {
	if s == "" || digitsEnd(s, 0) != len(s) {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

func (f *fieldFormatter) first(name string) (Value, error) {
	n, isNumber := fieldNumber(name)
	if name != "" && !isNumber {
		if digitsEnd(name, 0) == len(name) {
			return nil, valueError("Too many decimal digits in format string")
		}
		return dictGet(f.named, name)
	}
	style := byte('m')
	if name == "" {
		style = 'a'
	}
	if f.style != 0 && f.style != style {
		if style == 'a' {
			return nil, valueError("cannot switch from manual field specification to automatic field numbering")
		}
		return nil, valueError("cannot switch from automatic field numbering to manual field specification")
	}
	f.style = style
	if style == 'a' {
		n = f.auto
		f.auto++
	}
	if f.mapping {
		return nil, valueError("Format string contains positional fields")
	}
	if n >= len(f.args) {
		return nil, raise("IndexError", "Replacement index %d out of range for positional args tuple", n)
	}
	return f.args[n], nil
}
