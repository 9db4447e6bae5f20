// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

func TestATerminalIsNotObeyedToALog(t *testing.T) {
	var out strings.Builder
	w := &logWriter{to: &out, clean: true, read: map[string]int64{}}
	text := "plain\r\n\x1b[31mred\x1b[0m 部署完成\x07\n"
	for i := range len(text) { // a character may come in pieces
		if _, err := w.Write([]byte{text[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.String(), "plain\n\ufffd[31mred\ufffd[0m 部署完成\ufffd\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextsForPeople(t *testing.T) {
	for name, tt := range map[string]struct{ got, want string }{
		"a moment":            {span(240 * time.Millisecond), "0.2 s"},
		"seconds":             {span(42 * time.Second), "42 s"},
		"minutes":             {span(5*time.Minute + 3*time.Second), "5 min"},
		"hours":               {span(3 * time.Hour), "3 h"},
		"days":                {span(12 * 24 * time.Hour), "12 d"},
		"a clock set back":    {span(-time.Hour), "0 s"},
		"bytes":               {bytesText(1023), "1023 B"},
		"kibibytes":           {bytesText(1536), "1.5 KiB"},
		"gibibytes":           {bytesText(64 << 30), "64.0 GiB"},
		"a cell of one line":  {cell("two\n lines", 40), "two lines"},
		"a cell that is long": {cell("部署完成了", 4), "部署完…"},
		"control characters":  {printable("a\x1b[2Jb"), "a\ufffd[2Jb"},
		"of eight bits too":   {printable("a\u009b2Jb\x9b"), "a\ufffd2Jb\ufffd"},
		"turned text":         {printable("a\u202etxt.exe"), "a\ufffdtxt.exe"},
		"the same in JSON":    {inert("{\n  \"a\": \"\u009b2J\u202e\u007fé\"\n}"), "{\n  \"a\": \"\\u009b2J\\u202e\\u007fé\"\n}"},
		"nobody's time":       {clock(time.Time{}, time.Now()), "-"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestPeriodsAndInstants(t *testing.T) {
	for s, want := range map[string]time.Duration{"30m": 30 * time.Minute, "7d": 7 * 24 * time.Hour, "1.5d": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "0": 0, "": -1, "d": -1, "-1h": -1, "soon": -1, "1dd": -1} {
		t.Run("the period "+s, func(t *testing.T) {
			var p period
			if err := p.Set(s); (err != nil) != (want < 0) || err == nil && time.Duration(p) != want {
				t.Errorf("got %v, %v, want %v", time.Duration(p), err, want)
			}
		})
	}
	for s, want := range map[string]string{"2026-01-31": "2026-01-31 00:00:00", "2026-01-31 18:00": "2026-01-31 18:00:00", "yore": ""} {
		t.Run("the instant "+s, func(t *testing.T) {
			var i instant
			if err := i.Set(s); (err != nil) != (want == "") || err == nil && i.Format(time.DateTime) != want {
				t.Errorf("got %v, %v, want %s", i, err, want)
			}
		})
	}
	var ago instant
	if err := ago.Set("2h"); err != nil || time.Since(ago.Time) < 2*time.Hour || time.Since(ago.Time) > 3*time.Hour {
		t.Errorf("two hours ago: %v, %v", ago, err)
	}
}
