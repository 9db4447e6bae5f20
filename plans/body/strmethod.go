// SPDX-License-Identifier: Apache-2.0

package body

import (
	"strings"
)

// strMethod finds a method of str.
func strMethod(name string) (native, bool) {
	switch name {
	case "capitalize", "casefold", "lower", "swapcase", "title", "upper":
		return native{0, 0, nil, strCase}, true
	case "center", "ljust", "rjust":
		return native{1, 2, nil, strPad}, true
	case "count", "find", "index", "rfind", "rindex":
		return native{1, 3, nil, strFind}, true
	case "encode":
		return native{0, 2, []string{"encoding", "errors"}, strEncode}, true
	case "endswith", "startswith":
		return native{1, 3, nil, strStarts}, true
	case "expandtabs":
		return native{0, 1, []string{"tabsize"}, strExpandTabs}, true
	case "format":
		return native{0, -1, nil, strFormat}, true
	case "format_map":
		return native{1, 1, nil, strFormatMap}, true
	case "join":
		return native{1, 1, nil, strJoin}, true
	case "lstrip", "rstrip", "strip":
		return native{0, 1, nil, strStrip}, true
	case "partition", "rpartition":
		return native{1, 1, nil, strPartition}, true
	case "removeprefix", "removesuffix":
		return native{1, 1, nil, strRemove}, true
	case "replace":
		return native{2, 3, nil, strReplace}, true
	case "rsplit", "split":
		return native{0, 2, []string{"sep", "maxsplit"}, strSplit}, true
	case "splitlines":
		return native{0, 1, []string{"keepends"}, strSplitLines}, true
	case "translate":
		return native{1, 1, nil, strTranslate}, true
	case "maketrans":
		return native{1, 3, nil, strMakeTrans}, true
	case "zfill":
		return native{1, 1, nil, strZfill}, true
	}
	return native{}, false
}

// text is self as a str, counted as work.
func (c *call) text() (string, error) {
	s, _ := c.self.(string)
	return s, c.r.step(len(s) / 64)
}

// made counts a text that a method made.
func (c *call) made(s string) (Value, error) { return s, c.r.alloc(len(s)) }

// intArg is argument i as an index-sized int.
func (c *call) intArg(i, fallback int) (int, error) {
	if !c.given(i) {
		return fallback, nil
	}
	return indexInt(c.a[i])
}

// indexInt is what CPython's __index__ gives to a Py_ssize_t.
func indexInt(v Value) (int, error) {
	if n, ok := smallInt(v); ok {
		return int(n), nil
	}
	if isInt(v) {
		return 0, raise("OverflowError", "Python int too large to convert to C ssize_t")
	}
	return 0, typeError("'%s' object cannot be interpreted as an integer", typeName(v))
}

func (c *call) strArg(i int, format string) (string, error) {
	s, ok := c.a[i].(string)
	if !ok {
		return "", typeError(format, typeName(c.a[i]))
	}
	return s, nil
}

func strPad(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	width, err := c.intArg(0, 0)
	if err != nil {
		return nil, err
	}
	fill := " "
	if c.given(1) {
		f, ok := c.a[1].(string)
		if !ok {
			return nil, typeError("The fill character must be a unicode character, not %s", typeName(c.a[1]))
		}
		if textLen(f) != 1 {
			return nil, typeError("The fill character must be exactly one character long")
		}
		fill = f
	}
	n := width - textLen(s)
	if n <= 0 {
		return s, nil
	}
	if err := c.r.alloc(n); err != nil {
		return nil, err
	}
	left := 0
	switch c.name {
	case "rjust":
		left = n
	case "center":
		left = n/2 + (n & width & 1)
	}
	return c.made(strings.Repeat(fill, left) + s + strings.Repeat(fill, n-left))
}

func strZfill(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	width, err := c.intArg(0, 0)
	if err != nil {
		return nil, err
	}
	n := width - textLen(s)
	if n <= 0 {
		return s, nil
	}
	if err := c.r.alloc(n); err != nil {
		return nil, err
	}
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	return c.made(sign + strings.Repeat("0", n) + s)
}

// window cuts s to the slice [arg i : arg i+1]; base is the index of its first
// code point, and ok is false where the slice starts past the end.
func (c *call) window(s string, i int) (cut string, base int, ok bool, err error) {
	if !c.given(i) && !c.given(i+1) {
		return s, 0, true, nil
	}
	length := textLen(s)
	lo, hi := 0, length
	for j, to := range []*int{&lo, &hi} {
		if !c.given(i+j) || c.a[i+j] == nil {
			continue
		}
		n, err := sliceInt(c.a[i+j])
		if err != nil {
			return "", 0, false, err
		}
		if n < 0 {
			n = max(n+length, 0)
		}
		*to = n
	}
	hi = min(hi, length)
	if lo > hi {
		return "", 0, false, nil
	}
	from := offsetOf(s, lo)
	return s[from : from+offsetOf(s[from:], hi-lo)], lo, true, nil
}

func strFind(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	sub, err := c.strArg(0, "must be str, not %s")
	if err != nil {
		return nil, err
	}
	s, base, ok, err := c.window(s, 1)
	if err != nil {
		return nil, err
	}
	if c.name == "count" {
		switch {
		case !ok:
			return int64(0), nil
		case sub == "":
			return int64(textLen(s) + 1), nil
		}
		return int64(strings.Count(s, sub)), nil
	}
	at := -1
	if ok {
		if c.name == "rfind" || c.name == "rindex" {
			at = strings.LastIndex(s, sub)
		} else {
			at = strings.Index(s, sub)
		}
	}
	if at < 0 {
		if c.name == "index" || c.name == "rindex" {
			return nil, valueError("substring not found")
		}
		return int64(-1), nil
	}
	return int64(base + textLen(s[:at])), nil
}

func strStarts(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	s, _, ok, err := c.window(s, 1)
	if err != nil {
		return nil, err
	}
	has := strings.HasPrefix
	if c.name == "endswith" {
		has = strings.HasSuffix
	}
	switch a := c.a[0].(type) {
	case string:
		return ok && has(s, a), nil
	case *Tuple:
		for _, v := range a.Items {
			t, isText := v.(string)
			if !isText {
				return nil, typeError("tuple for %s must only contain str, not %s", c.name, typeName(v))
			}
			if ok && has(s, t) {
				return true, nil
			}
		}
		return false, nil
	}
	return nil, typeError("%s first arg must be str or a tuple of str, not %s", c.name, typeName(c.a[0]))
}

func strExpandTabs(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	size, err := c.intArg(0, 8)
	if err != nil {
		return nil, err
	}
	if n := strings.Count(s, "\t"); size > 0 && n > 0 {
		if size > c.r.room()/n {
			return nil, &LimitError{"bytes", c.r.scope.Limits.Bytes}
		}
	}
	return c.made(expandTabs(s, size))
}

func strJoin(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	if !iterable(c.a[0]) {
		return nil, typeError("can only join an iterable")
	}
	items, err := c.r.collect(c.a[0])
	if err != nil {
		return nil, err
	}
	total := len(s) * max(len(items)-1, 0)
	parts := make([]string, len(items))
	for i, v := range items {
		t, ok := v.(string)
		if !ok {
			return nil, typeError("sequence item %d: expected str instance, %s found", i, typeName(v))
		}
		parts[i] = t
		total += len(t)
	}
	if err := c.r.alloc(total); err != nil {
		return nil, err
	}
	return strings.Join(parts, s), nil
}

// isSpace is str.isspace for one character.
func isSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r >= 0x1c && r <= ' ', r == 0x85, r == 0xa0, r == 0x1680,
		r >= 0x2000 && r <= 0x200a, r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f, r == 0x3000:
		return true
	}
	return false
}

func strStrip(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	cut := isSpace
	if c.given(0) && c.a[0] != nil {
		set, ok := c.a[0].(string)
		if !ok {
			return nil, typeError("%s arg must be None or str", c.name)
		}
		chars := runesOf(set)
		cut = func(r rune) bool {
			for _, o := range chars {
				if r == o {
					return true
				}
			}
			return false
		}
	}
	return trimText(s, cut, c.name != "rstrip", c.name != "lstrip"), nil
}

func trimText(s string, cut func(rune) bool, left, right bool) string {
	for left && s != "" {
		r, n := decodeRune(s)
		if !cut(r) {
			break
		}
		s = s[n:]
	}
	for right && s != "" {
		i := len(s) - 1
		for i > 0 && s[i]&0xc0 == 0x80 {
			i--
		}
		r, n := decodeRune(s[i:])
		if i+n != len(s) || !cut(r) {
			break
		}
		s = s[:i]
	}
	return s
}

func strPartition(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	sep, err := c.strArg(0, "must be str, not %s")
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, valueError("empty separator")
	}
	at := strings.Index(s, sep)
	if c.name == "rpartition" {
		at = strings.LastIndex(s, sep)
	}
	switch {
	case at >= 0:
		return &Tuple{[]Value{s[:at], sep, s[at+len(sep):]}}, nil
	case c.name == "partition":
		return &Tuple{[]Value{s, "", ""}}, nil
	}
	return &Tuple{[]Value{"", "", s}}, nil
}

func strRemove(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	cut, err := c.strArg(0, c.name+"() argument must be str, not %s")
	if err != nil {
		return nil, err
	}
	if c.name == "removeprefix" {
		return strings.TrimPrefix(s, cut), nil
	}
	return strings.TrimSuffix(s, cut), nil
}

func strReplace(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	old, err := c.strArg(0, "replace() argument 1 must be str, not %s")
	if err != nil {
		return nil, err
	}
	with, err := c.strArg(1, "replace() argument 2 must be str, not %s")
	if err != nil {
		return nil, err
	}
	limit, err := c.intArg(2, -1)
	if err != nil {
		return nil, err
	}
	n := textLen(s) + 1
	if old != "" {
		n = strings.Count(s, old)
	}
	if limit >= 0 {
		n = min(n, limit)
	}
	if len(with) > 0 && n > c.r.room()/len(with) {
		return nil, &LimitError{"bytes", c.r.scope.Limits.Bytes}
	}
	if old != "" {
		return c.made(strings.Replace(s, old, with, n))
	}
	var b strings.Builder
	for i := 0; ; {
		if n > 0 {
			b.WriteString(with)
			n--
		}
		if i >= len(s) {
			return c.made(b.String())
		}
		_, size := decodeRune(s[i:])
		b.WriteString(s[i : i+size])
		i += size
	}
}
