// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"slices"
)

func (p *parser) defStatement() stmt {
	t := p.next()
	name := p.nameToken()
	p.bind(name)
	fn := newFunc(name)
	if !p.is("(") {
		p.fail("expected '('")
	}
	p.next()
	fn.params = p.params(")", true)
	p.expect(")")
	if p.accept("->") {
		p.expression()
	}
	p.expect(":")
	p.inFunc(fn, func() { fn.body = p.block("function definition", t.line) })
	return &defStmt{t.at(), fn}
}

// inFunc reads with fn as the innermost function.
func (p *parser) inFunc(fn *funcNode, read func()) {
	for _, q := range fn.params {
		fn.locals[q.name], p.bound[q.name] = true, true
	}
	loops := p.loops
	p.funcs = append(p.funcs, p.scope)
	p.scope, p.loops = fn, 0
	read()
	p.scope, p.loops = p.funcs[len(p.funcs)-1], loops
	p.funcs = p.funcs[:len(p.funcs)-1]
}

// params reads the parameters of a def or a lambda up to end.
func (p *parser) params(end string, annotated bool) []param {
	var list []param
	kwOnly, hadDefault := false, false
	for !p.is(end) {
		at := p.peek().at()
		q := param{kwOnly: kwOnly}
		switch {
		case p.accept("**"):
			q.kind = '2'
		case p.accept("*"):
			kwOnly = true
			if p.is(end) {
				p.failAt(at, "named arguments must follow bare *")
			}
			if p.is(",") {
				p.next()
				if p.is(end) || p.is("**") {
					p.failAt(at, "named arguments must follow bare *")
				}
				continue
			}
			q.kind = '*'
		case p.accept("/"):
			for i := range list {
				list[i].posOnly = true
			}
			if !p.accept(",") && !p.is(end) {
				p.invalid()
			}
			continue
		}
		q.name = p.nameToken()
		if slices.ContainsFunc(list, func(o param) bool { return o.name == q.name }) {
			p.failAt(at, fmt.Sprintf("duplicate argument '%s' in function definition", q.name))
		}
		if annotated && p.accept(":") {
			p.expression()
		}
		if q.kind == 0 && p.accept("=") {
			q.fallback = p.expression()
			hadDefault = true
		} else if q.kind == 0 && hadDefault && !kwOnly {
			p.failAt(at, "non-default argument follows default argument")
		}
		list = append(list, q)
		if !p.accept(",") {
			break
		}
		if q.kind == '2' && !p.is(end) {
			p.fail("arguments cannot follow var-keyword argument")
		}
	}
	return list
}
