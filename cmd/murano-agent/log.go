// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/openmurano/murano/agent/config"
)

// newLog opens the agent's log. A file is appended to and is the owner's alone,
// for what scripts say may end there.
func newLog(c config.Log, stderr io.Writer) (*slog.Logger, func() error, error) {
	to, closeLog := stderr, func() error { return nil }
	if c.File != "" {
		if err := os.MkdirAll(filepath.Dir(c.File), 0o755); err != nil {
			return nil, nil, fmt.Errorf("log.file: %w; name another file, or none for standard error", err)
		}
		f, err := os.OpenFile(c.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("log.file: %w; name another file, or none for standard error", err)
		}
		// murano-agent left it 0644.
		if err := f.Chmod(0o600); err != nil && !os.IsPermission(err) {
			f.Close()
			return nil, nil, fmt.Errorf("log.file: %w", err)
		}
		to, closeLog = f, f.Close
	}
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Debug {
		o.Level = slog.LevelDebug
	}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, o)), closeLog, nil
	}
	return slog.New(slog.NewTextHandler(to, o)), closeLog, nil
}
