// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
	"strings"
)

// A Value is one value of a Body:
//
//	None     nil
//	bool     bool
//	int      int64 where it fits, else *big.Int: one number has one form
//	float    float64
//	str      string; WTF-8, where a lone surrogate is its three bytes
//	bytes    Bytes
//	list, tuple, dict, set, range   *List, *Tuple, *Dict, *Set, *Range
//
// Other types (functions, modules, files, iterators, exceptions, scripts)
// exist inside a run only; EncodeJSON refuses them as json.dumps does.
type Value = any

// Bytes is a bytes object.
type Bytes string

// A List is a list. The zero value is an empty one.
type List struct{ Items []Value }

// A Tuple is a tuple; nobody may change its Items.
type Tuple struct{ Items []Value }

// A Range is a range object; Step is never 0.
type Range struct{ Start, Stop, Step int64 }

// NewList makes a list of items.
func NewList(items ...Value) *List { return &List{Items: items} }

// Int makes an int of n, in the one form that a number has.
func Int(n *big.Int) Value {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// NewScriptResult makes what the call of a script returns: an object with the
// attributes and keys exitCode, stdout and stderr. A nil string is None: there
// was no output or it was not captured. Bytes that are not UTF-8 become U+FFFD.
func NewScriptResult(exit int, stdout, stderr *string) Value {
	d := &Dict{bunch: true}
	d.Set("exitCode", int64(exit))
	d.Set("stdout", textOrNone(stdout))
	d.Set("stderr", textOrNone(stderr))
	return d
}

func textOrNone(s *string) Value {
	if s == nil {
		return nil
	}
	return strings.ToValidUTF8(*s, "\ufffd")
}

// len returns the number of elements of r.
func (r *Range) len() int64 {
	lo, hi, step := r.Start, r.Stop, r.Step
	if step < 0 {
		lo, hi = hi, lo
		if step == math.MinInt64 {
			step++
		}
		step = -step
	}
	if lo >= hi {
		return 0
	}
	n := (uint64(hi)-uint64(lo)-1)/uint64(step) + 1
	if n > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(n)
}

// typeName returns the name that Python gives the type of v.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case Bytes:
		return "bytes"
	case *List:
		return "list"
	case *Tuple:
		return "tuple"
	case *Dict:
		if v.bunch {
			return "Bunch"
		}
		return "dict"
	case *Set:
		if v.frozen {
			return "frozenset"
		}
		return "set"
	case *Range:
		return "range"
	case typed:
		return v.typeName()
	}
	return "object"
}

// typed is every other value: it knows the name of its type.
type typed interface{ typeName() string }

func bigOf(v Value) *big.Int {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1)
		}
		return new(big.Int)
	case int64:
		return big.NewInt(v)
	case *big.Int:
		return v
	}
	return nil
}

// isInt tells whether v is an int or a bool.
func isInt(v Value) bool {
	switch v.(type) {
	case bool, int64, *big.Int:
		return true
	}
	return false
}

// smallInt returns v as an int64 when it is an int or a bool that fits.
func smallInt(v Value) (int64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return v, true
	}
	return 0, false
}

// truth is bool(v).
func truth(v Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case *big.Int:
		return v.Sign() != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Bytes:
		return v != ""
	case *List:
		return len(v.Items) > 0
	case *Tuple:
		return len(v.Items) > 0
	case *Dict:
		return v.Len() > 0
	case *Set:
		return v.len() > 0
	case *Range:
		return v.len() > 0
	case *dictView:
		return v.d.Len() > 0
	}
	return true
}
