// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"strings"
)

func strSplit(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	limit, err := c.intArg(1, -1)
	if err != nil {
		return nil, err
	}
	if limit < 0 {
		limit = math.MaxInt
	}
	var parts []string
	if !c.given(0) || c.a[0] == nil {
		parts = splitSpace(s, limit, c.name == "rsplit")
	} else {
		sep, ok := c.a[0].(string)
		if !ok {
			return nil, typeError("must be str or None, not %s", typeName(c.a[0]))
		}
		if sep == "" {
			return nil, valueError("empty separator")
		}
		parts = splitText(s, sep, limit, c.name == "rsplit")
	}
	return c.texts(parts)
}

// texts makes a list of parts.
func (c *call) texts(parts []string) (Value, error) {
	items := make([]Value, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return &List{items}, c.r.items(len(items) * 2)
}

func splitText(s, sep string, limit int, fromRight bool) []string {
	if !fromRight {
		if limit == math.MaxInt {
			return strings.Split(s, sep)
		}
		return strings.SplitN(s, sep, limit+1)
	}
	var parts []string
	for limit > 0 {
		at := strings.LastIndex(s, sep)
		if at < 0 {
			break
		}
		parts = append(parts, s[at+len(sep):])
		s = s[:at]
		limit--
	}
	parts = append(parts, s)
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return parts
}

func splitSpace(s string, limit int, fromRight bool) []string {
	not := func(r rune) bool { return !isSpace(r) }
	parts := []string{}
	for {
		s = trimText(s, isSpace, !fromRight, fromRight)
		if s == "" {
			break
		}
		if limit == 0 {
			parts = append(parts, trimText(s, isSpace, fromRight, !fromRight))
			if !fromRight {
				parts[len(parts)-1] = s
			} else {
				parts[len(parts)-1] = s
			}
			break
		}
		rest := trimText(s, not, !fromRight, fromRight)
		if fromRight {
			parts = append(parts, s[len(rest):])
		} else {
			parts = append(parts, s[:len(s)-len(rest)])
		}
		s = rest
		limit--
	}
	if fromRight {
		for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
			parts[i], parts[j] = parts[j], parts[i]
		}
	}
	return parts
}

func strSplitLines(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	keep := c.given(0) && truth(c.a[0])
	return c.texts(splitLines(s, keep))
}

func splitLines(s string, keep bool) []string {
	parts := []string{}
	start := 0
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		switch r {
		case '\n', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029, '\r':
		default:
			i += n
			continue
		}
		end := i
		i += n
		if r == '\r' && i < len(s) && s[i] == '\n' {
			i++
		}
		if keep {
			end = i
		}
		parts = append(parts, s[start:end])
		start = i
	}
	if start < len(s) {
		parts = append(parts, s[start:])
	}
	return parts
}

// strTranslate maps characters through a table: a dict from code point to
// code point, text or None.
func strTranslate(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	table, ok := c.a[0].(*Dict)
	if !ok {
		if _, ok := c.a[0].(*List); !ok {
			return nil, typeError("'%s' object is not subscriptable", typeName(c.a[0]))
		}
		return s, nil
	}
	var b strings.Builder
	for _, r := range runesOf(s) {
		v, ok := table.Get(int64(r))
		switch v := v.(type) {
		case nil:
			if !ok {
				writeRune(&b, r)
			}
		case string:
			b.WriteString(v)
		case int64:
			if v < 0 || v > 0x10ffff {
				return nil, valueError("character mapping must be in range(0x110000)")
			}
			writeRune(&b, rune(v))
		default:
			return nil, typeError("character mapping must return integer, None or str")
		}
		if b.Len() > c.r.room() {
			return nil, &LimitError{"bytes", c.r.scope.Limits.Bytes}
		}
	}
	return c.made(b.String())
}

func strMakeTrans(c *call) (Value, error) {
	out := &Dict{}
	if !c.given(1) {
		d, ok := c.a[0].(*Dict)
		if !ok {
			return nil, typeError("if you give only one argument to maketrans it must be a dict")
		}
		for k, v := range d.All() {
			if s, ok := k.(string); ok {
				if textLen(s) != 1 {
					return nil, valueError("string keys in translate table must be of length 1")
				}
				k = int64(runesOf(s)[0])
			} else if !isInt(k) {
				return nil, typeError("keys in translate table must be strings or integers")
			}
			out.Set(k, v)
		}
		return out, nil
	}
	from, ok := c.a[0].(string)
	if !ok {
		return nil, typeError("first maketrans argument must be a string if there is a second argument")
	}
	to, err := c.strArg(1, "maketrans() argument 2 must be str, not %s")
	if err != nil {
		return nil, err
	}
	fs, ts := runesOf(from), runesOf(to)
	if len(fs) != len(ts) {
		return nil, valueError("the first two maketrans arguments must have equal length")
	}
	for i := range fs {
		out.Set(int64(fs[i]), int64(ts[i]))
	}
	if c.given(2) {
		gone, err := c.strArg(2, "maketrans() argument 3 must be str, not %s")
		if err != nil {
			return nil, err
		}
		for _, r := range runesOf(gone) {
			out.Set(int64(r), nil)
		}
	}
	return out, nil
}
