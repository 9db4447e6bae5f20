// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"slices"
)

func makeRange(c *call) (Value, error) {
	var n [3]int64
	for i := range n {
		if !c.given(i) {
			continue
		}
		v, err := indexInt(c.a[i])
		if err != nil {
			return nil, err
		}
		n[i] = int64(v)
	}
	switch {
	case !c.given(1):
		return &Range{0, n[0], 1}, nil
	case !c.given(2):
		return &Range{n[0], n[1], 1}, nil
	case n[2] == 0:
		return nil, valueError("range() arg 3 must not be zero")
	}
	return &Range{n[0], n[1], n[2]}, nil
}

func makeEnumerate(c *call) (Value, error) {
	if !c.given(0) {
		return nil, typeError("enumerate() missing required argument 'iterable'")
	}
	it, err := c.r.iter(c.a[0])
	if err != nil {
		return nil, err
	}
	at := Value(int64(0))
	if c.given(1) {
		if !isInt(c.a[1]) {
			return nil, typeError("'%s' object cannot be interpreted as an integer", typeName(c.a[1]))
		}
		at = Int(bigOf(c.a[1]))
	}
	return c.r.nested("enumerate", nextFunc(func() (Value, bool, error) {
		v, ok, err := it.next()
		if err != nil || !ok {
			return nil, false, err
		}
		pair := &Tuple{[]Value{at, v}}
		at, err = c.r.binary("+", at, int64(1), "+")
		return pair, true, err
	}), c.a[0])
}

func (c *call) iterators(values []Value) ([]iterator, error) {
	its := make([]iterator, len(values))
	for i, v := range values {
		it, err := c.r.iter(v)
		if err != nil {
			if c.name == "zip" && !iterable(v) {
				return nil, typeError("zip argument #%d must support iteration", i+1)
			}
			return nil, err
		}
		its[i] = it
	}
	return its, nil
}

// advance takes one value of each; false where one of them ends, and which.
func advance(its []iterator) ([]Value, int, error) {
	row := make([]Value, len(its))
	for i, it := range its {
		v, ok, err := it.next()
		if err != nil || !ok {
			return nil, i, err
		}
		row[i] = v
	}
	return row, -1, nil
}

func makeMap(c *call) (Value, error) {
	if len(c.kw) > 0 {
		return nil, typeError("%s() takes no keyword arguments", c.name)
	}
	if c.name == "filter" && len(c.a) != 2 {
		return nil, typeError("filter expected 2 arguments, got %d", len(c.a))
	}
	if len(c.a) < 2 {
		return nil, typeError("map() must have at least two arguments.")
	}
	its, err := c.iterators(c.a[1:])
	if err != nil {
		return nil, err
	}
	fn := c.a[0]
	if c.name == "map" {
		return c.r.nested("map", nextFunc(func() (Value, bool, error) {
			row, ended, err := advance(its)
			if err != nil || ended >= 0 {
				return nil, false, err
			}
			v, err := c.r.call(fn, row, nil)
			return v, err == nil, err
		}), c.a[1:]...)
	}
	return c.r.nested("filter", nextFunc(func() (Value, bool, error) {
		for {
			v, ok, err := its[0].next()
			if err != nil || !ok {
				return nil, false, err
			}
			keep := v
			if fn != nil {
				if keep, err = c.r.call(fn, []Value{v}, nil); err != nil {
					return nil, false, err
				}
			}
			if truth(keep) {
				return v, true, nil
			}
			if err := c.r.step(1); err != nil {
				return nil, false, err
			}
		}
	}), c.a[1])
}

func makeZip(c *call) (Value, error) {
	strict := false
	for _, k := range c.kw {
		if k.name != "strict" {
			return nil, typeError("zip() got an unexpected keyword argument '%s'", k.name)
		}
		strict = truth(k.value)
	}
	its, err := c.iterators(c.a)
	if err != nil {
		return nil, err
	}
	return c.r.nested("zip", nextFunc(func() (Value, bool, error) {
		if len(its) == 0 {
			return nil, false, nil
		}
		row, ended, err := advance(its)
		if err != nil {
			return nil, false, err
		}
		if ended < 0 {
			return &Tuple{row}, true, nil
		}
		if strict {
			return nil, false, zipUneven(its, ended)
		}
		return nil, false, nil
	}), c.a...)
}

func zipUneven(its []iterator, ended int) error {
	others := func(n int) string {
		if n == 1 {
			return "argument 1"
		}
		return fmt.Sprintf("arguments 1-%d", n)
	}
	if ended > 0 {
		return valueError("zip() argument %d is shorter than %s", ended+1, others(ended))
	}
	for i := 1; i < len(its); i++ {
		if _, ok, err := its[i].next(); err != nil {
			return err
		} else if ok {
			return valueError("zip() argument %d is longer than %s", i+1, others(i))
		}
	}
	return nil
}

func makeReversed(c *call) (Value, error) {
	switch c.a[0].(type) {
	case *List, *Tuple, string, Bytes, *Range, *Dict, *dictView:
	default:
		return nil, typeError("'%s' object is not reversible", typeName(c.a[0]))
	}
	items, err := c.r.collect(c.a[0])
	if err != nil {
		return nil, err
	}
	slices.Reverse(items)
	return &iterObject{kind: "reversed", it: sliceIter(items)}, nil
}
