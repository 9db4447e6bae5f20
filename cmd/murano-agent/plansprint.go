// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// printJSON writes v for a program, or a person who looks at it in a terminal.
func printJSON(w io.Writer, v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, inert(b.String()))
	return err
}

// inert spells what a terminal would obey in a JSON document as \uXXXX: it can
// only be within a text.
func inert(document string) string {
	if !strings.ContainsFunc(document, obeyed) {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		if obeyed(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// obeyed tells whether a terminal does something with r other than to show it:
// control characters, and those that turn the direction of writing, by which a
// text can look like another.
func obeyed(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

// printTable writes what fill writes, cells apart by tabs, for a person.
func printTable(w io.Writer, fill func(io.Writer)) error {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fill(tw)
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, printable(strings.TrimRight(line, " \n"))); err != nil {
			return err
		}
	}
	return nil
}

// printable takes from a text for a person what a terminal would obey: plans
// and scripts wrote parts of it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if obeyed(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// cell is s in one line of a table, at most n runes long.
func cell(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// span is a length of time as people say it: 0.2 s, 42 s, 5 min, 3 h, 12 d.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// bytesText is a number of bytes as people say it.
func bytesText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if f /= 1024; f < 1024 {
			return fmt.Sprintf("%.1f %s", f, unit)
		}
	}
	return fmt.Sprintf("%.1f TiB", f/1024)
}

// clock is a time on this machine's clock, with how long ago that is.
func clock(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s (%s ago)", t.Local().Format(time.DateTime), span(now.Sub(t)))
}

// A period is a flag's value: a duration, with d and w for days and weeks too.
type period time.Duration

func (p *period) String() string { return time.Duration(*p).String() }
func (p *period) Type() string   { return "duration" }
func (p *period) Set(s string) error {
	d, err := time.ParseDuration(s)
	if n, unit := strings.TrimRight(s, "dw"), s[len(strings.TrimRight(s, "dw")):]; err != nil && len(unit) == 1 {
		var f float64
		if f, err = strconv.ParseFloat(n, 64); err == nil {
			hours := map[string]float64{"d": 24, "w": 7 * 24}[unit]
			d = time.Duration(f * hours * float64(time.Hour))
		}
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a length of time; write 30m, 12h, 7d or 2w", s)
	}
	*p = period(d)
	return nil
}

// An instant is a flag's value: a time, or how long ago one was.
type instant struct{ time.Time }

func (i *instant) String() string {
	if i.IsZero() {
		return ""
	}
	return i.Format(time.RFC3339)
}
func (i *instant) Type() string { return "time" }
func (i *instant) Set(s string) error {
	var ago period
	if ago.Set(s) == nil {
		i.Time = time.Now().Add(-time.Duration(ago))
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			i.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is not a time; write 2h, 7d, 2026-01-31 or \"2026-01-31 18:00\"", s)
}
