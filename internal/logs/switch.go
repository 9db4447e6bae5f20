// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// A Switch is a slog.Handler that hands on to another, which Set exchanges
// under the loggers that were made of it, those of With included.
type Switch struct {
	current *atomic.Pointer[slog.Handler]
	// steps are the WithAttrs and WithGroup of this logger, in order.
	steps []func(slog.Handler) slog.Handler
	// made is what the steps made of a handler, kept while that is the current one.
	made *atomic.Pointer[derived]
}

// A derived handler is what a Switch's steps made of from.
type derived struct{ from, handler slog.Handler }

var _ slog.Handler = (*Switch)(nil)

// NewSwitch hands on to h.
func NewSwitch(h slog.Handler) *Switch {
	s := &Switch{current: new(atomic.Pointer[slog.Handler]), made: new(atomic.Pointer[derived])}
	s.Set(h)
	return s
}

// Set makes h the handler of every logger of s from the next record on.
func (s *Switch) Set(h slog.Handler) { s.current.Store(&h) }

// handler is the current one, with this logger's attributes and groups.
func (s *Switch) handler() slog.Handler {
	from := *s.current.Load()
	if d := s.made.Load(); d != nil && d.from == from {
		return d.handler
	}
	h := from
	for _, step := range s.steps {
		h = step(h)
	}
	s.made.Store(&derived{from, h})
	return h
}

// Enabled asks the current handler.
func (s *Switch) Enabled(ctx context.Context, level slog.Level) bool {
	return s.handler().Enabled(ctx, level)
}

// Handle gives r to the current handler.
func (s *Switch) Handle(ctx context.Context, r slog.Record) error { return s.handler().Handle(ctx, r) }

// WithAttrs returns a Switch that follows s and adds attrs.
func (s *Switch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return s.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup returns a Switch that follows s and opens a group.
func (s *Switch) WithGroup(name string) slog.Handler {
	return s.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (s *Switch) with(step func(slog.Handler) slog.Handler) slog.Handler {
	return &Switch{
		current: s.current, made: new(atomic.Pointer[derived]),
		steps: append(s.steps[:len(s.steps):len(s.steps)], step),
	}
}
