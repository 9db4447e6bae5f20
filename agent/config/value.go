// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bytes is a number of bytes, written 4096, 512K, 16M, 4G or 1T; the units are powers of 1024.
type Bytes int64

// String writes b with the largest unit that keeps it whole.
func (b Bytes) String() string {
	for _, u := range []struct {
		letter string
		size   Bytes
	}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}} {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.letter
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

func parseBytes(s string) (Bytes, error) {
	units := map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}
	text, unit := s, int64(1)
	if s != "" {
		if u, ok := units[s[len(s)-1]&^0x20]; ok {
			text, unit = s[:len(s)-1], u
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return Bytes(n * unit), nil
}

// parseDuration is time.ParseDuration with days, which histories are counted in.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		if err != nil || n < 0 || n > math.MaxInt64/int64(24*time.Hour) {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return d, nil
}

func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String() // 1h0m0s
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// parseBool takes what oslo.config takes (types.Boolean).
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1", "on", "yes":
		return true, nil
	case "false", "0", "off", "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

// set writes text into the field that target points to. The error says what
// is wrong with the text, and next what it must be.
func set(target any, text string) (next string, err error) {
	switch t := target.(type) {
	case *string:
		*t = text
	case *bool:
		if *t, err = parseBool(text); err != nil {
			return "write true or false", err
		}
	case *int:
		if *t, err = strconv.Atoi(text); err != nil {
			return "write digits only", fmt.Errorf("%q is not a whole number", text)
		}
	case *Bytes:
		if *t, err = parseBytes(text); err != nil {
			return "write digits and, if need be, one of K, M, G, T: 512M", err
		}
	case *time.Duration:
		if *t, err = parseDuration(text); err != nil {
			return "write a number with its unit: 30s, 20m, 4h, 7d", err
		}
	case *[]string:
		*t = nil
		for _, part := range strings.Split(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*t = append(*t, part)
			}
		}
	default:
		panic(fmt.Sprintf("config: option of type %T", target))
	}
	return "", nil
}

// text is the inverse of set.
func text(target any) string {
	switch t := target.(type) {
	case *string:
		return *t
	case *bool:
		return strconv.FormatBool(*t)
	case *int:
		return strconv.Itoa(*t)
	case *Bytes:
		return t.String()
	case *time.Duration:
		return formatDuration(*t)
	case *[]string:
		return strings.Join(*t, ",")
	}
	panic(fmt.Sprintf("config: option of type %T", target))
}

// equal says whether two fields of one option hold the same.
func equal(a, b any) bool {
	if la, ok := a.(*[]string); ok {
		return slices.Equal(*la, *b.(*[]string))
	}
	return text(a) == text(b)
}

// joinPort is host:port, where host may have brought its own port.
func joinPort(host string, port int) string {
	if h, p, err := net.SplitHostPort(host); err == nil {
		return net.JoinHostPort(h, p)
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}
