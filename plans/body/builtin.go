// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
)

// isForbidden names the builtins of Python that are no part of a Body.
func isForbidden(name string) bool {
	switch name {
	case "eval", "exec", "compile", "globals", "locals", "vars", "__import__", "input", "breakpoint", "memoryview",
		"delattr", "setattr", "super", "classmethod", "staticmethod", "property", "object", "complex", "bytearray",
		"slice", "help", "dir", "aiter", "anext", "quit", "exit", "copyright", "credits", "license", "id", "hash",
		"ExceptionGroup", "BaseExceptionGroup", "__build_class__", "__loader__", "__spec__", "__debug__", "__builtins__":
		return true
	}
	return false
}

// builtinValue is a name that every Body knows.
func builtinValue(name string) (Value, bool) {
	if isType(name) {
		return typeObject{name}, true
	}
	switch name {
	case "IOError", "EnvironmentError":
		return typeObject{"OSError"}, true
	case "Ellipsis":
		return ellipsis{}, true
	case "Error", "JSONDecodeError", "CustomException", "UnsupportedOperation":
		return nil, false
	}
	if _, ok := classParent(name); ok {
		return typeObject{name}, true
	}
	if _, ok := builtinFunc(name); ok {
		return builtin{name: name}, true
	}
	return nil, false
}

func builtinFunc(name string) (native, bool) {
	switch name {
	case "abs":
		return native{1, 1, nil, builtinAbs}, true
	case "all", "any":
		return native{1, 1, nil, builtinAll}, true
	case "ascii", "repr":
		return native{1, 1, nil, builtinRepr}, true
	case "bin", "hex", "oct":
		return native{1, 1, nil, builtinBase}, true
	case "callable":
		return native{1, 1, nil, func(c *call) (Value, error) { return isCallable(c.a[0]), nil }}, true
	case "chr":
		return native{1, 1, nil, builtinChr}, true
	case "divmod":
		return native{2, 2, nil, builtinDivmod}, true
	case "format":
		return native{1, 2, nil, builtinFormat}, true
	case "getattr":
		return native{2, 3, nil, builtinGetattr}, true
	case "hasattr":
		return native{2, 2, nil, builtinGetattr}, true
	case "isinstance", "issubclass":
		return native{2, 2, nil, builtinIsinstance}, true
	case "iter":
		return native{1, 1, nil, func(c *call) (Value, error) {
			if o, ok := c.a[0].(*iterObject); ok {
				return o, nil
			}
			it, err := c.r.iter(c.a[0])
			if err != nil {
				return nil, err
			}
			return &iterObject{kind: iterName(c.a[0]), it: it}, nil
		}}, true
	case "len":
		return native{1, 1, nil, builtinLen}, true
	case "max", "min":
		return native{0, -1, nil, builtinMax}, true
	case "next":
		return native{1, 2, nil, builtinNext}, true
	case "open":
		return native{1, 4, []string{"file", "mode", "buffering", "encoding"}, builtinOpen}, true
	case "ord":
		return native{1, 1, nil, builtinOrd}, true
	case "pow":
		return native{2, 3, []string{"base", "exp", "mod"}, builtinPow}, true
	case "print":
		return native{0, -1, nil, builtinPrint}, true
	case "round":
		return native{1, 2, []string{"number", "ndigits"}, func(c *call) (Value, error) {
			if !c.given(1) {
				return roundNumber(c.a[0], nil)
			}
			return roundNumber(c.a[0], c.a[1])
		}}, true
	case "sorted":
		return native{0, -1, nil, builtinSorted}, true
	case "sum":
		return native{1, 2, []string{"", "start"}, builtinSum}, true
	}
	return native{}, false
}

func isCallable(v Value) bool {
	switch v.(type) {
	case *function, builtin, typeObject, scriptRunner, scriptFunction:
		return true
	}
	return false
}

func iterName(v Value) string {
	switch v.(type) {
	case string:
		return "str_iterator"
	case *Dict:
		return "dict_keyiterator"
	}
	return typeName(v) + "_iterator"
}

func builtinAbs(c *call) (Value, error) {
	switch x := c.a[0].(type) {
	case float64:
		return math.Abs(x), nil
	case bool, int64, *big.Int:
		return Int(new(big.Int).Abs(bigOf(x))), nil
	}
	return nil, typeError("bad operand type for abs(): '%s'", typeName(c.a[0]))
}

func builtinAll(c *call) (Value, error) {
	it, err := c.r.iter(c.a[0])
	if err != nil {
		return nil, err
	}
	for {
		v, ok, err := it.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return c.name == "all", nil
		}
		if err := c.r.step(1); err != nil {
			return nil, err
		}
		if truth(v) == (c.name == "any") {
			return c.name == "any", nil
		}
	}
}

func builtinRepr(c *call) (Value, error) {
	s, err := c.r.repr(c.a[0])
	if c.name == "ascii" {
		s = asciiRepr(s)
	}
	return s, err
}

func builtinBase(c *call) (Value, error) {
	if !isInt(c.a[0]) {
		return nil, typeError("'%s' object cannot be interpreted as an integer", typeName(c.a[0]))
	}
	n := bigOf(c.a[0])
	prefix, base := "0b", 2
	switch c.name {
	case "hex":
		prefix, base = "0x", 16
	case "oct":
		prefix, base = "0o", 8
	}
	s := prefix + new(big.Int).Abs(n).Text(base)
	if n.Sign() < 0 {
		s = "-" + s
	}
	return c.made(s)
}

func builtinChr(c *call) (Value, error) {
	n, err := indexInt(c.a[0])
	if err != nil {
		if e, ok := err.(*Exception); ok && e.Class == "OverflowError" {
			return nil, raise("OverflowError", "Python int too large to convert to C int")
		}
		return nil, err
	}
	if n < 0 || n > 0x10ffff {
		return nil, valueError("chr() arg not in range(0x110000)")
	}
	return stringOf([]rune{rune(n)}), nil
}

func builtinOrd(c *call) (Value, error) {
	switch x := c.a[0].(type) {
	case string:
		if n := textLen(x); n != 1 {
			return nil, typeError("ord() expected a character, but string of length %d found", n)
		}
		return int64(runesOf(x)[0]), nil
	case Bytes:
		if len(x) != 1 {
			return nil, typeError("ord() expected a character, but string of length %d found", len(x))
		}
		return int64(x[0]), nil
	}
	return nil, typeError("ord() expected string of length 1, but %s found", typeName(c.a[0]))
}

func builtinDivmod(c *call) (Value, error) {
	a, b := c.a[0], c.a[1]
	if !isNumber(a) || !isNumber(b) {
		return nil, typeError("unsupported operand type(s) for divmod(): '%s' and '%s'", typeName(a), typeName(b))
	}
	q, err := c.r.binary("//", a, b, "//")
	if err != nil {
		if e, ok := err.(*Exception); ok && e.Error() == "float floor division by zero" {
			return nil, raise("ZeroDivisionError", "float divmod()")
		}
		return nil, err
	}
	m, err := c.r.binary("%", a, b, "%")
	return &Tuple{[]Value{q, m}}, err
}

func builtinFormat(c *call) (Value, error) {
	spec := ""
	if c.given(1) {
		var err error
		if spec, err = c.strArg(1, "format() argument 2 must be str, not %s"); err != nil {
			return nil, err
		}
	}
	s, err := c.r.format(c.a[0], spec)
	return s, err
}

func builtinGetattr(c *call) (Value, error) {
	name, ok := c.a[1].(string)
	if !ok {
		return nil, typeError("attribute name must be string, not '%s'", typeName(c.a[1]))
	}
	v, err := c.r.getAttr(c.a[0], name)
	e, raised := err.(*Exception)
	missing := raised && e.Class == "AttributeError"
	switch {
	case c.name == "hasattr":
		if err != nil && !missing {
			return nil, err
		}
		return err == nil, nil
	case missing && len(c.a) == 3 && c.given(2):
		return c.a[2], nil
	}
	return v, err
}

func builtinIsinstance(c *call) (Value, error) {
	kind := typeName(c.a[0])
	if c.name == "issubclass" {
		t, ok := c.a[0].(typeObject)
		if !ok {
			return nil, typeError("issubclass() arg 1 must be a class")
		}
		kind = t.name
	}
	return isKind(c.name, kind, c.a[1], 0)
}

func isKind(fn, kind string, of Value, depth int) (bool, error) {
	switch t := of.(type) {
	case typeObject:
		switch {
		case kind == t.name, kind == "bool" && t.name == "int", kind == "Bunch" && t.name == "dict":
			return true, nil
		}
		return classIs(kind, t.name), nil
	case *Tuple:
		if depth > 50 {
			return false, raise("RecursionError", "maximum recursion depth exceeded in __instancecheck__")
		}
		for _, v := range t.Items {
			if ok, err := isKind(fn, kind, v, depth+1); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}
	if fn == "issubclass" {
		return false, typeError("issubclass() arg 2 must be a class, a tuple of classes, or a union")
	}
	return false, typeError("isinstance() arg 2 must be a type, a tuple of types, or a union")
}

func builtinLen(c *call) (Value, error) {
	n, err := length(c.a[0])
	return int64(n), err
}

func length(v Value) (int, error) {
	switch x := v.(type) {
	case string:
		return textLen(x), nil
	case Bytes:
		return len(x), nil
	case *List:
		return len(x.Items), nil
	case *Tuple:
		return len(x.Items), nil
	case *Dict:
		return x.Len(), nil
	case *Set:
		return x.len(), nil
	case *Range:
		return int(x.len()), nil
	case *dictView:
		return x.d.Len(), nil
	}
	return 0, typeError("object of type '%s' has no len()", typeName(v))
}
