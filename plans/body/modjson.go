// SPDX-License-Identifier: Apache-2.0

package body

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"strings"
)

func jsonFunc(name string) (native, bool) {
	switch name {
	case "dumps", "dump":
		return native{0, -1, nil, jsonDump}, true
	case "loads":
		return native{1, 1, []string{"s"}, jsonLoads}, true
	case "load":
		return native{1, 1, []string{"fp"}, func(c *call) (Value, error) {
			f, ok := c.a[0].(*file)
			if !ok {
				return nil, raise("AttributeError", "'%s' object has no attribute 'read'", typeName(c.a[0]))
			}
			v, err := f.read(-1)
			if err != nil {
				return nil, err
			}
			c.a[0] = v
			return jsonLoads(c)
		}}, true
	}
	return native{}, false
}

func jsonLoads(c *call) (Value, error) {
	var s string
	switch v := c.a[0].(type) {
	case string:
		s = v
	case Bytes:
		var err error
		if s, err = decodeUTF8(strings.TrimPrefix(string(v), "\xef\xbb\xbf"), "strict"); err != nil {
			return nil, err
		}
	default:
		return nil, typeError("the JSON object must be str, bytes or bytearray, not %s", typeName(v))
	}
	// Every two characters may be an element.
	if err := c.r.alloc(len(s) * 12); err != nil {
		return nil, err
	}
	if err := c.r.step(len(s) / 16); err != nil {
		return nil, err
	}
	return decodeJSONText(s)
}

func jsonDump(c *call) (Value, error) {
	want := 1
	if c.name == "dump" {
		want = 2
	}
	if len(c.a) != want {
		if len(c.a) > want {
			return nil, typeError("%s() takes %d positional argument%s but %d were given", c.name, want, plural(want), len(c.a))
		}
		return nil, typeError("%s() missing 1 required positional argument: 'obj'", c.name)
	}
	e := jsonEncoder{ascii: true, nan: true, item: ", ", key: ": ", bound: c.r.room()}
	separated := false
	for _, k := range c.kw {
		switch k.name {
		case "ensure_ascii":
			e.ascii = truth(k.value)
		case "allow_nan":
			e.nan = truth(k.value)
		case "sort_keys":
			e.sortKeys = truth(k.value)
		case "skipkeys":
			e.skipKeys = truth(k.value)
		case "check_circular", "cls":
		case "indent":
			if err := e.setIndent(k.value); err != nil {
				return nil, err
			}
		case "separators":
			if k.value == nil {
				continue
			}
			pair, err := c.r.collect(k.value)
			if err != nil {
				return nil, err
			}
			if len(pair) != 2 {
				return nil, valueError("not enough values to unpack (expected 2, got %d)", len(pair))
			}
			e.item, e.key, separated = strText(pair[0]), strText(pair[1]), true
		case "default":
			if k.value != nil {
				fn := k.value
				e.other = func(v Value) (Value, error) { return c.r.call(fn, []Value{v}, nil) }
			}
		default:
			return nil, typeError("JSONEncoder.__init__() got an unexpected keyword argument '%s'", k.name)
		}
	}
	if e.indented && !separated {
		e.item = ","
	}
	if err := e.value(c.a[0], 0); err != nil {
		return nil, err
	}
	s := e.b.String()
	if err := c.r.step(len(s) / 64); err != nil {
		return nil, err
	}
	if c.name == "dumps" {
		return c.made(s)
	}
	f, ok := c.a[1].(*file)
	if !ok {
		return nil, raise("AttributeError", "'%s' object has no attribute 'write'", typeName(c.a[1]))
	}
	_, err := f.write(s)
	return nil, err
}

func (e *jsonEncoder) setIndent(v Value) error {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		e.indent = v
	default:
		n, err := indexInt(v)
		if err != nil {
			return err
		}
		if n > 1<<20 {
			return &LimitError{"bytes", 1 << 20}
		}
		e.indent = strings.Repeat(" ", max(n, 0))
	}
	e.indented = true
	return nil
}

func base64Func(name string) (native, bool) {
	switch name {
	case "b64encode", "standard_b64encode", "urlsafe_b64encode", "encodebytes":
		return native{1, 1, []string{"s"}, base64Encode}, true
	case "b64decode", "standard_b64decode", "urlsafe_b64decode", "decodebytes":
		return native{1, 1, []string{"s"}, base64Decode}, true
	}
	return native{}, false
}

func base64Encode(c *call) (Value, error) {
	b, ok := c.a[0].(Bytes)
	if !ok {
		if c.name == "encodebytes" {
			return nil, typeError("expected bytes-like object, not %s", typeName(c.a[0]))
		}
		return nil, typeError("a bytes-like object is required, not '%s'", typeName(c.a[0]))
	}
	if err := c.r.alloc(len(b) * 2); err != nil {
		return nil, err
	}
	switch c.name {
	case "urlsafe_b64encode":
		return Bytes(base64.URLEncoding.EncodeToString([]byte(b))), nil
	case "encodebytes":
		var out strings.Builder
		for len(b) > 0 {
			n := min(len(b), 57)
			out.WriteString(base64.StdEncoding.EncodeToString([]byte(b[:n])) + "\n")
			b = b[n:]
		}
		return Bytes(out.String()), nil
	}
	return Bytes(base64.StdEncoding.EncodeToString([]byte(b))), nil
}

// base64Decode reads as binascii.a2b_base64 does: what is no digit is skipped.
func base64Decode(c *call) (Value, error) {
	s := ""
	switch v := c.a[0].(type) {
	case Bytes:
		s = string(v)
	case string:
		if !isASCII(v) {
			return nil, valueError("string argument should contain only ASCII characters")
		}
		s = v
	default:
		return nil, typeError("argument should be a bytes-like object or ASCII string, not '%s'", typeName(v))
	}
	if c.name == "urlsafe_b64decode" {
		s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var out []byte
	quad, pads, left := 0, 0, 0
	for i := 0; i < len(s); i++ {
		if s[i] == '=' {
			if pads++; quad >= 2 && quad+pads >= 4 {
				return Bytes(out), c.r.alloc(len(out))
			}
			continue
		}
		v := strings.IndexByte(digits, s[i])
		if v < 0 {
			continue
		}
		pads = 0
		switch quad {
		case 1:
			out = append(out, byte(left<<2|v>>4))
		case 2:
			out = append(out, byte(left<<4|v>>2))
		case 3:
			out = append(out, byte(left<<6|v))
		}
		left = v & []int{63, 15, 3, 0}[quad]
		quad = (quad + 1) & 3
	}
	switch quad {
	case 0:
		return Bytes(out), c.r.alloc(len(out))
	case 1:
		return nil, raise("Error", "Invalid base64-encoded string: number of data characters (%d) cannot be 1 more than a multiple of 4", len(out)/3*4+1)
	}
	return nil, raise("Error", "Incorrect padding")
}

// A uuidValue is a uuid.UUID.
type uuidValue [16]byte

func (uuidValue) typeName() string { return "UUID" }

func (u uuidValue) text() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (u uuidValue) repr() string { return "UUID('" + u.text() + "')" }

func uuidFunc(name string) (native, bool) {
	switch name {
	case "uuid4", "uuid1":
		return native{0, 0, nil, makeRandomUUID}, true
	}
	return native{}, false
}

func makeRandomUUID(c *call) (Value, error) {
	var u uuidValue
	source := c.r.scope.Rand
	if source == nil {
		source = rand.Reader
	}
	if _, err := io.ReadFull(source, u[:]); err != nil {
		return nil, &uncatchableError{fmt.Errorf("read random bytes for %s: %w", c.name, err)}
	}
	version := byte(0x40)
	if c.name == "uuid1" {
		version = 0x10
		// Tenths of a microsecond since the start of the Gregorian calendar, RFC 4122.
		t := uint64(c.r.scope.Now().UnixNano()/100) + 0x01b21dd213814000
		for i, at := range []int{6, 7, 4, 5, 0, 1, 2, 3} {
			u[at] = byte(t >> (56 - 8*i))
		}
		u[10] |= 1 // a random node is a multicast one
	}
	u[6] = u[6]&0x0f | version
	u[8] = u[8]&0x3f | 0x80
	return u, nil
}

func makeUUID(c *call) (Value, error) {
	s, ok := c.a[0].(string)
	if !ok {
		return nil, raise("AttributeError", "'%s' object has no attribute 'replace'", typeName(c.a[0]))
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "urn:", ""), "uuid:", "")
	s = strings.ReplaceAll(strings.Trim(s, "{}"), "-", "")
	if textLen(s) != 32 {
		return nil, valueError("badly formed hexadecimal UUID string")
	}
	var u uuidValue
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil, &Exception{Class: "ValueError", Args: []Value{"invalid literal for int() with base 16: " + reprText(s)}}
	}
	copy(u[:], b)
	return u, nil
}

func uuidAttr(u uuidValue, name string) (Value, bool) {
	switch name {
	case "hex":
		return hex.EncodeToString(u[:]), true
	case "bytes":
		return Bytes(u[:]), true
	case "int":
		return Int(new(big.Int).SetBytes(u[:])), true
	case "urn":
		return "urn:uuid:" + u.text(), true
	case "version":
		return int64(u[6] >> 4), true
	}
	return nil, false
}
