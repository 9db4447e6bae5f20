// SPDX-License-Identifier: Apache-2.0

package body

// pos is a place in the wrapped source: line from 1, column in bytes from 0.
type pos struct{ line, col int }

func (p pos) at() pos { return p }

// An expr is an expression of the tree, a stmt a statement.
type (
	expr interface{ at() pos }
	stmt interface{ at() pos }
)

type (
	constExpr struct {
		pos
		value Value
	}
	nameExpr struct {
		pos
		name string
	}
	// textExpr is an f-string.
	textExpr struct {
		pos
		parts []textPart
	}
	seqExpr struct { // tuple, list or set display
		pos
		kind   byte // ( [ {
		items  []expr
		parens bool
	}
	dictExpr struct {
		pos
		keys, values []expr // a nil key: **value
	}
	unaryExpr struct {
		pos
		op string
		x  expr
	}
	binaryExpr struct {
		pos
		op   string
		l, r expr
	}
	boolExpr struct {
		pos
		or    bool
		items []expr
	}
	compareExpr struct {
		pos
		first expr
		ops   []string
		rest  []expr
	}
	callExpr struct {
		pos
		fn   expr
		args []argument
	}
	attrExpr struct {
		pos
		x    expr
		name string
	}
	indexExpr struct {
		pos
		x, index expr
	}
	sliceExpr struct {
		pos
		lo, hi, step expr
	}
	condExpr struct {
		pos
		test, yes, no expr
	}
	lambdaExpr struct {
		pos
		fn *funcNode
	}
	compExpr struct {
		pos
		kind    byte // [ { : ( for list, set, dict, generator
		key     expr // of a dict
		elem    expr
		clauses []compClause
		fn      *funcNode // its own names
	}
	starExpr struct {
		pos
		x expr
	}
	walrusExpr struct {
		pos
		name string
		x    expr
	}
)

// A textPart is a piece of an f-string: text, or a value with its format.
type textPart struct {
	text       string
	value      expr
	conversion byte // s r a, or 0
	spec       *textExpr
}

// An argument of a call: f(x), f(name=x), f(*x), f(**x).
type argument struct {
	name  string
	star  int
	value expr
}

type compClause struct {
	target, iter expr
	conds        []expr
}

type (
	exprStmt struct {
		pos
		x expr
	}
	assignStmt struct {
		pos
		targets []expr
		value   expr // nil: only an annotation
	}
	augStmt struct {
		pos
		target expr
		op     string
		value  expr
	}
	ifStmt struct {
		pos
		tests  []expr
		bodies [][]stmt // one more than tests where there is an else
	}
	whileStmt struct {
		pos
		test       expr
		body, elze []stmt
	}
	forStmt struct {
		pos
		target, iter expr
		body, elze   []stmt
	}
	tryStmt struct {
		pos
		body, elze, finally []stmt
		excepts             []exceptClause
	}
	withStmt struct {
		pos
		items []withItem
		body  []stmt
	}
	raiseStmt struct {
		pos
		x, cause expr
	}
	assertStmt struct {
		pos
		test, message expr
	}
	returnStmt struct {
		pos
		x expr
	}
	passStmt     struct{ pos }
	breakStmt    struct{ pos }
	continueStmt struct{ pos }
	delStmt      struct {
		pos
		targets []expr
	}
	importStmt struct {
		pos
		module, bind string // bind is the name it gets; import os.path binds os
	}
	fromStmt struct {
		pos
		module      string
		names, bind []string
	}
	defStmt struct {
		pos
		fn *funcNode
	}
)

type exceptClause struct {
	pos
	class expr // nil catches all
	name  string
	body  []stmt
}

type withItem struct{ x, target expr }

// A funcNode is a function, a lambda or the scope of a comprehension.
type funcNode struct {
	name    string
	params  []param
	body    []stmt
	result  expr // of a lambda
	locals  map[string]bool
	globals map[string]bool
	outer   map[string]bool // nonlocal
	comp    bool
}

type param struct {
	name     string
	kind     byte // 0 plain, '*' rest, '2' keywords (**)
	posOnly  bool
	kwOnly   bool
	fallback expr
}
