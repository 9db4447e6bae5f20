// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"slices"
	"strings"
)

type kwarg struct {
	name  string
	value Value
}

func hasKwarg(kw []kwarg, name string) bool {
	return slices.ContainsFunc(kw, func(k kwarg) bool { return k.name == name })
}

// A function is what def or lambda makes.
type function struct {
	fn       *funcNode
	qual     string
	parent   *frame
	defaults map[string]Value
}

func (*function) typeName() string { return "function" }
func (fn *function) repr() string  { return "<function " + fn.qual + ">" }

func (r *run) makeFunction(f *frame, fn *funcNode) (*function, error) {
	made := &function{fn: fn, parent: f, qual: fn.name}
	if !f.fn.globals[fn.name] {
		for p := f; p != nil; p = p.parent {
			made.qual = p.fn.name + ".<locals>." + made.qual
		}
	}
	for _, p := range fn.params {
		if p.fallback == nil {
			continue
		}
		v, err := r.eval(f, p.fallback)
		if err != nil {
			return nil, err
		}
		if made.defaults == nil {
			made.defaults = map[string]Value{}
		}
		made.defaults[p.name] = v
	}
	return made, nil
}

// A scriptRunner is a script of the plan under its name, a scriptFunction an
// attribute of it: murano-agent ignores which, deploy.install(x) is deploy(x).
type (
	scriptRunner   struct{ name string }
	scriptFunction struct{ script, name string }
)

func (scriptRunner) typeName() string   { return "ScriptRunner" }
func (scriptFunction) typeName() string { return "FunctionRunner" }

// callName is how CPython names a callable in an error about its arguments.
func callName(fn Value) string {
	switch fn := fn.(type) {
	case *function:
		return fn.qual + "()"
	case builtin:
		return fn.fullName() + "()"
	case typeObject:
		return fn.name
	}
	return typeName(fn) + " object"
}

// call is fn(*args, **kw).
func (r *run) call(fn Value, args []Value, kw []kwarg) (Value, error) {
	if err := r.step(1); err != nil {
		return nil, err
	}
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > int(r.scope.Limits.Depth) {
		return nil, &LimitError{"depth", int64(r.scope.Limits.Depth)}
	}
	switch fn := fn.(type) {
	case *function:
		return r.callFunction(fn, args, kw)
	case builtin:
		return r.callBuiltin(fn, args, kw)
	case typeObject:
		return r.construct(fn, args, kw)
	case scriptRunner:
		return r.callScript(fn.name, args, kw)
	case scriptFunction:
		return r.callScript(fn.script, args, kw)
	}
	return nil, typeError("'%s' object is not callable", typeName(fn))
}

func (r *run) callScript(name string, args []Value, kw []kwarg) (Value, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, &uncatchableError{fmt.Errorf("run the Body: %w", err)}
	}
	d := &Dict{}
	for _, k := range kw {
		d.Set(k.name, k.value)
	}
	v, err := r.scope.Scripts[name](r.ctx, args, d)
	if err != nil {
		if r.ctx.Err() != nil {
			return nil, &uncatchableError{err}
		}
		return nil, err
	}
	return v, nil
}

func (r *run) callFunction(fn *function, args []Value, kw []kwarg) (Value, error) {
	vars, err := bindParams(fn, args, kw)
	if err != nil {
		return nil, err
	}
	f := &frame{fn: fn.fn, vars: vars, parent: fn.parent}
	if fn.fn.result != nil {
		return r.eval(f, fn.fn.result)
	}
	_, err = r.block(f, fn.fn.body)
	return f.result, err
}

// bindParams gives the parameters of fn their values, with CPython's errors.
func bindParams(fn *function, args []Value, kw []kwarg) (map[string]Value, error) {
	vars := map[string]Value{}
	name := fn.qual
	rest := args
	var extra *Dict
	takesRest := false
	positional := 0
	for _, p := range fn.fn.params {
		switch {
		case p.kind == '*':
			takesRest = true
		case p.kind == '2':
			extra = &Dict{}
			vars[p.name] = extra
		case !p.kwOnly:
			positional++
			if len(rest) > 0 {
				vars[p.name] = rest[0]
				rest = rest[1:]
			}
		}
	}
	for _, k := range kw {
		i := slices.IndexFunc(fn.fn.params, func(p param) bool { return p.kind == 0 && p.name == k.name && !p.posOnly })
		if i < 0 {
			if extra == nil && slices.ContainsFunc(fn.fn.params, func(p param) bool { return p.posOnly && p.name == k.name }) {
				return nil, typeError("%s() got some positional-only arguments passed as keyword arguments: '%s'", name, k.name)
			}
			if extra == nil {
				return nil, typeError("%s() got an unexpected keyword argument '%s'", name, k.name)
			}
			extra.Set(k.name, k.value)
			continue
		}
		if _, ok := vars[k.name]; ok {
			return nil, typeError("%s() got multiple values for argument '%s'", name, k.name)
		}
		vars[k.name] = k.value
	}
	if len(rest) > 0 && !takesRest {
		return nil, tooMany(fn, positional, len(args))
	}
	var missing, missingKw []string
	for _, p := range fn.fn.params {
		if p.kind == '*' {
			vars[p.name] = &Tuple{slices.Clone(rest)}
			continue
		}
		if _, ok := vars[p.name]; ok || p.kind != 0 {
			continue
		}
		if v, ok := fn.defaults[p.name]; ok {
			vars[p.name] = v
		} else if p.kwOnly {
			missingKw = append(missingKw, "'"+p.name+"'")
		} else {
			missing = append(missing, "'"+p.name+"'")
		}
	}
	if len(missing) > 0 {
		return nil, typeError("%s() missing %d required positional argument%s: %s", name, len(missing), plural(len(missing)), listed(missing))
	}
	if len(missingKw) > 0 {
		return nil, typeError("%s() missing %d required keyword-only argument%s: %s", name, len(missingKw), plural(len(missingKw)), listed(missingKw))
	}
	return vars, nil
}

func tooMany(fn *function, positional, given int) error {
	least := positional
	for _, p := range fn.fn.params {
		if _, ok := fn.defaults[p.name]; ok && !p.kwOnly && p.kind == 0 {
			least--
		}
	}
	takes := fmt.Sprint(positional)
	many := positional != 1
	if least < positional {
		takes, many = fmt.Sprintf("from %d to %d", least, positional), true
	}
	s, was := "", "was"
	if many {
		s = "s"
	}
	if given != 1 {
		was = "were"
	}
	return typeError("%s() takes %s positional argument%s but %d %s given", fn.qual, takes, s, given, was)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func listed(names []string) string {
	switch n := len(names); n {
	case 1:
		return names[0]
	case 2:
		return names[0] + " and " + names[1]
	default:
		return strings.Join(names[:n-1], ", ") + ", and " + names[n-1]
	}
}

// A builtin is a function of Python itself, or a method bound to self.
type builtin struct {
	name string
	self Value
}

func (b builtin) typeName() string { return "builtin_function_or_method" }

func (b builtin) repr() string {
	if b.self == nil {
		return "<built-in function " + b.name + ">"
	}
	return "<built-in method " + b.name + " of " + typeName(b.self) + " object>"
}

func (b builtin) fullName() string {
	switch b.self.(type) {
	case nil, module:
		return b.name
	case typeObject:
		return b.name
	}
	name := typeName(b.self)
	if name == "Bunch" {
		name = "dict"
	}
	return name + "." + b.name
}

// A native is the Go side of a builtin: how many arguments it takes, the names
// of those that may be given by name, and what it does.
type native struct {
	min, max int // max -1: any number, and every keyword, unchecked
	names    []string
	fn       func(c *call) (Value, error)
}

// A call is one call of a builtin. Arguments that were not given are unset{}.
type call struct {
	r    *run
	name string
	self Value
	a    []Value
	kw   []kwarg
}

type unset struct{}

func (c *call) given(i int) bool { return i < len(c.a) && c.a[i] != Value(unset{}) }

func (r *run) callBuiltin(b builtin, args []Value, kw []kwarg) (Value, error) {
	n, ok := findNative(b)
	if !ok {
		return nil, raise("SystemError", "no builtin %s", b.name)
	}
	c := &call{r: r, name: b.name, self: b.self, a: args, kw: kw}
	if n.max >= 0 {
		if err := c.bind(n, b); err != nil {
			return nil, err
		}
	}
	return n.fn(c)
}

// bind checks the arguments and pads them to n.max, with CPython's errors.
func (c *call) bind(n native, b builtin) error {
	given := len(c.a)
	full := b.fullName()
	if len(c.kw) > 0 && len(n.names) == 0 {
		return typeError("%s() takes no keyword arguments", full)
	}
	switch {
	case len(n.names) > 0 && given+len(c.kw) > n.max:
		return typeError("%s() takes at most %d argument%s (%d given)", c.name, n.max, plural(n.max), given+len(c.kw))
	case n.max == 0 && given > 0:
		return typeError("%s() takes no arguments (%d given)", full, given)
	case n.min == 1 && n.max == 1 && given != 1 && len(n.names) == 0:
		return typeError("%s() takes exactly one argument (%d given)", full, given)
	case given > n.max && n.min == n.max:
		return typeError("%s expected %d argument%s, got %d", c.name, n.max, plural(n.max), given)
	case given > n.max:
		return typeError("%s expected at most %d argument%s, got %d", c.name, n.max, plural(n.max), given)
	case given < n.min && len(n.names) == 0 && n.min == n.max:
		return typeError("%s expected %d argument%s, got %d", c.name, n.min, plural(n.min), given)
	case given < n.min && len(n.names) == 0:
		return typeError("%s expected at least %d argument%s, got %d", c.name, n.min, plural(n.min), given)
	}
	padded := make([]Value, n.max)
	copy(padded, c.a)
	for i := given; i < n.max; i++ {
		padded[i] = unset{}
	}
	for _, k := range c.kw {
		i := slices.Index(n.names, k.name)
		if i < 0 || k.name == "" {
			return typeError("'%s' is an invalid keyword argument for %s()", k.name, c.name)
		}
		if i < given {
			return typeError("argument for %s() given by name ('%s') and position (%d)", c.name, k.name, i+1)
		}
		padded[i] = k.value
	}
	for i := range n.min {
		if padded[i] == Value(unset{}) {
			if i < len(n.names) && n.names[i] != "" {
				return typeError("%s() missing required argument '%s' (pos %d)", c.name, n.names[i], i+1)
			}
			return typeError("%s expected at least %d argument%s, got %d", c.name, n.min, plural(n.min), given)
		}
	}
	c.a = padded
	return nil
}
