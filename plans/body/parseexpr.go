// SPDX-License-Identifier: Apache-2.0

package body

import "strings"

// exprList reads expressions separated by commas: a tuple where there is a
// comma. stars lets *x be one of them.
func (p *parser) exprList(stars bool) expr {
	at := p.peek().at()
	if p.is("yield") {
		p.refuse(at, "yield", "generators are not part of a Body; return a list")
	}
	first := p.starOrNamed(stars)
	if !p.is(",") {
		if s, ok := first.(*starExpr); ok && !p.is("=") {
			p.failAt(s.pos, "can't use starred expression here")
		}
		return first
	}
	t := &seqExpr{pos: at, kind: '(', items: []expr{first}}
	for p.accept(",") {
		if !p.startsExpr() {
			break
		}
		t.items = append(t.items, p.starOrNamed(stars))
	}
	return t
}

// starOrNamed reads *x or an expression without a bare walrus.
func (p *parser) starOrNamed(stars bool) expr {
	if stars && p.is("*") {
		at := p.next().at()
		return &starExpr{at, p.bitOr()}
	}
	return p.expression()
}

func (p *parser) startsExpr() bool {
	t := p.peek()
	switch t.kind {
	case tokName, tokNumber, tokString:
		return true
	case tokKeyword:
		switch t.text {
		case "None", "True", "False", "not", "lambda", "await", "yield":
			return true
		}
	case tokOp:
		switch t.text {
		case "(", "[", "{", "-", "+", "~", "*", "...":
			return true
		}
	}
	return false
}

// forTarget reads the names between for and in.
func (p *parser) forTarget() expr {
	at := p.peek().at()
	first := p.starTarget()
	if p.is(",") {
		t := &seqExpr{pos: at, kind: '(', items: []expr{first}}
		for p.accept(",") {
			if p.is("in") {
				break
			}
			t.items = append(t.items, p.starTarget())
		}
		first = t
	}
	p.checkTarget(first, false)
	if s, ok := first.(*starExpr); ok {
		p.failAt(s.pos, "starred assignment target must be in a list or tuple")
	}
	return first
}

func (p *parser) starTarget() expr {
	if p.is("*") {
		at := p.next().at()
		return &starExpr{at, p.bitOr()}
	}
	return p.bitOr()
}

// named reads an expression that may be a walrus: x := y.
func (p *parser) named() expr {
	if p.peek().kind == tokName && p.peekAt(1).kind == tokOp && p.peekAt(1).text == ":=" {
		t := p.next()
		p.next()
		p.bind(t.text)
		return &walrusExpr{t.at(), t.text, p.expression()}
	}
	x := p.expression()
	if p.is(":=") {
		p.failAt(x.at(), "cannot use assignment expressions with "+describe(x))
	}
	return x
}

func (p *parser) expression() expr {
	t := p.peek()
	p.deeper(t.at())
	defer p.shallower()
	if t.kind == tokKeyword && t.text == "lambda" {
		return p.lambda()
	}
	x := p.or()
	if !p.is("if") {
		return x
	}
	p.next()
	test := p.or()
	if !p.is("else") {
		p.failAt(x.at(), "expected 'else' after 'if' expression")
	}
	p.next()
	return &condExpr{x.at(), test, x, p.expression()}
}

func (p *parser) lambda() expr {
	t := p.next()
	fn := newFunc("<lambda>")
	fn.params = p.params(":", false)
	p.expect(":")
	p.inFunc(fn, func() { fn.result = p.expression() })
	return &lambdaExpr{t.at(), fn}
}

func (p *parser) or() expr  { return p.boolean("or", p.and) }
func (p *parser) and() expr { return p.boolean("and", p.not) }

func (p *parser) boolean(op string, operand func() expr) expr {
	x := operand()
	if !p.is(op) {
		return x
	}
	b := &boolExpr{pos: x.at(), or: op == "or", items: []expr{x}}
	for p.accept(op) {
		b.items = append(b.items, operand())
	}
	return b
}

func (p *parser) not() expr {
	if p.is("not") {
		t := p.next()
		p.deeper(t.at())
		defer p.shallower()
		return &unaryExpr{t.at(), "not", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	x := p.bitOr()
	var c *compareExpr
	for {
		op := p.comparisonOp()
		if op == "" {
			if c == nil {
				return x
			}
			return c
		}
		if c == nil {
			c = &compareExpr{pos: x.at(), first: x}
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, p.bitOr())
	}
}

func (p *parser) comparisonOp() string {
	t := p.peek()
	switch {
	case t.kind == tokOp:
		switch t.text {
		case "==", "!=", "<", "<=", ">", ">=":
			return p.next().text
		}
	case t.kind == tokKeyword && t.text == "in":
		return p.next().text
	case t.kind == tokKeyword && t.text == "not" && p.peekAt(1).text == "in":
		p.next()
		p.next()
		return "not in"
	case t.kind == tokKeyword && t.text == "is":
		p.next()
		if p.accept("not") {
			return "is not"
		}
		return "is"
	}
	return ""
}

// chain reads operand (op operand)*, grouping from the left.
func (p *parser) chain(operand func() expr, ops ...string) expr {
	x := operand()
	for n := 0; ; n++ {
		t := p.peek()
		if t.kind != tokOp || !contains(ops, t.text) {
			return x
		}
		if n >= maxChain {
			p.fail("too many operators in one expression for a Body")
		}
		p.next()
		x = &binaryExpr{x.at(), t.text, x, operand()}
	}
}

func contains(list []string, s string) bool {
	for _, t := range list {
		if s == t {
			return true
		}
	}
	return false
}

func (p *parser) bitOr() expr  { return p.chain(p.bitXor, "|") }
func (p *parser) bitXor() expr { return p.chain(p.bitAnd, "^") }
func (p *parser) bitAnd() expr { return p.chain(p.shift, "&") }
func (p *parser) shift() expr  { return p.chain(p.sum, "<<", ">>") }
func (p *parser) sum() expr    { return p.chain(p.term, "+", "-") }
func (p *parser) term() expr   { return p.chain(p.factor, "*", "/", "//", "%", "@") }

func (p *parser) factor() expr {
	t := p.peek()
	if t.kind == tokOp && (t.text == "-" || t.text == "+" || t.text == "~") {
		p.next()
		p.deeper(t.at())
		defer p.shallower()
		return &unaryExpr{t.at(), t.text, p.factor()}
	}
	x := p.primary()
	if !p.is("**") {
		return x
	}
	p.next()
	p.deeper(t.at())
	defer p.shallower()
	return &binaryExpr{t.at(), "**", x, p.factor()}
}

func (p *parser) primary() expr {
	at := p.peek().at()
	x := p.atom()
	for n := 0; ; n++ {
		if n > maxChain {
			p.fail("too many calls and attributes in one expression for a Body")
		}
		switch {
		case p.is("."):
			p.next()
			name := p.nameToken()
			a := &attrExpr{at, x, name}
			if _, ok := x.(*nameExpr); ok {
				p.members = append(p.members, a)
			}
			x = a
		case p.is("("):
			x = p.call(at, x)
		case p.is("["):
			p.next()
			x = &indexExpr{at, x, p.subscript()}
			p.expect("]")
		default:
			return x
		}
	}
}

func (p *parser) subscript() expr {
	at := p.peek().at()
	first := p.sliceOrExpr()
	if !p.is(",") {
		if s, ok := first.(*starExpr); ok {
			return &seqExpr{pos: at, kind: '(', items: []expr{s}}
		}
		return first
	}
	t := &seqExpr{pos: at, kind: '(', items: []expr{first}}
	for p.accept(",") {
		if p.is("]") {
			break
		}
		t.items = append(t.items, p.sliceOrExpr())
	}
	return t
}

func (p *parser) sliceOrExpr() expr {
	at := p.peek().at()
	var s sliceExpr
	s.pos = at
	if !p.is(":") {
		if p.is("*") {
			return p.starOrNamed(true)
		}
		x := p.named()
		if !p.is(":") {
			return x
		}
		s.lo = x
	}
	p.expect(":")
	if p.startsExpr() {
		s.hi = p.expression()
	}
	if p.accept(":") && p.startsExpr() {
		s.step = p.expression()
	}
	return &s
}

func (p *parser) call(at pos, fn expr) expr {
	p.next()
	c := &callExpr{pos: at, fn: fn}
	named, spread := false, false
	for !p.is(")") {
		argAt := p.peek().at()
		switch {
		case p.accept("**"):
			c.args = append(c.args, argument{star: 2, value: p.expression()})
			spread = true
		case p.accept("*"):
			if spread {
				p.failAt(argAt, "iterable argument unpacking follows keyword argument unpacking")
			}
			c.args = append(c.args, argument{star: 1, value: p.expression()})
		case p.peek().kind == tokName && p.peekAt(1).kind == tokOp && p.peekAt(1).text == "=":
			name := p.next().text
			p.next()
			if p.is(",") || p.is(")") {
				p.failAt(argAt, "expected argument value expression")
			}
			for _, a := range c.args {
				if a.name == name {
					p.failAt(argAt, "keyword argument repeated: "+name)
				}
			}
			c.args = append(c.args, argument{name: name, value: p.expression()})
			named = true
		default:
			x := p.named()
			if p.is("=") {
				if k, ok := x.(*constExpr); ok && (k.value == nil || k.value == true || k.value == false) {
					p.failAt(argAt, "cannot assign to "+describe(x))
				}
				p.failAt(argAt, `expression cannot contain assignment, perhaps you meant "=="?`)
			}
			if p.is("for") || p.is("async") {
				x = p.comprehension(argAt, '(', nil, x)
				if len(c.args) > 0 || !p.is(")") {
					p.failAt(argAt, "Generator expression must be parenthesized")
				}
			}
			if spread {
				p.failAt(argAt, "positional argument follows keyword argument unpacking")
			}
			if named {
				p.failAt(argAt, "positional argument follows keyword argument")
			}
			c.args = append(c.args, argument{value: x})
		}
		if !p.accept(",") {
			break
		}
	}
	if !p.is(")") {
		p.afterItem()
	}
	p.next()
	return c
}

// afterItem fails for what follows an element inside brackets.
func (p *parser) afterItem() {
	if !p.inExpr && p.startsExpr() && !p.is("*") && p.i > 0 {
		p.failAt(p.tokens[p.i-1].at(), "invalid syntax. Perhaps you forgot a comma?")
	}
	p.invalid()
}

func (p *parser) atom() expr {
	t := p.peek()
	switch t.kind {
	case tokName:
		p.next()
		n := &nameExpr{t.at(), t.text}
		p.names = append(p.names, n)
		return n
	case tokNumber:
		p.next()
		return &constExpr{t.at(), p.numberValue(t)}
	case tokString:
		return p.strings()
	case tokKeyword:
		return p.keywordAtom(t)
	case tokOp:
		switch t.text {
		case "(":
			return p.paren()
		case "[":
			return p.listDisplay()
		case "{":
			return p.braces()
		case "...":
			p.next()
			return &constExpr{t.at(), ellipsis{}}
		}
	}
	p.invalid()
	return nil
}

func (p *parser) keywordAtom(t token) expr {
	switch t.text {
	case "None":
		p.next()
		return &constExpr{t.at(), nil}
	case "True", "False":
		p.next()
		return &constExpr{t.at(), t.text == "True"}
	case "await":
		p.refuse(t.at(), "await", "await is not part of a Body; use a script")
	case "yield":
		p.refuse(t.at(), "yield", "generators are not part of a Body; return a list")
	}
	p.invalid()
	return nil
}

func (p *parser) numberValue(t token) Value {
	text := strings.ReplaceAll(t.text, "_", "")
	if last := text[len(text)-1] | 0x20; last == 'j' {
		p.refuse(t.at(), "complex number", "complex numbers are not part of a Body; use float")
	}
	v, err := parseNumber(text)
	if err != nil {
		p.failAt(t.at(), err.Error()+" - Consider hexadecimal for huge integer literals to avoid decimal conversion limits.")
	}
	return v
}
