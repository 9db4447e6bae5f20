// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

type tokenKind int

const (
	tokEOF tokenKind = iota
	tokNewline
	tokIndent
	tokDedent
	tokName
	tokKeyword
	tokNumber
	tokString
	tokOp
)

// A token is one word of the wrapped source; columns are bytes from 0.
type token struct {
	kind      tokenKind
	text      string
	line, col int
	end       int // byte offset in the text after the token
	level     int // open brackets around it
}

type bracket struct {
	char      byte
	line, col int
}

// A lexer cuts a source into tokens, with Python's rules for indentation.
type lexer struct {
	src       *source
	s         string
	i         int
	line      int
	lineStart int
	open      []bracket
	indents   []int
	tokens    []token
}

const (
	maxBrackets = 200 // CPython's MAXLEVEL
	maxIndents  = 100 // CPython's MAXINDENT
)

func lex(src *source) ([]token, error) {
	l := &lexer{src: src, s: src.text, line: 1, indents: []int{0}}
	if strings.IndexByte(l.s, 0) >= 0 {
		return nil, l.faultAt(strings.IndexByte(l.s, 0), "source code string cannot contain null bytes")
	}
	for l.i < len(l.s) {
		if err := l.logicalLine(); err != nil {
			return nil, err
		}
	}
	if n := len(l.open); n > 0 {
		b := l.open[n-1]
		return nil, l.fault(b.line, b.col, fmt.Sprintf("'%c' was never closed", b.char))
	}
	for range l.indents[1:] {
		l.add(tokDedent, l.i)
	}
	l.add(tokEOF, l.i)
	return l.tokens, nil
}

func (l *lexer) fault(line, col int, reason string) error {
	text := strings.Split(l.s, "\n")
	return l.src.fault(line, textLen(text[line-1][:min(col, len(text[line-1]))]), reason)
}

func (l *lexer) faultAt(i int, reason string) error {
	line := strings.Count(l.s[:i], "\n") + 1
	return l.fault(line, i-strings.LastIndexByte(l.s[:i], '\n')-1, reason)
}

func (l *lexer) add(kind tokenKind, start int) {
	l.tokens = append(l.tokens, token{kind, l.s[start:l.i], l.line, start - l.lineStart, l.i, len(l.open)})
}

func (l *lexer) newline() {
	l.i++
	l.line++
	l.lineStart = l.i
}

// logicalLine reads one line, or several where brackets or backslashes join them.
func (l *lexer) logicalLine() error {
	col := 0
	for l.i < len(l.s) && (l.s[l.i] == ' ' || l.s[l.i] == '\f') {
		col++
		if l.s[l.i] == '\f' {
			col = 0
		}
		l.i++
	}
	if l.i >= len(l.s) {
		return nil
	}
	if l.s[l.i] == '#' {
		l.i += strings.IndexByte(l.s[l.i:]+"\n", '\n')
	}
	if l.i >= len(l.s) {
		return nil
	}
	if l.s[l.i] == '\n' {
		l.newline()
		return nil
	}
	if err := l.indent(col); err != nil {
		return err
	}
	for l.i < len(l.s) {
		c := l.s[l.i]
		switch {
		case c == ' ' || c == '\f':
			l.i++
		case c == '#':
			l.i += strings.IndexByte(l.s[l.i:]+"\n", '\n')
		case c == '\n':
			if len(l.open) == 0 {
				l.add(tokNewline, l.i)
				l.newline()
				return nil
			}
			l.newline()
		case c == '\\':
			if l.i+1 >= len(l.s) || l.s[l.i+1] != '\n' {
				return l.faultAt(min(l.i+1, len(l.s)), "unexpected character after line continuation character")
			}
			l.i++
			l.newline()
			if l.i >= len(l.s) {
				return l.faultAt(l.i, "unexpected EOF while parsing")
			}
		default:
			if err := l.word(); err != nil {
				return err
			}
		}
	}
	l.add(tokNewline, l.i)
	return nil
}

func (l *lexer) indent(col int) error {
	top := l.indents[len(l.indents)-1]
	if col > top {
		if len(l.indents) >= maxIndents {
			return l.faultAt(l.i, "too many levels of indentation")
		}
		l.indents = append(l.indents, col)
		l.add(tokIndent, l.i)
		return nil
	}
	for col < top {
		l.indents = l.indents[:len(l.indents)-1]
		l.add(tokDedent, l.i)
		top = l.indents[len(l.indents)-1]
	}
	if col != top {
		return l.faultAt(l.i, "unindent does not match any outer indentation level")
	}
	return nil
}

func (l *lexer) word() error {
	c := l.s[l.i]
	start := l.i
	switch {
	case isDigit(c), c == '.' && l.i+1 < len(l.s) && isDigit(l.s[l.i+1]):
		return l.number()
	case c == '\'' || c == '"':
		return l.text(start)
	case isNameStart(c):
		for l.i < len(l.s) && isNamePart(l.s[l.i]) {
			l.i++
		}
		name := l.s[start:l.i]
		if l.i < len(l.s) && (l.s[l.i] == '\'' || l.s[l.i] == '"') && isStringPrefix(name) {
			return l.text(start)
		}
		if err := l.checkName(name, start); err != nil {
			return err
		}
		if isKeyword(name) {
			l.add(tokKeyword, start)
		} else {
			l.add(tokName, start)
		}
		return nil
	}
	return l.operator()
}

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) }

func isStringPrefix(s string) bool {
	switch strings.ToLower(s) {
	case "r", "b", "u", "f", "br", "rb", "fr", "rf":
		return true
	}
	return false
}

func isKeyword(s string) bool {
	switch s {
	case "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
		"def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
		"lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield":
		return true
	}
	return false
}

func (l *lexer) checkName(name string, start int) error {
	if isASCII(name) {
		return nil
	}
	for i := 0; i < len(name); {
		r, n := decodeRune(name[i:])
		if !(r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || i > 0 && (unicode.IsDigit(r) || unicode.Is(unicode.M, r) || unicode.Is(unicode.Pc, r))) {
			if isPrintable(r) {
				return l.faultAt(start+i, fmt.Sprintf("invalid character '%c' (U+%04X)", r, r))
			}
			return l.faultAt(start+i, fmt.Sprintf("invalid non-printable character U+%04X", r))
		}
		i += n
	}
	return nil
}

func (l *lexer) operator() error {
	start := l.i
	for n := 3; n > 0; n-- {
		if l.i+n > len(l.s) {
			continue
		}
		if op := l.s[l.i : l.i+n]; isOperator(op) {
			l.i += n
			return l.brackets(op, start)
		}
	}
	r, _ := decodeRune(l.s[l.i:])
	if r < 0x7f && r >= ' ' {
		return l.faultAt(start, "invalid syntax")
	}
	return l.faultAt(start, fmt.Sprintf("invalid non-printable character U+%04X", r))
}

func isOperator(s string) bool {
	switch s {
	case "**=", "//=", ">>=", "<<=", "...",
		"==", "!=", "<=", ">=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", "**", "//", "<<", ">>", ":=",
		"(", ")", "[", "]", "{", "}", ":", ",", ";", "+", "-", "*", "/", "|", "&", "<", ">", "=", ".", "%", "~", "^", "@":
		return true
	}
	return false
}

func (l *lexer) brackets(op string, start int) error {
	switch op {
	case "(", "[", "{":
		if len(l.open) >= maxBrackets {
			return l.faultAt(start, "too many nested parentheses")
		}
		l.add(tokOp, start)
		l.open = append(l.open, bracket{op[0], l.line, start - l.lineStart})
		return nil
	case ")", "]", "}":
		if len(l.open) == 0 {
			return l.faultAt(start, fmt.Sprintf("unmatched '%s'", op))
		}
		b := l.open[len(l.open)-1]
		if pair := string(b.char) + op; pair != "()" && pair != "[]" && pair != "{}" {
			reason := fmt.Sprintf("closing parenthesis '%s' does not match opening parenthesis '%c'", op, b.char)
			if b.line != l.line {
				reason += fmt.Sprintf(" on line %d", b.line-1)
			}
			return l.faultAt(start, reason)
		}
		l.open = l.open[:len(l.open)-1]
	}
	l.add(tokOp, start)
	return nil
}

func (l *lexer) number() error {
	start := l.i
	kind := "decimal"
	digit := isDigit
	if l.s[l.i] == '0' && l.i+1 < len(l.s) {
		switch l.s[l.i+1] | 0x20 {
		case 'x':
			kind, digit = "hexadecimal", func(c byte) bool { return hexValue(c) >= 0 }
		case 'o':
			kind, digit = "octal", func(c byte) bool { return c >= '0' && c <= '7' }
		case 'b':
			kind, digit = "binary", func(c byte) bool { return c == '0' || c == '1' }
		}
	}
	if kind != "decimal" {
		l.i += 2
		n := l.digits(digit)
		if l.i < len(l.s) && isDigit(l.s[l.i]) {
			return l.faultAt(l.i, fmt.Sprintf("invalid digit '%c' in %s literal", l.s[l.i], kind))
		}
		if n == 0 || l.s[l.i-1] == '_' {
			return l.faultAt(l.i, fmt.Sprintf("invalid %s literal", kind))
		}
		return l.endNumber(start, kind)
	}
	l.digits(digit)
	whole := l.s[start:l.i]
	float := false
	if l.i < len(l.s) && l.s[l.i] == '.' && !strings.HasSuffix(whole, "_") {
		l.i++
		float = true
		if l.i < len(l.s) && isDigit(l.s[l.i]) {
			l.digits(digit)
		}
	}
	if l.i < len(l.s) && l.s[l.i]|0x20 == 'e' {
		j := l.i + 1
		if j < len(l.s) && (l.s[j] == '+' || l.s[j] == '-') {
			j++
		}
		if j < len(l.s) && isDigit(l.s[j]) {
			l.i, float = j, true
			l.digits(digit)
		}
	}
	if l.s[l.i-1] == '_' || strings.Contains(l.s[start:l.i], "__") {
		return l.faultAt(l.i-1, "invalid decimal literal")
	}
	if l.i < len(l.s) && l.s[l.i]|0x20 == 'j' {
		l.i++
		l.add(tokNumber, start)
		return l.endName(start, "decimal")
	}
	if !float && len(whole) > 1 && whole[0] == '0' && strings.Trim(whole, "0_") != "" {
		return l.faultAt(start, "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers")
	}
	return l.endNumber(start, "decimal")
}

func (l *lexer) digits(digit func(byte) bool) int {
	n := 0
	for l.i < len(l.s) && (digit(l.s[l.i]) || l.s[l.i] == '_') {
		if l.s[l.i] != '_' {
			n++
		}
		l.i++
	}
	return n
}

func (l *lexer) endNumber(start int, kind string) error {
	l.add(tokNumber, start)
	return l.endName(start, kind)
}

// endName refuses a name that follows a number without a space, as Python 3.11
// does but for keywords.
func (l *lexer) endName(start int, kind string) error {
	if l.i >= len(l.s) || !isNameStart(l.s[l.i]) {
		return nil
	}
	end := l.i
	for end < len(l.s) && isNamePart(l.s[end]) {
		end++
	}
	switch l.s[l.i:end] {
	case "and", "else", "for", "if", "in", "is", "or", "not":
		return nil
	}
	return l.faultAt(l.i-1, fmt.Sprintf("invalid %s literal", kind))
}

// text reads a string literal whose prefix starts at start and whose quote is
// at l.i.
func (l *lexer) text(start int) error {
	startLine, startCol := l.line, start-l.lineStart
	quote := l.s[l.i : l.i+1]
	triple := strings.HasPrefix(l.s[l.i:], strings.Repeat(quote, 3))
	if triple {
		quote = strings.Repeat(quote, 3)
	}
	l.i += len(quote)
	for {
		switch {
		case l.i >= len(l.s):
			return l.fault(startLine, startCol, fmt.Sprintf("unterminated triple-quoted string literal (detected at line %d)", l.lastLine()))
		case strings.HasPrefix(l.s[l.i:], quote):
			l.i += len(quote)
			l.tokens = append(l.tokens, token{tokString, l.s[start:l.i], startLine, startCol, l.i, len(l.open)})
			return nil
		case l.s[l.i] == '\n':
			if !triple {
				return l.fault(startLine, startCol, fmt.Sprintf("unterminated string literal (detected at line %d)", l.line-1))
			}
			l.newline()
		case l.s[l.i] == '\\' && l.i+1 < len(l.s):
			l.i++
			if l.s[l.i] == '\n' {
				l.newline()
			} else {
				l.i++
			}
		default:
			l.i++
		}
	}
}

func (l *lexer) lastLine() int { return max(1, min(l.line-1, math.MaxInt32)-1) }
