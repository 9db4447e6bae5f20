// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// A formatSpec is a parsed format specification:
// [[fill]align][sign][z][#][0][width][grouping][.precision][type].
type formatSpec struct {
	fill      rune
	align     byte // < > = ^, or 0
	sign      byte // + - space, or 0
	noNegZero bool
	alternate bool
	width     int
	group     byte // , _ or 0
	precision int  // -1: none
	kind      byte // 0: none
}

// format is format(v, spec).
func (r *run) format(v Value, spec string) (string, error) {
	switch v.(type) {
	case string, bool, int64, *big.Int, float64:
	default:
		if spec != "" {
			return "", typeError("unsupported format string passed to %s.__format__", typeName(v))
		}
		return r.str(v)
	}
	if spec == "" {
		return r.str(v)
	}
	f, err := parseSpec(spec, v)
	if err != nil {
		return "", err
	}
	// Fill is up to four bytes a character; float text may be long on its own.
	if err := r.alloc(f.width); err != nil {
		return "", err
	}
	if err := r.alloc(f.precision + 1); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return f.text(v)
	case float64:
		return f.float(v)
	}
	return f.int(v)
}

func parseSpec(spec string, v Value) (formatSpec, error) {
	f := formatSpec{fill: ' ', precision: -1}
	rs := runesOf(spec)
	isAlign := func(i int) bool { return i < len(rs) && strings.ContainsRune("<>=^", rs[i]) }
	i := 0
	filled := false
	switch {
	case isAlign(1):
		f.fill, f.align, i, filled = rs[0], byte(rs[1]), 2, true
	case isAlign(0):
		f.align, i = byte(rs[0]), 1
	}
	at := func(chars string) bool { return i < len(rs) && strings.ContainsRune(chars, rs[i]) }
	if at("+- ") {
		f.sign = byte(rs[i])
		i++
	}
	if at("z") {
		f.noNegZero = true
		i++
	}
	if at("#") {
		f.alternate = true
		i++
	}
	if at("0") && !filled {
		f.fill = '0'
		if _, isText := v.(string); f.align == 0 && !isText {
			f.align = '='
		}
		i++
	}
	number := func() (int, bool) {
		n, start := 0, i
		for ; i < len(rs); i++ {
			d, ok := digitValue(rs[i])
			if !ok {
				break
			}
			if n > math.MaxInt/10-d {
				return -1, true
			}
			n = n*10 + d
		}
		return n, i > start
	}
	if n, ok := number(); ok {
		if n < 0 {
			return f, valueError("Too many decimal digits in format string")
		}
		f.width = n
	}
	if at(",") {
		f.group = ','
		i++
	}
	if at("_") {
		if f.group != 0 {
			return f, valueError("Cannot specify both ',' and '_'.")
		}
		f.group = '_'
		i++
	}
	if at(",") {
		if f.group == '_' {
			return f, valueError("Cannot specify both ',' and '_'.")
		}
		return f, valueError("Cannot specify ',' with ','.")
	}
	if at(".") {
		i++
		n, ok := number()
		if !ok {
			return f, valueError("Format specifier missing precision")
		}
		if n < 0 {
			return f, valueError("Too many decimal digits in format string")
		}
		f.precision = n
	}
	if len(rs)-i > 1 {
		return f, &Exception{Class: "ValueError", Args: []Value{"Invalid format specifier '" + spec + "' for object of type '" + specType(v) + "'"}}
	}
	if i < len(rs) {
		if rs[i] > 0x7f {
			return f, unknownCode(rs[i], v)
		}
		f.kind = byte(rs[i])
	}
	_, isText := v.(string)
	return f, f.checkGroup(isText)
}

func (f formatSpec) checkGroup(isText bool) error {
	if f.group == 0 {
		return nil
	}
	if isText && f.kind == 0 {
		f.kind = 's'
	}
	switch f.kind {
	case 'd', 'e', 'f', 'g', 'E', 'G', '%', 'F', 0:
		return nil
	case 'b', 'o', 'x', 'X':
		if f.group == '_' {
			return nil
		}
	}
	return valueError("Cannot specify '%c' with '%c'.", f.group, f.kind)
}

// specType names the type whose format takes the specification.
func specType(v Value) string {
	if isInt(v) {
		return "int"
	}
	return typeName(v)
}

func unknownCode(code rune, v Value) error {
	kind := specType(v)
	shown := string(code)
	if code <= ' ' || code > 0x7f {
		shown = `\x` + strconv.FormatInt(int64(code), 16)
	}
	return &Exception{Class: "ValueError", Args: []Value{"Unknown format code '" + shown + "' for object of type '" + kind + "'"}}
}

func (f formatSpec) text(s string) (string, error) {
	switch {
	case f.kind != 0 && f.kind != 's':
		return "", unknownCode(rune(f.kind), s)
	case f.sign == ' ':
		return "", valueError("Space not allowed in string format specifier")
	case f.sign != 0:
		return "", valueError("Sign not allowed in string format specifier")
	case f.noNegZero:
		return "", valueError("Negative zero coercion (z) not allowed in string format specifier")
	case f.alternate:
		return "", valueError("Alternate form (#) not allowed in string format specifier")
	case f.group != 0:
		return "", valueError("Cannot specify '%c' with 's'.", f.group)
	case f.align == '=':
		return "", valueError("'=' alignment not allowed in string format specifier")
	}
	if f.precision >= 0 {
		s = s[:offsetOf(s, f.precision)]
	}
	return f.pad("", s, '<'), nil
}

// pad puts fill around sign+digits; by is the alignment where none was given.
func (f formatSpec) pad(sign, digits string, by byte) string {
	n := f.width - textLen(sign) - textLen(digits)
	if n <= 0 {
		return sign + digits
	}
	if f.align != 0 {
		by = f.align
	}
	var fill []byte
	fill = appendRune(fill, f.fill)
	pad := func(n int) string { return strings.Repeat(string(fill), n) }
	switch by {
	case '<':
		return sign + digits + pad(n)
	case '>':
		return pad(n) + sign + digits
	case '=':
		return sign + pad(n) + digits
	}
	return pad(n/2) + sign + digits + pad(n-n/2)
}

func (f formatSpec) int(v Value) (string, error) {
	n := bigOf(v)
	base, prefix := 10, ""
	switch f.kind {
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		x, err := toFloat(v)
		if err != nil {
			return "", err
		}
		return f.float(x)
	case 0, 'd', 'n':
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x':
		base, prefix = 16, "0x"
	case 'X':
		base, prefix = 16, "0X"
	case 'c':
		return f.char(n)
	default:
		return "", unknownCode(rune(f.kind), v)
	}
	if f.precision >= 0 {
		return "", valueError("Precision not allowed in integer format specifier")
	}
	if f.noNegZero {
		return "", valueError("Negative zero coercion (z) not allowed in format specifier with integer")
	}
	var digits string
	if base == 10 {
		var err error
		if digits, err = bigText(new(big.Int).Abs(n)); err != nil {
			return "", err
		}
	} else {
		digits = new(big.Int).Abs(n).Text(base)
	}
	if f.kind == 'X' {
		digits = strings.ToUpper(digits)
	}
	sign := f.signOf(n.Sign() < 0)
	if f.alternate {
		sign += prefix
	}
	size := 3
	if base != 10 {
		size = 4
	}
	return f.number(sign, digits, "", size), nil
}

func (f formatSpec) char(n *big.Int) (string, error) {
	switch {
	case f.precision >= 0:
		return "", valueError("Precision not allowed in integer format specifier")
	case f.sign != 0:
		return "", valueError("Sign not allowed with integer format specifier 'c'")
	case f.alternate:
		return "", valueError("Alternate form (#) not allowed with integer format specifier 'c'")
	case n.Sign() < 0 || n.Cmp(big.NewInt(0x10ffff)) > 0:
		return "", raise("OverflowError", "%%c arg not in range(0x110000)")
	}
	return f.pad("", stringOf([]rune{rune(n.Int64())}), '>'), nil
}

func (f formatSpec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+' || f.sign == ' ':
		return string(f.sign)
	}
	return ""
}

// number puts sign, grouped digits and the rest together.
func (f formatSpec) number(sign, digits, rest string, size int) string {
	if f.group != 0 {
		least := 0
		if f.fill == '0' && f.align == '=' {
			least = f.width - len(sign) - len(rest)
		}
		digits = grouped(digits, f.group, size, least)
	}
	return f.pad(sign, digits+rest, '>')
}

// grouped separates digits in groups from the right; zeros come before them
// until the text is least characters long.
func grouped(digits string, sep byte, size, least int) string {
	n := len(digits)
	for n+(n-1)/size < least {
		n++
	}
	digits = strings.Repeat("0", n-len(digits)) + digits
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%size == 0 {
			b.WriteByte(sep)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

func (f formatSpec) float(x float64) (string, error) {
	kind, precision := f.kind, f.precision
	suffix := ""
	switch kind {
	case 0, 'e', 'E', 'f', 'F', 'g', 'G':
	case 'n':
		kind = 'g'
	case '%':
		x *= 100
		kind, suffix = 'f', "%"
	default:
		return "", unknownCode(rune(kind), x)
	}
	negative := math.Signbit(x) && !math.IsNaN(x)
	digits := floatDigits(math.Abs(x), kind, precision, f.alternate)
	if f.noNegZero && negative && strings.Trim(strings.SplitN(strings.ToLower(digits), "e", 2)[0], "0.") == "" {
		negative = false
	}
	sign := f.signOf(negative)
	n := 0
	for n < len(digits) && isDigit(digits[n]) {
		n++
	}
	if n == 0 { // inf, nan
		f.group = 0
	}
	return f.number(sign, digits[:n], digits[n:]+suffix, 3), nil
}

// floatDigits is the text of a float that is not negative, in the style of C's
// printf; kind 0 is repr, or with a precision the shorter of g that keeps ".0".
func floatDigits(x float64, kind byte, precision int, alternate bool) string {
	upper := kind == 'E' || kind == 'F' || kind == 'G'
	s := ""
	switch {
	case math.IsInf(x, 0):
		s = "inf"
	case math.IsNaN(x):
		s = "nan"
	case kind == 0 && precision < 0:
		s = floatRepr(x)
		if alternate && !strings.Contains(s, ".") {
			s = strings.Replace(s, "e", ".e", 1)
		}
	case kind == 0:
		s = generalDigits(x, precision, true, alternate)
	default:
		if precision < 0 {
			precision = 6
		}
		switch kind | 0x20 {
		case 'e':
			s = strconv.FormatFloat(x, 'e', precision, 64)
			if alternate && precision == 0 {
				s = strings.Replace(s, "e", ".e", 1)
			}
		case 'f':
			s = strconv.FormatFloat(x, 'f', precision, 64)
			if alternate && precision == 0 {
				s += "."
			}
		default:
			s = generalDigits(x, precision, false, alternate)
		}
	}
	if upper {
		return strings.ToUpper(s)
	}
	return s
}

// generalDigits is C's %g; dot keeps at least ".0", as the empty type does.
func generalDigits(x float64, precision int, dot, alternate bool) string {
	precision = max(precision, 1)
	s := strconv.FormatFloat(x, 'e', precision-1, 64)
	mark := strings.IndexByte(s, 'e')
	exp, _ := strconv.Atoi(s[mark+1:])
	limit := precision
	if dot {
		limit--
	}
	if exp < -4 || exp >= limit {
		mantissa := s[:mark]
		if !alternate {
			mantissa = trimZeros(mantissa)
		} else if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
		return mantissa + s[mark:]
	}
	s = strconv.FormatFloat(x, 'f', precision-1-exp, 64)
	if alternate {
		if !strings.Contains(s, ".") {
			s += "."
		}
		return s
	}
	s = trimZeros(s)
	if dot && !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
