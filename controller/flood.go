// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a guest, which is hostile ground, may make the controller keep.
const (
	maxResult    = 32 << 20 // bytes of a plan's result
	maxCause     = 4 << 10  // bytes of a plan's cause
	maxEvent     = 64 << 10 // bytes of an event as it comes
	maxText      = 2 << 10  // bytes of an event's text
	maxName      = 256      // bytes of each other field of an event
	maxInventory = 64       // things in an inventory
	maxProgress  = 500      // events of one plan in one deployment
	maxHello     = 20       // words of one server's agent in a helloSpan
	helloSpan    = 10 * time.Minute
	longestSpan  = 24 * time.Hour
)

// A floodgate counts what agents say unasked. It forgets with the controller:
// what it bounds is a guest that never stops. The zero value is ready.
type floodgate struct {
	mu       sync.Mutex
	progress map[string]map[string]int // by environment ID and plan ID
	hello    map[string]*helloCount    // by queue
}

type helloCount struct {
	since time.Time
	span  time.Duration // doubles each time a server says too much in it
	n     int
}

// countProgress counts one more event of the plan and gives how many there are.
func (f *floodgate) countProgress(environmentID, plan string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.progress == nil {
		f.progress = make(map[string]map[string]int)
	}
	if f.progress[environmentID] == nil {
		f.progress[environmentID] = make(map[string]int)
	}
	f.progress[environmentID][plan]++
	return f.progress[environmentID][plan]
}

// flooded tells whether the plan has said all that it may.
func (f *floodgate) flooded(environmentID, plan string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.progress[environmentID][plan] >= maxProgress
}

// forget drops the counts of an environment whose deployment has ended.
func (f *floodgate) forget(environmentID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.progress, environmentID)
}

// dismiss drops the count of a server that is no more.
func (f *floodgate) dismiss(queue string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.hello, queue)
}

// countHello counts one more word of a server that is known, and gives how many
// there were in the span it returns.
func (f *floodgate) countHello(queue string, now time.Time) (n int, span time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hello == nil {
		f.hello = make(map[string]*helloCount)
	}
	c := f.hello[queue]
	switch {
	case c == nil:
		c = &helloCount{since: now, span: helloSpan}
		f.hello[queue] = c
	case now.Sub(c.since) >= c.span && c.n >= maxHello:
		*c = helloCount{since: now, span: min(2*c.span, longestSpan)}
	case now.Sub(c.since) >= c.span:
		*c = helloCount{since: now, span: helloSpan}
	}
	c.n++
	return c.n, c.span
}

// oneLine makes what a guest said one line for a person: no control characters,
// which a terminal would obey, and at most limit bytes.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return shortText(s, limit)
}

// bounded makes what a guest said of itself fit to be kept: lines, and not too
// many: the first by name stay.
func bounded(inventory map[string]string) map[string]string {
	if len(inventory) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(inventory), maxInventory))
	for _, k := range slices.Sorted(maps.Keys(inventory)) {
		if len(out) == maxInventory {
			break
		}
		out[oneLine(k, maxName)] = oneLine(inventory[k], maxName)
	}
	return out
}

// shortText leaves out the middle of a text that is longer than limit bytes,
// and says so: an error's reason is at its beginning or at its end.
func shortText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	head, tail := limit/2, len(s)-limit/2
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return fmt.Sprintf("%s ... (%d bytes left out) ... %s", s[:head], tail-head, s[tail:])
}
