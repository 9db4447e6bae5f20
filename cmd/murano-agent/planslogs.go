// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/spool"
)

type logOptions struct {
	script         string
	stdout, stderr bool
	follow         bool
}

func newPlansLogs(at *place) *cobra.Command {
	var o logOptions
	cmd := &cobra.Command{
		Use:   "logs PLAN",
		Short: "Print what the scripts of a plan wrote",
		Long: `logs prints what the scripts of a plan wrote, each run and each attempt in the
order they ran. A line ==> ... <== goes before each, where there are several.

With --follow it goes on as the scripts write, and ends when the plan has ended; a
plan that waits is waited for. What is written at a terminal is cleaned of what
would change the terminal.

Exit codes: 0 done; 1 there is no such plan or script, or it may not be read;
2 the call is wrong.`,
		Example: `  murano-agent plans logs 4f0c9a
  murano-agent plans logs deploy-apache --script configure --stderr
  murano-agent plans logs deploy-apache -f`,
		Args:              positional,
		ValidArgsFunction: at.complete,
	}
	f := cmd.Flags()
	f.StringVar(&o.script, "script", "", "only of the script of this `NAME`")
	f.BoolVar(&o.stdout, "stdout", false, "only what went to standard output")
	f.BoolVar(&o.stderr, "stderr", false, "only what went to standard error")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on as the scripts write, until the plan ends")
	cmd.MarkFlagsMutuallyExclusive("stdout", "stderr")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, p, err := at.plan(args[0], cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if o.follow && !p.Ended() {
			if _, err := agentOf(cmd.Context(), filepath.Dir(v.Path)); errors.Is(err, control.ErrNotRunning) {
				fmt.Fprintln(cmd.ErrOrStderr(), "murano-agent: the agent does not run: nothing more is written until it starts")
			}
		}
		out := &logWriter{to: cmd.OutOrStdout(), clean: isTerminal(cmd.OutOrStdout()), read: map[string]int64{}}
		if err := printLogs(cmd.Context(), v, p, o, out); err != nil {
			return &exit{exitFailed, err}
		}
		if len(out.read) == 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "plan %s, %s: its scripts wrote nothing so far\n", printable(nameOf(p)), stateOf(p))
		}
		return nil
	}
	return cmd
}

// printLogs prints the logs of p that o asks for, and follows them if it says so.
func printLogs(ctx context.Context, v spool.View, p spool.Plan, o logOptions, out *logWriter) error {
	const pause = 200 * time.Millisecond
	for {
		now, err := v.Plan(p.Key) // before the logs: what is written before the end is printed
		if err != nil {
			return err
		}
		logs, err := v.Logs(now)
		if err != nil {
			return err
		}
		wanted := slices.DeleteFunc(slices.Clone(logs), func(l spool.Log) bool { return !o.wants(l) })
		if len(wanted) == 0 && len(logs) > 0 && o.script != "" && (now.Ended() || !o.follow) {
			return noScript(o.script, logs)
		}
		out.several = out.several || o.follow || len(wanted) > 1
		for _, l := range wanted {
			if err := out.print(l); err != nil {
				return err
			}
		}
		if !o.follow || now.Ended() {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (o logOptions) wants(l spool.Log) bool {
	return (o.script == "" || l.IsLogOf(o.script)) && !(o.stdout && l.Stream != "stdout") && !(o.stderr && l.Stream != "stderr")
}

func noScript(name string, logs []spool.Log) error {
	var names []string
	for _, l := range logs {
		if l.Script != "" && !slices.Contains(names, l.Script) {
			names = append(names, l.Script)
		}
	}
	return fmt.Errorf("script %q wrote nothing; there are logs of %s", name, strings.Join(names, ", "))
}

// A logWriter prints logs, each from where it was before.
type logWriter struct {
	to      io.Writer
	clean   bool // take out what a terminal would obey
	several bool // print which log it is
	last    string
	read    map[string]int64 // by path: how much was printed
	midLine bool
	rest    string // of a character that was cut
}

// print prints what is new in l.
func (w *logWriter) print(l spool.Log) error {
	from := w.read[l.Path]
	if l.Bytes < from {
		from = 0 // cut by the agent, being too long: what is left is shown again
	}
	if l.Bytes == from {
		return nil
	}
	f, err := os.Open(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	if w.several && w.last != l.Path {
		if err := w.header(l); err != nil {
			return err
		}
	}
	w.last = l.Path
	n, err := io.Copy(w, f)
	w.read[l.Path] = from + n
	return err
}

func (w *logWriter) header(l spool.Log) error {
	lead := ""
	if w.midLine {
		lead = "\n"
	}
	name := l.Script
	if l.Run == 0 {
		name = "later runs"
	}
	if l.Attempt > 1 {
		name += fmt.Sprintf(", attempt %d", l.Attempt)
	}
	w.midLine, w.rest = false, ""
	_, err := fmt.Fprintf(w.to, "%s==> %s, %s <==\n", lead, name, l.Stream)
	return err
}

// Write passes p on, cleaned if it goes to a terminal.
func (w *logWriter) Write(p []byte) (int, error) {
	w.midLine = len(p) > 0 && p[len(p)-1] != '\n'
	if !w.clean {
		return w.to.Write(p)
	}
	text := strings.ReplaceAll(w.rest+string(p), "\r", "")
	w.rest = ""
	if n := incomplete(text); n > 0 {
		text, w.rest = text[:len(text)-n], text[len(text)-n:]
	}
	if _, err := io.WriteString(w.to, printable(text)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// incomplete is how many bytes at the end of s begin a character that may be
// completed by what follows.
func incomplete(s string) int {
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		if tail := s[len(s)-n:]; utf8.RuneStart(tail[0]) {
			if tail[0] >= utf8.RuneSelf && !utf8.FullRuneInString(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
