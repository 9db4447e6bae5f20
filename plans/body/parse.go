// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
)

// Parse reads a Body. Its error is a *SyntaxError: the Body is not Python, or
// it holds a construct that is no part of a Body. Nothing has run by then.
func Parse(src string) (*Program, error) {
	p := &parser{src: newSource(src)}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return &Program{src: p.src, main: p.main, names: p.names, bound: p.bound}, nil
}

// A parser builds the tree by recursive descent. Inside it a fault is a panic
// with a *SyntaxError, which parse turns into its error.
type parser struct {
	src     *source
	tokens  []token
	i       int
	depth   int
	main    *funcNode
	scope   *funcNode
	funcs   []*funcNode // enclosing ones, outermost first
	loops   int
	inExpr  bool // reading an expression of an f-string
	imports map[string]string
	members []*attrExpr // module.member: checked once all imports are known
	names   []*nameExpr
	bound   map[string]bool
}

// maxDepth bounds the nesting of the tree, and with it the stack of a run.
const (
	maxDepth = 200
	maxChain = 1000
)

func (p *parser) parse() (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *SyntaxError:
			err = r
		default:
			panic(r)
		}
	}()
	if p.tokens, err = lex(p.src); err != nil {
		return err
	}
	p.imports, p.bound = map[string]string{}, map[string]bool{}
	p.main = newFunc("__execution_plan_main")
	p.scope = p.main
	for p.peek().text != ":" {
		p.next()
	}
	p.next()
	p.main.body = p.block("function definition", 1)
	switch t := p.peek(); {
	case t.kind == tokEOF:
	case t.text == "return":
		p.fail("'return' outside function")
	default:
		p.refuse(t.at(), "lone carriage return", "a line that ends with a carriage return alone is not part of a Body; end lines with a line feed")
	}
	p.checkMembers()
	return nil
}

func newFunc(name string) *funcNode {
	return &funcNode{name: name, locals: map[string]bool{}, globals: map[string]bool{}, outer: map[string]bool{}}
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) peekAt(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if p.i < len(p.tokens)-1 {
		p.i++
	}
	return t
}

func (t token) at() pos { return pos{t.line, t.col} }

// is tells whether the next token is the operator or keyword text.
func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == tokOp || t.kind == tokKeyword) && t.text == text
}

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(text string) token {
	if !p.is(text) {
		if text == ":" {
			if p.is("=") {
				p.failAt(p.peek().at(), "invalid syntax. Maybe you meant '==' or ':=' instead of '='?")
			}
			p.fail("expected ':'")
		}
		p.invalid()
	}
	return p.next()
}

func (p *parser) fail(reason string) { p.failAt(p.peek().at(), reason) }

func (p *parser) failAt(at pos, reason string) {
	line := lineOf(p.src.text, at.line)
	panic(p.src.fault(at.line, textLen(line[:min(at.col, len(line))]), reason))
}

// refuse says that a construct of Python is no part of a Body.
func (p *parser) refuse(at pos, construct, reason string) {
	line := lineOf(p.src.text, at.line)
	e := p.src.fault(at.line, textLen(line[:min(at.col, len(line))]), reason)
	e.Construct = construct
	panic(e)
}

func lineOf(text string, n int) string {
	start := 0
	for i := 0; i < len(text); i++ {
		if n == 1 {
			break
		}
		if text[i] == '\n' {
			n--
			start = i + 1
		}
	}
	for end := start; end < len(text); end++ {
		if text[end] == '\n' {
			return text[start:end]
		}
	}
	return text[start:]
}

// invalid fails with the general error for the next token.
func (p *parser) invalid() {
	t := p.peek()
	switch {
	case p.inExpr:
		p.failAt(t.at(), "f-string: invalid syntax")
	case t.kind == tokIndent:
		p.fail("unexpected indent")
	case t.kind == tokDedent:
		p.fail("invalid syntax")
	}
	p.fail("invalid syntax")
}

func (p *parser) deeper(at pos) {
	p.depth++
	if p.depth > maxDepth {
		p.failAt(at, "too deeply nested for a Body")
	}
}

func (p *parser) shallower() { p.depth-- }

// block reads the statements after a colon.
func (p *parser) block(what string, line int) []stmt {
	if p.peek().kind != tokNewline {
		return p.simpleLine()
	}
	p.next()
	if p.peek().kind != tokIndent {
		p.fail(fmt.Sprintf("expected an indented block after %s on line %d", what, max(line-1, 1)))
	}
	p.next()
	var body []stmt
	for p.peek().kind != tokDedent {
		if p.peek().kind == tokEOF {
			p.invalid()
		}
		body = append(body, p.statement()...)
	}
	p.next()
	return body
}

func (p *parser) simpleLine() []stmt {
	var list []stmt
	for {
		list = append(list, p.simple())
		if p.accept(";") {
			if p.peek().kind == tokNewline {
				break
			}
			continue
		}
		break
	}
	if p.peek().kind != tokNewline {
		p.endOfStatement(list[len(list)-1])
	}
	p.next()
	return list
}

// endOfStatement fails for a token after a complete statement.
func (p *parser) endOfStatement(last stmt) {
	if e, ok := last.(*exprStmt); ok {
		if n, ok := e.x.(*nameExpr); ok && (n.name == "print" || n.name == "exec") {
			p.failAt(n.pos, fmt.Sprintf("Missing parentheses in call to '%s'. Did you mean %s(...)?", n.name, n.name))
		}
	}
	p.invalid()
}

func (p *parser) statement() []stmt {
	t := p.peek()
	if t.kind == tokIndent {
		p.fail("unexpected indent")
	}
	p.deeper(t.at())
	defer p.shallower()
	if t.kind == tokKeyword {
		switch t.text {
		case "if":
			return []stmt{p.ifStatement()}
		case "while":
			return []stmt{p.whileStatement()}
		case "for":
			return []stmt{p.forStatement()}
		case "try":
			return []stmt{p.tryStatement()}
		case "with":
			return []stmt{p.withStatement()}
		case "def":
			return []stmt{p.defStatement()}
		case "class":
			if p.peekAt(1).kind != tokName {
				p.next()
				p.invalid()
			}
			p.refuse(t.at(), "class definition", "class definitions are not part of a Body; use a script")
		case "async":
			p.refuse(t.at(), "async", "async statements are not part of a Body; use a script")
		}
	}
	if t.kind == tokOp && t.text == "@" {
		p.refuse(t.at(), "decorator", "decorators are not part of a Body; use a script")
	}
	if t.kind == tokName && t.text == "match" && p.looksLikeMatch() {
		p.refuse(t.at(), "match statement", "match statements are not part of a Body; use if and elif")
	}
	return p.simpleLine()
}

// looksLikeMatch tells whether the line is `match x:` with a case below it.
func (p *parser) looksLikeMatch() bool {
	if n := p.peekAt(1); n.kind == tokOp && n.text != "(" && n.text != "[" && n.text != "{" && n.text != "-" || n.kind == tokNewline {
		return false
	}
	for j := p.i; j+3 < len(p.tokens); j++ {
		if p.tokens[j].kind == tokNewline {
			return p.tokens[j-1].text == ":" && p.tokens[j+1].kind == tokIndent && p.tokens[j+2].text == "case"
		}
	}
	return false
}

func (p *parser) ifStatement() stmt {
	s := &ifStmt{pos: p.peek().at()}
	what := "'if' statement"
	for {
		line := p.next().line
		s.tests = append(s.tests, p.named())
		p.expect(":")
		s.bodies = append(s.bodies, p.block(what, line))
		if !p.is("elif") {
			break
		}
		what = "'elif' statement"
	}
	if body := p.elseBlock("'else' statement"); body != nil {
		s.bodies = append(s.bodies, body)
	}
	return s
}

func (p *parser) elseBlock(what string) []stmt {
	if !p.is("else") {
		return nil
	}
	line := p.next().line
	p.expect(":")
	return p.block(what, line)
}

func (p *parser) loopBody(what string, line int) []stmt {
	p.expect(":")
	p.loops++
	defer func() { p.loops-- }()
	return p.block(what, line)
}

func (p *parser) whileStatement() stmt {
	t := p.next()
	s := &whileStmt{pos: t.at(), test: p.named()}
	s.body = p.loopBody("'while' statement", t.line)
	s.elze = p.elseBlock("'else' statement")
	return s
}

func (p *parser) forStatement() stmt {
	t := p.next()
	s := &forStmt{pos: t.at(), target: p.forTarget()}
	p.bindTarget(s.target)
	p.expect("in")
	s.iter = p.exprList(true)
	s.body = p.loopBody("'for' statement", t.line)
	s.elze = p.elseBlock("'else' statement")
	return s
}

func (p *parser) tryStatement() stmt {
	t := p.next()
	s := &tryStmt{pos: t.at()}
	p.expect(":")
	s.body = p.block("'try' statement", t.line)
	for p.is("except") {
		et := p.next()
		c := exceptClause{pos: et.at()}
		if p.is("*") {
			p.refuse(et.at(), "except*", "except* is not part of a Body; use except")
		}
		if len(s.excepts) > 0 && s.excepts[len(s.excepts)-1].class == nil {
			p.failAt(s.excepts[len(s.excepts)-1].pos, "default 'except:' must be last")
		}
		if !p.is(":") {
			c.class = p.expression()
			if p.is(",") {
				p.failAt(c.class.at(), "multiple exception types must be parenthesized")
			}
			if p.accept("as") {
				c.name = p.nameToken()
				p.bind(c.name)
			}
		}
		p.expect(":")
		c.body = p.block("'except' statement", et.line)
		s.excepts = append(s.excepts, c)
	}
	if len(s.excepts) > 0 {
		s.elze = p.elseBlock("'else' statement")
	}
	if p.is("finally") {
		line := p.next().line
		p.expect(":")
		s.finally = p.block("'finally' statement", line)
	}
	if len(s.excepts) == 0 && s.finally == nil {
		p.fail("expected 'except' or 'finally' block")
	}
	return s
}

func (p *parser) withStatement() stmt {
	t := p.next()
	s := &withStmt{pos: t.at()}
	parens := p.is("(") && p.parensHoldItems()
	if parens {
		p.next()
	}
	for {
		item := withItem{x: p.expression()}
		if p.accept("as") {
			item.target = p.starTarget()
			p.checkTarget(item.target, false)
			p.bindTarget(item.target)
		}
		s.items = append(s.items, item)
		if !p.accept(",") || parens && p.is(")") {
			break
		}
	}
	if parens {
		p.expect(")")
	}
	p.expect(":")
	s.body = p.block("'with' statement", t.line)
	return s
}

// parensHoldItems tells whether `with (` opens a list of items rather than an
// expression: whether its closing bracket comes before the colon and an `as` is inside.
func (p *parser) parensHoldItems() bool {
	level := p.peek().level
	as := false
	for j := p.i + 1; j < len(p.tokens); j++ {
		t := p.tokens[j]
		if t.kind == tokKeyword && t.text == "as" && t.level == level+1 {
			as = true
		}
		if t.text == ")" && t.kind == tokOp && t.level == level+1 {
			return as && j+1 < len(p.tokens) && p.tokens[j+1].text == ":"
		}
	}
	return false
}

func (p *parser) nameToken() string {
	if p.peek().kind != tokName {
		p.invalid()
	}
	return p.next().text
}

// bind makes name a local of the function being read.
func (p *parser) bind(name string) {
	p.bound[name] = true
	if !p.scope.globals[name] && !p.scope.outer[name] {
		p.scope.locals[name] = true
	}
}
