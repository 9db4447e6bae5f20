// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// A sheet is all that plans show tells of one plan.
type sheet struct {
	spool.Plan
	Now        string        `json:"now,omitempty"`    // of a plan that has not ended: what the agent says of it
	Report     *plans.Report `json:"report,omitempty"` // as the result has it
	Meaning    string        `json:"meaning,omitempty"`
	Parameters []parameter   `json:"parameters,omitempty"`
	Logs       []spool.Log   `json:"logs,omitempty"`
	Files      []sheetFile   `json:"files,omitempty"`
	Unknown    []string      `json:"unknown,omitempty"` // what could not be looked at, and why
}

type sheetFile struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Mode  string `json:"mode"`
}

func newPlansShow(at *place) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show PLAN",
		Short: "Show all that is known of a plan",
		Long: `show tells all that is known of a plan: its state, its times, how long each phase
took, each run of a script with its exit code, why it did not succeed and what to
do, its parameters, and the files in its directory. Parameters that the plan names
in Options.secrets, and their values wherever else they stand, are shown as ***.

Parameters are shown to who may read the plan itself, root as a rule; to others
the rest is.

Exit codes: 0 done; 1 there is no such plan, or it may not be read; 2 the call is
wrong.`,
		Example: `  murano-agent plans show 4f0c9a
  murano-agent plans show deploy-apache -o json`,
		Args:              positional,
		ValidArgsFunction: at.complete,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, p, err := at.plan(args[0], cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		s := look(v, p)
		s.Now = s.ask(cmd.Context())
		if *output == "json" {
			return printJSON(cmd.OutOrStdout(), s)
		}
		return printTable(cmd.OutOrStdout(), func(w io.Writer) { s.write(w, time.Now()) })
	}
	return cmd
}

// look gathers what may be read of a plan; the rest is said in Unknown.
func look(v spool.View, p spool.Plan) sheet {
	s := sheet{Plan: p}
	unknown := func(what string, err error) {
		if err != nil {
			s.Unknown = append(s.Unknown, what+": "+err.Error())
		}
	}
	if r, err := v.Result(p); err == nil {
		s.Report = r.Report
	} else if !errors.Is(err, fs.ErrNotExist) {
		unknown("result", err)
	}
	if p.Cause != nil {
		for _, t := range plans.Causes() {
			if t.Code == p.Cause.Code {
				s.Meaning = t.EN
			}
		}
	}
	document, err := v.Document(p)
	if err == nil {
		s.Parameters, err = parametersOf(document)
	}
	unknown("parameters", err)
	s.Logs, err = v.Logs(p)
	unknown("logs", err)
	files, err := v.Files(p)
	unknown("files", err)
	for _, f := range files {
		s.Files = append(s.Files, sheetFile{f.Name(), f.Size(), f.Mode().String()})
	}
	return s
}

// ask asks the agent what it does with a plan that has not ended.
func (s sheet) ask(ctx context.Context) string {
	if s.Ended() || s.State == "" {
		return ""
	}
	a, err := agentOf(ctx, filepath.Dir(filepath.Dir(s.Dir)))
	switch {
	case errors.Is(err, control.ErrNotRunning) && s.State == "running":
		return "the agent does not run: its next start decides on this plan"
	case errors.Is(err, control.ErrNotRunning):
		return "the agent does not run"
	case err == nil && a.Plan == s.ID && s.ID != "":
		return doing(a, time.Now())
	}
	return ""
}

func (s sheet) write(w io.Writer, now time.Time) {
	line := func(label, format string, a ...any) {
		if text := fmt.Sprintf(format, a...); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", label, strings.ReplaceAll(text, "\n", "\n\t"))
		}
	}
	line("plan", "%s", nameOf(s.Plan))
	line("name", "%s", s.Name)
	line("state", "%s", s.standing())
	line("now", "%s", s.Now)
	line("received", "%s", clock(s.Received, now))
	if s.Begun != nil {
		line("begun", "%s", clock(*s.Begun, now))
	}
	if s.Finished != nil {
		line("finished", "%s, took %s", clock(*s.Finished, now), span(s.Duration(now)))
	}
	line("attempts", "%d", s.Attempts)
	line("directory", "%s (%s)", s.Dir, bytesText(s.Bytes))
	line("refused", "%s", s.Refused)
	line("unreadable", "%s", s.Unreadable)
	if c := s.Cause; c != nil {
		fmt.Fprintln(w)
		line("cause", "%s", c.Code)
		line("what", "%s", c.Text)
		line("whose turn", "%s", c.Owner)
		line("next step", "%s", c.Hint)
		line("meaning", "%s", s.Meaning)
	}
	s.writeRuns(w, now)
	if len(s.Parameters) > 0 {
		fmt.Fprintln(w, "\nPARAMETER\tVALUE")
		for _, p := range s.Parameters {
			fmt.Fprintf(w, "%s\t%s\n", cell(p.Name, 40), cell(string(p.Value), 80))
		}
	}
	if len(s.Files) > 0 {
		fmt.Fprintln(w, "\nFILE\tSIZE\tMODE")
		for _, f := range s.Files {
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, bytesText(f.Bytes), f.Mode)
		}
	}
	for i, u := range s.Unknown {
		fmt.Fprintf(w, "%s%s\n", suffixIf(i == 0, "\nnot shown: "), u)
	}
}

// standing is the state with what it stands for: the answers, the ErrorCode.
func (s sheet) standing() string {
	text := stateOf(s.Plan)
	if s.ErrorCode != nil && *s.ErrorCode != plans.CodeOK {
		text += fmt.Sprintf(", ErrorCode %d", *s.ErrorCode)
	}
	if !s.Ended() {
		return text
	}
	switch {
	case s.Owed == 1:
		text += "; its answer is not sent yet"
	case s.Owed > 1:
		text += fmt.Sprintf("; %d answers are not sent yet", s.Owed)
	case s.Answers == 1:
		text += "; answered"
	case s.Answers > 1:
		text += fmt.Sprintf("; answered %d times", s.Answers)
	}
	return text
}

// writeRuns writes phases and runs of scripts: of a plan that has no result
// yet, what the logs tell.
func (s sheet) writeRuns(w io.Writer, now time.Time) {
	if s.Report == nil {
		if len(s.Logs) > 0 {
			fmt.Fprintln(w, "\nSCRIPT\tATTEMPT\tSTREAM\tSIZE\tLAST WRITTEN")
		}
		for _, l := range s.Logs {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", l.Script, l.Attempt, l.Stream, bytesText(l.Bytes), clock(l.Changed, now))
		}
		return
	}
	if len(s.Report.Phases) > 0 {
		fmt.Fprintln(w, "\nPHASE\tBEGAN\tTOOK")
	}
	for _, p := range s.Report.Phases {
		fmt.Fprintf(w, "%s\t%s\t%.1f s\n", cell(p.Name, 40), p.Start.Local().Format(time.DateTime), p.Seconds)
	}
	if len(s.Report.Scripts) > 0 {
		fmt.Fprintln(w, "\nSCRIPT\tATTEMPT\tEXIT CODE\tTOOK")
	}
	for _, r := range s.Report.Scripts {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f s%s\n", cell(r.Script, 40), r.Attempt, r.ExitCode, r.Seconds, suffixIf(r.Truncated, ", output cut"))
	}
	for _, r := range s.Report.Repairs {
		fmt.Fprintf(w, "repaired\t%s\n", r)
	}
	if s.Report.Preflight != "" {
		fmt.Fprintf(w, "preflight\t%s\n", s.Report.Preflight)
	}
}
