// SPDX-License-Identifier: Apache-2.0

// Command murano-controller creates Heat stacks and sends execution plans to
// the agents in them: the daemon (serve), the whole product in one process
// (dev), and the client of both (deploy, env, package, plan).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/controller/api"
)

// version is set by the linker.
var version = "dev"

// Exit codes, as every command's help says.
const (
	exitOK      = 0
	exitFailed  = 1 // what was asked for was tried and failed
	exitUsage   = 2 // the call, a file or a configuration is wrong; nothing was done
	exitReach   = 3 // the controller could not be reached, or refused
	exitStopped = 130
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program; it returns its exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var refused *api.Error
	var failed *failure
	var left *stopped
	switch {
	case errors.As(err, &left):
		fmt.Fprintln(stderr, "murano-controller:", printable(err.Error()))
		return exitStopped
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, "murano-controller:", printable(err.Error()))
		return exitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "murano-controller: interrupted")
		return exitStopped
	case errors.As(err, &refused) && (refused.Status == http.StatusUnprocessableEntity || refused.Status == http.StatusRequestEntityTooLarge):
		fmt.Fprintln(stderr, "murano-controller:", printable(err.Error()))
		return exitUsage
	case errors.As(err, &refused), errors.Is(err, api.ErrUnreachable):
		fmt.Fprintln(stderr, "murano-controller:", printable(err.Error()))
		return exitReach
	}
	fmt.Fprintln(stderr, "murano-controller:", printable(err.Error()))
	return exitUsage
}

// A failure is an error of what was asked for, not of the asking: exit code 1.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// stopped is a command that was interrupted and says what goes on without it: exit code 130.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "murano-controller",
		Short: "Deploy Murano applications through OpenStack Heat",
		Long: `murano-controller creates Heat stacks and sends execution plans to the agents in
the guests. It is the daemon (serve), the whole product in one process without
cloud or broker (dev), and the client of both.

Clients find the controller by --url and --token-file, or MURANO_URL and
MURANO_TOKEN_FILE; by default on this machine.

Exit codes: 0 done; 1 tried and failed; 2 the call, a file or a configuration is
wrong and nothing was done; 3 the controller cannot be reached or refused;
130 interrupted.`,
		Example: `  murano-controller dev                                # in one terminal
  murano-controller deploy examples/packages/com.example.Greeting --set name=World
  murano-controller env deploy -f shop.yaml --packages examples/packages
  murano-controller env show shop
  murano-controller env delete shop`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newServe(), newDev(), newDeploy(), newEnv(), newPackage(), newPlan(), newVersion(), newMan(),
	)
	return root
}

// arguments wants as many as are named; a last one that ends in ... may be repeated.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch repeated := strings.HasSuffix(names[len(names)-1], "..."); {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing; see %s --help", strings.TrimSuffix(names[len(args)], "..."), cmd.CommandPath())
		case len(args) > len(names) && !repeated:
			return fmt.Errorf("%q is too much: it takes %s; see %s --help", args[len(names)], strings.Join(names, " "), cmd.CommandPath())
		}
		return nil
	}
}
