// SPDX-License-Identifier: Apache-2.0

package body

func (r *run) execTry(f *frame, s *tryStmt) (flow, error) {
	how, err := r.tryExcept(f, s)
	if s.finally == nil {
		return how, err
	}
	if err != nil {
		if _, catchable := caught(err); !catchable {
			return how, err
		}
	}
	kept := f.result
	last, ferr := r.block(f, s.finally)
	if ferr != nil || last != flowNext {
		return last, ferr
	}
	f.result = kept
	return how, err
}

func (r *run) tryExcept(f *frame, s *tryStmt) (flow, error) {
	how, err := r.block(f, s.body)
	if err == nil {
		if how != flowNext {
			return how, nil
		}
		return r.block(f, s.elze)
	}
	e, ok := caught(err)
	if !ok {
		return flowNext, err
	}
	for _, c := range s.excepts {
		match, merr := r.exceptMatches(f, c, e)
		if merr != nil {
			return flowNext, merr
		}
		if !match {
			continue
		}
		r.handling = append(r.handling, e)
		defer func() { r.handling = r.handling[:len(r.handling)-1] }()
		if c.name == "" {
			return r.block(f, c.body)
		}
		r.store(f, c.name, e)
		how, err := r.block(f, c.body)
		if g := r.home(f, c.name); g != nil {
			delete(g.vars, c.name)
		} else {
			delete(r.globals, c.name)
		}
		return how, err
	}
	return flowNext, err
}

func (r *run) exceptMatches(f *frame, c exceptClause, e *Exception) (bool, error) {
	if c.class == nil {
		return true, nil
	}
	v, err := r.eval(f, c.class)
	if err != nil {
		return false, err
	}
	classes := []Value{v}
	if t, ok := v.(*Tuple); ok {
		classes = t.Items
	}
	for _, class := range classes {
		t, ok := class.(typeObject)
		if _, isClass := classParent(t.name); !ok || !isClass {
			return false, typeError("catching classes that do not inherit from BaseException is not allowed")
		}
	}
	for _, class := range classes {
		if classIs(e.Class, class.(typeObject).name) {
			return true, nil
		}
	}
	return false, nil
}

func (r *run) execRaise(f *frame, s *raiseStmt) error {
	if s.x == nil {
		if len(r.handling) == 0 {
			return raise("RuntimeError", "No active exception to reraise")
		}
		return r.handling[len(r.handling)-1]
	}
	v, err := r.eval(f, s.x)
	if err != nil {
		return err
	}
	e, err := r.toException(v)
	if err != nil {
		return err
	}
	if s.cause != nil {
		c, err := r.eval(f, s.cause)
		if err != nil {
			return err
		}
		if c != nil {
			if _, err := r.toException(c); err != nil {
				return typeError("exception causes must derive from BaseException")
			}
		}
	}
	return e
}

func (r *run) toException(v Value) (*Exception, error) {
	switch v := v.(type) {
	case *Exception:
		return v, nil
	case typeObject:
		if _, ok := classParent(v.name); ok {
			e, err := r.construct(v, nil, nil)
			if err != nil {
				return nil, err
			}
			return e.(*Exception), nil
		}
	}
	return nil, typeError("exceptions must derive from BaseException")
}

func (r *run) execAssert(f *frame, s *assertStmt) error {
	ok, err := r.test(f, s.test)
	if err != nil || ok {
		return err
	}
	e := &Exception{Class: "AssertionError"}
	if s.message != nil {
		m, err := r.eval(f, s.message)
		if err != nil {
			return err
		}
		e.Args = []Value{m}
	}
	return e
}

func (r *run) delete(f *frame, target expr) error {
	switch t := target.(type) {
	case *nameExpr:
		return r.remove(f, t.name)
	case *indexExpr:
		x, err := r.eval(f, t.x)
		if err != nil {
			return err
		}
		i, err := r.evalIndex(f, t.index)
		if err != nil {
			return err
		}
		return r.deleteItem(x, i)
	case *seqExpr:
		for _, item := range t.items {
			if err := r.delete(f, item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) execWith(f *frame, s *withStmt, items []withItem) (flow, error) {
	if len(items) == 0 {
		return r.block(f, s.body)
	}
	v, err := r.eval(f, items[0].x)
	if err != nil {
		return flowNext, err
	}
	open, ok := v.(*file)
	if !ok {
		return flowNext, typeError("'%s' object does not support the context manager protocol", typeName(v))
	}
	if items[0].target != nil {
		if err := r.setTarget(f, items[0].target, v); err != nil {
			return flowNext, err
		}
	}
	how, err := r.execWith(f, s, items[1:])
	if cerr := open.close(); err == nil && cerr != nil {
		return flowNext, cerr
	}
	return how, err
}
