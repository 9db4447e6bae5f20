// SPDX-License-Identifier: Apache-2.0

package body

import (
	"strings"
	"unicode"
)

func strCase(c *call) (Value, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	switch c.name {
	case "upper":
		return c.made(upperText(s))
	case "lower":
		return c.made(lowerText(s))
	case "casefold":
		return c.made(foldText(s))
	case "title":
		return c.made(titleText(s))
	case "swapcase":
		return c.made(swapCase(s))
	}
	if s == "" {
		return s, nil
	}
	_, n := decodeRune(s)
	rest := lowerText(s)
	_, first := decodeRune(rest)
	if r, _ := decodeRune(s); r == 0x130 { // its lower case is two characters
		first += 2
	}
	return c.made(titleText(s[:n]) + rest[first:])
}

func upperText(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	var b strings.Builder
	for _, r := range runesOf(s) {
		writeUpper(&b, r)
	}
	return b.String()
}

func writeUpper(b *strings.Builder, r rune) {
	if t := upperSpecial(r); t != "" {
		b.WriteString(t)
		return
	}
	writeRune(b, unicode.ToUpper(r))
}

func lowerText(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	rs := runesOf(s)
	for i := range rs {
		writeLower(&b, rs, i)
	}
	return b.String()
}

func writeLower(b *strings.Builder, rs []rune, i int) {
	switch r := rs[i]; {
	case r == 0x130:
		b.WriteString("i\u0307")
	case r == 0x3a3 && finalSigma(rs, i):
		b.WriteRune(0x3c2)
	default:
		writeRune(b, unicode.ToLower(r))
	}
}

// finalSigma tells whether the sigma at i ends a word.
func finalSigma(rs []rune, i int) bool {
	j := i - 1
	for j >= 0 && caseIgnorable(rs[j]) {
		j--
	}
	if j < 0 || !isCased(rs[j]) {
		return false
	}
	for j = i + 1; j < len(rs) && caseIgnorable(rs[j]); j++ {
	}
	return j == len(rs) || !isCased(rs[j])
}

func caseIgnorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:·’‘․‧", r)
}

func isCased(r rune) bool { return isLower(r) || isUpper(r) || unicode.IsTitle(r) }
func isLower(r rune) bool { return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r) }
func isUpper(r rune) bool { return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r) }

func foldText(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for _, r := range runesOf(s) {
		if t := foldSpecial(r); t != "" {
			b.WriteString(t)
		} else if r == 0x130 {
			b.WriteString("i\u0307")
		} else {
			writeRune(&b, unicode.ToLower(r))
		}
	}
	return b.String()
}

func titleText(s string) string {
	var b strings.Builder
	rs := runesOf(s)
	inWord := false
	for i, r := range rs {
		switch {
		case inWord:
			writeLower(&b, rs, i)
		case titleSpecial(r) != "":
			b.WriteString(titleSpecial(r))
		default:
			writeRune(&b, unicode.ToTitle(r))
		}
		inWord = isCased(r)
	}
	return b.String()
}

func swapCase(s string) string {
	var b strings.Builder
	rs := runesOf(s)
	for i, r := range rs {
		switch {
		case isUpper(r):
			writeLower(&b, rs, i)
		case isLower(r):
			writeUpper(&b, r)
		default:
			writeRune(&b, r)
		}
	}
	return b.String()
}

// strTest finds the methods of str that test every character.
func strTest(name string) (native, bool) {
	var test func(s string) bool
	switch name {
	case "isalnum":
		test = every(func(r rune) bool { return unicode.IsLetter(r) || isNumeric(r) })
	case "isalpha":
		test = every(unicode.IsLetter)
	case "isascii":
		test = isASCII
	case "isdecimal":
		test = every(unicode.IsDigit)
	case "isdigit":
		test = every(isDigitRune)
	case "isidentifier":
		test = isIdentifier
	case "islower":
		test = func(s string) bool { return casedOnly(s, isLower) }
	case "isupper":
		test = func(s string) bool { return casedOnly(s, isUpper) }
	case "isnumeric":
		test = every(isNumeric)
	case "isprintable":
		test = func(s string) bool { return s == "" || every(isPrintable)(s) }
	case "isspace":
		test = every(isSpace)
	case "istitle":
		test = isTitleText
	default:
		return native{}, false
	}
	return native{0, 0, nil, func(c *call) (Value, error) {
		s, err := c.text()
		if err != nil {
			return nil, err
		}
		return test(s), nil
	}}, true
}

func every(test func(rune) bool) func(string) bool {
	return func(s string) bool {
		for _, r := range runesOf(s) {
			if !test(r) {
				return false
			}
		}
		return s != ""
	}
}

// casedOnly tells whether s has a cased character and all of them pass.
func casedOnly(s string, test func(rune) bool) bool {
	found := false
	for _, r := range runesOf(s) {
		if test(r) {
			found = true
		} else if isCased(r) {
			return false
		}
	}
	return found
}

func isTitleText(s string) bool {
	found, inWord := false, false
	for _, r := range runesOf(s) {
		switch {
		case isUpper(r) || unicode.IsTitle(r):
			if inWord {
				return false
			}
			inWord, found = true, true
		case isLower(r):
			if !inWord {
				return false
			}
		default:
			inWord = false
		}
	}
	return found
}

func isIdentifier(s string) bool {
	for i, r := range runesOf(s) {
		if r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) {
			continue
		}
		if i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !unicode.Is(unicode.Mc, r) && !unicode.Is(unicode.Pc, r) {
			return false
		}
	}
	return s != ""
}

// isDigitRune is str.isdigit: decimals, and the digits that stand in circles,
// above or below the line.
func isDigitRune(r rune) bool {
	if unicode.IsDigit(r) {
		return true
	}
	switch {
	case r == 0xb2, r == 0xb3, r == 0xb9, r >= 0x1369 && r <= 0x1371, r == 0x19da, r == 0x2070,
		r >= 0x2074 && r <= 0x2079, r >= 0x2080 && r <= 0x2089, r >= 0x2460 && r <= 0x2468,
		r >= 0x2474 && r <= 0x247c, r >= 0x2488 && r <= 0x2490, r == 0x24ea, r >= 0x24f5 && r <= 0x24fd,
		r == 0x24ff, r >= 0x2776 && r <= 0x277e, r >= 0x2780 && r <= 0x2788, r >= 0x278a && r <= 0x2792,
		r >= 0x10a40 && r <= 0x10a43, r >= 0x10e60 && r <= 0x10e68, r >= 0x11052 && r <= 0x1105a,
		r >= 0x1f100 && r <= 0x1f10a:
		return true
	}
	return false
}

func isNumeric(r rune) bool {
	return unicode.IsNumber(r) || strings.ContainsRune("〇一二三四五六七八九十百千万億兆零壹贰叁肆伍陆柒捌玖拾壱弐参", r)
}

// digitValue is the value of a decimal digit of any script.
func digitValue(r rune) (int, bool) {
	if r < 0x80 {
		return int(r - '0'), r >= '0' && r <= '9'
	}
	for _, g := range unicode.Nd.R16 {
		if r >= rune(g.Lo) && r <= rune(g.Hi) {
			return int(r-rune(g.Lo)) % 10, true
		}
	}
	for _, g := range unicode.Nd.R32 {
		if r >= rune(g.Lo) && r <= rune(g.Hi) {
			return int(r-rune(g.Lo)) % 10, true
		}
	}
	return 0, false
}
