// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"math/big"
	"strings"
)

// A percentFormatter does format % values.
type percentFormatter struct {
	r      *run
	s      string
	i      int
	values []Value
	used   int
	named  Value // what %(name) looks in; nil: it is no mapping
	single bool  // the value is not a tuple
}

// percent is s % v.
func (r *run) percent(s string, v Value) (Value, error) {
	p := &percentFormatter{r: r, s: s}
	if t, ok := v.(*Tuple); ok {
		p.values = t.Items
	} else {
		p.values, p.single = []Value{v}, true
		switch v.(type) {
		case *Dict, *List, Bytes, *Range:
			p.named = v
		}
	}
	var b strings.Builder
	for p.i < len(s) {
		next := strings.IndexByte(s[p.i:], '%')
		if next < 0 {
			b.WriteString(s[p.i:])
			break
		}
		b.WriteString(s[p.i : p.i+next])
		p.i += next + 1
		text, err := p.directive()
		if err != nil {
			return nil, err
		}
		if err := r.alloc(len(text)); err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	if p.named == nil && p.used < len(p.values) {
		return nil, typeError("not all arguments converted during string formatting")
	}
	return b.String(), r.alloc(b.Len())
}

func (p *percentFormatter) next() (Value, error) {
	if p.used >= len(p.values) {
		return nil, typeError("not enough arguments for format string")
	}
	p.used++
	return p.values[p.used-1], nil
}

func incomplete() error { return valueError("incomplete format") }

// directive formats what follows a percent sign.
func (p *percentFormatter) directive() (string, error) {
	var value Value
	keyed := false
	plain := strings.HasPrefix(p.s[p.i:], "%")
	if p.i < len(p.s) && p.s[p.i] == '(' {
		v, err := p.key()
		if err != nil {
			return "", err
		}
		value, keyed = v, true
	}
	f := formatSpec{fill: ' ', align: '>', precision: -1}
	left, zero := false, false
flags:
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case '-':
			left = true
		case '+':
			f.sign = '+'
		case ' ':
			if f.sign == 0 {
				f.sign = ' '
			}
		case '#':
			f.alternate = true
		case '0':
			zero = true
		default:
			break flags
		}
	}
	width, err := p.number("width too big")
	if err != nil {
		return "", err
	}
	if width < 0 {
		left, width = true, -width
	}
	f.width = width
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if f.precision, err = p.number("precision too big"); err != nil {
			return "", err
		}
		f.precision = max(f.precision, 0)
	}
	if p.i < len(p.s) && strings.IndexByte("hlL", p.s[p.i]) >= 0 {
		p.i++
	}
	if p.i >= len(p.s) {
		return "", incomplete()
	}
	code, size := decodeRune(p.s[p.i:])
	at := p.i
	p.i += size
	if code == '%' && plain {
		return "%", nil
	}
	if !keyed {
		if value, err = p.next(); err != nil {
			return "", err
		}
	}
	if err := p.r.alloc(f.width); err != nil {
		return "", err
	}
	if err := p.r.alloc(f.precision + 1); err != nil {
		return "", err
	}
	if code == '%' {
		return "%", nil
	}
	if left {
		f.align = '<'
	} else if zero && strings.ContainsRune("diouxXeEfFgG", code) {
		f.fill, f.align = '0', '='
	}
	return p.convert(f, code, value, at)
}

// key reads (name) and looks it up.
func (p *percentFormatter) key() (Value, error) {
	if p.named == nil {
		return nil, typeError("format requires a mapping")
	}
	start, level := p.i+1, 1
	for p.i++; p.i < len(p.s) && level > 0; p.i++ {
		switch p.s[p.i] {
		case '(':
			level++
		case ')':
			level--
		}
	}
	if level > 0 {
		return nil, valueError("incomplete format key")
	}
	return p.r.getItem(p.named, p.s[start:p.i-1])
}

func (p *percentFormatter) number(tooBig string) (int, error) {
	if p.i < len(p.s) && p.s[p.i] == '*' {
		p.i++
		v, err := p.next()
		if err != nil {
			return 0, err
		}
		n, ok := smallInt(v)
		if !ok {
			return 0, typeError("* wants int")
		}
		return int(n), nil
	}
	n := 0
	for p.i < len(p.s) && isDigit(p.s[p.i]) {
		n = n*10 + int(p.s[p.i]-'0')
		if n > 1<<40 {
			return 0, valueError("%s", tooBig)
		}
		p.i++
	}
	return n, nil
}

func (p *percentFormatter) convert(f formatSpec, code rune, v Value, at int) (string, error) {
	switch code {
	case 's', 'r', 'a':
		t, err := p.r.convert(v, byte(code))
		if err != nil {
			return "", err
		}
		s := t.(string)
		if f.precision >= 0 {
			s = s[:offsetOf(s, f.precision)]
		}
		return f.pad("", s, '>'), nil
	case 'c':
		return p.char(f, v)
	case 'd', 'i', 'u', 'o', 'x', 'X':
		return p.int(f, byte(code), v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if !isNumber(v) {
			if s, ok := v.(string); ok {
				_ = s
			}
			return "", typeError("must be real number, not %s", typeName(v))
		}
		x, err := toFloat(v)
		if err != nil {
			return "", err
		}
		f.kind = byte(code)
		return f.float(x)
	}
	shown := string(code)
	if code < ' ' || code > 0x7e {
		shown = "?"
	}
	return "", valueError("unsupported format character '%s' (0x%x) at index %d", shown, code, textLen(p.s[:at]))
}

func (p *percentFormatter) char(f formatSpec, v Value) (string, error) {
	s, ok := v.(string)
	if ok && textLen(s) == 1 {
		return f.pad("", s, '>'), nil
	}
	if !isInt(v) {
		return "", typeError("%%c requires int or char")
	}
	n, ok := smallInt(v)
	if !ok || n < 0 || n > 0x10ffff {
		return "", raise("OverflowError", "%%c arg not in range(0x110000)")
	}
	return f.pad("", stringOf([]rune{rune(n)}), '>'), nil
}

func (p *percentFormatter) int(f formatSpec, code byte, v Value) (string, error) {
	if x, ok := v.(float64); ok && (code == 'd' || code == 'i' || code == 'u') {
		n, err := floatToInt(x)
		if err != nil {
			return "", err
		}
		v = n
	}
	if !isInt(v) {
		if code == 'd' || code == 'i' || code == 'u' {
			return "", &Exception{Class: "TypeError", Args: []Value{fmt.Sprintf("%%%c format: a real number is required, not %s", code, typeName(v))}}
		}
		return "", &Exception{Class: "TypeError", Args: []Value{fmt.Sprintf("%%%c format: an integer is required, not %s", code, typeName(v))}}
	}
	n := bigOf(v)
	sign := f.signOf(n.Sign() < 0)
	abs := new(big.Int).Abs(n)
	digits := ""
	switch code {
	case 'o':
		digits = abs.Text(8)
		if f.alternate {
			sign += "0o"
		}
	case 'x', 'X':
		digits = abs.Text(16)
		if f.alternate {
			sign += "0x"
		}
	default:
		var err error
		if digits, err = bigText(abs); err != nil {
			return "", err
		}
	}
	if len(digits) < f.precision {
		digits = strings.Repeat("0", f.precision-len(digits)) + digits
	}
	if code == 'X' {
		digits, sign = strings.ToUpper(digits), strings.ToUpper(sign)
	}
	return f.pad(sign, digits, '>'), nil
}
