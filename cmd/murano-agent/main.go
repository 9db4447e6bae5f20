// SPDX-License-Identifier: Apache-2.0

// Command murano-agent runs execution plans in a guest: as a service that
// receives them over AMQP (run), or a single one from a file (exec).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as every command's help says.
const (
	exitOK     = 0
	exitFailed = 1 // a plan failed, or the agent could not go on
	exitUsage  = 2 // the call, or the format of a plan, is wrong; nothing was done
	exitConfig = 3 // the configuration is wrong; nothing was done
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// run is the program; it returns its exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(arguments(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	called, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var coded *exit
	if !errors.As(err, &coded) {
		coded = &exit{exitUsage, fmt.Errorf("%w; see %s --help", err, called.CommandPath())}
	}
	if coded.err != nil {
		for _, line := range strings.Split(coded.err.Error(), "\n") {
			fmt.Fprintln(stderr, "murano-agent:", printable(line)) // a plan may be quoted
		}
	}
	return coded.code
}

// An exit is an error that knows its exit code. Without an err everything was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// arguments are those of the program. What the unit file of the Python agent
// calls, `muranoagent --config-dir /etc/murano`, means run.
func arguments(args []string) []string {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	args = args[1:]
	switch {
	case len(args) == 0 && name == "muranoagent",
		len(args) > 0 && strings.HasPrefix(args[0], "--config-"):
		return append([]string{"run"}, args...)
	case name == "muranoagent" && strings.HasPrefix(args[0], "-") && args[0] != "-h" && args[0] != "--help" && args[0] != "--version":
		return append([]string{"run"}, args...)
	}
	return args
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "murano-agent",
		Short: "Runs Murano execution plans in this guest",
		Long: `murano-agent runs Murano execution plans in this guest.

As a service it receives plans over AMQP, keeps them on disk, runs their
scripts one plan after another, and answers each exactly once (run). Without a
broker it runs the plan of a file (exec), or says whether a plan is in order
(validate). To the admin of the guest it shows the plans (plans), whether the
agent is well (status), and what keeps plans from coming or running (diagnose).

Exit codes: 0 all is well; 1 a plan failed, or the agent could not go on;
2 the call or the format of a plan is wrong; 3 the configuration is wrong.
Called as muranoagent, or with --config-dir and no command, it runs as the
Python agent of that name did.`,
		Example: `  murano-agent run --config-dir /etc/murano
  murano-agent exec plan.yaml --set port=8080
  murano-agent validate plan.json
  murano-agent plans list --state failed
  murano-agent status
  sudo murano-agent diagnose`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	// Not cobra's own flag: its template would link text/template, and with it
	// every exported method of the program, a fifth of its size and memory.
	versionAsked := root.Flags().BoolP("version", "v", false, "version for murano-agent")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *versionAsked {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "murano-agent", version)
			return err
		}
		return errors.New("no command was given")
	}
	root.AddCommand(newRun(), newExec(), newValidate(), newPlans(), newStatus(), newDiagnose(), newMan(), newService(), newVersion())
	return root
}

// positional holds the arguments of a command against its Use: NAME for one,
// NAME... for one or more.
func positional(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	if len(args) < len(names) {
		return fmt.Errorf("%s is missing", strings.TrimSuffix(names[len(args)], "..."))
	}
	if len(args) > len(names) && (len(names) == 0 || !strings.HasSuffix(names[len(names)-1], "...")) {
		return fmt.Errorf("%q is too much: write %s", args[len(names)], cmd.UseLine())
	}
	return nil
}

// outputFlag adds -o to cmd: text or json.
func outputFlag(cmd *cobra.Command) *string {
	s := cmd.Flags().StringP("output", "o", "text", "`FORM` of the output: text or json")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *s != "text" && *s != "json" {
			return fmt.Errorf("--output %q is not a form of output: write text or json", *s)
		}
		return nil
	}
	return s
}
