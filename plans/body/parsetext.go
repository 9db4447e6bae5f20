// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"strings"
)

// strings reads one string literal, or several side by side.
func (p *parser) strings() expr {
	first := p.peek()
	var parts []textPart
	var raw strings.Builder
	bytes, formatted := false, false
	for n := 0; p.peek().kind == tokString; n++ {
		t := p.next()
		prefix, quoted := splitLiteral(t.text)
		isBytes := strings.ContainsAny(prefix, "bB")
		if n > 0 && isBytes != bytes {
			p.failAt(first.at(), "cannot mix bytes and nonbytes literals")
		}
		bytes = isBytes
		isRaw := strings.ContainsAny(prefix, "rR")
		switch {
		case bytes:
			if !isASCII(quoted) {
				p.failAt(t.at(), "bytes can only contain ASCII literal characters")
			}
			raw.WriteString(p.unescape(t, quoted, isRaw, true))
		case strings.ContainsAny(prefix, "fF"):
			formatted = true
			f := &textParser{p: p, t: t, s: quoted, raw: isRaw}
			parts = append(parts, f.parts(0)...)
		default:
			parts = append(parts, textPart{text: p.unescape(t, quoted, isRaw, false)})
		}
	}
	if bytes {
		return &constExpr{first.at(), Bytes(raw.String())}
	}
	if formatted {
		return &textExpr{first.at(), parts}
	}
	for _, part := range parts {
		raw.WriteString(part.text)
	}
	return &constExpr{first.at(), raw.String()}
}

func splitLiteral(s string) (prefix, quoted string) {
	i := strings.IndexAny(s, `'"`)
	prefix, s = s[:i], s[i:]
	n := 1
	if len(s) >= 6 && (strings.HasPrefix(s, `"""`) || strings.HasPrefix(s, `'''`)) {
		n = 3
	}
	return prefix, s[n : len(s)-n]
}

// unescape is the value of a literal's text.
func (p *parser) unescape(t token, s string, raw, bytes bool) string {
	if raw || !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		c := s[i+1]
		if at := strings.IndexByte(`\'"abfnrtv`, c); at >= 0 {
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[at])
			i += 2
			continue
		}
		switch {
		case c == '\n':
			i += 2
		case c >= '0' && c <= '7':
			n, j := rune(0), i+1
			for ; j < len(s) && j < i+4 && s[j] >= '0' && s[j] <= '7'; j++ {
				n = n<<3 | rune(s[j]-'0')
			}
			if bytes {
				b.WriteByte(byte(n))
			} else {
				writeRune(&b, n)
			}
			i = j
		case c == 'x' || !bytes && (c == 'u' || c == 'U'):
			r, n := p.hexEscape(t, s, i, bytes)
			if bytes {
				b.WriteByte(byte(r))
			} else {
				writeRune(&b, r)
			}
			i += n
		case c == 'N' && !bytes:
			p.refuse(t.at(), `\N escape`, `\N{...} escapes are not part of a Body; write the character or \u`)
		default:
			b.WriteByte('\\')
			i++
		}
	}
	return b.String()
}

func (p *parser) hexEscape(t token, s string, i int, bytes bool) (rune, int) {
	c := s[i+1]
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	r := rune(0)
	j := i + 2
	for ; j < len(s) && j < i+2+digits && hexValue(s[j]) >= 0; j++ {
		r = r<<4 | rune(hexValue(s[j]))
	}
	if j < i+2+digits {
		if bytes {
			p.failAt(t.at(), fmt.Sprintf(`(value error) invalid \x escape at position %d`, i))
		}
		p.failAt(t.at(), fmt.Sprintf(`(unicode error) 'unicodeescape' codec can't decode bytes in position %d-%d: truncated \%c%s escape`,
			i, j-1, c, strings.Repeat("X", digits)))
	}
	if r > 0x10ffff || r < 0 {
		p.failAt(t.at(), fmt.Sprintf("(unicode error) 'unicodeescape' codec can't decode bytes in position %d-%d: illegal Unicode character", i, j-1))
	}
	return r, digits + 2
}

// A textParser reads the inside of an f-string as CPython 3.11 does, where the
// expressions are found before they are parsed.
type textParser struct {
	p   *parser
	t   token
	s   string
	i   int
	raw bool
}

func (f *textParser) fail(reason string) { f.p.failAt(f.t.at(), "f-string: "+reason) }

// parts reads up to the end, or, inside a format spec, up to its closing brace.
func (f *textParser) parts(level int) []textPart {
	var list []textPart
	for {
		if text := f.literal(level); text != "" {
			list = append(list, textPart{text: text})
		}
		if f.i >= len(f.s) || f.s[f.i] == '}' {
			return list
		}
		list = append(list, f.value(level)...)
	}
}

func (f *textParser) literal(level int) string {
	var b strings.Builder
	start := f.i
	flush := func() {
		b.WriteString(f.p.unescape(f.t, f.s[start:f.i], f.raw, false))
	}
	for f.i < len(f.s) {
		c := f.s[f.i]
		if c == '\\' && !f.raw && f.i+1 < len(f.s) {
			f.i++
			if f.s[f.i] != '{' && f.s[f.i] != '}' {
				f.i++
			}
			continue
		}
		if c != '{' && c != '}' {
			f.i++
			continue
		}
		if level == 0 {
			if f.i+1 < len(f.s) && f.s[f.i+1] == c {
				f.i++
				flush()
				f.i++
				start = f.i
				continue
			}
			if c == '}' {
				f.fail("single '}' is not allowed")
			}
		}
		break
	}
	flush()
	return b.String()
}

// value reads {expression[=][!c][:spec]}.
func (f *textParser) value(level int) []textPart {
	if level >= 2 {
		f.fail("expressions nested too deeply")
	}
	f.i++
	start := f.i
	f.skipExpression()
	text := f.s[start:f.i]
	part := textPart{}
	if strings.TrimSpace(text) == "" {
		f.fail("empty expression not allowed")
	}
	part.value = f.expression(text)
	debug := ""
	if f.i < len(f.s) && f.s[f.i] == '=' {
		f.i++
		for f.i < len(f.s) && strings.IndexByte(" \t\n\r\f\v", f.s[f.i]) >= 0 {
			f.i++
		}
		debug = f.s[start:f.i]
	}
	if f.i < len(f.s) && f.s[f.i] == '!' {
		f.i++
		if f.i >= len(f.s) {
			f.fail("expecting '}'")
		}
		part.conversion = f.s[f.i]
		f.i++
		if strings.IndexByte("sra", part.conversion) < 0 {
			f.fail("invalid conversion character: expected 's', 'r', or 'a'")
		}
	}
	if f.i < len(f.s) && f.s[f.i] == ':' {
		f.i++
		part.spec = &textExpr{f.t.at(), f.parts(level + 1)}
	}
	if f.i >= len(f.s) || f.s[f.i] != '}' {
		f.fail("expecting '}'")
	}
	f.i++
	if debug == "" {
		return []textPart{part}
	}
	if part.conversion == 0 && part.spec == nil {
		part.conversion = 'r'
	}
	return []textPart{{text: debug}, part}
}

// skipExpression moves to the character that ends the expression.
func (f *textParser) skipExpression() {
	quote := ""
	var open []byte
	for f.i < len(f.s) {
		c := f.s[f.i]
		switch {
		case c == '\\':
			f.p.failAt(f.t.at(), "f-string expression part cannot include a backslash")
		case quote != "":
			if strings.HasPrefix(f.s[f.i:], quote) {
				f.i += len(quote)
				quote = ""
			} else {
				f.i++
			}
			continue
		case c == '\'' || c == '"':
			quote = string(c)
			if strings.HasPrefix(f.s[f.i:], strings.Repeat(quote, 3)) {
				quote = strings.Repeat(quote, 3)
			}
			f.i += len(quote)
			continue
		case c == '(' || c == '[' || c == '{':
			if len(open) >= maxBrackets {
				f.fail("too many nested parenthesis")
			}
			open = append(open, c)
		case c == '#':
			f.p.failAt(f.t.at(), "f-string expression part cannot include '#'")
		case len(open) == 0 && strings.IndexByte("!:}=<>", c) >= 0:
			two := f.s[f.i:min(f.i+2, len(f.s))]
			if two == "!=" || two == "==" || two == "<=" || two == ">=" {
				f.i += 2
				continue
			}
			if c != '<' && c != '>' {
				return
			}
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 {
				f.fail(fmt.Sprintf("unmatched '%c'", c))
			}
			top := open[len(open)-1]
			if pair := string(top) + string(c); pair != "()" && pair != "[]" && pair != "{}" {
				f.fail(fmt.Sprintf("closing parenthesis '%c' does not match opening parenthesis '%c'", c, top))
			}
			open = open[:len(open)-1]
		}
		f.i++
	}
	switch {
	case quote != "":
		f.fail("unterminated string")
	case len(open) > 0:
		f.fail(fmt.Sprintf("unmatched '%c'", open[len(open)-1]))
	}
	f.fail("expecting '}'")
}

// expression parses text as it stands in brackets.
func (f *textParser) expression(text string) expr {
	p := f.p
	tokens, err := lex(&source{author: []string{""}, text: "(" + text + ")"})
	if err != nil {
		f.fail(err.(*SyntaxError).Reason)
	}
	for i := range tokens {
		tokens[i].line, tokens[i].col = f.t.line, f.t.col
	}
	p.deeper(f.t.at())
	defer p.shallower()
	kept, at, in := p.tokens, p.i, p.inExpr
	p.tokens, p.i, p.inExpr = tokens, 1, true
	x := p.exprList(true)
	if p.is(":=") {
		f.fail("invalid syntax")
	}
	if p.startsExpr() {
		f.fail("invalid syntax. Perhaps you forgot a comma?")
	}
	p.expect(")")
	if p.peek().kind != tokNewline {
		p.invalid()
	}
	p.tokens, p.i, p.inExpr = kept, at, in
	return x
}
