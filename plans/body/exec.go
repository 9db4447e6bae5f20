// SPDX-License-Identifier: Apache-2.0

package body

// A flow says how a statement ended.
type flow int

const (
	flowNext flow = iota
	flowBreak
	flowContinue
	flowReturn
)

func (r *run) block(f *frame, list []stmt) (flow, error) {
	for _, s := range list {
		if how, err := r.exec(f, s); err != nil || how != flowNext {
			return how, err
		}
	}
	return flowNext, nil
}

func (r *run) exec(f *frame, s stmt) (flow, error) {
	if err := r.step(1); err != nil {
		return flowNext, err
	}
	var err error
	switch s := s.(type) {
	case *exprStmt:
		_, err = r.eval(f, s.x)
	case *assignStmt:
		err = r.assign(f, s)
	case *augStmt:
		err = r.augment(f, s)
	case *ifStmt:
		return r.execIf(f, s)
	case *whileStmt:
		return r.execWhile(f, s)
	case *forStmt:
		return r.execFor(f, s)
	case *tryStmt:
		return r.execTry(f, s)
	case *withStmt:
		return r.execWith(f, s, s.items)
	case *raiseStmt:
		err = r.execRaise(f, s)
	case *assertStmt:
		err = r.execAssert(f, s)
	case *returnStmt:
		f.result = nil
		if s.x != nil {
			f.result, err = r.eval(f, s.x)
		}
		return flowReturn, err
	case *breakStmt:
		return flowBreak, nil
	case *continueStmt:
		return flowContinue, nil
	case *delStmt:
		for _, t := range s.targets {
			if err = r.delete(f, t); err != nil {
				break
			}
		}
	case *importStmt:
		r.store(f, s.bind, module{s.module})
	case *fromStmt:
		for i, name := range s.names {
			v, _ := moduleMember(s.module, name)
			r.store(f, s.bind[i], v)
		}
	case *defStmt:
		var fn *function
		if fn, err = r.makeFunction(f, s.fn); err == nil {
			r.store(f, s.fn.name, fn)
		}
	}
	return flowNext, err
}

func (r *run) assign(f *frame, s *assignStmt) error {
	if s.value == nil {
		return nil
	}
	v, err := r.eval(f, s.value)
	if err != nil {
		return err
	}
	for _, t := range s.targets {
		if err := r.setTarget(f, t, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) setTarget(f *frame, target expr, v Value) error {
	switch t := target.(type) {
	case *nameExpr:
		r.store(f, t.name, v)
	case *indexExpr:
		x, err := r.eval(f, t.x)
		if err != nil {
			return err
		}
		i, err := r.evalIndex(f, t.index)
		if err != nil {
			return err
		}
		return r.setItem(x, i, v)
	case *seqExpr:
		return r.unpack(f, t.items, v)
	}
	return nil
}

// unpack gives the targets the elements of v, one of them perhaps a star.
func (r *run) unpack(f *frame, targets []expr, v Value) error {
	star := -1
	for i, t := range targets {
		if _, ok := t.(*starExpr); ok {
			star = i
		}
	}
	it, err := r.iter(v)
	if err != nil {
		if _, ok := err.(*Exception); ok {
			return typeError("cannot unpack non-iterable %s object", typeName(v))
		}
		return err
	}
	var items []Value
	for star >= 0 || len(items) <= len(targets) {
		item, ok, err := it.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := r.step(1); err != nil {
			return err
		}
		items = append(items, item)
	}
	if err := r.items(len(items)); err != nil {
		return err
	}
	switch {
	case star >= 0 && len(items) < len(targets)-1:
		return valueError("not enough values to unpack (expected at least %d, got %d)", len(targets)-1, len(items))
	case star < 0 && len(items) < len(targets):
		return valueError("not enough values to unpack (expected %d, got %d)", len(targets), len(items))
	case star < 0 && len(items) > len(targets):
		return valueError("too many values to unpack (expected %d)", len(targets))
	}
	at := 0
	for i, t := range targets {
		if i == star {
			n := len(items) - len(targets) + 1
			rest := append([]Value(nil), items[at:at+n]...)
			at += n
			if err := r.setTarget(f, t.(*starExpr).x, &List{rest}); err != nil {
				return err
			}
			continue
		}
		if err := r.setTarget(f, t, items[at]); err != nil {
			return err
		}
		at++
	}
	return nil
}

func (r *run) augment(f *frame, s *augStmt) error {
	if n, ok := s.target.(*nameExpr); ok {
		old, err := r.lookup(f, n.name)
		if err != nil {
			return err
		}
		v, err := r.augmented(f, s, old)
		if err != nil {
			return err
		}
		r.store(f, n.name, v)
		return nil
	}
	t := s.target.(*indexExpr)
	x, err := r.eval(f, t.x)
	if err != nil {
		return err
	}
	i, err := r.evalIndex(f, t.index)
	if err != nil {
		return err
	}
	old, err := r.getItem(x, i)
	if err != nil {
		return err
	}
	v, err := r.augmented(f, s, old)
	if err != nil {
		return err
	}
	return r.setItem(x, i, v)
}

func (r *run) augmented(f *frame, s *augStmt, old Value) (Value, error) {
	v, err := r.eval(f, s.value)
	if err != nil {
		return nil, err
	}
	switch x := old.(type) {
	case *List:
		if s.op == "+" {
			items, err := r.collect(v)
			if err != nil {
				return nil, err
			}
			x.Items = append(x.Items, items...)
			return x, nil
		}
		if s.op == "*" && isInt(v) {
			n, err := r.binary("*", old, v, "*=")
			if err != nil {
				return nil, err
			}
			x.Items = n.(*List).Items
			return x, nil
		}
	case *Dict:
		if s.op == "|" {
			return x, r.dictUpdate(x, v)
		}
	case *Set:
		if o, ok := v.(*Set); ok && !x.frozen {
			n, err := r.binary(s.op, x, o, s.op+"=")
			if err != nil {
				return nil, err
			}
			x.d = n.(*Set).d
			return x, nil
		}
	}
	return r.binary(s.op, old, v, s.op+"=")
}

func (r *run) execIf(f *frame, s *ifStmt) (flow, error) {
	for i, test := range s.tests {
		ok, err := r.test(f, test)
		if err != nil {
			return flowNext, err
		}
		if ok {
			return r.block(f, s.bodies[i])
		}
	}
	if len(s.bodies) > len(s.tests) {
		return r.block(f, s.bodies[len(s.tests)])
	}
	return flowNext, nil
}

func (r *run) test(f *frame, x expr) (bool, error) {
	v, err := r.eval(f, x)
	return truth(v), err
}

func (r *run) execWhile(f *frame, s *whileStmt) (flow, error) {
	for {
		if err := r.step(1); err != nil {
			return flowNext, err
		}
		ok, err := r.test(f, s.test)
		if err != nil {
			return flowNext, err
		}
		if !ok {
			return r.block(f, s.elze)
		}
		how, err := r.block(f, s.body)
		if err != nil || how == flowReturn {
			return how, err
		}
		if how == flowBreak {
			return flowNext, nil
		}
	}
}

func (r *run) execFor(f *frame, s *forStmt) (flow, error) {
	v, err := r.eval(f, s.iter)
	if err != nil {
		return flowNext, err
	}
	it, err := r.iter(v)
	if err != nil {
		return flowNext, err
	}
	for {
		if err := r.step(1); err != nil {
			return flowNext, err
		}
		item, ok, err := it.next()
		if err != nil {
			return flowNext, err
		}
		if !ok {
			return r.block(f, s.elze)
		}
		if err := r.setTarget(f, s.target, item); err != nil {
			return flowNext, err
		}
		how, err := r.block(f, s.body)
		if err != nil || how == flowReturn {
			return how, err
		}
		if how == flowBreak {
			return flowNext, nil
		}
	}
}
