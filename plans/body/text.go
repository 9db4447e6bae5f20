// SPDX-License-Identifier: Apache-2.0

package body

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// runesOf gives the code points of s, lone surrogates among them. A byte that
// belongs to none is U+FFFD.
func runesOf(s string) []rune {
	rs := make([]rune, 0, len(s))
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		rs = append(rs, r)
		i += n
	}
	return rs
}

// decodeRune is utf8.DecodeRuneInString that lets lone surrogates through.
func decodeRune(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	if s[0] == 0xed && len(s) >= 3 && s[1] >= 0xa0 && s[1] <= 0xbf && s[2]&0xc0 == 0x80 {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return utf8.DecodeRuneInString(s)
}

func appendRune(b []byte, r rune) []byte {
	if r >= 0xd800 && r <= 0xdfff {
		return append(b, 0xed, 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(b, r)
}

func stringOf(rs []rune) string {
	b := make([]byte, 0, len(rs))
	for _, r := range rs {
		b = appendRune(b, r)
	}
	return string(b)
}

func writeRune(b *strings.Builder, r rune) {
	if r < utf8.RuneSelf {
		b.WriteByte(byte(r))
		return
	}
	var buf [4]byte
	b.Write(appendRune(buf[:0], r))
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// textLen is len(s): the number of code points.
func textLen(s string) int {
	n := 0
	for i := 0; i < len(s); n++ {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := decodeRune(s[i:])
		i += size
	}
	return n
}

// offsetOf gives the byte offset of code point n, len(s) at most.
func offsetOf(s string, n int) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := decodeRune(s[i:])
		i += size
	}
	return i
}

// compareText orders s and t by code points, as Python does.
func compareText(s, t string) int {
	// WTF-8 keeps the order of code points.
	return strings.Compare(s, t)
}

func sortStrings(s []string) { sort.Strings(s) }

// decodeUTF8 is bytes.decode() with CPython's errors.
func decodeUTF8(b, errorsMode string) (string, error) {
	if utf8.ValidString(b) {
		return b, nil
	}
	var out strings.Builder
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRuneInString(b[i:])
		if r != utf8.RuneError || n > 1 {
			out.WriteString(b[i : i+n])
			i += n
			continue
		}
		n, reason := badUTF8(b[i:])
		switch errorsMode {
		case "strict":
			return "", decodeError("utf-8", b, i, i+n, reason)
		case "ignore":
		case "replace":
			out.WriteRune(utf8.RuneError)
		case "surrogateescape":
			for _, c := range []byte(b[i : i+n]) {
				writeRune(&out, 0xdc00+rune(c))
			}
		case "backslashreplace":
			for _, c := range []byte(b[i : i+n]) {
				out.WriteString(`\x` + hexDigits(uint64(c), 2))
			}
		default:
			return "", raise("LookupError", "unknown error handler name '%s'", errorsMode)
		}
		i += n
	}
	return out.String(), nil
}

// badUTF8 tells how many bytes at the start of b are one fault, and which.
func badUTF8(b string) (int, string) {
	need := 0
	lo, hi := byte(0x80), byte(0xbf)
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c >= 0xe0 && c <= 0xef:
		need = 2
		if c == 0xe0 {
			lo = 0xa0
		} else if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		need = 3
		if c == 0xf0 {
			lo = 0x90
		} else if c == 0xf4 {
			hi = 0x8f
		}
	default:
		return 1, "invalid start byte"
	}
	for i := 1; i <= need; i++ {
		if i >= len(b) {
			return i, "unexpected end of data"
		}
		if b[i] < lo || b[i] > hi {
			return i, "invalid continuation byte"
		}
		lo, hi = 0x80, 0xbf
	}
	return 1, "invalid start byte"
}

func decodeError(codec, b string, start, end int, reason string) error {
	e := raise("UnicodeDecodeError", "'%s' codec can't decode byte 0x%02x in position %d: %s", codec, b[start], start, reason)
	if end-start > 1 {
		e = raise("UnicodeDecodeError", "'%s' codec can't decode bytes in position %d-%d: %s", codec, start, end-1, reason)
	}
	return e
}

const lowerHex = "0123456789abcdef"

func hexDigits(n uint64, width int) string {
	b := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		b[i] = lowerHex[n&15]
		n >>= 4
	}
	return string(b)
}
