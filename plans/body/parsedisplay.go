// SPDX-License-Identifier: Apache-2.0

package body

func (p *parser) paren() expr {
	t := p.next()
	p.deeper(t.at())
	defer p.shallower()
	if p.accept(")") {
		return &seqExpr{pos: t.at(), kind: '(', parens: true}
	}
	if p.is("yield") {
		p.refuse(p.peek().at(), "yield", "generators are not part of a Body; return a list")
	}
	first := p.item()
	if p.is("for") || p.is("async") {
		c := p.comprehension(t.at(), '(', nil, first)
		p.expect(")")
		return c
	}
	if p.accept(")") {
		if s, ok := first.(*starExpr); ok {
			p.failAt(s.pos, "cannot use starred expression here")
		}
		if s, ok := first.(*seqExpr); ok && s.kind == '(' {
			return &seqExpr{s.pos, s.kind, s.items, true}
		}
		return first
	}
	s := &seqExpr{pos: t.at(), kind: '(', items: p.items(first, ")"), parens: true}
	return s
}

func (p *parser) item() expr {
	if p.is("*") {
		at := p.next().at()
		return &starExpr{at, p.bitOr()}
	}
	return p.named()
}

// items reads the rest of a display after its first element, with its end.
func (p *parser) items(first expr, end string) []expr {
	list := []expr{first}
	for p.accept(",") {
		if p.is(end) {
			break
		}
		list = append(list, p.item())
	}
	if !p.is(end) {
		p.afterItem()
	}
	p.next()
	return list
}

func (p *parser) listDisplay() expr {
	t := p.next()
	p.deeper(t.at())
	defer p.shallower()
	s := &seqExpr{pos: t.at(), kind: '['}
	if p.accept("]") {
		return s
	}
	first := p.item()
	if p.is("for") || p.is("async") {
		c := p.comprehension(t.at(), '[', nil, first)
		p.expect("]")
		return c
	}
	s.items = p.items(first, "]")
	return s
}

// braces reads a dict or set, or a comprehension of either.
func (p *parser) braces() expr {
	t := p.next()
	p.deeper(t.at())
	defer p.shallower()
	if p.accept("}") {
		return &dictExpr{pos: t.at()}
	}
	if !p.is("**") {
		first := p.item()
		if !p.is(":") {
			if p.is("for") || p.is("async") {
				c := p.comprehension(t.at(), '{', nil, first)
				p.expect("}")
				return c
			}
			return &seqExpr{pos: t.at(), kind: '{', items: p.items(first, "}")}
		}
		p.next()
		value := p.dictValue()
		if p.is("for") || p.is("async") {
			c := p.comprehension(t.at(), ':', first, value)
			p.expect("}")
			return c
		}
		return p.dictDisplay(&dictExpr{t.at(), []expr{first}, []expr{value}})
	}
	p.next()
	d := &dictExpr{t.at(), []expr{nil}, []expr{p.bitOr()}}
	if p.is("for") || p.is("async") {
		p.fail("dict unpacking cannot be used in dict comprehension")
	}
	return p.dictDisplay(d)
}

func (p *parser) dictValue() expr {
	if p.is("}") || p.is(",") {
		p.failAt(p.tokens[p.i-1].at(), "expression expected after dictionary key and ':'")
	}
	return p.expression()
}

func (p *parser) dictDisplay(d *dictExpr) expr {
	for p.accept(",") {
		if p.is("}") {
			break
		}
		if p.accept("**") {
			d.keys, d.values = append(d.keys, nil), append(d.values, p.bitOr())
			continue
		}
		d.keys = append(d.keys, p.expression())
		if !p.is(":") {
			p.failAt(p.tokens[p.i-1].at(), "':' expected after dictionary key")
		}
		p.next()
		d.values = append(d.values, p.dictValue())
	}
	if !p.is("}") {
		p.afterItem()
	}
	p.next()
	return d
}

func (p *parser) comprehension(at pos, kind byte, key, elem expr) expr {
	fn := newFunc(map[byte]string{'(': "<genexpr>", '[': "<listcomp>", '{': "<setcomp>", ':': "<dictcomp>"}[kind])
	fn.comp = true
	c := &compExpr{pos: at, kind: kind, key: key, elem: elem, fn: fn}
	if s, ok := elem.(*starExpr); ok {
		p.failAt(s.pos, "iterable unpacking cannot be used in comprehension")
	}
	for {
		if p.is("async") {
			p.refuse(p.peek().at(), "async", "async comprehensions are not part of a Body; use for")
		}
		if !p.accept("for") {
			return c
		}
		var clause compClause
		clause.target = p.forTarget()
		outer := p.scope
		p.scope = fn
		p.bindTarget(clause.target)
		p.scope = outer
		p.expect("in")
		clause.iter = p.or()
		for p.accept("if") {
			clause.conds = append(clause.conds, p.orWalrus())
		}
		c.clauses = append(c.clauses, clause)
	}
}

// orWalrus reads the condition of a comprehension.
func (p *parser) orWalrus() expr {
	if p.is("lambda") {
		return p.lambda()
	}
	return p.or()
}
