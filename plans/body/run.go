// SPDX-License-Identifier: Apache-2.0

package body

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// Check refuses the builtins that are no part of a Body (eval, exec, globals
// and the like) unless the Body binds the name itself or scripts has one of that
// name. Run does it too, before
// anything runs. Its error is a *SyntaxError.
func (p *Program) Check(scripts func(name string) bool) error {
	for _, n := range p.names {
		if isForbidden(n.name) && !p.bound[n.name] && !scripts(n.name) {
			line := lineOf(p.src.text, n.line)
			e := p.src.fault(n.line, textLen(line[:min(n.col, len(line))]), n.name+" is not part of a Body; use a script")
			e.Construct = n.name
			return e
		}
	}
	return nil
}

// Run runs p in s and gives what the Body returns, None where it returns
// nothing. Its error is an *Exception that the Body did not catch, the error of
// a script as the script returned it, a *SyntaxError of Check, a *LimitError,
// or one that wraps ctx's. The Body's args are a shallow copy of s.Args.
func (p *Program) Run(ctx context.Context, s Scope) (Value, error) {
	if err := p.Check(func(name string) bool { return s.Scripts[name] != nil }); err != nil {
		return nil, err
	}
	r := newRun(ctx, s)
	defer r.close()
	f := &frame{fn: p.main, vars: map[string]Value{}}
	_, err := r.block(f, p.main.body)
	if err != nil {
		if e, ok := err.(*Exception); ok && e.cause != nil {
			return nil, e.cause
		}
		return nil, err
	}
	return f.result, nil
}

// A run is one execution of a Program.
type run struct {
	ctx              context.Context
	scope            Scope
	globals          map[string]Value
	steps, nextCheck int64
	bytes            int64
	depth            int
	handling         []*Exception // what a bare raise raises
	files            []*file      // open ones
}

func newRun(ctx context.Context, s Scope) *run {
	if s.Limits.Steps == 0 {
		s.Limits.Steps = 20_000_000
	}
	if s.Limits.Bytes == 0 {
		s.Limits.Bytes = 512 << 20
	}
	if s.Limits.Depth == 0 {
		s.Limits.Depth = 200
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Rand == nil {
		s.Rand = rand.Reader
	}
	args := s.Args.copy()
	args.bunch = true
	globals := map[string]Value{"args": args, "__name__": "builtins"}
	for name := range s.Scripts {
		globals[name] = scriptRunner{name}
	}
	return &run{ctx: ctx, scope: s, globals: globals}
}

func (r *run) close() {
	for _, f := range r.files {
		f.close()
	}
}

// step counts n steps, and looks at the context now and then.
func (r *run) step(n int) error {
	r.steps += int64(n)
	if r.steps < r.nextCheck {
		return nil
	}
	r.nextCheck = r.steps + 1024
	if r.steps > r.scope.Limits.Steps {
		return &LimitError{"steps", r.scope.Limits.Steps}
	}
	if err := r.ctx.Err(); err != nil {
		return &uncatchableError{fmt.Errorf("run the Body: %w", context.Cause(r.ctx))}
	}
	return nil
}

// alloc counts n bytes of a value about to be made.
func (r *run) alloc(n int) error {
	if n < 0 || int64(n) > r.scope.Limits.Bytes-r.bytes {
		return &LimitError{"bytes", r.scope.Limits.Bytes}
	}
	r.bytes += int64(n)
	return nil
}

// room is how many bytes may still be made.
func (r *run) room() int { return int(r.scope.Limits.Bytes - r.bytes) }

// items counts n elements of a container about to be made.
func (r *run) items(n int) error {
	if n < 0 || n > 1<<40 {
		return &LimitError{"bytes", r.scope.Limits.Bytes}
	}
	return r.alloc(n * 16)
}

// A frame holds the names of one call.
type frame struct {
	fn     *funcNode
	vars   map[string]Value
	parent *frame // of the function around it
	result Value
}

// lookup reads a name as Python resolves it.
func (r *run) lookup(f *frame, name string) (Value, error) {
	if v, ok := f.vars[name]; ok {
		return v, nil
	}
	own := f
	for ; f != nil; f = f.parent {
		if f.fn.globals[name] {
			break
		}
		if !f.fn.locals[name] {
			continue
		}
		if v, ok := f.vars[name]; ok {
			return v, nil
		}
		if f == own {
			return nil, raise("UnboundLocalError", "cannot access local variable '%s' where it is not associated with a value", name)
		}
		return nil, raise("NameError", "cannot access free variable '%s' where it is not associated with a value in enclosing scope", name)
	}
	if v, ok := r.globals[name]; ok {
		return v, nil
	}
	if v, ok := builtinValue(name); ok {
		return v, nil
	}
	return nil, raise("NameError", "name '%s' is not defined", name)
}

// store gives a name a value in the scope where it is bound.
func (r *run) store(f *frame, name string, v Value) {
	if g := r.home(f, name); g != nil {
		g.vars[name] = v
		return
	}
	r.globals[name] = v
}

// home is the frame that holds name; nil means the globals.
func (r *run) home(f *frame, name string) *frame {
	for ; f != nil; f = f.parent {
		switch {
		case f.fn.globals[name]:
			return nil
		case f.fn.locals[name]:
			return f
		}
	}
	return nil
}

func (r *run) remove(f *frame, name string) error {
	vars := r.globals
	if g := r.home(f, name); g != nil {
		vars = g.vars
	}
	if _, ok := vars[name]; !ok {
		_, err := r.lookup(f, name)
		if err == nil {
			err = raise("NameError", "name '%s' is not defined", name)
		}
		return err
	}
	delete(vars, name)
	return nil
}
