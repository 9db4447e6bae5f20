// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A mask writes *** for the values of the Parameters that a plan names as its
// secrets. nil masks nothing. What the Body returns on purpose is not masked,
// nor are the logs of scripts, which lie beside the plan and are root's alone.
type mask struct{ *strings.Replacer }

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
	var pairs []string
	for _, s := range slices.Compact(found) {
		pairs = append(pairs, s, "***")
	}
	return &mask{strings.NewReplacer(pairs...)}
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

// output is o with every secret masked.
func (m *mask) output(o Output) Output {
	for _, s := range []**string{&o.Stdout, &o.Stderr} {
		if *s != nil {
			masked := m.text(**s)
			*s = &masked
		}
	}
	return o
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
