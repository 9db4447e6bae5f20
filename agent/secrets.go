// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"slices"
	"strings"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A mask writes *** for the values of the Parameters that a plan names as its
// secrets, in all that leaves the plan but its own plan.json and journal: what
// the Body returns, output, messages, events and logs. nil masks nothing.
type mask struct {
	*strings.Replacer
	secrets []string  // the longest first
	first   [256]bool // bytes that one of them begins with
}

const masked = "***"

// shortestLine is the least that a line of a longer secret must have to be
// masked alone: the lines of a key have it, its "}" has not.
const shortestLine = 6

func newMask(p plans.Plan) *mask {
	var found []string
	for _, name := range p.Options.Secrets {
		if v, ok := p.Parameters.Get(name); ok {
			found = texts(found, v)
		}
	}
	found = slices.DeleteFunc(found, func(s string) bool { return s == "" })
	if len(found) == 0 {
		return nil
	}
	// Of two secrets of which one begins with the other, the longer is masked whole.
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	m := &mask{}
	var pairs []string
	seen := map[string]bool{}
	for _, s := range found {
		if seen[s] {
			continue
		}
		seen[s] = true
		m.secrets = append(m.secrets, s)
		m.first[s[0]] = true
		pairs = append(pairs, s, masked)
	}
	m.Replacer = strings.NewReplacer(pairs...)
	return m
}

// texts appends the forms in which v may be printed: those of its elements, the
// text as it is and as JSON and repr spell it, and its lines.
func texts(found []string, v body.Value) []string {
	switch v := v.(type) {
	case string:
		found = append(found, v)
		if b, err := body.EncodeJSON(v); err == nil {
			found = append(found, string(b[1:len(b)-1]))
		}
		found = append(found, strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(v))
		for line := range strings.Lines(v) {
			if line = strings.TrimSpace(line); len(line) >= shortestLine {
				found = append(found, line)
			}
		}
	case int64, *big.Int, float64:
		found = append(found, strings.TrimSpace(fmt.Sprint(v)))
	case *body.List:
		for _, item := range v.Items {
			found = texts(found, item)
		}
	case *body.Dict:
		for _, item := range v.All() {
			found = texts(found, item)
		}
	}
	return found
}

// text is s with every secret masked.
func (m *mask) text(s string) string {
	if m == nil {
		return s
	}
	return m.Replace(s)
}

// finder tells whether a text holds a secret; nil if there are none.
func (m *mask) finder() func(string) bool {
	if m == nil {
		return nil
	}
	return func(text string) bool {
		return slices.ContainsFunc(m.secrets, func(secret string) bool { return strings.Contains(text, secret) })
	}
}

// output is o with every secret masked, also one of which the cut of a stream
// that was too long left a part.
func (m *mask) output(o Output) Output {
	if m == nil {
		return o
	}
	for _, s := range []**string{&o.Stdout, &o.Stderr} {
		if *s == nil {
			continue
		}
		text := **s
		if head, tail, ok := strings.Cut(text, cutMark); ok && o.Truncated {
			text = head[:len(head)-m.begun(head)] + cutMark + m.behind(tail)
		}
		text = m.text(text)
		*s = &text
	}
	return o
}

// cutMark begins the line that stands for what was cut out of a stream.
const cutMark = "\n[... "

// begun is how many bytes at the end of text may be the beginning of a secret.
func (m *mask) begun(text string) int {
	for n := min(len(text), len(m.secrets[0])-1); n > 0; n-- {
		end := text[len(text)-n:]
		if slices.ContainsFunc(m.secrets, func(s string) bool { return len(s) > n && s[:n] == end }) {
			return n
		}
	}
	return 0
}

// behind is text, which begins with the rest of a mark's line, without what may be
// the end of a secret at the beginning of what follows it.
func (m *mask) behind(text string) string {
	line, text, ok := strings.Cut(text, "\n")
	if !ok {
		return line
	}
	for n := min(len(text), len(m.secrets[0])-1); n > 0; n-- {
		start := text[:n]
		if slices.ContainsFunc(m.secrets, func(s string) bool { return strings.HasSuffix(s, start) && len(s) > n }) {
			return line + "\n" + text[n:]
		}
	}
	return line + "\n" + text
}

// value is v, what a Body returned, with every secret masked. It changes nothing
// of v itself.
func (m *mask) value(v body.Value) body.Value {
	if m == nil {
		return v
	}
	return m.walk(v, maxDepth)
}

// maxDepth bounds the walk through a value. What is deeper has no JSON form
// (package body), and neither has a value that contains itself.
const maxDepth = 1500

func (m *mask) walk(v body.Value, depth int) body.Value {
	if depth == 0 {
		return v
	}
	switch v := v.(type) {
	case string:
		return m.text(v)
	case int64, *big.Int, float64:
		if text := fmt.Sprint(v); slices.Contains(m.secrets, text) {
			return masked
		}
	case *body.List:
		return &body.List{Items: m.all(v.Items, depth)}
	case *body.Tuple:
		return &body.Tuple{Items: m.all(v.Items, depth)}
	case *body.Dict:
		d := &body.Dict{}
		for k, item := range v.All() {
			d.Set(m.walk(k, depth-1), m.walk(item, depth-1))
		}
		return d
	}
	return v
}

func (m *mask) all(items []body.Value, depth int) []body.Value {
	masked := make([]body.Value, len(items))
	for i, item := range items {
		masked[i] = m.walk(item, depth-1)
	}
	return masked
}

// A maskedWriter masks what passes through it, also secrets that come in parts.
// What may be the beginning of one is held back until more comes, or flush.
type maskedWriter struct {
	w    io.Writer
	mask *mask
	held []byte
}

func (w *maskedWriter) Write(p []byte) (int, error) {
	n := len(p)
	if len(w.held) > 0 {
		p = append(w.held, p...)
	}
	done, i := 0, 0
	for i < len(p) {
		if !w.mask.first[p[i]] {
			i++
			continue
		}
		size, more := w.mask.at(p[i:])
		switch {
		case more:
			w.w.Write(p[done:i])
			w.held = append([]byte(nil), p[i:]...)
			return n, nil
		case size > 0:
			w.w.Write(p[done:i])
			io.WriteString(w.w, masked)
			i += size
			done = i
		default:
			i++
		}
	}
	w.held = nil
	w.w.Write(p[done:])
	return n, nil
}

// at gives the length of the secret that p begins with; more says that a longer
// one may begin there, of which p has not all.
func (m *mask) at(p []byte) (size int, more bool) {
	for _, s := range m.secrets {
		switch {
		case len(s) > len(p):
			if s[:len(p)] == string(p) {
				return 0, true
			}
		case string(p[:len(s)]) == s:
			return len(s), false
		}
	}
	return 0, false
}

// flush writes what was held back: it became no secret.
func (w *maskedWriter) flush() {
	if len(w.held) > 0 {
		io.WriteString(w.w, w.mask.text(string(w.held)))
		w.held = nil
	}
}

// logger is log with every secret masked in what it is given.
func (m *mask) logger(log *slog.Logger) *slog.Logger {
	if m == nil {
		return log
	}
	return slog.New(&maskedLog{log.Handler(), m})
}

// A maskedLog is a slog.Handler that masks the values of attributes.
type maskedLog struct {
	slog.Handler
	mask *mask
}

func (l *maskedLog) Handle(ctx context.Context, r slog.Record) error {
	masked := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Resolve(); v.Kind() {
		case slog.KindString, slog.KindAny:
			a.Value = slog.StringValue(l.mask.text(v.String()))
		}
		masked.AddAttrs(a)
		return true
	})
	return l.Handler.Handle(ctx, masked)
}

func (l *maskedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &maskedLog{l.Handler.WithAttrs(attrs), l.mask}
}

func (l *maskedLog) WithGroup(name string) slog.Handler {
	return &maskedLog{l.Handler.WithGroup(name), l.mask}
}
