// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math/big"
	"strings"
)

func (r *run) concat(a, b Value, shown string) (Value, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x + y, r.alloc(len(x) + len(y))
		}
		return nil, typeError(`can only concatenate str (not "%s") to str`, typeName(b))
	case Bytes:
		if y, ok := b.(Bytes); ok {
			return x + y, r.alloc(len(x) + len(y))
		}
		return nil, typeError("can't concat %s to bytes", typeName(b))
	case *List:
		if y, ok := b.(*List); ok {
			if err := r.items(len(x.Items) + len(y.Items)); err != nil {
				return nil, err
			}
			return &List{append(append(make([]Value, 0, len(x.Items)+len(y.Items)), x.Items...), y.Items...)}, nil
		}
		return nil, typeError(`can only concatenate list (not "%s") to list`, typeName(b))
	case *Tuple:
		if y, ok := b.(*Tuple); ok {
			if err := r.items(len(x.Items) + len(y.Items)); err != nil {
				return nil, err
			}
			return &Tuple{append(append(make([]Value, 0, len(x.Items)+len(y.Items)), x.Items...), y.Items...)}, nil
		}
		return nil, typeError(`can only concatenate tuple (not "%s") to tuple`, typeName(b))
	}
	return nil, unsupported(shown, a, b)
}

// repeat is v * n where v is a sequence; count is n as the Body gave it.
func (r *run) repeat(v Value, n int64, count Value) (Value, bool, error) {
	if _, ok := count.(*big.Int); ok && isSequence(v) {
		return nil, false, raise("OverflowError", "cannot fit 'int' into an index-sized integer")
	}
	n = max(n, 0)
	size := func(length int) error {
		if length > 0 && n > int64(r.room())/int64(length)+1 {
			return &LimitError{"bytes", r.scope.Limits.Bytes}
		}
		return r.alloc(length * int(n))
	}
	switch v := v.(type) {
	case string:
		if err := size(len(v)); err != nil || v == "" {
			return v, true, err
		}
		return strings.Repeat(v, int(n)), true, nil
	case Bytes:
		if err := size(len(v)); err != nil || v == "" {
			return v, true, err
		}
		return Bytes(strings.Repeat(string(v), int(n))), true, nil
	case *List:
		items, err := repeatItems(v.Items, n, size)
		return &List{items}, true, err
	case *Tuple:
		items, err := repeatItems(v.Items, n, size)
		return &Tuple{items}, true, err
	}
	return nil, false, nil
}

func repeatItems(items []Value, n int64, size func(int) error) ([]Value, error) {
	if err := size(len(items) * 16); err != nil || len(items) == 0 {
		return nil, err
	}
	out := make([]Value, 0, len(items)*int(n))
	for range n {
		out = append(out, items...)
	}
	return out, nil
}

// setBinary is | & - ^ of sets and of the keys of dicts, and | of dicts.
func (r *run) setBinary(op string, a, b Value) (Value, bool, error) {
	if x, ok := a.(*Dict); ok && op == "|" {
		if y, ok := b.(*Dict); ok {
			d := x.copy()
			if err := r.items(x.Len() * 4); err != nil {
				return nil, false, err
			}
			return d, true, r.dictUpdate(d, y)
		}
		return nil, false, nil
	}
	x, xok := a.(*Set)
	y, yok := b.(*Set)
	if v, ok := a.(*dictView); ok && v.what != 'v' && iterable(b) {
		x = &Set{}
		if err := r.addAll(x, v); err != nil {
			return nil, false, err
		}
		y, xok, yok = &Set{}, true, true
		if err := r.addAll(y, b); err != nil {
			return nil, false, err
		}
	}
	if !xok || !yok {
		return nil, false, nil
	}
	s, err := r.setOp(op, x, y)
	return s, true, err
}

func (r *run) addAll(s *Set, v Value) error {
	it, err := r.iter(v)
	if err != nil {
		return err
	}
	return r.each(it, func(v Value) error {
		if err := r.alloc(64); err != nil {
			return err
		}
		return s.add(v)
	})
}

func (r *run) setOp(op string, x, y *Set) (*Set, error) {
	if err := r.step(x.len() + y.len()); err != nil {
		return nil, err
	}
	if err := r.items((x.len() + y.len()) * 4); err != nil {
		return nil, err
	}
	out := &Set{frozen: x.frozen}
	for k := range x.d.All() {
		if has := y.has(k); op == "|" || op == "&" && has || (op == "-" || op == "^") && !has {
			if err := out.add(k); err != nil {
				return nil, err
			}
		}
	}
	if op == "|" || op == "^" {
		for k := range y.d.All() {
			if op == "|" || !x.has(k) {
				if err := out.add(k); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}
