// SPDX-License-Identifier: Apache-2.0

package body

import "slices"

func listMethod(name string) (native, bool) {
	switch name {
	case "append":
		return native{1, 1, nil, func(c *call) (Value, error) {
			l := c.self.(*List)
			l.Items = append(l.Items, c.a[0])
			return nil, c.r.items(1)
		}}, true
	case "extend":
		return native{1, 1, nil, func(c *call) (Value, error) {
			items, err := c.r.collect(c.a[0])
			if err != nil {
				return nil, err
			}
			l := c.self.(*List)
			l.Items = append(l.Items, items...)
			return nil, nil
		}}, true
	case "insert":
		return native{2, 2, nil, listInsert}, true
	case "remove":
		return native{1, 1, nil, listRemove}, true
	case "pop":
		return native{0, 1, nil, listPop}, true
	case "clear":
		return native{0, 0, nil, func(c *call) (Value, error) {
			c.self.(*List).Items = nil
			return nil, nil
		}}, true
	case "copy":
		return native{0, 0, nil, func(c *call) (Value, error) {
			items := c.self.(*List).Items
			return &List{slices.Clone(items)}, c.r.items(len(items))
		}}, true
	case "reverse":
		return native{0, 0, nil, func(c *call) (Value, error) {
			slices.Reverse(c.self.(*List).Items)
			return nil, c.r.step(len(c.self.(*List).Items) / 8)
		}}, true
	case "sort":
		return native{0, -1, nil, func(c *call) (Value, error) {
			if len(c.a) > 0 {
				return nil, typeError("sort() takes no positional arguments")
			}
			l := c.self.(*List)
			items, err := c.r.sorted(l.Items, c.kw, "sort")
			if err == nil {
				l.Items = items
			}
			return nil, err
		}}, true
	case "count", "index":
		return tupleMethod(name)
	}
	return native{}, false
}

func listInsert(c *call) (Value, error) {
	l := c.self.(*List)
	i, err := indexInt(c.a[0])
	if err != nil {
		return nil, err
	}
	if i < 0 {
		i = max(i+len(l.Items), 0)
	}
	l.Items = slices.Insert(l.Items, min(i, len(l.Items)), c.a[1])
	if err := c.r.step(len(l.Items) / 8); err != nil {
		return nil, err
	}
	return nil, c.r.items(1)
}

func listRemove(c *call) (Value, error) {
	l := c.self.(*List)
	cmp := comparer{step: c.r.step}
	for i, v := range l.Items {
		eq, err := cmp.equalItems(v, c.a[0])
		if err != nil {
			return nil, err
		}
		if eq {
			l.Items = slices.Delete(l.Items, i, i+1)
			return nil, c.r.step(len(l.Items) / 8)
		}
	}
	return nil, valueError("list.remove(x): x not in list")
}

func listPop(c *call) (Value, error) {
	l := c.self.(*List)
	i, err := c.intArg(0, -1)
	if err != nil {
		return nil, err
	}
	if len(l.Items) == 0 {
		return nil, raise("IndexError", "pop from empty list")
	}
	if i < 0 {
		i += len(l.Items)
	}
	if i < 0 || i >= len(l.Items) {
		return nil, raise("IndexError", "pop index out of range")
	}
	v := l.Items[i]
	l.Items = slices.Delete(l.Items, i, i+1)
	return v, c.r.step((len(l.Items) - i) / 8)
}

// tupleMethod is what tuples, lists and ranges share.
func tupleMethod(name string) (native, bool) {
	switch name {
	case "count":
		return native{1, 1, nil, func(c *call) (Value, error) {
			n := int64(0)
			it, err := c.r.iter(c.self)
			if err != nil {
				return nil, err
			}
			cmp := comparer{step: c.r.step}
			err = c.r.each(it, func(v Value) error {
				eq, err := cmp.equalItems(v, c.a[0])
				if eq {
					n++
				}
				return err
			})
			return n, err
		}}, true
	case "index":
		return native{1, 3, nil, seqIndex}, true
	}
	return native{}, false
}

func seqIndex(c *call) (Value, error) {
	items, err := c.r.collect(c.self)
	if err != nil {
		return nil, err
	}
	lo, hi := 0, len(items)
	for i, to := range []*int{&lo, &hi} {
		if !c.given(1 + i) {
			continue
		}
		n, err := sliceInt(c.a[1+i])
		if err != nil {
			return nil, err
		}
		if n < 0 {
			n = max(n+len(items), 0)
		}
		*to = min(n, len(items))
	}
	cmp := comparer{step: c.r.step}
	for i := lo; i < hi; i++ {
		eq, err := cmp.equalItems(items[i], c.a[0])
		if err != nil {
			return nil, err
		}
		if eq {
			return int64(i), nil
		}
	}
	switch c.self.(type) {
	case *Tuple:
		return nil, valueError("tuple.index(x): x not in tuple")
	case *Range:
		s, err := c.r.repr(c.a[0])
		if err != nil {
			return nil, err
		}
		return nil, &Exception{Class: "ValueError", Args: []Value{s + " is not in range"}}
	}
	s, err := c.r.repr(c.a[0])
	if err != nil {
		return nil, err
	}
	return nil, &Exception{Class: "ValueError", Args: []Value{s + " is not in list"}}
}

// sorted is a sorted copy of items, with the keywords key and reverse.
func (r *run) sorted(items []Value, kw []kwarg, name string) ([]Value, error) {
	var key Value
	reverse := false
	for _, k := range kw {
		switch k.name {
		case "key":
			key = k.value
		case "reverse":
			if !isInt(k.value) {
				return nil, typeError("'%s' object cannot be interpreted as an integer", typeName(k.value))
			}
			reverse = truth(k.value)
		default:
			return nil, typeError("'%s' is an invalid keyword argument for sort()", k.name)
		}
	}
	items = slices.Clone(items)
	keys := slices.Clone(items)
	if key != nil {
		for i, v := range items {
			k, err := r.call(key, []Value{v}, nil)
			if err != nil {
				return nil, err
			}
			keys[i] = k
		}
	}
	if err := r.items(len(items) * 3); err != nil {
		return nil, err
	}
	steps := func(n int) error { return r.step(n) }
	if err := r.step(len(items)); err != nil {
		return nil, err
	}
	return items, sortBy(items, keys, reverse, &comparer{step: steps})
}
