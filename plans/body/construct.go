// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"math/big"
	"slices"
)

// A typeObject is a type, or a class of exceptions.
type typeObject struct{ name string }

func (typeObject) typeName() string { return "type" }

func (t typeObject) repr() string {
	switch t.name {
	case "JSONDecodeError":
		return "<class 'json.decoder.JSONDecodeError'>"
	case "UUID":
		return "<class 'uuid.UUID'>"
	case "Bunch":
		return "<class 'muranoagent.bunch.Bunch'>"
	}
	return "<class '" + t.name + "'>"
}

func isType(name string) bool {
	switch name {
	case "bool", "bytes", "dict", "enumerate", "filter", "float", "frozenset", "int", "list", "map", "range",
		"reversed", "set", "str", "tuple", "type", "zip":
		return true
	}
	return false
}

// construct is t(*args, **kw).
func (r *run) construct(t typeObject, args []Value, kw []kwarg) (Value, error) {
	if t.name == "dict" {
		return r.makeDict(args, kw)
	}
	n, ok := constructor(t.name)
	if !ok {
		return r.makeException(t.name, args, kw)
	}
	c := &call{r: r, name: t.name, a: args, kw: kw}
	if n.max >= 0 {
		if err := c.bind(n, builtin{name: t.name}); err != nil {
			return nil, err
		}
	}
	return n.fn(c)
}

func (r *run) makeException(class string, args []Value, kw []kwarg) (Value, error) {
	if _, ok := classParent(class); !ok {
		return nil, typeError("cannot create '%s' instances", class)
	}
	if len(kw) > 0 {
		return nil, typeError("%s() takes no keyword arguments", class)
	}
	e := &Exception{Class: class, Args: slices.Clone(args)}
	if classIs(class, "OSError") && len(args) == 2 {
		e.text = fmt.Sprintf("[Errno %s] %s", strText(args[0]), strText(args[1]))
		if n, ok := smallInt(args[0]); ok && class == "OSError" {
			e.Class = osErrorClass(n)
		}
	}
	return e, nil
}

// osErrorClass is the class that OSError(n, ...) makes.
func osErrorClass(errno int64) string {
	switch errno {
	case 1, 13:
		return "PermissionError"
	case 2:
		return "FileNotFoundError"
	case 3:
		return "ProcessLookupError"
	case 4:
		return "InterruptedError"
	case 10:
		return "ChildProcessError"
	case 11:
		return "BlockingIOError"
	case 17:
		return "FileExistsError"
	case 20:
		return "NotADirectoryError"
	case 21:
		return "IsADirectoryError"
	case 32:
		return "BrokenPipeError"
	case 103:
		return "ConnectionAbortedError"
	case 104:
		return "ConnectionResetError"
	case 110:
		return "TimeoutError"
	case 111:
		return "ConnectionRefusedError"
	}
	return "OSError"
}

func (r *run) makeDict(args []Value, kw []kwarg) (Value, error) {
	if len(args) > 1 {
		return nil, typeError("dict expected at most 1 argument, got %d", len(args))
	}
	d := &Dict{}
	if len(args) == 1 {
		if err := r.dictUpdate(d, args[0]); err != nil {
			return nil, err
		}
	}
	for _, k := range kw {
		if err := r.dictPut(d, k.name, k.value); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func constructor(name string) (native, bool) {
	switch name {
	case "bool":
		return native{0, 1, nil, func(c *call) (Value, error) { return c.given(0) && truth(c.a[0]), nil }}, true
	case "bytes":
		return native{0, 3, []string{"source", "encoding", "errors"}, makeBytes}, true
	case "enumerate":
		return native{0, 2, []string{"iterable", "start"}, makeEnumerate}, true
	case "filter", "map":
		return native{0, -1, nil, makeMap}, true
	case "float":
		return native{0, 1, nil, makeFloat}, true
	case "frozenset", "set":
		return native{0, 1, nil, func(c *call) (Value, error) {
			s := &Set{frozen: c.name == "frozenset"}
			if !c.given(0) {
				return s, nil
			}
			return s, c.r.addAll(s, c.a[0])
		}}, true
	case "int":
		return native{0, 2, []string{"", "base"}, makeInt}, true
	case "list", "tuple":
		return native{0, 1, nil, func(c *call) (Value, error) {
			var items []Value
			if c.given(0) {
				var err error
				if items, err = c.r.collect(c.a[0]); err != nil {
					return nil, err
				}
			}
			if c.name == "tuple" {
				return &Tuple{items}, nil
			}
			return &List{items}, nil
		}}, true
	case "range":
		return native{1, 3, nil, makeRange}, true
	case "reversed":
		return native{1, 1, nil, makeReversed}, true
	case "str":
		return native{0, 3, []string{"object", "encoding", "errors"}, makeStr}, true
	case "type":
		return native{1, 1, nil, func(c *call) (Value, error) { return typeObject{typeName(c.a[0])}, nil }}, true
	case "zip":
		return native{0, -1, nil, makeZip}, true
	case "UUID":
		return native{1, 1, []string{"hex"}, makeUUID}, true
	}
	return native{}, false
}

func makeStr(c *call) (Value, error) {
	if !c.given(0) {
		return "", nil
	}
	if !c.given(1) && !c.given(2) {
		return c.r.str(c.a[0])
	}
	b, ok := c.a[0].(Bytes)
	if !ok {
		if _, ok := c.a[0].(string); ok {
			return nil, typeError("decoding str is not supported")
		}
		return nil, typeError("decoding to str: need a bytes-like object, %s found", typeName(c.a[0]))
	}
	inner := &call{r: c.r, name: "str", self: b, a: c.a[1:]}
	return bytesDecode(inner)
}

func makeInt(c *call) (Value, error) {
	if !c.given(0) {
		if c.given(1) {
			return nil, typeError("int() missing string argument")
		}
		return int64(0), nil
	}
	base := 10
	if c.given(1) {
		n, err := indexInt(c.a[1])
		if err != nil {
			return nil, err
		}
		if n != 0 && (n < 2 || n > 36) {
			return nil, valueError("int() base must be >= 2 and <= 36, or 0")
		}
		base = n
	}
	switch x := c.a[0].(type) {
	case string:
		return parseInt(x, base)
	case Bytes:
		v, err := parseInt(string(x), base)
		if e, ok := err.(*Exception); ok && isASCII(string(x)) {
			e.Args[0] = fmt.Sprintf("invalid literal for int() with base %d: %s", base, bytesRepr(string(x)))
		}
		return v, err
	}
	if c.given(1) {
		return nil, typeError("int() can't convert non-string with explicit base")
	}
	switch x := c.a[0].(type) {
	case bool, int64, *big.Int:
		return Int(bigOf(x)), nil
	case float64:
		return floatToInt(x)
	}
	return nil, typeError("int() argument must be a string, a bytes-like object or a real number, not '%s'", typeName(c.a[0]))
}

func makeFloat(c *call) (Value, error) {
	if !c.given(0) {
		return 0.0, nil
	}
	switch x := c.a[0].(type) {
	case string:
		return parseFloat(x)
	case Bytes:
		return parseFloat(string(x))
	}
	if !isNumber(c.a[0]) {
		return nil, typeError("float() argument must be a string or a real number, not '%s'", typeName(c.a[0]))
	}
	f, err := toFloat(c.a[0])
	if err != nil {
		return nil, err
	}
	return f, nil
}

func makeBytes(c *call) (Value, error) {
	if !c.given(0) {
		return Bytes(""), nil
	}
	if s, ok := c.a[0].(string); ok {
		if !c.given(1) {
			return nil, typeError("string argument without an encoding")
		}
		return strEncode(&call{r: c.r, name: "bytes", self: s, a: c.a[1:]})
	}
	if c.given(1) || c.given(2) {
		return nil, typeError("encoding without a string argument")
	}
	if b, ok := c.a[0].(Bytes); ok {
		return b, nil
	}
	if isInt(c.a[0]) {
		n, err := indexInt(c.a[0])
		if err != nil {
			return nil, err
		}
		if n < 0 {
			return nil, valueError("negative count")
		}
		if err := c.r.alloc(n); err != nil {
			return nil, err
		}
		return Bytes(make([]byte, n)), nil
	}
	if !iterable(c.a[0]) {
		return nil, typeError("cannot convert '%s' object to bytes", typeName(c.a[0]))
	}
	items, err := c.r.collect(c.a[0])
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(items))
	for i, v := range items {
		n, err := indexInt(v)
		if err != nil {
			return nil, err
		}
		if n < 0 || n > 255 {
			return nil, valueError("bytes must be in range(0, 256)")
		}
		out[i] = byte(n)
	}
	return Bytes(out), nil
}
