// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/internal/logs"
)

// A serviceLog is the log of the service: where it goes may change under its loggers.
type serviceLog struct {
	*slog.Logger
	place   *logs.Switch
	journal string // socket; empty means journald's
	stderr  io.Writer

	closes []io.Closer // of what is in use, in this order
}

// newLog opens the log that c asks for.
func newLog(c config.Log, stderr io.Writer, journalSocket string) (*serviceLog, error) {
	place := logs.NewSwitch(slog.DiscardHandler)
	l := &serviceLog{Logger: slog.New(place), place: place, stderr: stderr, journal: journalSocket}
	return l, l.use(c)
}

// use makes the log what c asks for, or leaves it as it is. A file is opened
// anew: it may have been renamed.
func (l *serviceLog) use(c config.Log) error {
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	var h slog.Handler
	var closes []io.Closer
	if c.Format == "journal" || c.Format == "auto" && c.File == "" && l.stderr == os.Stderr && isJournal() {
		j := logs.NewJournal(logs.JournalOptions{Socket: l.journal, Identifier: "murano-agent", Prefix: "MURANO_", Level: level, Otherwise: l.stderr})
		h, closes = j, append(closes, j)
	} else {
		to := l.stderr
		if c.File != "" {
			f, err := logs.OpenFile(c.File, int64(c.MaxSize))
			if err != nil {
				return fmt.Errorf("log.file: %w; name another file, or none for standard error", err)
			}
			to, closes = f, append(closes, f)
		}
		o := &slog.HandlerOptions{Level: level}
		if h = slog.NewTextHandler(to, o); c.Format == "json" {
			h = slog.NewJSONHandler(to, o)
		}
	}
	// How often something was tried, and how long until it is again, is no news.
	collapse := logs.NewCollapse(h, logs.CollapseOptions{Passing: []string{"attempt", "in", "seconds"}})
	l.place.Set(collapse)
	l.Close() // the counts of what was collapsed are the last there
	l.closes = append([]io.Closer{collapse}, closes...)
	return nil
}

// Close writes what is left to say, and gives the places back.
func (l *serviceLog) Close() {
	for _, c := range l.closes {
		c.Close() // a log that cannot be closed has nobody to tell
	}
	l.closes = nil
}

// isJournal says whether standard error is the journal's.
func isJournal() bool {
	is, _ := journal.StderrIsJournalStream() // an error means a stream that cannot be judged
	return is
}
