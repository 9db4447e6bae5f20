// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// A listing is what plans list prints.
type listing struct {
	Storage    string              `json:"directory"`
	Plans      []spool.Plan        `json:"plans"`
	Quarantine []spool.Quarantined `json:"quarantine"`
}

type listOptions struct {
	states []string
	since  instant
	limit  int
	quiet  bool
}

func newPlansList(at *place) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the plans, the newest last",
		Long: `list lists the plans of this guest in the order they arrived, the newest last:
their IDs, Names and states, how long ago they came, how long they ran, what
their directories take, and why they did not succeed. "owed" beside a state says
that the answer still waits to be sent.

States: pending, running, succeeded, failed, cancelled, expired, interrupted,
rejected. What could not be read and was moved to quarantine is told at the end.

Exit codes: 0 done, also where there is no plan; 1 the plans may not be read;
2 the call is wrong.`,
		Example: `  murano-agent plans list
  murano-agent plans list --state failed,interrupted --since 7d
  murano-agent plans list --limit 20 -o json
  murano-agent plans list -q --state pending`,
		Args: positional,
	}
	output := outputFlag(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.states, "state", nil, "only plans in one of these `STATES`")
	f.Var(&o.since, "since", "only plans that came after this time, or so long ago (2h, 7d, 2026-01-31)")
	f.IntVar(&o.limit, "limit", 0, "only the newest `N`; 0 means all")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print IDs only, one a line")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(planStates(), cobra.ShellCompDirectiveNoFileComp)) // defined above
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, s := range o.states {
			if !slices.Contains(planStates(), s) {
				return fmt.Errorf("--state %q is not a state: write some of %s", s, strings.Join(planStates(), ", "))
			}
		}
		if o.limit < 0 {
			return fmt.Errorf("--limit %d: write a number from 0 on", o.limit)
		}
		v := at.view(cmd.ErrOrStderr())
		running, err := listPlans(v, o, *output, cmd.OutOrStdout(), cmd.ErrOrStderr())
		if err != nil || !running || o.quiet || *output == "json" {
			return err
		}
		if _, err := agentOf(cmd.Context(), filepath.Dir(v.Path)); errors.Is(err, control.ErrNotRunning) {
			fmt.Fprintln(cmd.ErrOrStderr(), "murano-agent: the agent does not run: what is shown as running was cut, and its next start decides on it")
		}
		return nil
	}
	return cmd
}

func planStates() []string {
	return []string{"pending", "running", plans.StateSucceeded, plans.StateFailed, plans.StateCancelled, plans.StateExpired, plans.StateInterrupted, plans.StateRejected}
}

// listPlans prints the plans that o asks for, and says whether one of them runs.
func listPlans(v spool.View, o listOptions, output string, stdout, stderr io.Writer) (running bool, err error) {
	all, err := v.Plans()
	if err != nil {
		return false, &exit{exitFailed, err}
	}
	kept := slices.DeleteFunc(all, func(p spool.Plan) bool {
		return len(o.states) > 0 && !slices.Contains(o.states, p.State) || p.Received.Before(o.since.Time)
	})
	if o.limit > 0 {
		kept = kept[max(len(kept)-o.limit, 0):]
	}
	running = slices.ContainsFunc(kept, func(p spool.Plan) bool { return p.State == "running" })
	if o.quiet {
		for _, p := range kept {
			if _, err := fmt.Fprintln(stdout, printable(nameOf(p))); err != nil {
				return running, err
			}
		}
		return running, nil
	}
	quarantine, err := v.Quarantine()
	if err != nil {
		quarantine = []spool.Quarantined{{Name: "quarantine", Note: err.Error()}}
	}
	if output == "json" {
		return running, printJSON(stdout, listing{v.Path, kept, append([]spool.Quarantined{}, quarantine...)})
	}
	if len(kept) > 0 {
		if err := printTable(stdout, func(w io.Writer) { writePlans(w, kept, time.Now()) }); err != nil {
			return running, err
		}
	} else {
		fmt.Fprintf(stderr, "no plans in %s%s\n", v.Path, suffixIf(len(all) > 0, " that fit"))
	}
	tellUnreadable(stderr, kept, quarantine)
	return running, nil
}

func suffixIf(yes bool, s string) string {
	if yes {
		return s
	}
	return ""
}

func writePlans(w io.Writer, all []spool.Plan, now time.Time) {
	fmt.Fprintln(w, "ID\tNAME\tSTATE\tAGE\tTOOK\tSIZE\tCAUSE")
	for _, p := range all {
		state, took, cause := stateOf(p), "-", ""
		if p.Ended() && p.Owed > 0 {
			state += ", owed"
		}
		if p.Begun != nil {
			took = span(p.Duration(now))
		}
		if p.Cause != nil {
			cause = p.Cause.Code
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cell(nameOf(p), 40), cell(p.Name, 32), state, span(now.Sub(p.Received)), took, bytesText(p.Bytes), cause)
	}
}

// tellUnreadable says what there is and could not be shown.
func tellUnreadable(stderr io.Writer, all []spool.Plan, quarantine []spool.Quarantined) {
	const most = 10
	told := 0
	for _, p := range all {
		if p.Unreadable == "" {
			continue
		}
		if told++; told <= most {
			fmt.Fprintf(stderr, "murano-agent: %s: %s\n", printable(p.Key), printable(p.Unreadable))
		}
	}
	if told > most {
		fmt.Fprintf(stderr, "murano-agent: and %d more that cannot be read\n", told-most)
	}
	for _, q := range quarantine {
		fmt.Fprintf(stderr, "murano-agent: in quarantine: %s: %s\n", printable(q.Name), printable(cell(q.Note, 240)))
	}
}
