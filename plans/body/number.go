// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// parseNumber is the value of a numeric literal.
func parseNumber(s string) (Value, error) {
	if len(s) > 1 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		n, _ := new(big.Int).SetString(strings.ToLower(s), 0)
		return Int(n), nil
	}
	if strings.ContainsAny(s, ".eE") {
		f, _ := strconv.ParseFloat(s, 64)
		return f, nil
	}
	return parseDecimal(s)
}

// parseInt is int(s, base).
func parseInt(s string, base int) (Value, error) {
	shown := reprText(s)
	fail := func() (Value, error) {
		return nil, &Exception{Class: "ValueError", Args: []Value{"invalid literal for int() with base " + strconv.Itoa(base) + ": " + shown}}
	}
	t := asciiDigits(trimText(s, isSpace, true, true))
	sign := ""
	if t != "" && (t[0] == '-' || t[0] == '+') {
		if t[0] == '-' {
			sign = "-"
		}
		t = t[1:]
	}
	used := base
	if len(t) > 1 && t[0] == '0' {
		prefix := map[byte]int{'x': 16, 'o': 8, 'b': 2}[t[1]|0x20]
		if prefix != 0 && (base == prefix || base == 0) {
			used = prefix
			t = strings.TrimPrefix(t[2:], "_")
		}
	}
	if used == 0 {
		used = 10
		if len(t) > 1 && t[0] == '0' && strings.Trim(t, "0_") != "" {
			return fail()
		}
	}
	if t == "" || strings.HasPrefix(t, "_") || strings.HasSuffix(t, "_") || strings.Contains(t, "__") {
		return fail()
	}
	t = strings.ReplaceAll(t, "_", "")
	for _, c := range []byte(t) {
		d := hexValue(c)
		if d < 0 || c|0x20 >= 'a' && c|0x20 <= 'z' {
			d = int(c|0x20) - 'a' + 10
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return fail()
			}
		}
		if d >= used {
			return fail()
		}
	}
	if used&(used-1) != 0 && len(t) > maxDigits {
		return nil, valueError("Exceeds the limit (4300 digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", len(t))
	}
	if len(t) > maxBits {
		return nil, &LimitError{"integer", maxBits}
	}
	n, ok := new(big.Int).SetString(sign+t, used)
	if !ok {
		return fail()
	}
	return Int(n), nil
}

// asciiDigits turns the decimal digits of every script into ASCII's.
func asciiDigits(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range runesOf(s) {
		if d, ok := digitValue(r); ok {
			b.WriteByte(byte('0' + d))
		} else {
			writeRune(&b, r)
		}
	}
	return b.String()
}

// parseFloat is float(s).
func parseFloat(s string) (Value, error) {
	fail := func() (Value, error) {
		return nil, &Exception{Class: "ValueError", Args: []Value{"could not convert string to float: " + reprText(s)}}
	}
	t := asciiDigits(trimText(s, isSpace, true, true))
	for i := 0; i < len(t); i++ {
		if t[i] == '_' && (i == 0 || i == len(t)-1 || !isDigit(t[i-1]) || !isDigit(t[i+1])) {
			return fail()
		}
	}
	t = strings.ToLower(strings.ReplaceAll(t, "_", ""))
	switch strings.TrimLeft(t, "+-") {
	case "inf", "infinity", "nan":
		if len(t)-len(strings.TrimLeft(t, "+-")) > 1 {
			return fail()
		}
		f, _ := strconv.ParseFloat(t, 64)
		if strings.HasSuffix(t, "nan") {
			f = math.NaN()
		}
		return f, nil
	}
	if strings.Trim(t, "0123456789.e+-") != "" || t == "" {
		return fail()
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && err.(*strconv.NumError).Err != strconv.ErrRange {
		return fail()
	}
	return f, nil
}

// floatToInt is int(f).
func floatToInt(f float64) (Value, error) {
	switch {
	case math.IsNaN(f):
		return nil, valueError("cannot convert float NaN to integer")
	case math.IsInf(f, 0):
		return nil, raise("OverflowError", "cannot convert float infinity to integer")
	}
	n, _ := big.NewFloat(math.Trunc(f)).Int(nil)
	return Int(n), nil
}

// roundNumber is round(v, digits); digits is nil where none were given.
func roundNumber(v, digits Value) (Value, error) {
	if isInt(v) {
		if digits == nil {
			return Int(bigOf(v)), nil
		}
		n, err := indexInt(digits)
		if err != nil {
			return nil, err
		}
		return roundInt(bigOf(v), n)
	}
	f, ok := v.(float64)
	if !ok {
		return nil, typeError("type %s doesn't define __round__ method", typeName(v))
	}
	if digits == nil {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return floatToInt(f)
		}
		return floatToInt(math.RoundToEven(f))
	}
	n, err := indexInt(digits)
	if err != nil {
		return nil, err
	}
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0) || n > 323:
		return f, nil
	case n < -309:
		return math.Copysign(0, f), nil
	case n >= 0:
		g, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', n, 64), 64)
		return g, nil
	}
	// A decimal text of the float is exact; the tie goes to even.
	r := new(big.Rat)
	r.SetFloat64(f)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-n)), nil)
	q := roundRat(r.Quo(r, new(big.Rat).SetInt(scale)))
	g, _ := new(big.Float).SetInt(q.Mul(q, scale)).Float64()
	if math.IsInf(g, 0) {
		return nil, raise("OverflowError", "rounded value too large to represent")
	}
	return math.Copysign(g, f), nil
}

func roundInt(x *big.Int, n int) (Value, error) {
	if n >= 0 {
		return Int(x), nil
	}
	if -n > maxDigits {
		return int64(0), nil
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-n)), nil)
	q := roundRat(new(big.Rat).SetFrac(x, scale))
	return Int(q.Mul(q, scale)), nil
}

// roundRat rounds half to even.
func roundRat(r *big.Rat) *big.Int {
	q, m := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	switch m.Lsh(m, 1).Cmp(r.Denom()) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

func intMethod(name string) (native, bool) {
	switch name {
	case "bit_length":
		return native{0, 0, nil, func(c *call) (Value, error) { return int64(bigOf(c.self).BitLen()), nil }}, true
	case "bit_count":
		return native{0, 0, nil, func(c *call) (Value, error) {
			n := int64(0)
			for _, d := range new(big.Int).Abs(bigOf(c.self)).Text(2) {
				n += int64(d - '0')
			}
			return n, nil
		}}, true
	case "conjugate":
		return native{0, 0, nil, func(c *call) (Value, error) { return Int(bigOf(c.self)), nil }}, true
	case "to_bytes":
		return native{0, -1, nil, intToBytes}, true
	}
	return native{}, false
}

func intToBytes(c *call) (Value, error) {
	length, order, signed := Value(int64(1)), Value("big"), false
	for i, a := range c.a {
		switch i {
		case 0:
			length = a
		case 1:
			order = a
		}
	}
	for _, k := range c.kw {
		switch k.name {
		case "length":
			length = k.value
		case "byteorder":
			order = k.value
		case "signed":
			signed = truth(k.value)
		}
	}
	n, err := indexInt(length)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, valueError("length argument must be non-negative")
	}
	if order != "big" && order != "little" {
		return nil, valueError("byteorder must be either 'little' or 'big'")
	}
	if err := c.r.alloc(n); err != nil {
		return nil, err
	}
	x := bigOf(c.self)
	if x.Sign() < 0 && !signed {
		return nil, raise("OverflowError", "can't convert negative int to unsigned")
	}
	bits := x.BitLen()
	if signed {
		bits++
		if x.Sign() < 0 {
			bits = new(big.Int).Not(x).BitLen() + 1
		}
	}
	if bits > n*8 {
		return nil, raise("OverflowError", "int too big to convert")
	}
	if x.Sign() < 0 {
		x = new(big.Int).Add(x, new(big.Int).Lsh(big.NewInt(1), uint(n*8)))
	}
	out := x.FillBytes(make([]byte, n))
	if order == "little" {
		for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return Bytes(out), nil
}

func intFromBytes(c *call) (Value, error) {
	b, ok := c.a[0].(Bytes)
	if !ok {
		return nil, typeError("cannot convert '%s' object to bytes", typeName(c.a[0]))
	}
	raw := []byte(b)
	if len(raw)*8 > maxBits {
		return nil, &LimitError{"integer", maxBits}
	}
	if c.given(1) && c.a[1] == "little" {
		for i, j := 0, len(raw)-1; i < j; i, j = i+1, j-1 {
			raw[i], raw[j] = raw[j], raw[i]
		}
	}
	return Int(new(big.Int).SetBytes(raw)), nil
}

func floatMethod(name string) (native, bool) {
	switch name {
	case "is_integer":
		return native{0, 0, nil, func(c *call) (Value, error) {
			f := c.self.(float64)
			return f == math.Trunc(f) && !math.IsInf(f, 0), nil
		}}, true
	case "conjugate":
		return native{0, 0, nil, func(c *call) (Value, error) { return c.self, nil }}, true
	case "as_integer_ratio":
		return native{0, 0, nil, func(c *call) (Value, error) {
			r := new(big.Rat).SetFloat64(c.self.(float64))
			if r == nil {
				_, err := floatToInt(c.self.(float64))
				return nil, err
			}
			return &Tuple{[]Value{Int(new(big.Int).Set(r.Num())), Int(new(big.Int).Set(r.Denom()))}}, nil
		}}, true
	}
	return native{}, false
}
