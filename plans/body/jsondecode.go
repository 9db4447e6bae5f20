// SPDX-License-Identifier: Apache-2.0

package body

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// DecodeJSON reads one JSON text as json.loads does: the order of keys kept (a
// key that comes twice has its last value), ints of any size, NaN, Infinity and
// -Infinity accepted, lone surrogates kept. Its error is an *Exception with
// CPython's text, such as "Expecting value: line 1 column 1 (char 0)".
func DecodeJSON(b []byte) (Value, error) {
	s, err := decodeUTF8(string(b), "strict")
	if err != nil {
		return nil, err
	}
	return decodeJSONText(s)
}

func decodeJSONText(s string) (Value, error) {
	d := jsonDecoder{s: s}
	if strings.HasPrefix(s, "\ufeff") {
		return nil, d.fault("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
	}
	v, err := d.value(d.space(0), 0)
	if err != nil {
		return nil, err
	}
	if end := d.space(d.end); end != len(s) {
		return nil, d.fault("Extra data", end)
	}
	return v, nil
}

type jsonDecoder struct {
	s   string
	end int // byte after the value that was read
}

func (d *jsonDecoder) fault(reason string, at int) error {
	before := d.s[:min(at, len(d.s))]
	line := strings.Count(before, "\n") + 1
	column := textLen(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return raise("JSONDecodeError", "%s: line %d column %d (char %d)", reason, line, column, textLen(before))
}

func (d *jsonDecoder) space(i int) int {
	for i < len(d.s) && strings.IndexByte(" \t\n\r", d.s[i]) >= 0 {
		i++
	}
	return i
}

func (d *jsonDecoder) value(i, depth int) (Value, error) {
	rest := d.s[min(i, len(d.s)):]
	if rest == "" {
		return nil, d.fault("Expecting value", i)
	}
	switch rest[0] {
	case '"':
		return d.text(i + 1)
	case '{':
		if depth > maxNesting*2 {
			return nil, raise("RecursionError", "maximum recursion depth exceeded while decoding a JSON object from a unicode string")
		}
		return d.object(i+1, depth+1)
	case '[':
		if depth > maxNesting*2 {
			return nil, raise("RecursionError", "maximum recursion depth exceeded while decoding a JSON array from a unicode string")
		}
		return d.array(i+1, depth+1)
	}
	for _, word := range []struct {
		text  string
		value Value
	}{
		{"null", nil}, {"true", true}, {"false", false},
		{"NaN", math.NaN()}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)},
	} {
		if strings.HasPrefix(rest, word.text) {
			d.end = i + len(word.text)
			return word.value, nil
		}
	}
	return d.number(i)
}

func (d *jsonDecoder) number(start int) (Value, error) {
	s, i := d.s, start
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i < len(s) && s[i] == '0':
		i++
	case i < len(s) && s[i] >= '1' && s[i] <= '9':
		i = digitsEnd(s, i)
	default:
		return nil, d.fault("Expecting value", start)
	}
	float := false
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		i, float = digitsEnd(s, i+1), true
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			i, float = digitsEnd(s, j), true
		}
	}
	d.end = i
	if float {
		f, _ := strconv.ParseFloat(s[start:i], 64) // out of range is an infinity, as in CPython
		return f, nil
	}
	return parseDecimal(s[start:i])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digitsEnd(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// parseDecimal reads decimal digits with an optional sign.
func parseDecimal(s string) (Value, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if digits := len(strings.TrimLeft(s, "+-")); digits > maxDigits {
		return nil, valueError("Exceeds the limit (4300 digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", digits)
	}
	n, _ := new(big.Int).SetString(s, 10)
	return Int(n), nil
}

func (d *jsonDecoder) array(i, depth int) (Value, error) {
	list := &List{}
	i = d.space(i)
	if i < len(d.s) && d.s[i] == ']' {
		d.end = i + 1
		return list, nil
	}
	for {
		v, err := d.value(i, depth)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, v)
		i = d.space(d.end)
		switch {
		case i < len(d.s) && d.s[i] == ']':
			d.end = i + 1
			return list, nil
		case i >= len(d.s) || d.s[i] != ',':
			return nil, d.fault("Expecting ',' delimiter", i)
		}
		i = d.space(i + 1)
	}
}

func (d *jsonDecoder) object(i, depth int) (Value, error) {
	dict := &Dict{}
	i = d.space(i)
	if i < len(d.s) && d.s[i] == '}' {
		d.end = i + 1
		return dict, nil
	}
	for {
		if i >= len(d.s) || d.s[i] != '"' {
			return nil, d.fault("Expecting property name enclosed in double quotes", i)
		}
		key, err := d.text(i + 1)
		if err != nil {
			return nil, err
		}
		i = d.space(d.end)
		if i >= len(d.s) || d.s[i] != ':' {
			return nil, d.fault("Expecting ':' delimiter", i)
		}
		v, err := d.value(d.space(i+1), depth)
		if err != nil {
			return nil, err
		}
		dict.Set(key, v)
		i = d.space(d.end)
		switch {
		case i < len(d.s) && d.s[i] == '}':
			d.end = i + 1
			return dict, nil
		case i >= len(d.s) || d.s[i] != ',':
			return nil, d.fault("Expecting ',' delimiter", i)
		}
		i = d.space(i + 1)
	}
}

// text reads a string whose opening quote is before start.
func (d *jsonDecoder) text(start int) (Value, error) {
	s := d.s
	plain := start
	for plain < len(s) && s[plain] != '"' && s[plain] != '\\' && s[plain] >= ' ' {
		plain++
	}
	if plain < len(s) && s[plain] == '"' {
		d.end = plain + 1
		return s[start:plain], nil
	}
	out := append(make([]byte, 0, plain-start+16), s[start:plain]...)
	for i := plain; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			d.end = i + 1
			return string(out), nil
		case c < ' ':
			return nil, d.fault("Invalid control character at", i)
		case c != '\\':
			out = append(out, c)
			i++
		case i+1 >= len(s):
			return nil, d.fault("Unterminated string starting at", start-1)
		case s[i+1] == 'u':
			r, n, err := d.unicodeEscape(i)
			if err != nil {
				return nil, err
			}
			out = appendRune(out, r)
			i += n
		default:
			at := strings.IndexByte(`"\/bfnrt`, s[i+1])
			if at < 0 {
				return nil, d.fault("Invalid \\escape", i)
			}
			out = append(out, "\"\\/\b\f\n\r\t"[at])
			i += 2
		}
	}
	return nil, d.fault("Unterminated string starting at", start-1)
}

func (d *jsonDecoder) unicodeEscape(i int) (rune, int, error) {
	r, ok := hex4(d.s, i+2)
	if !ok {
		return 0, 0, d.fault("Invalid \\uXXXX escape", i+1)
	}
	if r >= 0xd800 && r <= 0xdbff && strings.HasPrefix(d.s[i+6:], `\u`) {
		if low, ok := hex4(d.s, i+8); ok && low >= 0xdc00 && low <= 0xdfff {
			return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12, nil
		}
	}
	return r, 6, nil
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	r := rune(0)
	for _, c := range []byte(s[i : i+4]) {
		d := hexValue(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
