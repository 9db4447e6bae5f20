// SPDX-License-Identifier: Apache-2.0

package body

import "strings"

// ellipsis is the value of `...`.
type ellipsis struct{}

func (ellipsis) typeName() string { return "ellipsis" }
func (ellipsis) repr() string     { return "Ellipsis" }

func (r *run) eval(f *frame, x expr) (Value, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case *constExpr:
		return x.value, nil
	case *nameExpr:
		return r.lookup(f, x.name)
	case *textExpr:
		return r.evalText(f, x)
	case *seqExpr:
		return r.evalSeq(f, x)
	case *dictExpr:
		return r.evalDict(f, x)
	case *unaryExpr:
		return r.evalUnary(f, x)
	case *binaryExpr:
		l, err := r.eval(f, x.l)
		if err != nil {
			return nil, err
		}
		right, err := r.eval(f, x.r)
		if err != nil {
			return nil, err
		}
		return r.binary(x.op, l, right, x.op)
	case *boolExpr:
		return r.evalBool(f, x)
	case *compareExpr:
		return r.evalCompare(f, x)
	case *callExpr:
		return r.evalCall(f, x)
	case *attrExpr:
		v, err := r.eval(f, x.x)
		if err != nil {
			return nil, err
		}
		return r.getAttr(v, x.name)
	case *indexExpr:
		v, err := r.eval(f, x.x)
		if err != nil {
			return nil, err
		}
		i, err := r.evalIndex(f, x.index)
		if err != nil {
			return nil, err
		}
		return r.getItem(v, i)
	case *condExpr:
		ok, err := r.test(f, x.test)
		if err != nil {
			return nil, err
		}
		if ok {
			return r.eval(f, x.yes)
		}
		return r.eval(f, x.no)
	case *lambdaExpr:
		return r.makeFunction(f, x.fn)
	case *compExpr:
		return r.evalComp(f, x)
	case *walrusExpr:
		return r.evalWalrus(f, x)
	case *sliceExpr:
		return r.evalIndex(f, x)
	}
	return nil, raise("SystemError", "unknown expression")
}

func (r *run) evalWalrus(f *frame, x *walrusExpr) (Value, error) {
	v, err := r.eval(f, x.x)
	if err != nil {
		return nil, err
	}
	home := f
	for home.fn.comp {
		home = home.parent
	}
	r.store(home, x.name, v)
	return v, nil
}

// slice is what stands in x[lo:hi:step].
type slice struct{ lo, hi, step Value }

func (*slice) typeName() string { return "slice" }
func (s *slice) repr() string {
	return "slice(" + reprText(s.lo) + ", " + reprText(s.hi) + ", " + reprText(s.step) + ")"
}

func (r *run) evalIndex(f *frame, x expr) (Value, error) {
	s, ok := x.(*sliceExpr)
	if !ok {
		return r.eval(f, x)
	}
	var out slice
	for _, part := range []struct {
		x  expr
		to *Value
	}{{s.lo, &out.lo}, {s.hi, &out.hi}, {s.step, &out.step}} {
		if part.x == nil {
			continue
		}
		v, err := r.eval(f, part.x)
		if err != nil {
			return nil, err
		}
		*part.to = v
	}
	return &out, nil
}

func (r *run) evalText(f *frame, x *textExpr) (Value, error) {
	var b strings.Builder
	for _, part := range x.parts {
		s := part.text
		if part.value != nil {
			var err error
			if s, err = r.formatPart(f, part); err != nil {
				return nil, err
			}
		}
		if err := r.alloc(len(s)); err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (r *run) formatPart(f *frame, part textPart) (string, error) {
	v, err := r.eval(f, part.value)
	if err != nil {
		return "", err
	}
	if part.conversion != 0 {
		if v, err = r.convert(v, part.conversion); err != nil {
			return "", err
		}
	}
	spec := ""
	if part.spec != nil {
		s, err := r.evalText(f, part.spec)
		if err != nil {
			return "", err
		}
		spec = s.(string)
	}
	return r.format(v, spec)
}

// convert is the !s, !r or !a of a format.
func (r *run) convert(v Value, how byte) (Value, error) {
	var s string
	var err error
	switch how {
	case 's':
		s, err = r.str(v)
	default:
		s, err = r.repr(v)
	}
	if how == 'a' {
		s = asciiRepr(s)
	}
	return s, err
}

// str and repr count the text they make.
func (r *run) str(v Value) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	switch v := v.(type) {
	case *Exception:
		return v.Error(), nil
	case uuidValue:
		return v.text(), nil
	}
	return r.repr(v)
}

func (r *run) repr(v Value) (string, error) {
	p := printer{bound: r.room()}
	if err := p.write(v); err != nil {
		if l, ok := err.(*LimitError); ok {
			l.Bound = r.scope.Limits.Bytes
		}
		return "", err
	}
	if err := r.step(p.b.Len() / 64); err != nil {
		return "", err
	}
	return p.b.String(), r.alloc(p.b.Len())
}

func (r *run) evalSeq(f *frame, x *seqExpr) (Value, error) {
	items := make([]Value, 0, len(x.items))
	for _, e := range x.items {
		if s, ok := e.(*starExpr); ok {
			v, err := r.eval(f, s.x)
			if err != nil {
				return nil, err
			}
			more, err := r.collect(v)
			if err != nil {
				if e, ok := err.(*Exception); ok && x.kind != '{' && strings.HasSuffix(e.Error(), "object is not iterable") {
					return nil, typeError("Value after * must be an iterable, not %s", typeName(v))
				}
				return nil, err
			}
			items = append(items, more...)
			continue
		}
		v, err := r.eval(f, e)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	if err := r.items(len(items)); err != nil {
		return nil, err
	}
	switch x.kind {
	case '(':
		return &Tuple{items}, nil
	case '[':
		return &List{items}, nil
	}
	s := &Set{}
	for _, v := range items {
		if err := s.add(v); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (r *run) evalDict(f *frame, x *dictExpr) (Value, error) {
	d := &Dict{}
	for i, k := range x.keys {
		if k == nil {
			v, err := r.eval(f, x.values[i])
			if err != nil {
				return nil, err
			}
			m, ok := v.(*Dict)
			if !ok {
				return nil, typeError("'%s' object is not a mapping", typeName(v))
			}
			if err := r.dictUpdate(d, m); err != nil {
				return nil, err
			}
			continue
		}
		key, err := r.eval(f, k)
		if err != nil {
			return nil, err
		}
		v, err := r.eval(f, x.values[i])
		if err != nil {
			return nil, err
		}
		if err := r.dictPut(d, key, v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (r *run) dictPut(d *Dict, k, v Value) error {
	if err := r.alloc(64); err != nil {
		return err
	}
	return d.put(k, v)
}

func (r *run) evalBool(f *frame, x *boolExpr) (Value, error) {
	var v Value
	for _, item := range x.items {
		var err error
		if v, err = r.eval(f, item); err != nil {
			return nil, err
		}
		if truth(v) == x.or {
			return v, nil
		}
	}
	return v, nil
}

func (r *run) evalCompare(f *frame, x *compareExpr) (Value, error) {
	left, err := r.eval(f, x.first)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		right, err := r.eval(f, x.rest[i])
		if err != nil {
			return nil, err
		}
		ok, err := r.compareOp(op, left, right)
		if err != nil || !ok {
			return false, err
		}
		left = right
	}
	return true, nil
}

func (r *run) compareOp(op string, a, b Value) (bool, error) {
	switch op {
	case "is":
		return same(a, b), nil
	case "is not":
		return !same(a, b), nil
	case "in":
		return r.in(a, b)
	case "not in":
		ok, err := r.in(a, b)
		return !ok, err
	}
	return r.compare(op, a, b)
}

// same is `a is b`. CPython's small ints and constants are one object each;
// here every equal int, text or empty tuple is.
func same(a, b Value) bool {
	if x, ok := a.(*Tuple); ok && len(x.Items) == 0 {
		y, ok := b.(*Tuple)
		return ok && len(y.Items) == 0
	}
	if typeName(a) != typeName(b) {
		return false
	}
	return a == b
}

func (r *run) evalUnary(f *frame, x *unaryExpr) (Value, error) {
	v, err := r.eval(f, x.x)
	if err != nil {
		return nil, err
	}
	if x.op == "not" {
		return !truth(v), nil
	}
	return negate(x.op, v)
}

func (r *run) evalCall(f *frame, x *callExpr) (Value, error) {
	fn, err := r.eval(f, x.fn)
	if err != nil {
		return nil, err
	}
	args := make([]Value, 0, len(x.args))
	var kw []kwarg
	for _, a := range x.args {
		v, err := r.eval(f, a.value)
		if err != nil {
			return nil, err
		}
		switch {
		case a.star == 1:
			more, err := r.collect(v)
			if err != nil {
				if _, ok := err.(*Exception); ok && !iterable(v) {
					return nil, typeError("%s argument after * must be an iterable, not %s", callName(fn), typeName(v))
				}
				return nil, err
			}
			args = append(args, more...)
		case a.star == 2:
			m, ok := v.(*Dict)
			if !ok {
				return nil, typeError("%s argument after ** must be a mapping, not %s", callName(fn), typeName(v))
			}
			for k, v := range m.All() {
				name, ok := k.(string)
				if !ok {
					return nil, typeError("keywords must be strings")
				}
				if hasKwarg(kw, name) {
					return nil, typeError("%s got multiple values for keyword argument '%s'", callName(fn), name)
				}
				kw = append(kw, kwarg{name, v})
			}
		case a.name != "":
			if hasKwarg(kw, a.name) {
				return nil, typeError("%s got multiple values for keyword argument '%s'", callName(fn), a.name)
			}
			kw = append(kw, kwarg{a.name, v})
		default:
			args = append(args, v)
		}
	}
	return r.call(fn, args, kw)
}

func (r *run) evalComp(f *frame, x *compExpr) (Value, error) {
	v, err := r.eval(f, x.clauses[0].iter)
	if err != nil {
		return nil, err
	}
	first, err := r.iter(v)
	if err != nil {
		return nil, err
	}
	g := &generator{r: r, x: x, f: &frame{fn: x.fn, vars: map[string]Value{}, parent: f}, iters: []iterator{first}}
	switch x.kind {
	case '(':
		return r.nested("generator", g, v)
	case '[':
		items, err := r.drain(g)
		return &List{items}, err
	case '{':
		s := &Set{}
		return s, r.each(g, func(v Value) error {
			if err := r.alloc(64); err != nil {
				return err
			}
			return s.add(v)
		})
	}
	d := &Dict{}
	return d, r.each(g, func(v Value) error { return r.dictPut(d, g.key, v) })
}
