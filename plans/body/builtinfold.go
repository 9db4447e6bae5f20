// SPDX-License-Identifier: Apache-2.0

package body

import (
	"log/slog"
	"math/big"
	"strings"
)

func builtinMax(c *call) (Value, error) {
	var key, fallback Value
	hasDefault := false
	for _, k := range c.kw {
		switch k.name {
		case "key":
			key = k.value
		case "default":
			fallback, hasDefault = k.value, true
		default:
			return nil, typeError("'%s' is an invalid keyword argument for %s()", k.name, c.name)
		}
	}
	items := c.a
	if len(items) == 0 {
		return nil, typeError("%s expected at least 1 argument, got 0", c.name)
	}
	if len(items) > 1 && hasDefault {
		return nil, typeError("Cannot specify a default for %s() with multiple positional arguments", c.name)
	}
	if len(items) == 1 {
		var err error
		if items, err = c.r.collect(items[0]); err != nil {
			return nil, err
		}
		if len(items) == 0 {
			if hasDefault {
				return fallback, nil
			}
			return nil, valueError("%s() arg is an empty sequence", c.name)
		}
	}
	op := ">"
	if c.name == "min" {
		op = "<"
	}
	var best, bestKey Value
	for i, v := range items {
		k := v
		if key != nil {
			var err error
			if k, err = c.r.call(key, []Value{v}, nil); err != nil {
				return nil, err
			}
		}
		if i > 0 {
			better, err := c.r.compare(op, k, bestKey)
			if err != nil {
				return nil, err
			}
			if !better {
				continue
			}
		}
		best, bestKey = v, k
	}
	return best, nil
}

func builtinNext(c *call) (Value, error) {
	it, ok := c.a[0].(*iterObject)
	if !ok {
		return nil, typeError("'%s' object is not an iterator", typeName(c.a[0]))
	}
	v, ok, err := it.next()
	switch {
	case err != nil || ok:
		return v, err
	case c.given(1):
		return c.a[1], nil
	}
	return nil, &Exception{Class: "StopIteration"}
}

func builtinPow(c *call) (Value, error) {
	if !c.given(2) || c.a[2] == nil {
		return c.r.binary("**", c.a[0], c.a[1], "**")
	}
	if !isInt(c.a[0]) || !isInt(c.a[1]) || !isInt(c.a[2]) {
		return nil, typeError("pow() 3rd argument not allowed unless all arguments are integers")
	}
	x, y, m := bigOf(c.a[0]), bigOf(c.a[1]), bigOf(c.a[2])
	if m.Sign() == 0 {
		return nil, valueError("pow() 3rd argument cannot be 0")
	}
	if m.BitLen() > 1<<13 || y.BitLen() > 1<<13 {
		return nil, &LimitError{"integer", 1 << 13}
	}
	if err := c.r.step(m.BitLen() * y.BitLen() / 1024); err != nil {
		return nil, err
	}
	z := new(big.Int).Exp(x, y, new(big.Int).Abs(m))
	if z == nil || y.Sign() < 0 && new(big.Int).GCD(nil, nil, new(big.Int).Abs(x), new(big.Int).Abs(m)).Cmp(big.NewInt(1)) != 0 {
		return nil, valueError("base is not invertible for the given modulus")
	}
	if m.Sign() < 0 && z.Sign() != 0 {
		z.Add(z, m)
	}
	return Int(z), nil
}

func builtinPrint(c *call) (Value, error) {
	sep, end := " ", "\n"
	for _, k := range c.kw {
		s, isText := k.value.(string)
		switch k.name {
		case "sep", "end":
			if !isText && k.value != nil {
				return nil, typeError("%s must be None or a string, not %s", k.name, typeName(k.value))
			}
			if isText && k.name == "sep" {
				sep = s
			} else if isText {
				end = s
			}
		case "file", "flush":
		default:
			return nil, typeError("'%s' is an invalid keyword argument for print()", k.name)
		}
	}
	parts := make([]string, len(c.a))
	for i, v := range c.a {
		s, err := c.r.str(v)
		if err != nil {
			return nil, err
		}
		parts[i] = s
	}
	text := strings.Join(parts, sep) + end
	if err := c.r.alloc(len(text)); err != nil {
		return nil, err
	}
	if c.r.scope.Log != nil {
		c.r.scope.Log.LogAttrs(c.r.ctx, slog.LevelInfo, "the Body prints", slog.String("text", strings.TrimSuffix(text, "\n")))
	}
	return nil, nil
}

func builtinSorted(c *call) (Value, error) {
	if len(c.a) != 1 {
		return nil, typeError("sorted expected 1 argument, got %d", len(c.a))
	}
	items, err := c.r.collect(c.a[0])
	if err != nil {
		return nil, err
	}
	items, err = c.r.sorted(items, c.kw, "sort")
	return &List{items}, err
}

func builtinSum(c *call) (Value, error) {
	total := Value(int64(0))
	if c.given(1) {
		total = c.a[1]
		switch total.(type) {
		case string:
			return nil, typeError("sum() can't sum strings [use ''.join(seq) instead]")
		case Bytes:
			return nil, typeError("sum() can't sum bytes [use b''.join(seq) instead]")
		}
	}
	it, err := c.r.iter(c.a[0])
	if err != nil {
		return nil, err
	}
	err = c.r.each(it, func(v Value) error {
		total, err = c.r.binary("+", total, v, "+")
		return err
	})
	return total, err
}
