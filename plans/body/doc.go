// SPDX-License-Identifier: Apache-2.0

// Package body runs the Body of an execution plan: a subset of Python with the
// results of CPython 3.11, byte for byte, because the string a Body makes is
// shell text.
//
// Parse reads a Body to a tree as murano-agent 12.0.0 does: tabs expanded to
// four columns, lines moved left to the least indentation, the whole wrapped
// into a function. What is not Python is refused with CPython's wording, what
// is Python but no part of a Body with the name of the construct, both before
// anything runs. Run walks the tree in a Scope: the plan's Parameters, its
// Scripts, a policy for files, and bounds for steps, memory and depth.
//
// The subset. Statements: expression, assignment to names, subscripts and
// tuples, augmented assignment, if, for, while, break, continue, try, raise,
// assert, with (for open), return, pass, del, global, nonlocal, def, import of
// json, base64, uuid, time, sys and os.path. Expressions: all of Python 3.11 but
// yield and await. Outside: classes, generators, decorators, match, async,
// assignment to attributes, every other module, and builtins that reach the
// interpreter (eval, exec, globals, ...).
package body
