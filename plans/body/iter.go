// SPDX-License-Identifier: Apache-2.0

package body

// An iterator gives one value after the other; false means the end.
type iterator interface {
	next() (Value, bool, error)
}

// An iterObject is an iterator as a Body sees it.
type iterObject struct {
	kind  string // generator, zip, map, list_iterator, ...
	it    iterator
	depth int // iterators within it
}

// nested makes an iterator over others; how deep they may nest is bounded, for
// each takes a part of the stack.
func (r *run) nested(kind string, it iterator, inner ...Value) (Value, error) {
	o := &iterObject{kind: kind, it: it}
	for _, v := range inner {
		if i, ok := v.(*iterObject); ok {
			o.depth = max(o.depth, i.depth+1)
		}
	}
	if o.depth > int(r.scope.Limits.Depth) {
		return nil, &LimitError{"depth", int64(r.scope.Limits.Depth)}
	}
	return o, nil
}

func (o *iterObject) typeName() string           { return o.kind }
func (o *iterObject) next() (Value, bool, error) { return o.it.next() }

// nextFunc is an iterator made of its next.
type nextFunc func() (Value, bool, error)

func (f nextFunc) next() (Value, bool, error) { return f() }

// listIter walks a list that may grow meanwhile.
type listIter struct {
	list *List
	i    int
}

func (l *listIter) next() (Value, bool, error) {
	if l.i >= len(l.list.Items) {
		return nil, false, nil
	}
	l.i++
	return l.list.Items[l.i-1], true, nil
}

func sliceIter(items []Value) iterator { return &listIter{list: &List{items}} }

// dictIter walks the entries of a dict; what picks of each.
type dictIter struct {
	d    *Dict
	i    int
	what byte // k, v, i
	set  bool
	size int
}

func (it *dictIter) next() (Value, bool, error) {
	if it.d.Len() != it.size {
		if it.set {
			return nil, false, raise("RuntimeError", "Set changed size during iteration")
		}
		return nil, false, raise("RuntimeError", "dictionary changed size during iteration")
	}
	for it.i < len(it.d.entries) {
		e := it.d.entries[it.i]
		it.i++
		if !e.live {
			continue
		}
		switch it.what {
		case 'k':
			return e.key, true, nil
		case 'v':
			return e.value, true, nil
		}
		return &Tuple{[]Value{e.key, e.value}}, true, nil
	}
	return nil, false, nil
}

func newDictIter(d *Dict, what byte) *dictIter { return &dictIter{d: d, what: what, size: d.Len()} }

func iterable(v Value) bool {
	switch v.(type) {
	case string, Bytes, *List, *Tuple, *Dict, *Set, *Range, *dictView, *iterObject, *file:
		return true
	}
	return false
}

// iter is iter(v).
func (r *run) iter(v Value) (iterator, error) {
	switch v := v.(type) {
	case *List:
		return &listIter{list: v}, nil
	case *Tuple:
		return sliceIter(v.Items), nil
	case *Dict:
		return newDictIter(v, 'k'), nil
	case *dictView:
		return newDictIter(v.d, v.what), nil
	case *Set:
		it := newDictIter(&v.d, 'k')
		it.set = true
		return it, nil
	case string:
		return textIter(v), nil
	case Bytes:
		i := 0
		return nextFunc(func() (Value, bool, error) {
			if i >= len(v) {
				return nil, false, nil
			}
			i++
			return int64(v[i-1]), true, nil
		}), nil
	case *Range:
		i, n := int64(0), v.len()
		return nextFunc(func() (Value, bool, error) {
			if i >= n {
				return nil, false, nil
			}
			i++
			return v.Start + (i-1)*v.Step, true, nil
		}), nil
	case *iterObject:
		return v, nil
	case *file:
		return v.lines()
	}
	return nil, typeError("'%s' object is not iterable", typeName(v))
}

func textIter(s string) iterator {
	i := 0
	return nextFunc(func() (Value, bool, error) {
		if i >= len(s) {
			return nil, false, nil
		}
		_, n := decodeRune(s[i:])
		i += n
		return s[i-n : i], true, nil
	})
}

// each hands every value of it to do.
func (r *run) each(it iterator, do func(Value) error) error {
	for {
		if err := r.step(1); err != nil {
			return err
		}
		v, ok, err := it.next()
		if err != nil || !ok {
			return err
		}
		if err := do(v); err != nil {
			return err
		}
	}
}

// drain collects what it gives.
func (r *run) drain(it iterator) ([]Value, error) {
	var items []Value
	err := r.each(it, func(v Value) error {
		items = append(items, v)
		return r.items(1)
	})
	return items, err
}

// collect is list(v): a slice that nobody else holds.
func (r *run) collect(v Value) ([]Value, error) {
	it, err := r.iter(v)
	if err != nil {
		return nil, err
	}
	return r.drain(it)
}

// A generator runs a comprehension, one element at a time.
type generator struct {
	r     *run
	x     *compExpr
	f     *frame
	iters []iterator
	key   Value // of a dict comprehension's element
	done  bool
}

func (g *generator) next() (Value, bool, error) {
	if g.done {
		return nil, false, nil
	}
	v, ok, err := g.advance()
	if err != nil || !ok {
		g.done = true
	}
	return v, ok, err
}

func (g *generator) advance() (Value, bool, error) {
	r := g.r
	if r.depth++; r.depth > int(r.scope.Limits.Depth) {
		r.depth--
		return nil, false, &LimitError{"depth", int64(r.scope.Limits.Depth)}
	}
	defer func() { r.depth-- }()
	for len(g.iters) > 0 {
		if err := r.step(1); err != nil {
			return nil, false, err
		}
		level := len(g.iters) - 1
		clause := g.x.clauses[level]
		item, ok, err := g.iters[level].next()
		if err != nil {
			return nil, false, err
		}
		if !ok {
			g.iters = g.iters[:level]
			continue
		}
		if err := r.setTarget(g.f, clause.target, item); err != nil {
			return nil, false, err
		}
		if ok, err = g.passes(clause.conds); err != nil {
			return nil, false, err
		} else if !ok {
			continue
		}
		if level+1 == len(g.x.clauses) {
			return g.element()
		}
		inner, err := r.eval(g.f, g.x.clauses[level+1].iter)
		if err != nil {
			return nil, false, err
		}
		it, err := r.iter(inner)
		if err != nil {
			return nil, false, err
		}
		g.iters = append(g.iters, it)
	}
	return nil, false, nil
}

func (g *generator) passes(conds []expr) (bool, error) {
	for _, c := range conds {
		if ok, err := g.r.test(g.f, c); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (g *generator) element() (Value, bool, error) {
	if g.x.key != nil {
		k, err := g.r.eval(g.f, g.x.key)
		if err != nil {
			return nil, false, err
		}
		g.key = k
	}
	v, err := g.r.eval(g.f, g.x.elem)
	return v, err == nil, err
}
