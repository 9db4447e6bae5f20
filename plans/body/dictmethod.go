// SPDX-License-Identifier: Apache-2.0

package body

// A dictView is keys(), values() or items() of a dict.
type dictView struct {
	d    *Dict
	what byte // k, v, i
}

func (v *dictView) typeName() string {
	switch v.what {
	case 'k':
		return "dict_keys"
	case 'v':
		return "dict_values"
	}
	return "dict_items"
}

func (v *dictView) items() []Value {
	items := make([]Value, 0, v.d.Len())
	for k, x := range v.d.All() {
		switch v.what {
		case 'k':
			items = append(items, k)
		case 'v':
			items = append(items, x)
		default:
			items = append(items, &Tuple{[]Value{k, x}})
		}
	}
	return items
}

func dictMethod(name string) (native, bool) {
	switch name {
	case "keys", "values", "items":
		return native{0, 0, nil, func(c *call) (Value, error) {
			return &dictView{c.self.(*Dict), c.name[0]}, nil
		}}, true
	case "get", "setdefault":
		return native{1, 2, nil, dictGetMethod}, true
	case "pop":
		return native{1, 2, nil, dictPop}, true
	case "popitem":
		return native{0, 0, nil, func(c *call) (Value, error) {
			d := c.self.(*Dict)
			keys := d.Keys()
			if len(keys) == 0 {
				return nil, &Exception{Class: "KeyError", Args: []Value{"popitem(): dictionary is empty"}}
			}
			k := keys[len(keys)-1]
			v, _ := d.Get(k)
			d.Delete(k)
			return &Tuple{[]Value{k, v}}, c.r.step(len(keys) / 8)
		}}, true
	case "update":
		return native{0, -1, nil, dictUpdateMethod}, true
	case "clear":
		return native{0, 0, nil, func(c *call) (Value, error) {
			c.self.(*Dict).clear()
			return nil, nil
		}}, true
	case "copy":
		return native{0, 0, nil, func(c *call) (Value, error) {
			d := c.self.(*Dict)
			return d.copy(), c.r.items(d.Len() * 4)
		}}, true
	case "fromkeys":
		return native{1, 2, nil, dictFromKeys}, true
	}
	return native{}, false
}

func dictGetMethod(c *call) (Value, error) {
	d := c.self.(*Dict)
	h, err := hashKey(c.a[0])
	if err != nil {
		return nil, err
	}
	if i, ok := d.index[h]; ok {
		return d.entries[i].value, nil
	}
	var fallback Value
	if c.given(1) {
		fallback = c.a[1]
	}
	if c.name == "setdefault" {
		return fallback, c.r.dictPut(d, c.a[0], fallback)
	}
	return fallback, nil
}

func dictPop(c *call) (Value, error) {
	d := c.self.(*Dict)
	h, err := hashKey(c.a[0])
	if err != nil {
		return nil, err
	}
	if i, ok := d.index[h]; ok {
		v := d.entries[i].value
		d.remove(h)
		return v, nil
	}
	if c.given(1) {
		return c.a[1], nil
	}
	return nil, keyError(c.a[0])
}

func dictUpdateMethod(c *call) (Value, error) {
	if len(c.a) > 1 {
		return nil, typeError("update expected at most 1 argument, got %d", len(c.a))
	}
	d := c.self.(*Dict)
	if len(c.a) == 1 {
		if err := c.r.dictUpdate(d, c.a[0]); err != nil {
			return nil, err
		}
	}
	for _, k := range c.kw {
		if err := c.r.dictPut(d, k.name, k.value); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// dictUpdate is d.update(v): v a dict or pairs.
func (r *run) dictUpdate(d *Dict, v Value) error {
	if m, ok := v.(*Dict); ok {
		for k, x := range m.All() {
			if err := r.dictPut(d, k, x); err != nil {
				return err
			}
		}
		return r.step(m.Len())
	}
	it, err := r.iter(v)
	if err != nil {
		return err
	}
	n := 0
	return r.each(it, func(pair Value) error {
		if !iterable(pair) {
			return typeError("cannot convert dictionary update sequence element #%d to a sequence", n)
		}
		kv, err := r.collect(pair)
		if err != nil {
			return err
		}
		if len(kv) != 2 {
			return valueError("dictionary update sequence element #%d has length %d; 2 is required", n, len(kv))
		}
		n++
		return r.dictPut(d, kv[0], kv[1])
	})
}

func dictFromKeys(c *call) (Value, error) {
	d := &Dict{}
	var v Value
	if c.given(1) {
		v = c.a[1]
	}
	it, err := c.r.iter(c.a[0])
	if err != nil {
		return nil, err
	}
	return d, c.r.each(it, func(k Value) error { return c.r.dictPut(d, k, v) })
}

func setMethod(name string) (native, bool) {
	switch name {
	case "add":
		return native{1, 1, nil, func(c *call) (Value, error) {
			if err := c.r.alloc(64); err != nil {
				return nil, err
			}
			return nil, c.self.(*Set).add(c.a[0])
		}}, true
	case "discard", "remove":
		return native{1, 1, nil, func(c *call) (Value, error) {
			h, err := hashKey(c.a[0])
			if err != nil {
				return nil, err
			}
			if !c.self.(*Set).d.remove(h) && c.name == "remove" {
				return nil, keyError(c.a[0])
			}
			return nil, nil
		}}, true
	case "pop":
		return native{0, 0, nil, func(c *call) (Value, error) {
			s := c.self.(*Set)
			for k := range s.d.All() {
				s.d.Delete(k)
				return k, nil
			}
			return nil, &Exception{Class: "KeyError", Args: []Value{"pop from an empty set"}}
		}}, true
	case "clear":
		return native{0, 0, nil, func(c *call) (Value, error) {
			c.self.(*Set).d.clear()
			return nil, nil
		}}, true
	case "copy":
		return native{0, 0, nil, func(c *call) (Value, error) {
			s := c.self.(*Set)
			return &Set{d: *s.d.copy(), frozen: s.frozen}, c.r.items(s.len() * 4)
		}}, true
	case "union", "intersection", "difference", "symmetric_difference", "update", "intersection_update",
		"difference_update", "symmetric_difference_update", "issubset", "issuperset", "isdisjoint":
		return native{0, -1, nil, setCombine}, true
	}
	return native{}, false
}

func setCombine(c *call) (Value, error) {
	if len(c.kw) > 0 {
		return nil, typeError("set.%s() takes no keyword arguments", c.name)
	}
	self, ok := c.self.(*Set)
	if !ok {
		self = &Set{}
		if err := c.r.addAll(self, c.self); err != nil {
			return nil, err
		}
	}
	op, one := "", false
	switch c.name {
	case "union", "update":
		op = "|"
	case "intersection", "intersection_update":
		op = "&"
	case "difference", "difference_update":
		op = "-"
	case "symmetric_difference", "symmetric_difference_update":
		op, one = "^", true
	default:
		one = true
	}
	if one && len(c.a) != 1 {
		return nil, typeError("set.%s() takes exactly one argument (%d given)", c.name, len(c.a))
	}
	out := &Set{d: *self.d.copy(), frozen: self.frozen}
	for _, a := range c.a {
		other := &Set{}
		if err := c.r.addAll(other, a); err != nil {
			return nil, err
		}
		switch c.name {
		case "issubset":
			return self.subsetOf(other), nil
		case "issuperset":
			return other.subsetOf(self), nil
		case "isdisjoint":
			common, err := c.r.setOp("&", self, other)
			return err == nil && common.len() == 0, err
		}
		next, err := c.r.setOp(op, out, other)
		if err != nil {
			return nil, err
		}
		out = next
	}
	switch c.name {
	case "update", "intersection_update", "difference_update", "symmetric_difference_update":
		self.d = out.d
		return nil, nil
	}
	return out, nil
}
