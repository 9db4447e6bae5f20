// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A finding is what validate has to say of a plan, in one place of it.
type finding struct {
	Path   string `json:"path,omitempty"`
	Line   int    `json:"line,omitempty"`   // of the Body
	Column int    `json:"column,omitempty"` // of the Body
	Reason string `json:"reason"`
	Next   string `json:"next,omitempty"`
}

type verdict struct {
	File     string    `json:"file"`
	Valid    bool      `json:"valid"`
	Errors   []finding `json:"errors"`
	Warnings []finding `json:"warnings"`
}

func newValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate PLAN...",
		Short: "Say whether plans are in order, their Body included",
		Long: `validate reads each PLAN, a JSON or YAML file or - for standard input, as the
agent would, and says where it breaks its format or its Body leaves the subset
of Python that the agent runs. Nothing is run.

Exit codes: 0 all plans are in order, 2 one is not.`,
		Example: `  murano-agent validate plan.json
  murano-agent validate -o json Resources/*.yaml`,
		Args: positional,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		all := make([]verdict, 0, len(files))
		good := true
		for _, file := range files {
			v, err := validate(file, cmd.InOrStdin())
			if err != nil {
				return &exit{exitUsage, err}
			}
			good = good && v.Valid
			all = append(all, v)
		}
		if err := printVerdicts(cmd.OutOrStdout(), cmd.ErrOrStderr(), *output, all); err != nil {
			return err
		}
		if !good {
			return &exit{exitUsage, nil}
		}
		return nil
	}
	return cmd
}

// validate looks at one plan. An error means that it could not be read at all.
func validate(file string, stdin io.Reader) (verdict, error) {
	v := verdict{File: file, Errors: []finding{}, Warnings: []finding{}}
	document, err := readPlan(file, stdin)
	if format := (*plans.FormatError)(nil); errors.As(err, &format) {
		v.Errors = append(v.Errors, findingOf(err))
		return v, nil
	} else if err != nil {
		return v, err
	}
	p, err := plans.ParseOptions{Warn: func(e *plans.FormatError) {
		v.Warnings = append(v.Warnings, findingOf(e))
	}}.Parse(document)
	if err == nil {
		err = checkBody(p)
	}
	if err != nil {
		v.Errors = append(v.Errors, findingOf(err))
	}
	v.Valid = len(v.Errors) == 0
	return v, nil
}

func checkBody(p plans.Plan) error {
	program, err := body.Parse(p.Body)
	if err != nil {
		return err
	}
	return program.Check(func(name string) bool { _, ok := p.Scripts[name]; return ok })
}

func findingOf(err error) finding {
	var format *plans.FormatError
	var unsupported *plans.UnsupportedError
	var syntax *body.SyntaxError
	switch {
	case errors.As(err, &format):
		return finding{Path: format.Path, Reason: format.Reason, Next: format.Next}
	case errors.As(err, &unsupported):
		return finding{Path: "FormatVersion", Reason: strings.TrimPrefix(unsupported.Detail(), "FormatVersion: ")}
	case errors.As(err, &syntax):
		return finding{Path: "Body", Line: syntax.Line, Column: syntax.Column, Reason: syntax.Reason}
	}
	return finding{Reason: err.Error()}
}

func printVerdicts(stdout, stderr io.Writer, output string, all []verdict) error {
	if output == "json" {
		e := json.NewEncoder(stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for _, v := range all {
		for _, f := range v.Warnings {
			fmt.Fprintf(stderr, "%s: warning: %s\n", v.File, f)
		}
		for _, f := range v.Errors {
			fmt.Fprintf(stderr, "%s: %s\n", v.File, f)
		}
		if v.Valid {
			fmt.Fprintf(stdout, "%s: in order\n", v.File)
		}
	}
	return nil
}

// String is `PATH, line L, column C: REASON; NEXT`, without what is absent.
func (f finding) String() string {
	s := f.Path
	if f.Line > 0 {
		s += fmt.Sprintf(", line %d, column %d", f.Line, f.Column)
	}
	if s != "" {
		s += ": "
	}
	s += f.Reason
	if f.Next != "" {
		s += "; " + f.Next
	}
	return s
}
