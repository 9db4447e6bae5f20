// SPDX-License-Identifier: Apache-2.0

package body

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"
)

// compare is a op b for == != < <= > >=.
func (r *run) compare(op string, a, b Value) (bool, error) {
	c := comparer{step: r.step}
	return c.compare(op, a, b)
}

// A comparer compares values that may hold others.
type comparer struct {
	depth int
	step  func(int) error
}

func (c *comparer) enter() error {
	c.depth++
	if c.depth > maxNesting {
		return raise("RecursionError", "maximum recursion depth exceeded in comparison")
	}
	if c.step != nil {
		return c.step(1)
	}
	return nil
}

func (c *comparer) compare(op string, a, b Value) (bool, error) {
	if op == "==" || op == "!=" {
		eq, err := c.equal(a, b)
		return eq == (op == "=="), err
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return ordered(op, compareText(x, y)), nil
		}
	}
	if isNumber(a) && isNumber(b) {
		n, ok := compareNumbers(a, b)
		return ok && ordered(op, n), nil
	}
	switch x := a.(type) {
	case Bytes:
		if y, ok := b.(Bytes); ok {
			return ordered(op, strings.Compare(string(x), string(y))), nil
		}
	case *List:
		if y, ok := b.(*List); ok {
			return c.sequences(op, x.Items, y.Items)
		}
	case *Tuple:
		if y, ok := b.(*Tuple); ok {
			return c.sequences(op, x.Items, y.Items)
		}
	case *Set:
		if y, ok := b.(*Set); ok {
			switch op {
			case "<=":
				return x.subsetOf(y), nil
			case "<":
				return x.len() < y.len() && x.subsetOf(y), nil
			case ">=":
				return y.subsetOf(x), nil
			}
			return y.len() < x.len() && y.subsetOf(x), nil
		}
	}
	return false, typeError("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
}

func ordered(op string, n int) bool {
	switch op {
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n >= 0
}

func (c *comparer) sequences(op string, a, b []Value) (bool, error) {
	if err := c.enter(); err != nil {
		return false, err
	}
	defer func() { c.depth-- }()
	for i := range min(len(a), len(b)) {
		eq, err := c.equalItems(a[i], b[i])
		if err != nil {
			return false, err
		}
		if !eq {
			return c.compare(op, a[i], b[i])
		}
	}
	return ordered(op, cmp.Compare(len(a), len(b))), nil
}

// compareNumbers orders two numbers exactly; false where one is NaN.
func compareNumbers(a, b Value) (int, bool) {
	if x, ok := smallInt(a); ok {
		if y, ok := smallInt(b); ok {
			return cmp.Compare(x, y), true
		}
	}
	x, xf := a.(float64)
	y, yf := b.(float64)
	if math.IsNaN(x) || math.IsNaN(y) {
		return 0, false
	}
	switch {
	case xf && yf:
		return cmp.Compare(x, y), true
	case xf:
		return -compareIntFloat(bigOf(b), x), true
	case yf:
		return compareIntFloat(bigOf(a), y), true
	}
	return bigOf(a).Cmp(bigOf(b)), true
}

func compareIntFloat(n *big.Int, f float64) int {
	if math.IsInf(f, 0) {
		if f > 0 {
			return -1
		}
		return 1
	}
	return new(big.Float).SetInt(n).Cmp(big.NewFloat(f))
}

// equalItems is equality inside a container, where identity is enough.
func (c *comparer) equalItems(a, b Value) (bool, error) {
	if x, ok := a.(float64); ok && math.IsNaN(x) {
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y), nil
	}
	return c.equal(a, b)
}

func (c *comparer) equal(a, b Value) (bool, error) {
	if isNumber(a) {
		if !isNumber(b) {
			return false, nil
		}
		n, ok := compareNumbers(a, b)
		return ok && n == 0, nil
	}
	if err := c.enter(); err != nil {
		return false, err
	}
	defer func() { c.depth-- }()
	switch x := a.(type) {
	case *List:
		if y, ok := b.(*List); ok {
			return c.equalSlices(x.Items, y.Items)
		}
	case *Tuple:
		if y, ok := b.(*Tuple); ok {
			return c.equalSlices(x.Items, y.Items)
		}
	case *Dict:
		if y, ok := b.(*Dict); ok {
			return c.equalDicts(x, y)
		}
	case *Set:
		if y, ok := b.(*Set); ok {
			return x.len() == y.len() && x.subsetOf(y), nil
		}
	case *dictView:
		if y, ok := b.(*dictView); ok && x.what != 'v' && y.what != 'v' {
			return c.equalSlices(x.items(), y.items())
		}
	case *Range:
		if y, ok := b.(*Range); ok {
			n := x.len()
			return n == y.len() && (n == 0 || x.Start == y.Start && (n == 1 || x.Step == y.Step)), nil
		}
	}
	return a == b, nil
}

func (c *comparer) equalSlices(a, b []Value) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	if c.step != nil {
		if err := c.step(len(a)); err != nil {
			return false, err
		}
	}
	for i := range a {
		if eq, err := c.equalItems(a[i], b[i]); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

func (c *comparer) equalDicts(a, b *Dict) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	for k, v := range a.All() {
		w, ok := b.Get(k)
		if !ok {
			return false, nil
		}
		if eq, err := c.equalItems(v, w); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// in is a in b.
func (r *run) in(a, b Value) (bool, error) {
	switch b := b.(type) {
	case string:
		s, ok := a.(string)
		if !ok {
			return false, typeError("'in <string>' requires string as left operand, not %s", typeName(a))
		}
		return strings.Contains(b, s), r.step(len(b) / 256)
	case Bytes:
		switch a := a.(type) {
		case Bytes:
			return strings.Contains(string(b), string(a)), r.step(len(b) / 256)
		case int64:
			if a < 0 || a > 255 {
				return false, valueError("byte must be in range(0, 256)")
			}
			return strings.IndexByte(string(b), byte(a)) >= 0, nil
		}
		return false, typeError("a bytes-like object is required, not '%s'", typeName(a))
	case *Dict:
		return hasKey(b, a)
	case *Set:
		return hasKey(&b.d, a)
	case *dictView:
		if b.what == 'k' {
			return hasKey(b.d, a)
		}
	case *Range:
		if n, ok := smallInt(a); ok {
			if b.Step > 0 && (n < b.Start || n >= b.Stop) || b.Step < 0 && (n > b.Start || n <= b.Stop) {
				return false, nil
			}
			return (n-b.Start)%b.Step == 0, nil
		}
	}
	if !iterable(b) {
		return false, typeError("argument of type '%s' is not iterable", typeName(b))
	}
	it, err := r.iter(b)
	if err != nil {
		return false, err
	}
	c := comparer{step: r.step}
	for {
		v, ok, err := it.next()
		if err != nil || !ok {
			return false, err
		}
		if err := r.step(1); err != nil {
			return false, err
		}
		if eq, err := c.equalItems(v, a); err != nil || eq {
			return eq, err
		}
	}
}

func hasKey(d *Dict, k Value) (bool, error) {
	h, err := hashKey(k)
	if err != nil {
		return false, err
	}
	_, ok := d.index[h]
	return ok, nil
}

// sortValues sorts in place by <, stable.
func sortValues(items []Value) error {
	keys := slices.Clone(items)
	return sortBy(items, keys, false, &comparer{})
}

// sortBy sorts items by keys, stable, with the comparisons of CPython's
// list.sort where the list is short, so that a failure names the same types.
func sortBy(items, keys []Value, reverse bool, c *comparer) error {
	pairs := make([]sortPair, len(items))
	for i := range items {
		pairs[i] = sortPair{keys[i], items[i]}
	}
	if reverse {
		slices.Reverse(pairs)
	}
	if err := c.sort(pairs, make([]sortPair, len(pairs))); err != nil {
		return err
	}
	if reverse {
		slices.Reverse(pairs)
	}
	for i, p := range pairs {
		items[i] = p.item
	}
	return nil
}

type sortPair struct{ key, item Value }

func (c *comparer) sort(p, spare []sortPair) error {
	if len(p) > 64 {
		half := len(p) / 2
		if err := c.sort(p[:half], spare[:half]); err != nil {
			return err
		}
		if err := c.sort(p[half:], spare[half:]); err != nil {
			return err
		}
		return c.merge(p, half, spare)
	}
	n, err := c.run(p)
	if err != nil {
		return err
	}
	for ; n < len(p); n++ {
		lo, hi := 0, n
		for lo < hi {
			mid := int(uint(lo+hi) / 2)
			less, err := c.compare("<", p[n].key, p[mid].key)
			if err != nil {
				return err
			}
			if less {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		moved := p[n]
		copy(p[lo+1:n+1], p[lo:n])
		p[lo] = moved
	}
	return nil
}

// run puts the run that p starts with into rising order and gives its length.
func (c *comparer) run(p []sortPair) (int, error) {
	if len(p) < 2 {
		return len(p), nil
	}
	falling, err := c.compare("<", p[1].key, p[0].key)
	if err != nil {
		return 0, err
	}
	n := 2
	for ; n < len(p); n++ {
		less, err := c.compare("<", p[n].key, p[n-1].key)
		if err != nil {
			return 0, err
		}
		if less != falling {
			break
		}
	}
	if falling {
		slices.Reverse(p[:n])
	}
	return n, nil
}

func (c *comparer) merge(p []sortPair, half int, spare []sortPair) error {
	left := spare[:half]
	copy(left, p[:half])
	right, at := p[half:], 0
	for len(left) > 0 && len(right) > 0 {
		less, err := c.compare("<", right[0].key, left[0].key)
		if err != nil {
			return err
		}
		if less {
			p[at], right = right[0], right[1:]
		} else {
			p[at], left = left[0], left[1:]
		}
		at++
	}
	copy(p[at:], left)
	return nil
}
