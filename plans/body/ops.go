// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
	"math/bits"
)

// maxBits bounds an int.
const maxBits = 1 << 22

// negate is a unary operator.
func negate(op string, v Value) (Value, error) {
	switch x := v.(type) {
	case bool, int64, *big.Int:
		n := bigOf(x)
		switch op {
		case "-":
			return Int(new(big.Int).Neg(n)), nil
		case "~":
			return Int(new(big.Int).Not(n)), nil
		}
		return Int(n), nil
	case float64:
		switch op {
		case "-":
			return -x, nil
		case "+":
			return x, nil
		}
	}
	return nil, typeError("bad operand type for unary %s: '%s'", op, typeName(v))
}

// binary is a op b; shown is the operator that an error names.
func (r *run) binary(op string, a, b Value, shown string) (Value, error) {
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			if v, ok := smallBinary(op, x, y); ok {
				return v, nil
			}
		}
	}
	if isInt(a) && isInt(b) {
		return r.intBinary(op, a, b, shown)
	}
	if isNumber(a) && isNumber(b) {
		if v, ok, err := floatBinary(op, a, b); ok || err != nil {
			return v, err
		}
		return nil, unsupported(shown, a, b)
	}
	switch op {
	case "+":
		return r.concat(a, b, shown)
	case "*":
		switch a.(type) {
		case *Dict, *Set, *Range, *dictView:
			// In place CPython asks the left sequence alone.
			if shown == "*=" {
				return nil, unsupported(shown, a, b)
			}
		}
		if n, ok := smallInt(b); ok || isInt(b) {
			if v, ok, err := r.repeat(a, n, b); ok || err != nil {
				return v, err
			}
		}
		if n, ok := smallInt(a); ok || isInt(a) {
			if v, ok, err := r.repeat(b, n, a); ok || err != nil {
				return v, err
			}
		}
		switch {
		case isSequence(a):
			return nil, typeError("can't multiply sequence by non-int of type '%s'", typeName(b))
		case isSequence(b):
			return nil, typeError("can't multiply sequence by non-int of type '%s'", typeName(a))
		}
	case "%":
		switch x := a.(type) {
		case string:
			return r.percent(x, b)
		case Bytes:
			return nil, typeError("bytes formatting is not part of a Body; format text and encode it")
		}
	case "|", "&", "-", "^":
		if v, ok, err := r.setBinary(op, a, b); ok || err != nil {
			return v, err
		}
	}
	return nil, unsupported(shown, a, b)
}

func unsupported(op string, a, b Value) error {
	if op == "**" {
		op = "** or pow()"
	}
	return typeError("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
}

func isNumber(v Value) bool {
	_, ok := v.(float64)
	return ok || isInt(v)
}

func isSequence(v Value) bool {
	switch v.(type) {
	case string, Bytes, *List, *Tuple:
		return true
	}
	return false
}

// smallBinary does the common cases that stay in 64 bits.
func smallBinary(op string, x, y int64) (Value, bool) {
	switch op {
	case "+":
		if s := x + y; (s > x) == (y > 0) {
			return s, true
		}
	case "-":
		if s := x - y; (s < x) == (y > 0) {
			return s, true
		}
	case "*":
		hi, lo := bits.Mul64(uint64(abs64(x)), uint64(abs64(y)))
		if hi == 0 && lo < math.MaxInt64 && x != math.MinInt64 && y != math.MinInt64 {
			return x * y, true
		}
	case "//", "%":
		if y == 0 || x == math.MinInt64 {
			return nil, false
		}
		q, m := x/y, x%y
		if m != 0 && (m < 0) != (y < 0) {
			q, m = q-1, m+y
		}
		if op == "%" {
			return m, true
		}
		return q, true
	}
	return nil, false
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

func (r *run) intBinary(op string, a, b Value, shown string) (Value, error) {
	if x, ok := a.(bool); ok {
		if y, ok := b.(bool); ok {
			switch op {
			case "&":
				return x && y, nil
			case "|":
				return x || y, nil
			case "^":
				return x != y, nil
			}
		}
	}
	x, y := bigOf(a), bigOf(b)
	if err := r.step((x.BitLen() + y.BitLen()) / 256); err != nil {
		return nil, err
	}
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(x, y)
	case "-":
		z.Sub(x, y)
	case "*":
		if x.BitLen()+y.BitLen() > maxBits {
			return nil, &LimitError{"integer", maxBits}
		}
		z.Mul(x, y)
	case "/":
		return intDivide(x, y)
	case "//", "%":
		return floorDivide(op, x, y)
	case "**":
		return r.power(x, y)
	case "<<", ">>":
		return shift(op, x, y)
	case "&":
		z.And(x, y)
	case "|":
		z.Or(x, y)
	case "^":
		z.Xor(x, y)
	default:
		return nil, unsupported(shown, a, b)
	}
	if z.BitLen() > maxBits {
		return nil, &LimitError{"integer", maxBits}
	}
	return Int(z), r.alloc(z.BitLen() / 8)
}

func intDivide(x, y *big.Int) (Value, error) {
	if y.Sign() == 0 {
		return nil, raise("ZeroDivisionError", "division by zero")
	}
	f, _ := new(big.Rat).SetFrac(x, y).Float64()
	if math.IsInf(f, 0) {
		return nil, raise("OverflowError", "integer division result too large for a float")
	}
	return f, nil
}

func floorDivide(op string, x, y *big.Int) (Value, error) {
	if y.Sign() == 0 {
		if op == "%" {
			return nil, raise("ZeroDivisionError", "integer modulo by zero")
		}
		return nil, raise("ZeroDivisionError", "integer division or modulo by zero")
	}
	q, m := new(big.Int).QuoRem(x, y, new(big.Int))
	if m.Sign() != 0 && (m.Sign() < 0) != (y.Sign() < 0) {
		q.Sub(q, big.NewInt(1))
		m.Add(m, y)
	}
	if op == "%" {
		return Int(m), nil
	}
	return Int(q), nil
}

func (r *run) power(x, y *big.Int) (Value, error) {
	if y.Sign() < 0 {
		v, _, err := floatBinary("**", Int(x), Int(y))
		return v, err
	}
	if x.BitLen() <= 1 { // 0, 1, -1
		if x.Sign() < 0 && y.Bit(0) == 0 {
			return int64(1), nil
		}
		if y.Sign() == 0 {
			return int64(1), nil
		}
		return Int(x), nil
	}
	if !y.IsInt64() || y.Int64() > maxBits || (int64(x.BitLen())-1)*y.Int64() > maxBits {
		return nil, &LimitError{"integer", maxBits}
	}
	z := new(big.Int).Exp(x, y, nil)
	if err := r.step(z.BitLen() / 64); err != nil {
		return nil, err
	}
	return Int(z), r.alloc(z.BitLen() / 8)
}

func shift(op string, x, y *big.Int) (Value, error) {
	if y.Sign() < 0 {
		return nil, valueError("negative shift count")
	}
	if op == ">>" {
		if !y.IsInt64() || y.Int64() > maxBits*2 {
			if x.Sign() < 0 {
				return int64(-1), nil
			}
			return int64(0), nil
		}
		return Int(new(big.Int).Rsh(x, uint(y.Int64()))), nil
	}
	if x.Sign() == 0 {
		return int64(0), nil
	}
	if !y.IsInt64() || y.Int64()+int64(x.BitLen()) > maxBits {
		return nil, &LimitError{"integer", maxBits}
	}
	return Int(new(big.Int).Lsh(x, uint(y.Int64()))), nil
}

// toFloat is float(v) of a number.
func toFloat(v Value) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	}
	n := bigOf(v)
	f, _ := new(big.Float).SetInt(n).Float64()
	if math.IsInf(f, 0) {
		return 0, raise("OverflowError", "int too large to convert to float")
	}
	return f, nil
}

// floatBinary is an operator of two numbers, one of them a float at least. Its
// bool is false where floats have no such operator.
func floatBinary(op string, a, b Value) (Value, bool, error) {
	x, err := toFloat(a)
	if err != nil {
		return nil, false, err
	}
	y, err := toFloat(b)
	if err != nil {
		return nil, false, err
	}
	switch op {
	case "+":
		return x + y, true, nil
	case "-":
		return x - y, true, nil
	case "*":
		return x * y, true, nil
	case "/":
		if y == 0 {
			return nil, false, raise("ZeroDivisionError", "float division by zero")
		}
		return x / y, true, nil
	case "//", "%":
		if y == 0 {
			if op == "%" {
				return nil, false, raise("ZeroDivisionError", "float modulo")
			}
			return nil, false, raise("ZeroDivisionError", "float floor division by zero")
		}
		q, m := floatDivMod(x, y)
		if op == "%" {
			return m, true, nil
		}
		return q, true, nil
	case "**":
		v, err := floatPower(x, y)
		return v, err == nil, err
	}
	return nil, false, nil
}

// floatDivMod is divmod of floats, as CPython's float_divmod computes it.
func floatDivMod(x, y float64) (float64, float64) {
	m := math.Mod(x, y)
	q := (x - m) / y
	if m != 0 {
		if (y < 0) != (m < 0) {
			m += y
			q--
		}
	} else {
		m = math.Copysign(0, y)
	}
	if q == 0 {
		return math.Copysign(0, x/y), m
	}
	floor := math.Floor(q)
	if q-floor > 0.5 {
		floor++
	}
	return floor, m
}

func floatPower(x, y float64) (Value, error) {
	switch {
	case y == 0 || x == 1:
		return 1.0, nil
	case math.IsNaN(x) || math.IsNaN(y):
		return math.NaN(), nil
	case x == 0 && y < 0:
		return nil, raise("ZeroDivisionError", "0.0 cannot be raised to a negative power")
	case x < 0 && !math.IsInf(x, 0) && !math.IsInf(y, 0) && y != math.Trunc(y):
		return nil, typeError("complex numbers are not part of a Body")
	}
	f := math.Pow(x, y)
	if math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, &Exception{Class: "OverflowError", Args: []Value{int64(34), "Numerical result out of range"}}
	}
	return f, nil
}
