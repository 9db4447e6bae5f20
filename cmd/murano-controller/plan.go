// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/plans"
)

func newPlan() *cobra.Command {
	cmd := &cobra.Command{Use: "plan", Short: "Send execution plans by hand, and end them"}
	conn := connect(cmd)
	cmd.AddCommand(newPlanSend(conn), newPlanCancel(conn))
	return cmd
}

func newPlanSend(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send FILE",
		Short: "Send one plan to the agent of a server and print its result",
		Long: `Send gives the plan, JSON or YAML, an ID and a Stamp where it has none, sends it to
a server's agent and waits for the result. Exit code 1 when the plan failed.`,
		Example: "  murano-controller plan send examples/plans/hello.json --to 'shop/web/web[0]'\n" +
			"  murano-controller plan send plan.yaml --queue e0123…-h4567… -o json",
		Args: arguments("FILE"),
	}
	queue := cmd.Flags().String("queue", "", "the agent's queue")
	to := cmd.Flags().String("to", "", "ENVIRONMENT/APPLICATION/GROUP[INDEX]")
	output := outputFlag(cmd)
	cmd.MarkFlagsOneRequired("queue", "to")
	cmd.MarkFlagsMutuallyExclusive("queue", "to")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := readFile(args[0], cmd.InOrStdin())
		if err != nil {
			return err
		}
		p, err := plans.ParseOptions{}.ParseYAML(b) // JSON is a part of YAML
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		encoded, err := p.Encode()
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		client, err := conn.client()
		if err != nil {
			return err
		}
		if *to != "" {
			if *queue, err = queueOf(cmd, client, *to); err != nil {
				return err
			}
		}
		r, err := client.SendPlan(cmd.Context(), *queue, encoded)
		if err != nil {
			return err
		}
		wire, err := r.Encode()
		if err != nil {
			return err
		}
		err = print(cmd.OutOrStdout(), *output, json.RawMessage(wire), func(w io.Writer) {
			fmt.Fprintf(w, "ErrorCode\t%d\n", r.ErrorCode)
			fmt.Fprintf(w, "Body\t%s\n", r.Body)
		})
		if err == nil && r.ErrorCode != plans.CodeOK {
			err = &failure{fmt.Errorf("the plan failed with ErrorCode %d", r.ErrorCode)}
		}
		return err
	}
	return cmd
}

func newPlanCancel(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "End a plan that waits on its server or runs there",
		Long: `Cancel asks the agent that has the plan to end it: one that waits will not run,
one that runs is stopped, and what its scripts had done stays done. It prints what
the plan was: cancelled, running, ended or unknown. The plan's own result, of
state cancelled, goes where every result goes. Exit code 1 when the agent does not
know the plan.

The IDs of an environment's plans are in: murano-controller env show NAME -o json`,
		Example: "  murano-controller plan cancel 5b1e…\n" +
			"  murano-controller plan cancel 5b1e… --queue e0123…-h4567… -o json",
		Args: arguments("ID"),
	}
	queue := cmd.Flags().String("queue", "", "the agent's queue, for a plan that this controller did not send")
	to := cmd.Flags().String("to", "", "ENVIRONMENT/APPLICATION/GROUP[INDEX], in place of its queue")
	output := outputFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("queue", "to")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := conn.client()
		if err != nil {
			return err
		}
		if *to != "" {
			if *queue, err = queueOf(cmd, client, *to); err != nil {
				return err
			}
		}
		r, err := client.CancelPlan(cmd.Context(), *queue, args[0])
		if err != nil {
			return err
		}
		err = print(cmd.OutOrStdout(), *output, r, func(w io.Writer) { fmt.Fprintln(w, r.State) })
		if err == nil && r.State == plans.CancelUnknown {
			err = &failure{fmt.Errorf("the agent does not know plan %s", args[0])}
		}
		return err
	}
	return cmd
}

// queueOf finds the queue of the server that to names.
func queueOf(cmd *cobra.Command, client *api.Client, to string) (string, error) {
	part := strings.Split(to, "/")
	if len(part) != 3 {
		return "", fmt.Errorf("--to %s: write ENVIRONMENT/APPLICATION/GROUP[INDEX]", to)
	}
	e, err := client.Environment(cmd.Context(), controller.EnvironmentName(part[0]))
	if err != nil {
		return "", missing(err)
	}
	var there []string
	for _, a := range e.Applications {
		for _, s := range a.Servers {
			if string(a.Name) == part[1] && s.Name == part[2] {
				return s.Queue, nil
			}
			there = append(there, fmt.Sprintf("%s/%s/%s", e.Name, a.Name, s.Name))
		}
	}
	return "", fmt.Errorf("--to %s: there is no such server; there are: %s", to, strings.Join(there, ", "))
}
