// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"strings"
)

// simple reads a statement that fits on one line.
func (p *parser) simple() stmt {
	t := p.peek()
	if t.kind == tokKeyword {
		switch t.text {
		case "pass":
			p.next()
			return &passStmt{t.at()}
		case "break", "continue":
			return p.loopJump()
		case "return":
			p.next()
			s := &returnStmt{pos: t.at()}
			if !p.atEnd() {
				s.x = p.exprList(true)
			}
			return s
		case "raise":
			return p.raiseStatement()
		case "assert":
			return p.assertStatement()
		case "del":
			return p.delStatement()
		case "import":
			return p.importStatement()
		case "from":
			return p.fromStatement()
		case "global", "nonlocal":
			return p.globalStatement()
		case "yield":
			p.refuse(t.at(), "yield", "generators are not part of a Body; return a list")
		}
	}
	return p.exprStatement()
}

func (p *parser) atEnd() bool {
	t := p.peek()
	return t.kind == tokNewline || t.kind == tokEOF || t.kind == tokOp && t.text == ";"
}

func (p *parser) loopJump() stmt {
	t := p.next()
	if p.loops == 0 {
		if t.text == "break" {
			p.failAt(t.at(), "'break' outside loop")
		}
		p.failAt(t.at(), "'continue' not properly in loop")
	}
	if t.text == "break" {
		return &breakStmt{t.at()}
	}
	return &continueStmt{t.at()}
}

func (p *parser) raiseStatement() stmt {
	s := &raiseStmt{pos: p.next().at()}
	if !p.atEnd() {
		s.x = p.expression()
		if p.accept("from") {
			s.cause = p.expression()
		}
	}
	return s
}

func (p *parser) assertStatement() stmt {
	s := &assertStmt{pos: p.next().at()}
	s.test = p.expression()
	if p.accept(",") {
		s.message = p.expression()
	}
	return s
}

func (p *parser) delStatement() stmt {
	s := &delStmt{pos: p.next().at()}
	for {
		x := p.or()
		p.checkDelete(x)
		p.bindTarget(x)
		s.targets = append(s.targets, x)
		if !p.accept(",") || p.atEnd() {
			return s
		}
	}
}

func (p *parser) checkDelete(x expr) {
	switch x := x.(type) {
	case *nameExpr, *indexExpr:
	case *attrExpr:
		p.refuse(x.pos, "deletion of an attribute", "deletion of an attribute is not part of a Body; use del x['name']")
	case *seqExpr:
		if x.kind == '{' {
			p.failAt(x.pos, "cannot delete set display")
		}
		for _, item := range x.items {
			p.checkDelete(item)
		}
	default:
		p.failAt(x.at(), "cannot delete "+describe(x))
	}
}

func (p *parser) globalStatement() stmt {
	t := p.next()
	for {
		at := p.peek().at()
		name := p.nameToken()
		if p.scope.locals[name] {
			what := "assigned to"
			for _, q := range p.scope.params {
				if q.name == name {
					p.failAt(at, fmt.Sprintf("name '%s' is parameter and %s", name, t.text))
				}
			}
			p.failAt(t.at(), fmt.Sprintf("name '%s' is %s before %s declaration", name, what, t.text))
		}
		if t.text == "global" {
			p.scope.globals[name] = true
		} else {
			if !p.outerHas(name) {
				p.failAt(t.at(), fmt.Sprintf("no binding for nonlocal '%s' found", name))
			}
			p.scope.outer[name] = true
		}
		if !p.accept(",") {
			return &passStmt{t.at()}
		}
	}
}

func (p *parser) outerHas(name string) bool {
	for _, fn := range p.funcs {
		if fn.locals[name] {
			return true
		}
	}
	return false
}

func (p *parser) dottedName() string {
	name := p.nameToken()
	for p.accept(".") {
		name += "." + p.nameToken()
	}
	return name
}

func (p *parser) importStatement() stmt {
	t := p.next()
	var list []stmt
	for {
		at := p.peek().at()
		s := &importStmt{pos: at, module: p.dottedName()}
		p.checkModule(at, s.module)
		s.bind, _, _ = strings.Cut(s.module, ".")
		known := s.bind
		if p.accept("as") {
			s.bind, known = p.nameToken(), s.module
		} else {
			s.module = s.bind
		}
		p.bind(s.bind)
		p.imports[s.bind] = known
		list = append(list, s)
		if !p.accept(",") {
			break
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	return &ifStmt{t.at(), []expr{&constExpr{t.at(), true}}, [][]stmt{list}}
}

func (p *parser) checkModule(at pos, name string) {
	if !isModule(name) {
		p.refuse(at, "import of "+name, fmt.Sprintf("module %s is not part of a Body, which may import %s; use a script", name, moduleNames))
	}
}

func (p *parser) fromStatement() stmt {
	p.next()
	at := p.peek().at()
	if p.is(".") || p.is("...") {
		p.refuse(at, "relative import", "relative imports are not part of a Body; use a script")
	}
	s := &fromStmt{pos: at, module: p.dottedName()}
	if s.module == "__future__" {
		p.failAt(at, "from __future__ imports must occur at the beginning of the file")
	}
	p.checkModule(at, s.module)
	p.expect("import")
	if p.is("*") {
		p.fail("import * only allowed at module level")
	}
	parens := p.accept("(")
	for {
		nameAt := p.peek().at()
		name := p.nameToken()
		if _, ok := moduleMember(s.module, name); !ok {
			p.refuse(nameAt, s.module+"."+name, fmt.Sprintf("%s.%s is not part of a Body; use a script", s.module, name))
		}
		bind := name
		if p.accept("as") {
			bind = p.nameToken()
		}
		if s.module+"."+name == "os.path" {
			p.imports[bind] = "os.path"
		}
		p.bind(bind)
		s.names, s.bind = append(s.names, name), append(s.bind, bind)
		if !p.accept(",") {
			break
		}
		if parens && p.is(")") {
			break
		}
		if !parens && p.atEnd() {
			p.fail("trailing comma not allowed without surrounding parentheses")
		}
	}
	if parens {
		p.expect(")")
	}
	return s
}

func isAugmented(t token) bool {
	if t.kind != tokOp || len(t.text) < 2 || t.text[len(t.text)-1] != '=' {
		return false
	}
	switch t.text {
	case "==", "!=", "<=", ">=", ":=":
		return false
	}
	return true
}

func (p *parser) exprStatement() stmt {
	at := p.peek().at()
	x := p.exprList(true)
	switch t := p.peek(); {
	case isAugmented(t):
		return p.augmented(at, x)
	case t.kind == tokOp && t.text == ":":
		return p.annotated(at, x)
	case t.kind != tokOp || t.text != "=":
		return &exprStmt{at, x}
	}
	s := &assignStmt{pos: at, targets: []expr{x}}
	for p.accept("=") {
		if p.is("yield") {
			p.refuse(p.peek().at(), "yield", "generators are not part of a Body; return a list")
		}
		s.targets = append(s.targets, p.exprList(true))
	}
	s.value = s.targets[len(s.targets)-1]
	s.targets = s.targets[:len(s.targets)-1]
	for _, target := range s.targets {
		if star, ok := target.(*starExpr); ok {
			p.failAt(star.pos, "starred assignment target must be in a list or tuple")
		}
		p.checkTarget(target, len(s.targets) == 1)
		p.bindTarget(target)
	}
	return s
}

func (p *parser) augmented(at pos, x expr) stmt {
	switch x := x.(type) {
	case *nameExpr, *indexExpr:
	case *attrExpr:
		p.refuseAttribute(x)
	default:
		p.failAt(x.at(), fmt.Sprintf("'%s' is an illegal expression for augmented assignment", describe(x)))
	}
	p.bindTarget(x)
	op := strings.TrimSuffix(p.next().text, "=")
	return &augStmt{at, x, op, p.exprList(true)}
}

func (p *parser) annotated(at pos, x expr) stmt {
	switch x := x.(type) {
	case *nameExpr, *indexExpr:
	case *attrExpr:
		p.refuseAttribute(x)
	case *seqExpr:
		switch x.kind {
		case '[':
			p.failAt(x.pos, "only single target (not list) can be annotated")
		case '(':
			p.failAt(x.pos, "only single target (not tuple) can be annotated")
		}
		p.invalid()
	default:
		p.invalid()
	}
	p.next()
	p.expression()
	p.bindTarget(x)
	s := &assignStmt{pos: at, targets: []expr{x}}
	if p.accept("=") {
		s.value = p.exprList(true)
	}
	return s
}

func (p *parser) refuseAttribute(x *attrExpr) {
	p.refuse(x.pos, "assignment to an attribute", "assignment to an attribute is not part of a Body; use x['name'] = value")
}

// checkTarget fails where x cannot be assigned to; maybe adds the hint that
// CPython gives for a statement `x = y`.
func (p *parser) checkTarget(x expr, maybe bool) {
	switch x := x.(type) {
	case *nameExpr, *indexExpr:
	case *attrExpr:
		p.refuseAttribute(x)
	case *starExpr:
		p.checkTarget(x.x, false)
	case *seqExpr:
		if x.kind == '{' {
			p.notAssignable(x, maybe)
		}
		stars := 0
		for _, item := range x.items {
			if _, ok := item.(*starExpr); ok {
				stars++
			}
			p.checkTarget(item, false)
		}
		if stars > 1 {
			p.failAt(x.pos, "multiple starred expressions in assignment")
		}
	default:
		p.notAssignable(x, maybe)
	}
}

func (p *parser) notAssignable(x expr, maybe bool) {
	reason := "cannot assign to " + describe(x)
	switch x := x.(type) {
	case *constExpr:
		maybe = maybe && x.value != nil && x.value != true && x.value != false
	case *compareExpr, *boolExpr, *condExpr, *lambdaExpr:
		maybe = false
	}
	if maybe {
		reason += " here. Maybe you meant '==' instead of '='?"
	}
	p.failAt(x.at(), reason)
}

// describe names an expression as CPython does in its errors.
func describe(x expr) string {
	switch x := x.(type) {
	case *constExpr:
		switch x.value {
		case nil:
			return "None"
		case true:
			return "True"
		case false:
			return "False"
		}
		if _, ok := x.value.(ellipsis); ok {
			return "ellipsis"
		}
		return "literal"
	case *nameExpr:
		return "name"
	case *textExpr:
		return "f-string expression"
	case *seqExpr:
		switch x.kind {
		case '(':
			return "tuple"
		case '[':
			return "list"
		}
		return "set display"
	case *dictExpr:
		return "dict literal"
	case *callExpr:
		return "function call"
	case *attrExpr:
		return "attribute"
	case *indexExpr:
		return "subscript"
	case *starExpr:
		return "starred"
	case *compareExpr:
		return "comparison"
	case *condExpr:
		return "conditional expression"
	case *lambdaExpr:
		return "lambda"
	case *walrusExpr:
		return "named expression"
	case *compExpr:
		switch x.kind {
		case '[':
			return "list comprehension"
		case '{':
			return "set comprehension"
		case ':':
			return "dict comprehension"
		}
		return "generator expression"
	}
	return "expression"
}

// bindTarget makes every name of a target local.
func (p *parser) bindTarget(x expr) {
	switch x := x.(type) {
	case *nameExpr:
		p.bind(x.name)
	case *starExpr:
		p.bindTarget(x.x)
	case *seqExpr:
		for _, item := range x.items {
			p.bindTarget(item)
		}
	}
}

// checkMembers refuses what a Body takes from a module but the subset lacks.
func (p *parser) checkMembers() {
	for _, x := range p.members {
		n := x.x.(*nameExpr)
		module, ok := p.imports[n.name]
		if !ok {
			continue
		}
		if _, ok := moduleMember(module, x.name); !ok {
			p.refuse(n.pos, module+"."+x.name, fmt.Sprintf("%s.%s is not part of a Body; use a script", module, x.name))
		}
	}
}
