// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// mostRuns bounds what a Collapse remembers; what is new beyond it passes.
const mostRuns = 256

// A Collapse hands on to another handler and writes what repeats once, with a
// count. It concerns warnings and errors alone:
//
//   - The first of its kind passes at once, an error like any other.
//   - What follows of the same kind is counted. At the end of each Window one
//     line says how often: the last of them, "... repeated 57 times in 5m0s"
//     behind its message.
//   - A record of another kind at level info, which is a change of state, ends
//     all counting: the counts so far go before it, and the next warning passes.
//
// Two records are of one kind when level, message and attributes are the same
// but for times, durations and the attributes named by Passing. Debug records
// pass untouched. Close writes the counts that are open.
type Collapse struct {
	next slog.Handler
	runs *runs
	with []slog.Attr // of this logger, for the kind
	path string      // the groups of this logger, for the kind
}

// CollapseOptions are those of NewCollapse; the zero value can be used.
type CollapseOptions struct {
	Window  time.Duration // 0 means 5 minutes
	Passing []string      // keys whose values make no difference
}

// NewCollapse hands on to next.
func NewCollapse(next slog.Handler, o CollapseOptions) *Collapse {
	return &Collapse{next: next, runs: &runs{
		window: cmp.Or(o.Window, 5*time.Minute), passing: o.Passing, open: make(map[string]*run),
	}}
}

var _ slog.Handler = (*Collapse)(nil)

// runs are shared by a Collapse and what was derived from it.
type runs struct {
	window  time.Duration
	passing []string

	mu   sync.Mutex
	open map[string]*run
}

// A run is a record that repeats.
type run struct {
	handler slog.Handler // as derived, to write the count with
	last    slog.Record
	since   time.Time
	count   int // beyond those written
	timer   *time.Timer
}

// Enabled asks the next handler.
func (c *Collapse) Enabled(ctx context.Context, level slog.Level) bool {
	return c.next.Enabled(ctx, level)
}

// Handle writes r, or counts it.
func (c *Collapse) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return c.next.Handle(ctx, r)
	}
	// The lock is held over the writing, so that counts stand in their order.
	c.runs.mu.Lock()
	defer c.runs.mu.Unlock()
	if r.Level < slog.LevelWarn {
		c.runs.end()
		return c.next.Handle(ctx, r)
	}
	kind := c.kind(r)
	if known := c.runs.open[kind]; known != nil {
		known.last, known.count = r.Clone(), known.count+1
		return nil
	}
	if len(c.runs.open) < mostRuns {
		first := &run{handler: c.next, since: time.Now()}
		first.timer = time.AfterFunc(c.runs.window, func() { c.runs.passed(kind, first) })
		c.runs.open[kind] = first
	}
	return c.next.Handle(ctx, r)
}

// passed ends a window: what repeated goes on being counted, what did not is
// news again when it comes.
func (s *runs) passed(kind string, r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[kind] != r {
		return // it was ended meanwhile
	}
	if r.count == 0 {
		delete(s.open, kind)
		return
	}
	r.write()
	r.timer.Reset(s.window)
}

// write says how often r repeated, and begins anew.
func (r *run) write() {
	if r.count == 0 {
		return
	}
	within := time.Since(r.since).Round(time.Second)
	times := "times"
	if r.count == 1 {
		times = "time"
	}
	line := slog.NewRecord(r.last.Time, r.last.Level, fmt.Sprintf("%s ... repeated %d %s in %v", r.last.Message, r.count, times, within), r.last.PC)
	r.last.Attrs(func(a slog.Attr) bool {
		line.AddAttrs(a)
		return true
	})
	line.AddAttrs(slog.Int("repeated", r.count))
	r.handler.Handle(context.Background(), line) // a log that cannot be written has nobody to tell
	r.count, r.since = 0, time.Now()
}

// end writes all counts, in the order of their last record, and forgets them.
func (s *runs) end() {
	for _, kind := range slices.SortedFunc(maps.Keys(s.open), func(a, b string) int { return s.open[a].last.Time.Compare(s.open[b].last.Time) }) {
		s.open[kind].timer.Stop()
		s.open[kind].write()
	}
	clear(s.open)
}

// Close writes the counts that are open. Records may follow.
func (c *Collapse) Close() error {
	c.runs.mu.Lock()
	defer c.runs.mu.Unlock()
	c.runs.end()
	return nil
}

// kind is what two records that are the same have in common.
func (c *Collapse) kind(r slog.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q", r.Level, r.Message)
	for _, a := range c.with {
		c.runs.add(&b, "", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		c.runs.add(&b, c.path, a)
		return true
	})
	return b.String()
}

func (s *runs) add(b *strings.Builder, path string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			path += a.Key + "."
		}
		for _, in := range v.Group() {
			s.add(b, path, in)
		}
	case v.Kind() == slog.KindTime, v.Kind() == slog.KindDuration, slices.Contains(s.passing, a.Key):
	default:
		fmt.Fprintf(b, " %s%s=%q", path, a.Key, v.String())
	}
}

// WithAttrs returns a Collapse that counts with c.
func (c *Collapse) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := c.with[:len(c.with):len(c.with)]
	for _, a := range attrs {
		a.Key = c.path + a.Key
		with = append(with, a)
	}
	return &Collapse{next: c.next.WithAttrs(attrs), runs: c.runs, with: with, path: c.path}
}

// WithGroup returns a Collapse that counts with c.
func (c *Collapse) WithGroup(name string) slog.Handler {
	if name == "" {
		return c
	}
	return &Collapse{next: c.next.WithGroup(name), runs: c.runs, with: c.with, path: c.path + name + "."}
}
