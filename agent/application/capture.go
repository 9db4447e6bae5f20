// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/openmurano/murano/agent"
)

// A capture keeps the first and the last half of limit bytes.
type capture struct {
	limit int
	head  []byte
	tail  []byte // a ring once it is full
	next  int    // where the ring is written next
	total int64
}

func newCapture(limit int) *capture {
	if limit <= 0 {
		limit = agent.DefaultMaxOutput
	}
	return &capture{limit: max(limit, 2)}
}

func (c *capture) Write(p []byte) {
	c.total += int64(len(p))
	if room := c.limit/2 - len(c.head); room > 0 {
		n := min(room, len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
	}
	size := c.limit - c.limit/2
	if len(p) > size {
		p = p[len(p)-size:]
	}
	if room := size - len(c.tail); room > 0 {
		n := min(room, len(p))
		c.tail = append(c.tail, p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(c.tail[c.next:], p)
		c.next = (c.next + n) % size
		p = p[n:]
	}
}

// text is the captured output as a Body sees it, and whether it was cut: nil
// if there was none at all, else stripped as Python's str.strip does.
func (c *capture) text() (*string, bool) {
	if c.total == 0 {
		return nil, false
	}
	var b strings.Builder
	b.Grow(len(c.head) + len(c.tail) + 80)
	b.Write(c.head)
	lost := c.total - int64(len(c.head)) - int64(len(c.tail))
	if lost > 0 {
		fmt.Fprintf(&b, "\n[... %d bytes cut: the whole output is in the log of the script, on the guest ...]\n", lost)
	}
	b.Write(c.tail[c.next:])
	b.Write(c.tail[:c.next])
	s := strings.TrimFunc(universal(valid(b.String())), isSpace)
	return &s, lost > 0
}

// valid replaces each byte that is no part of UTF-8 by U+FFFD.
func valid(s string) string {
	if strings.ToValidUTF8(s, "") == s {
		return s
	}
	return string([]rune(s))
}

// universal makes CR LF and CR into LF, as Python's universal newlines.
func universal(s string) string {
	if !strings.ContainsRune(s, '\r') {
		return s
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
}

// isSpace is str.isspace: Unicode's white space and the four separators of ASCII.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}
