// SPDX-License-Identifier: Apache-2.0

package application

import (
	"strings"
	"testing"
)

func TestTwoStreamsShareTheirBound(t *testing.T) {
	for _, tt := range []struct {
		name         string
		out, err     int // bytes written
		limit        int
		wantA, wantB int // bytes kept
	}{
		{"both fit", 400, 500, 1000, 400, 500},
		{"one takes all that the other leaves", 900, 100, 1000, 900, 100},
		{"a small one stays whole", 5000, 100, 1000, 900, 100},
		{"two large ones have half each", 5000, 6000, 1000, 500, 500},
		{"which is which does not matter", 100, 5000, 1000, 100, 900},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newCapture(tt.limit), newCapture(tt.limit)
			a.Write([]byte(strings.Repeat("a", tt.out-1) + "A"))
			b.Write([]byte("B" + strings.Repeat("b", tt.err-1)))
			share(a, b, tt.limit)
			if a.size() != tt.wantA || b.size() != tt.wantB {
				t.Errorf("kept %d and %d, want %d and %d", a.size(), b.size(), tt.wantA, tt.wantB)
			}
			textA, _ := a.text()
			textB, cut := b.text()
			if !strings.HasSuffix(*textA, "A") || !strings.HasPrefix(*textB, "B") || cut != (tt.err > tt.wantB) {
				t.Errorf("%.40q, %.40q, cut %v", *textA, *textB, cut)
			}
		})
	}
	share(nil, newCapture(10), 10) // one that is not captured asks for nothing
}

func TestBytesThatAreNoTextAreReplacedOneByOne(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"each byte alone", "a\xff\xfeb", 100, "a\ufffd\ufffdb"},
		{"a character across head and tail is whole", strings.Repeat("x", 29) + "\u00e9\xff", 60, strings.Repeat("x", 29) + "\u00e9\ufffd"},
		{"a character cut at its end is not", "x\xc3", 100, "x\ufffd"},
		{"many leave room for what they become", strings.Repeat("\xff", 60), 60, "\ufffd\ufffd\ufffd\ufffd\ufffd\n[... 50 bytes cut: the whole output is in the log of the script, on the guest ...]\n\ufffd\ufffd\ufffd\ufffd\ufffd"},
	} {
		c := newCapture(tt.limit)
		c.Write([]byte(tt.in))
		if got, _ := c.text(); *got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, *got, tt.want)
		}
	}
}
