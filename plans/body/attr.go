// SPDX-License-Identifier: Apache-2.0

package body

import "math/big"

// getAttr is v.name.
func (r *run) getAttr(v Value, name string) (Value, error) {
	switch x := v.(type) {
	case scriptRunner:
		return scriptFunction{x.name, name}, nil
	case module:
		if m, ok := moduleMember(x.name, name); ok {
			return m, nil
		}
		return nil, raise("AttributeError", "module '%s' has no attribute '%s'", x.name, name)
	case *Exception:
		if a, ok := exceptionAttr(x, name); ok {
			return a, nil
		}
	case uuidValue:
		if a, ok := uuidAttr(x, name); ok {
			return a, nil
		}
	case *Range:
		switch name {
		case "start":
			return x.Start, nil
		case "stop":
			return x.Stop, nil
		case "step":
			return x.Step, nil
		}
	case *function:
		switch name {
		case "__name__":
			return x.fn.name, nil
		case "__qualname__":
			return x.qual, nil
		}
	case builtin:
		if name == "__name__" {
			return x.name, nil
		}
	case typeObject:
		return typeAttr(x, name)
	case *file:
		switch name {
		case "closed":
			return x.closed, nil
		case "name":
			return x.name, nil
		case "mode":
			return x.mode, nil
		}
	case float64:
		switch name {
		case "real":
			return x, nil
		case "imag":
			return 0.0, nil
		}
	case bool, int64, *big.Int:
		switch name {
		case "real", "numerator":
			return Int(bigOf(x)), nil
		case "imag":
			return int64(0), nil
		case "denominator":
			return int64(1), nil
		}
	}
	if name == "__class__" {
		return typeObject{typeName(v)}, nil
	}
	if b := (builtin{name, v}); hasNative(b) {
		return b, nil
	}
	if d, ok := v.(*Dict); ok && d.bunch {
		if item, ok := d.Get(name); ok {
			return item, nil
		}
		return nil, keyError(name)
	}
	return nil, raise("AttributeError", "'%s' object has no attribute '%s'", typeName(v), name)
}

func exceptionAttr(e *Exception, name string) (Value, bool) {
	switch name {
	case "args":
		return &Tuple{e.Args}, true
	case "__cause__", "__context__", "__traceback__":
		return nil, true
	case "errno", "strerror":
		if classIs(e.Class, "OSError") && len(e.Args) >= 2 {
			if name == "errno" {
				return e.Args[0], true
			}
			return e.Args[1], true
		}
	case "code":
		if e.Class == "SystemExit" {
			switch len(e.Args) {
			case 0:
				return nil, true
			case 1:
				return e.Args[0], true
			}
			return &Tuple{e.Args}, true
		}
	case "value":
		if e.Class == "StopIteration" {
			if len(e.Args) > 0 {
				return e.Args[0], true
			}
			return nil, true
		}
	}
	return nil, false
}

// typeAttr is an attribute of a type: its name, or a method to be called with
// the object first.
func typeAttr(t typeObject, name string) (Value, error) {
	if name == "__name__" || name == "__qualname__" {
		return t.name, nil
	}
	if b := (builtin{name, t}); hasNative(b) {
		return b, nil
	}
	return nil, raise("AttributeError", "type object '%s' has no attribute '%s'", t.name, name)
}

func hasNative(b builtin) bool { _, ok := findNative(b); return ok }

// findNative finds the Go side of b.
func findNative(b builtin) (native, bool) {
	switch self := b.self.(type) {
	case nil:
		return builtinFunc(b.name)
	case module:
		return moduleFunc(self.name, b.name)
	case typeObject:
		return typeMethod(self.name, b.name)
	default:
		return methodOf(typeName(self), b.name)
	}
}

// methodOf finds a method of a type.
func methodOf(kind, name string) (native, bool) {
	switch kind {
	case "str":
		if n, ok := strMethod(name); ok {
			return n, true
		}
		return strTest(name)
	case "bytes":
		return bytesMethod(name)
	case "list":
		return listMethod(name)
	case "tuple", "range":
		return tupleMethod(name)
	case "dict", "Bunch":
		return dictMethod(name)
	case "dict_keys", "dict_items":
		if name == "isdisjoint" {
			return setMethod(name)
		}
	case "set", "frozenset":
		return setMethod(name)
	case "int", "bool":
		return intMethod(name)
	case "float":
		return floatMethod(name)
	case "TextIOWrapper", "BufferedReader", "BufferedWriter":
		return fileMethod(name)
	}
	if _, ok := classParent(kind); ok && name == "with_traceback" {
		return native{1, 1, nil, func(c *call) (Value, error) { return c.self, nil }}, true
	}
	return native{}, false
}

// typeMethod is what a type itself has: class methods, and methods unbound.
func typeMethod(kind, name string) (native, bool) {
	switch kind + "." + name {
	case "dict.fromkeys":
		return native{1, 2, nil, dictFromKeys}, true
	case "str.maketrans":
		return native{1, 3, nil, strMakeTrans}, true
	case "bytes.fromhex":
		return native{1, 1, nil, bytesFromHex}, true
	case "int.from_bytes":
		return native{1, 2, []string{"bytes", "byteorder"}, intFromBytes}, true
	}
	if _, ok := methodOf(kind, name); !ok {
		return native{}, false
	}
	return native{0, -1, nil, func(c *call) (Value, error) {
		if len(c.a) == 0 {
			return nil, typeError("unbound method %s.%s() needs an argument", kind, name)
		}
		self := c.a[0]
		if got := typeName(self); got != kind && !(kind == "int" && got == "bool") && !(kind == "dict" && got == "Bunch") {
			return nil, typeError("descriptor '%s' for '%s' objects doesn't apply to a '%s' object", name, kind, got)
		}
		return c.r.callBuiltin(builtin{name, self}, c.a[1:], c.kw)
	}}, true
}
