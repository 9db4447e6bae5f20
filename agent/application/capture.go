// SPDX-License-Identifier: Apache-2.0

package application

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

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

// size is what is kept.
func (c *capture) size() int { return len(c.head) + len(c.tail) }

// share cuts what two captures keep to limit together: one that is smaller than
// half leaves the other the rest. Either may be nil.
func share(a, b *capture, limit int) {
	if a == nil || b == nil || a.size()+b.size() <= limit {
		return
	}
	if a.size() > b.size() {
		a, b = b, a
	}
	a.shrink(limit / 2)
	b.shrink(limit - a.size())
}

// shrink makes the middle that was cut larger, until limit bytes are left.
func (c *capture) shrink(limit int) {
	if c.size() <= limit {
		return
	}
	kept := c.joined()
	c.head, c.tail, c.next = kept[:limit/2], kept[len(kept)-(limit-limit/2):], 0
}

// joined is head and tail as one.
func (c *capture) joined() []byte {
	kept := make([]byte, 0, c.size())
	return append(append(append(kept, c.head...), c.tail[c.next:]...), c.tail[:c.next]...)
}

// text is the captured output as a Body sees it, and whether it was cut: nil
// if there was none at all, else stripped as Python's str.strip does. It is
// called once: what was captured is not kept beside it.
func (c *capture) text() (*string, bool) {
	if c.total == 0 {
		return nil, false
	}
	bad := foreign(c.head) + foreign(c.tail)
	if grown := c.size() + 5*bad; grown > c.limit { // six bytes each in the JSON of the result
		c.shrink(int(int64(c.limit) * int64(c.size()) / int64(grown)))
	}
	lost := c.total - int64(c.size())
	parts := [][]byte{c.head, c.tail[c.next:], c.tail[:c.next]}
	if bad > 0 { // a character may lie across parts
		all, n := c.joined(), len(c.head)
		if parts = [][]byte{all}; lost > 0 {
			parts = [][]byte{all[:n], all[n:]}
		}
	}
	var b strings.Builder
	b.Grow(c.size() + 80)
	for i, part := range parts {
		if i == 1 && lost > 0 {
			fmt.Fprintf(&b, "\n[... %d bytes cut: the whole output is in the log of the script, on the guest ...]\n", lost)
		}
		if bad == 0 {
			b.Write(part)
			continue
		}
		for len(part) > 0 {
			r, n := utf8.DecodeRune(part) // U+FFFD for a byte that is none
			b.WriteRune(r)
			part = part[n:]
		}
	}
	c.head, c.tail, c.next = nil, nil, 0
	s := strings.TrimFunc(universal(b.String()), isSpace)
	return &s, lost > 0
}

// foreign counts the bytes that are no part of UTF-8.
func foreign(b []byte) (n int) {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		b = b[size:]
	}
	return n
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
