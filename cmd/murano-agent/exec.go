// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

type execOptions struct {
	sets, setFiles []string
	storage        string
	output         string
	debug          bool
}

func newExec() *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec PLAN",
		Short: "Run the plan of a file here, without a broker",
		Long: `exec runs the plan in PLAN, a JSON or YAML file or - for standard input, as the
agent would, and prints what its Body returns. Its scripts run as the calling
user, in a temporary folder that is removed, or below --storage, where their
logs stay. Scripts and Body may change whatever that user may, as on a guest:
read a plan before you run it, or run it as a user that may do little.

Arguments of a program can be read by every user of the machine: give secrets
with --set-file, from a file of mode 0600 or, as -, from standard input.

Exit codes: 0 the plan succeeded; 1 it failed; 2 the call or the plan's format
is wrong, and nothing was run.`,
		Example: `  murano-agent exec plan.yaml --set port=8080 --set 'hosts=["a","b"]'
  murano-agent exec plan.json --set-file password=- < secret.txt
  murano-agent exec plan.json -o json --storage /tmp/trial`,
		Args: positional,
	}
	output := outputFlag(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.sets, "set", nil, "`KEY=VALUE`: a parameter; VALUE is JSON where it can be read as that, else text")
	f.StringArrayVar(&o.setFiles, "set-file", nil, "`KEY=FILE`: a parameter, text read from FILE, - being standard input")
	f.StringVar(&o.storage, "storage", "", "`DIR` to keep the logs of scripts in (default a temporary one)")
	f.BoolVar(&o.debug, "debug", false, "tell each step on standard error")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.output = *output
		return execute(cmd.Context(), args[0], o, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// execute runs the plan of file and prints its result.
func execute(ctx context.Context, file string, o execOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	document, err := readPlan(file, stdin)
	if format := (*plans.FormatError)(nil); errors.As(err, &format) {
		return &exit{exitUsage, fmt.Errorf("%s: %s", file, plans.Detail(err))}
	} else if err != nil {
		return &exit{exitUsage, err} // which names the file
	}
	if document, err = setParameters(document, o.sets, o.setFiles, stdin); err != nil {
		return &exit{exitUsage, err}
	}
	if name := leftOut(document); name != "" {
		return &exit{exitUsage, fmt.Errorf("%s: the secret %s was left out when the plan was exported; give it with --set-file %s=FILE", file, name, name)}
	}
	storage := o.storage
	if storage == "" {
		if storage, err = os.MkdirTemp("", "murano-exec-"); err != nil {
			return &exit{exitFailed, fmt.Errorf("make a folder for the plan: %w; name one with --storage", err)}
		}
		defer os.RemoveAll(storage)
	}
	now := time.Now()
	entry := agent.Entry{
		Message:  plans.Message{ID: plans.NewResultID(), Body: document},
		Dir:      filepath.Join(storage, "plans", now.UTC().Format("20060102T150405.000000")),
		Received: now,
	}
	if err := os.MkdirAll(entry.Dir, 0o700); err != nil {
		return &exit{exitFailed, fmt.Errorf("make a folder for the plan: %w; name another with --storage", err)}
	}
	log := slog.New(slog.DiscardHandler)
	if o.debug {
		log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	runner, programs := newRunner(log)
	defer programs.Close()
	runner.Workspaces = filepath.Join(storage, "files")
	result := runner.Answer(ctx, entry)
	if o.output == "json" {
		b, err := result.Encode()
		if err != nil {
			return &exit{exitFailed, fmt.Errorf("encode the result: %w", err)}
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, b, "", "  "); err != nil {
			return &exit{exitFailed, fmt.Errorf("encode the result: %w", err)}
		}
		fmt.Fprintln(stdout, inert(indented.String()))
	} else {
		printResult(stdout, stderr, file, result)
	}
	if result.ErrorCode != plans.CodeOK {
		if room, err := roomOf(storage); err == nil && room.noExec {
			fmt.Fprintf(stderr, "murano-agent: nothing in %s can be run: it is mounted noexec; name another folder with --storage\n", storage)
		}
	}
	if o.storage != "" && o.output != "json" {
		fmt.Fprintf(stderr, "logs of the scripts: %s\n", entry.Dir)
	}
	switch result.ErrorCode {
	case plans.CodeOK:
		return nil
	case plans.CodeFormat, plans.CodeVersion:
		return &exit{exitUsage, nil}
	}
	return &exit{exitFailed, nil}
}

// printResult prints what the Body returned: text as it is, but for what a
// terminal would obey where stdout is one, nothing for None,
// else JSON. A failure goes to stderr, with all that is known of it.
func printResult(stdout, stderr io.Writer, file string, r plans.Result) {
	if r.ErrorCode == plans.CodeOK {
		var text string
		var indented bytes.Buffer
		switch {
		case string(r.Body) == "null":
		case json.Unmarshal(r.Body, &text) == nil:
			if isTerminal(stdout) {
				text = shown(text)
			}
			fmt.Fprintln(stdout, text)
		case json.Indent(&indented, r.Body, "", "  ") == nil:
			fmt.Fprintln(stdout, inert(indented.String()))
		}
		return
	}
	var failure struct {
		Message        string
		AdditionalInfo *plans.ScriptOutcome
	}
	if err := json.Unmarshal(r.Body, &failure); err != nil {
		failure.Message = string(r.Body)
	}
	cause := &plans.Cause{Text: failure.Message}
	if r.Report != nil && r.Report.Cause != nil {
		cause = r.Report.Cause
	}
	fmt.Fprintf(stderr, "murano-agent: %s: %s\n", file, shown(cause.Text))
	if info := failure.AdditionalInfo; info != nil {
		fmt.Fprintf(stderr, "  exit code %d\n", info.ExitCode)
		for _, s := range []struct {
			name string
			text *string
		}{{"stdout", info.Stdout}, {"stderr", info.Stderr}} {
			if s.text != nil && *s.text != "" {
				fmt.Fprintf(stderr, "  %s: %s\n", s.name, shown(*s.text))
			}
		}
	}
	if cause.Hint != "" && !strings.Contains(cause.Text, cause.Hint) {
		fmt.Fprintf(stderr, "murano-agent: %s\n", shown(cause.Hint))
	}
}

// shown is what a script wrote, for a terminal, which takes lines of either kind.
func shown(text string) string { return printable(strings.ReplaceAll(text, "\r", "")) }
