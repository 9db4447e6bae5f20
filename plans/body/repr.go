// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// maxDigits is CPython's bound for turning an int to decimal text and back.
const maxDigits = 4300

// reprText is repr(v) for messages, where a failure has nowhere to go.
func reprText(v Value) string {
	s, err := reprOf(v)
	if err != nil {
		return "<" + typeName(v) + ">"
	}
	return s
}

func strText(v Value) string {
	s, err := strOf(v)
	if err != nil {
		return "<" + typeName(v) + ">"
	}
	return s
}

// strOf is str(v).
func strOf(v Value) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case *Exception:
		return v.Error(), nil
	case uuidValue:
		return v.text(), nil
	}
	return reprOf(v)
}

// reprOf is repr(v).
func reprOf(v Value) (string, error) {
	p := printer{bound: 256 << 20}
	if err := p.write(v); err != nil {
		return "", err
	}
	return p.b.String(), nil
}

// A printer writes reprs. open holds the containers it is inside of.
type printer struct {
	b     strings.Builder
	open  []Value
	bound int
}

const maxNesting = 500

func (p *printer) enter(v Value, loop string) (bool, error) {
	for _, o := range p.open {
		if o == v {
			p.b.WriteString(loop)
			return false, nil
		}
	}
	if len(p.open) >= maxNesting {
		return false, raise("RecursionError", "maximum recursion depth exceeded while getting the repr of an object")
	}
	if p.b.Len() > p.bound {
		return false, &LimitError{"bytes", int64(p.bound)}
	}
	p.open = append(p.open, v)
	return true, nil
}

func (p *printer) leave() { p.open = p.open[:len(p.open)-1] }

func (p *printer) write(v Value) error {
	switch v := v.(type) {
	case nil:
		p.b.WriteString("None")
	case bool:
		if v {
			p.b.WriteString("True")
		} else {
			p.b.WriteString("False")
		}
	case int64:
		p.b.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		s, err := bigText(v)
		if err != nil {
			return err
		}
		p.b.WriteString(s)
	case float64:
		p.b.WriteString(floatRepr(v))
	case string:
		writeReprText(&p.b, v)
	case Bytes:
		p.b.WriteString(bytesRepr(string(v)))
	case *List:
		return p.list(v, v.Items, "[", "]", "[...]")
	case *Tuple:
		if len(v.Items) == 1 {
			return p.list(v, v.Items, "(", ",)", "(...)")
		}
		return p.list(v, v.Items, "(", ")", "(...)")
	case *Dict:
		return p.dict(v)
	case *Set:
		return p.set(v)
	case *Range:
		if v.Step == 1 {
			fmt.Fprintf(&p.b, "range(%d, %d)", v.Start, v.Stop)
		} else {
			fmt.Fprintf(&p.b, "range(%d, %d, %d)", v.Start, v.Stop, v.Step)
		}
	case *Exception:
		return p.exception(v)
	case *dictView:
		return p.list(v, v.items(), v.typeName()+"([", "])", "...")
	case interface{ repr() string }:
		p.b.WriteString(v.repr())
	default:
		fmt.Fprintf(&p.b, "<%s object>", typeName(v))
	}
	return nil
}

func (p *printer) list(v Value, items []Value, open, end, loop string) error {
	if ok, err := p.enter(v, loop); !ok {
		return err
	}
	defer p.leave()
	p.b.WriteString(open)
	for i, item := range items {
		if i > 0 {
			p.b.WriteString(", ")
		}
		if err := p.write(item); err != nil {
			return err
		}
	}
	p.b.WriteString(end)
	return nil
}

func (p *printer) dict(d *Dict) error {
	if ok, err := p.enter(d, "{...}"); !ok {
		return err
	}
	defer p.leave()
	p.b.WriteByte('{')
	first := true
	for k, v := range d.All() {
		if !first {
			p.b.WriteString(", ")
		}
		first = false
		if err := p.write(k); err != nil {
			return err
		}
		p.b.WriteString(": ")
		if err := p.write(v); err != nil {
			return err
		}
	}
	p.b.WriteByte('}')
	return nil
}

func (p *printer) set(s *Set) error {
	switch {
	case s.len() == 0:
		p.b.WriteString(typeName(s) + "()")
		return nil
	case s.frozen:
		return p.list(s, s.items(), "frozenset({", "})", "frozenset(...)")
	}
	return p.list(s, s.items(), "{", "}", "set(...)")
}

func (p *printer) exception(e *Exception) error {
	if len(e.Args) == 1 {
		return p.list(e, e.Args, e.Class+"(", ")", e.Class+"(...)")
	}
	return p.list(e, e.Args, e.Class+"(", ")", e.Class+"(...)")
}

// bigText is str(n).
func bigText(n *big.Int) (string, error) {
	// 14284 bits are the 4300 digits' upper end; past it no text is made at all.
	if n.BitLen() > 14290 {
		return "", tooManyDigits()
	}
	s := n.String()
	if len(strings.TrimPrefix(s, "-")) > maxDigits {
		return "", tooManyDigits()
	}
	return s, nil
}

func tooManyDigits() error {
	return valueError("Exceeds the limit (4300 digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit")
}

// floatRepr is repr of a float: the shortest text that reads back the same.
func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func writeReprText(b *strings.Builder, s string) {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteByte(quote)
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case isPrintable(r):
			b.WriteString(s[i : i+n])
		default:
			b.WriteString(escapeRune(r))
		}
		i += n
	}
	b.WriteByte(quote)
}

func escapeRune(r rune) string {
	switch {
	case r < 0x100:
		return `\x` + hexDigits(uint64(r), 2)
	case r < 0x10000:
		return `\u` + hexDigits(uint64(r), 4)
	}
	return `\U` + hexDigits(uint64(r), 8)
}

func isPrintable(r rune) bool {
	if r < 0x7f {
		return r >= ' '
	}
	return unicode.IsPrint(r)
}

// asciiRepr is ascii(v) of the text repr.
func asciiRepr(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range runesOf(s) {
		if r < 0x80 {
			b.WriteByte(byte(r))
		} else {
			b.WriteString(escapeRune(r))
		}
	}
	return b.String()
}

func bytesRepr(s string) string {
	var b strings.Builder
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteByte('b')
	b.WriteByte(quote)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c >= ' ' && c < 0x7f:
			b.WriteByte(c)
		default:
			b.WriteString(`\x` + hexDigits(uint64(c), 2))
		}
	}
	b.WriteByte(quote)
	return b.String()
}
