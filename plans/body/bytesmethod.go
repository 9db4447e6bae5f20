// SPDX-License-Identifier: Apache-2.0

package body

import (
	"encoding/hex"
	"strings"
)

func bytesMethod(name string) (native, bool) {
	switch name {
	case "decode":
		return native{0, 2, []string{"encoding", "errors"}, bytesDecode}, true
	case "hex":
		return native{0, 0, nil, func(c *call) (Value, error) {
			return hex.EncodeToString([]byte(c.self.(Bytes))), c.r.alloc(2 * len(c.self.(Bytes)))
		}}, true
	case "fromhex":
		return native{1, 1, nil, bytesFromHex}, true
	case "strip", "lstrip", "rstrip", "lower", "upper", "split", "rsplit", "replace", "startswith", "endswith",
		"find", "rfind", "index", "rindex", "count", "join", "splitlines", "isdigit", "isalpha", "isspace", "isalnum",
		"partition", "rpartition", "zfill", "ljust", "rjust", "center", "title", "capitalize", "swapcase",
		"removeprefix", "removesuffix", "isupper", "islower", "isascii", "expandtabs":
		return bytesAsText(name), true
	}
	return native{}, false
}

// bytesAsText does a method of bytes by that of str: each byte becomes the
// character of its value, and back.
func bytesAsText(name string) native {
	n, ok := strMethod(name)
	if !ok {
		n, _ = strTest(name)
	}
	return native{n.min, n.max, n.names, func(c *call) (Value, error) {
		if !isASCII(string(c.self.(Bytes))) && strings.HasPrefix(name, "is") && name != "isascii" {
			return false, nil
		}
		inner := &call{r: c.r, name: c.name, self: latinText(c.self), a: make([]Value, len(c.a))}
		for i, a := range c.a {
			if _, ok := a.(string); ok {
				return nil, typeError("a bytes-like object is required, not 'str'")
			}
			inner.a[i] = latinText(a)
		}
		v, err := n.fn(inner)
		if err != nil {
			return nil, err
		}
		return latinBytes(v), nil
	}}
}

func latinText(v Value) Value {
	switch v := v.(type) {
	case Bytes:
		rs := make([]rune, len(v))
		for i := range rs {
			rs[i] = rune(v[i])
		}
		return stringOf(rs)
	case *List:
		return &List{latinItems(v.Items, latinText)}
	case *Tuple:
		return &Tuple{latinItems(v.Items, latinText)}
	}
	return v
}

func latinBytes(v Value) Value {
	switch v := v.(type) {
	case string:
		b := make([]byte, 0, len(v))
		for _, r := range runesOf(v) {
			b = append(b, byte(r))
		}
		return Bytes(b)
	case *List:
		return &List{latinItems(v.Items, latinBytes)}
	case *Tuple:
		return &Tuple{latinItems(v.Items, latinBytes)}
	}
	return v
}

func latinItems(items []Value, turn func(Value) Value) []Value {
	out := make([]Value, len(items))
	for i, v := range items {
		out[i] = turn(v)
	}
	return out
}

// codecName is the one name of a codec that a Body may use.
func codecName(v Value) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", typeError("encode() argument 'encoding' must be str, not %s", typeName(v))
	}
	switch strings.ReplaceAll(strings.ToLower(s), "_", "-") {
	case "utf-8", "utf8", "u8", "cp65001":
		return "utf-8", nil
	case "utf-8-sig":
		return "utf-8-sig", nil
	case "ascii", "us-ascii", "646":
		return "ascii", nil
	case "latin-1", "latin1", "iso-8859-1", "iso8859-1", "8859", "l1", "cp819":
		return "latin-1", nil
	}
	return "", raise("LookupError", "unknown encoding: %s", s)
}

func (c *call) codec() (name, mode string, err error) {
	name, mode = "utf-8", "strict"
	if c.given(0) {
		if name, err = codecName(c.a[0]); err != nil {
			return
		}
	}
	if c.given(1) {
		var ok bool
		if mode, ok = c.a[1].(string); !ok {
			err = typeError("%s() argument 'errors' must be str, not %s", c.name, typeName(c.a[1]))
		}
	}
	return
}

func bytesDecode(c *call) (Value, error) {
	codec, mode, err := c.codec()
	if err != nil {
		return nil, err
	}
	return c.r.decode(string(c.self.(Bytes)), codec, mode)
}

func (r *run) decode(s, codec, mode string) (Value, error) {
	if err := r.alloc(len(s)); err != nil {
		return nil, err
	}
	switch codec {
	case "utf-8", "utf-8-sig":
		if codec == "utf-8-sig" {
			s = strings.TrimPrefix(s, "\xef\xbb\xbf")
		}
		return decodeUTF8Value(s, mode)
	case "latin-1":
		return latinText(Bytes(s)), nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x80:
			b.WriteByte(c)
		case mode == "ignore":
		case mode == "replace":
			b.WriteRune(0xfffd)
		case mode == "backslashreplace":
			b.WriteString(`\x` + hexDigits(uint64(c), 2))
		case mode == "surrogateescape":
			writeRune(&b, 0xdc00+rune(c))
		default:
			return nil, decodeError("ascii", s, i, i+1, "ordinal not in range(128)")
		}
	}
	return b.String(), nil
}

func decodeUTF8Value(s, mode string) (Value, error) {
	t, err := decodeUTF8(s, mode)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func strEncode(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	codec, mode, err := c.codec()
	if err != nil {
		return nil, err
	}
	b, err := encodeText(s, codec, mode)
	if err != nil {
		return nil, err
	}
	return b, c.r.alloc(len(b))
}

// encodeText is str.encode.
func encodeText(s, codec, mode string) (Bytes, error) {
	highest, reason := rune(0x10ffff), "surrogates not allowed"
	switch codec {
	case "ascii":
		highest, reason = 0x7f, "ordinal not in range(128)"
	case "latin-1":
		highest, reason = 0xff, "ordinal not in range(256)"
	}
	bad := func(r rune) bool {
		return r > highest || highest == 0x10ffff && r >= 0xd800 && r <= 0xdfff
	}
	var b []byte
	if codec == "utf-8-sig" {
		b = append(b, "\xef\xbb\xbf"...)
	}
	rs := runesOf(s)
	for i, r := range rs {
		if !bad(r) {
			if codec == "latin-1" {
				b = append(b, byte(r))
			} else {
				b = appendRune(b, r)
			}
			continue
		}
		switch mode {
		case "ignore":
		case "replace":
			b = append(b, '?')
		case "backslashreplace":
			b = append(b, escapeRune(r)...)
		case "xmlcharrefreplace":
			b = append(b, "&#"+reprText(int64(r))+";"...)
		case "surrogatepass":
			b = appendRune(b, r)
		case "surrogateescape":
			if r < 0xdc80 || r > 0xdcff {
				return "", encodeError(codec, rs, i, bad, reason)
			}
			b = append(b, byte(r-0xdc00))
		case "strict":
			return "", encodeError(codec, rs, i, bad, reason)
		default:
			return "", raise("LookupError", "unknown error handler name '%s'", mode)
		}
	}
	return Bytes(b), nil
}

func encodeError(codec string, rs []rune, at int, bad func(rune) bool, reason string) error {
	if codec == "utf-8-sig" {
		codec = "utf-8"
	}
	end := at
	for end < len(rs) && bad(rs[end]) {
		end++
	}
	if end-at > 1 {
		return raise("UnicodeEncodeError", "'%s' codec can't encode characters in position %d-%d: %s", codec, at, end-1, reason)
	}
	return &Exception{Class: "UnicodeEncodeError", Args: []Value{
		"'" + codec + "' codec can't encode character '" + escapeRune(rs[at]) + "' in position " + reprText(int64(at)) + ": " + reason}}
}

func bytesFromHex(c *call) (Value, error) {
	s, ok := c.a[0].(string)
	if !ok {
		return nil, typeError("fromhex() argument must be str, not %s", typeName(c.a[0]))
	}
	var out []byte
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r' {
			i++
			continue
		}
		hi := hexValue(s[i])
		if hi < 0 {
			return nil, valueError("non-hexadecimal number found in fromhex() arg at position %d", i)
		}
		if i+1 >= len(s) || hexValue(s[i+1]) < 0 {
			return nil, valueError("non-hexadecimal number found in fromhex() arg at position %d", i+1)
		}
		out = append(out, byte(hi<<4|hexValue(s[i+1])))
		i += 2
	}
	return Bytes(out), c.r.alloc(len(out))
}
