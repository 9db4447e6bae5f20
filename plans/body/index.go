// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
)

// getItem is x[i].
func (r *run) getItem(x, i Value) (Value, error) {
	if s, ok := i.(*slice); ok {
		return r.getSlice(x, s)
	}
	switch x := x.(type) {
	case *Dict:
		return dictGet(x, i)
	case *List:
		n, err := r.index(x, i, len(x.Items))
		if err != nil {
			return nil, err
		}
		return x.Items[n], nil
	case *Tuple:
		n, err := r.index(x, i, len(x.Items))
		if err != nil {
			return nil, err
		}
		return x.Items[n], nil
	case string:
		return r.charAt(x, i)
	case Bytes:
		n, err := r.index(x, i, len(x))
		if err != nil {
			return nil, err
		}
		return int64(x[n]), nil
	case *Range:
		n, err := r.index(x, i, int(x.len()))
		if err != nil {
			return nil, err
		}
		return x.Start + int64(n)*x.Step, nil
	case typeObject:
		return nil, typeError("type '%s' is not subscriptable", x.name)
	}
	return nil, typeError("'%s' object is not subscriptable", typeName(x))
}

func dictGet(d *Dict, k Value) (Value, error) {
	h, err := hashKey(k)
	if err != nil {
		return nil, err
	}
	i, ok := d.index[h]
	if !ok {
		return nil, keyError(k)
	}
	return d.entries[i].value, nil
}

func (r *run) charAt(s string, i Value) (Value, error) {
	if isASCII(s) {
		n, err := r.index(s, i, len(s))
		if err != nil {
			return nil, err
		}
		return s[n : n+1], nil
	}
	if err := r.step(len(s) / 64); err != nil {
		return nil, err
	}
	n, err := r.index(s, i, textLen(s))
	if err != nil {
		return nil, err
	}
	at := offsetOf(s, n)
	_, size := decodeRune(s[at:])
	return s[at : at+size], nil
}

// index turns i into a place within length, counting from the end where it is
// negative.
func (r *run) index(x, i Value, length int) (int, error) {
	name := typeName(x)
	if name == "str" {
		name = "string"
	} else if name == "bytes" {
		name = "index"
	}
	if !isInt(i) {
		switch x.(type) {
		case string:
			return 0, typeError("string indices must be integers, not '%s'", typeName(i))
		case Bytes:
			return 0, typeError("byte indices must be integers or slices, not %s", typeName(i))
		}
		return 0, typeError("%s indices must be integers or slices, not %s", name, typeName(i))
	}
	n, ok := smallInt(i)
	if !ok {
		return 0, raise("IndexError", "cannot fit 'int' into an index-sized integer")
	}
	if n < 0 {
		n += int64(length)
	}
	if n < 0 || n >= int64(length) {
		switch x.(type) {
		case Bytes:
			return 0, raise("IndexError", "index out of range")
		case *Range:
			return 0, raise("IndexError", "range object index out of range")
		}
		return 0, raise("IndexError", "%s index out of range", name)
	}
	return int(n), nil
}

// bounds resolves a slice against a length: start, stop, step and how many.
func (s *slice) bounds(length int) (start, stop, step, n int, err error) {
	step = 1
	if s.step != nil {
		if step, err = sliceInt(s.step); err != nil {
			return
		}
		if step == 0 {
			err = valueError("slice step cannot be zero")
			return
		}
	}
	lowest, highest := 0, length
	start, stop = 0, length
	if step < 0 {
		lowest, highest = -1, length-1
		start, stop = length-1, -1
	}
	clip := func(v Value, to *int) error {
		if v == nil {
			return nil
		}
		n, err := sliceInt(v)
		if err != nil {
			return err
		}
		if n < 0 {
			n += length
		}
		*to = min(max(n, lowest), highest)
		return nil
	}
	if err = clip(s.lo, &start); err != nil {
		return
	}
	if err = clip(s.hi, &stop); err != nil {
		return
	}
	switch {
	case step > 0 && start < stop:
		n = (stop-start-1)/step + 1
	case step < 0 && stop < start:
		n = (start-stop-1)/-step + 1
	}
	return
}

func sliceInt(v Value) (int, error) {
	if n, ok := smallInt(v); ok {
		return int(min(max(n, math.MinInt64/4), math.MaxInt64/4)), nil
	}
	if n, ok := v.(*big.Int); ok {
		if n.Sign() < 0 {
			return math.MinInt64 / 4, nil
		}
		return math.MaxInt64 / 4, nil
	}
	return 0, typeError("slice indices must be integers or None or have an __index__ method")
}

func (r *run) getSlice(x Value, s *slice) (Value, error) {
	switch x := x.(type) {
	case *List:
		items, err := r.sliceItems(x.Items, s)
		return &List{items}, err
	case *Tuple:
		items, err := r.sliceItems(x.Items, s)
		return &Tuple{items}, err
	case string:
		return r.sliceText(x, s)
	case Bytes:
		start, _, step, n, err := s.bounds(len(x))
		if err != nil {
			return nil, err
		}
		out := make([]byte, n)
		for i := range out {
			out[i] = x[start+i*step]
		}
		return Bytes(out), r.alloc(n)
	case *Range:
		start, stop, step, _, err := s.bounds(int(x.len()))
		if err != nil {
			return nil, err
		}
		return &Range{x.Start + int64(start)*x.Step, x.Start + int64(stop)*x.Step, x.Step * int64(step)}, nil
	case *Dict:
		return nil, typeError("unhashable type: 'slice'")
	}
	return nil, typeError("'%s' object is not subscriptable", typeName(x))
}

func (r *run) sliceItems(items []Value, s *slice) ([]Value, error) {
	start, _, step, n, err := s.bounds(len(items))
	if err != nil {
		return nil, err
	}
	if err := r.items(n); err != nil {
		return nil, err
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = items[start+i*step]
	}
	return out, r.step(n / 8)
}

func (r *run) sliceText(x string, s *slice) (Value, error) {
	if err := r.alloc(len(x)); err != nil {
		return nil, err
	}
	if !isASCII(x) {
		rs := runesOf(x)
		start, _, step, n, err := s.bounds(len(rs))
		if err != nil {
			return nil, err
		}
		out := make([]rune, n)
		for i := range out {
			out[i] = rs[start+i*step]
		}
		return stringOf(out), r.step(len(x) / 64)
	}
	start, _, step, n, err := s.bounds(len(x))
	if err != nil {
		return nil, err
	}
	if step == 1 {
		return x[start : start+n], nil
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = x[start+i*step]
	}
	return string(out), nil
}

// setItem is x[i] = v.
func (r *run) setItem(x, i, v Value) error {
	switch x := x.(type) {
	case *Dict:
		if _, ok := i.(*slice); ok {
			return typeError("unhashable type: 'slice'")
		}
		return r.dictPut(x, i, v)
	case *List:
		if s, ok := i.(*slice); ok {
			return r.setSlice(x, s, v)
		}
		n, err := r.index(x, i, len(x.Items))
		if err != nil {
			if e, ok := err.(*Exception); ok && e.Class == "IndexError" && isInt(i) {
				return raise("IndexError", "list assignment index out of range")
			}
			return err
		}
		x.Items[n] = v
		return nil
	}
	return typeError("'%s' object does not support item assignment", typeName(x))
}

func (r *run) setSlice(x *List, s *slice, v Value) error {
	if !iterable(v) {
		if s.step == nil {
			return typeError("can only assign an iterable")
		}
		return typeError("must assign iterable to extended slice")
	}
	items, err := r.collect(v)
	if err != nil {
		return err
	}
	start, stop, step, n, err := s.bounds(len(x.Items))
	if err != nil {
		return err
	}
	if step == 1 {
		stop = max(start, stop)
		out := make([]Value, 0, len(x.Items)-(stop-start)+len(items))
		out = append(append(append(out, x.Items[:start]...), items...), x.Items[stop:]...)
		x.Items = out
		return r.items(len(out))
	}
	if len(items) != n {
		return valueError("attempt to assign sequence of size %d to extended slice of size %d", len(items), n)
	}
	for i := range n {
		x.Items[start+i*step] = items[i]
	}
	return nil
}

// deleteItem is del x[i].
func (r *run) deleteItem(x, i Value) error {
	switch x := x.(type) {
	case *Dict:
		h, err := hashKey(i)
		if err != nil {
			return err
		}
		if !x.remove(h) {
			return keyError(i)
		}
		return nil
	case *List:
		if s, ok := i.(*slice); ok {
			return r.deleteSlice(x, s)
		}
		n, err := r.index(x, i, len(x.Items))
		if err != nil {
			if e, ok := err.(*Exception); ok && e.Class == "IndexError" && isInt(i) {
				return raise("IndexError", "list assignment index out of range")
			}
			return err
		}
		x.Items = append(x.Items[:n:n], x.Items[n+1:]...)
		return r.step(len(x.Items) / 8)
	}
	return typeError("'%s' object doesn't support item deletion", typeName(x))
}

func (r *run) deleteSlice(x *List, s *slice) error {
	start, _, step, n, err := s.bounds(len(x.Items))
	if err != nil {
		return err
	}
	gone := make(map[int]bool, n)
	for i := range n {
		gone[start+i*step] = true
	}
	kept := make([]Value, 0, len(x.Items)-n)
	for i, v := range x.Items {
		if !gone[i] {
			kept = append(kept, v)
		}
	}
	x.Items = kept
	return r.step(len(kept))
}
