// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// An office is what changes plans: the agent that runs, or else the spool itself.
type office interface {
	// Cancel returns one of the states of plans.Cancelled.
	Cancel(ctx context.Context, id string) (state string, err error)
	Retry(ctx context.Context, id string) error
	Prune(ctx context.Context, o agent.PruneOptions) (keys []string, err error)
}

// socketName is where in its storage an agent can be spoken to.
const socketName = "agent.sock"

// openOffice reaches the agent of the storage or, where none runs, opens its spool.
// done is to be called at the end.
func openOffice(ctx context.Context, storage string, stderr io.Writer) (o office, done func() error, err error) {
	client := control.NewClient(filepath.Join(storage, socketName))
	_, err = client.Status(ctx)
	if err == nil {
		return client, func() error { return nil }, nil
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	// The bounds of history are the agent's to keep.
	d, err := spool.Open(filepath.Join(storage, "plans"), spool.Options{Count: -1, Bytes: -1, Age: -1, Group: groupOf(filepath.Join(storage, "plans")), Log: log})
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, fmt.Errorf("%w; the agent does not run, and only its own user may change plans then: use sudo", err)
	}
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintln(stderr, "murano-agent: the agent does not run; what is owed is sent when it starts")
	return stopped{d}, d.Close, nil
}

// groupOf is the group that the agent has opened dir to; 0 means none.
func groupOf(dir string) int {
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm()&0o040 == 0 {
		return 0
	}
	_, gid := groupOwner(st)
	n, _ := strconv.Atoi(gid) // empty where groups have no numbers
	return n
}

// stopped is the office of an agent that does not run.
type stopped struct{ spool *spool.Dir }

func (s stopped) Cancel(ctx context.Context, id string) (string, error) {
	by := "an admin of this guest"
	if u, err := user.Current(); err == nil {
		by = u.Username + ", on this guest"
	}
	e, state, err := s.spool.Cancel(ctx, id, by)
	switch {
	case err != nil:
		return "", err
	case state == agent.StoreEnded:
		return plans.CancelEnded, nil
	case state != agent.StorePending: // without an agent, all that has not ended waits
		return plans.CancelUnknown, nil
	}
	e.Cancelled = by
	runner, programs := newRunner(slog.New(slog.DiscardHandler))
	defer programs.Close()
	if err := s.spool.Finish(ctx, e, runner.Cancelled(e)); err != nil {
		return "", fmt.Errorf("it will not run, but its result was not kept: %w", err)
	}
	return plans.CancelDone, nil
}

func (s stopped) Retry(ctx context.Context, id string) error { return s.spool.Retry(ctx, id) }

func (s stopped) Prune(ctx context.Context, o agent.PruneOptions) ([]string, error) {
	return s.spool.Prune(ctx, o)
}

// change finds each plan that names name and hands its ID to what. Where one is
// not found nothing is done; where what fails for one, the others are done.
func (p place) change(cmd *cobra.Command, names []string, what func(o office, id string) error) error {
	storage := p.find(cmd.ErrOrStderr())
	v := spool.View{Path: filepath.Join(storage, "plans")}
	var ids []string
	for _, name := range names {
		plan, err := v.Find(name)
		if err == nil && plan.ID == "" {
			err = fmt.Errorf("plan %s has no ID that can be read, so that no agent can be told of it: %s", plan.Key, plan.Unreadable)
		}
		if err != nil {
			return &exit{exitFailed, err}
		}
		ids = append(ids, plan.ID)
	}
	o, done, err := openOffice(cmd.Context(), storage, cmd.ErrOrStderr())
	if err != nil {
		return &exit{exitFailed, err}
	}
	var failed []error
	for _, id := range ids { // one that has ended meanwhile is no reason to leave the others
		if err := what(o, id); err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(append(failed, done())...); err != nil {
		return &exit{exitFailed, err}
	}
	return nil
}

func newPlansCancel(at *place) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel PLAN...",
		Short: "Cancel plans that wait or run",
		Long: `cancel ends plans: one that waits will not run; of one that runs, the script in
hand gets SIGTERM, and SIGKILL after its grace. Its result says cancelled, and holds
what was written so far; what was done is not undone. A plan that has ended stays
as it is. With the agent stopped, the result is sent when it starts.

It is the agent's own user's to do, root as a rule.

Exit codes: 0 cancelled, or being stopped; 1 there is no such plan, it had ended
before, or this user may not; 2 the call is wrong.`,
		Example: `  sudo murano-agent plans cancel 4f0c9a
  murano-agent plans list -q --state pending | xargs -r sudo murano-agent plans cancel`,
		Args:              positional,
		ValidArgsFunction: at.completeIn("pending", "running"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.change(cmd, args, func(o office, id string) error {
				state, err := o.Cancel(cmd.Context(), id)
				switch {
				case err != nil:
					return fmt.Errorf("cancel plan %s: %w", id, err)
				case state == plans.CancelEnded:
					return fmt.Errorf("cancel plan %s: it has ended; murano-agent plans show %s says how", id, id)
				case state == plans.CancelUnknown:
					return fmt.Errorf("cancel plan %s: the agent does not know it", id)
				case state == plans.CancelRunning:
					fmt.Fprintf(cmd.OutOrStdout(), "%s: being stopped\n", printable(id))
				default:
					fmt.Fprintf(cmd.OutOrStdout(), "%s: cancelled\n", printable(id))
				}
				return nil
			})
		},
	}
}

func newPlansRetry(at *place) *cobra.Command {
	return &cobra.Command{
		Use:   "retry PLAN...",
		Short: "Run plans that ended once more",
		Long: `retry has plans that ended run once more from their beginning, as they were
received, each in its turn. Whoever was answered before is answered again; the
earlier result stays beside the new one as result-1.json, result-2.json and so on.
See that the scripts of a plan may run twice before you do this.

With the agent stopped, they run when it starts. It is the agent's own user's to
do, root as a rule.

Exit codes: 0 they wait to be run; 1 there is no such plan, it has not ended, or
this user may not; 2 the call is wrong.`,
		Example: `  sudo murano-agent plans retry deploy-apache
  murano-agent plans list -q --state interrupted --since 1d | xargs -r sudo murano-agent plans retry`,
		Args:              positional,
		ValidArgsFunction: at.completeIn(planStates()[2:]...),
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.change(cmd, args, func(o office, id string) error {
				if err := o.Retry(cmd.Context(), id); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: waits to be run again\n", printable(id))
				return err
			})
		},
	}
}

func newPlansGC(at *place) *cobra.Command {
	var (
		keep   int
		older  period
		dryRun bool
	)
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove plans that have ended and were answered",
		Long: `gc removes the directories of plans that have ended and whose answers were sent,
all of them or those that --keep and --older-than leave. The agent does so by
itself as history in its configuration says; gc is for when the disk is needed
now. The IDs stay known: a plan that is sent again is not run again.

The directories that go are printed. It is the agent's own user's to do, root as
a rule.

Exit codes: 0 done, also where nothing was to be removed; 1 this user may not, or
it could not be done; 2 the call is wrong.`,
		Example: `  sudo murano-agent plans gc --older-than 7d
  sudo murano-agent plans gc --keep 20 --dry-run`,
		Args: positional,
	}
	f := cmd.Flags()
	f.IntVar(&keep, "keep", 0, "keep `N` of those that were answered last")
	f.Var(&older, "older-than", "only those that were answered longer ago than this (12h, 7d, 2w)")
	f.BoolVar(&dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if keep < 0 {
			return fmt.Errorf("--keep %d: write a number from 0 on", keep)
		}
		storage := at.find(cmd.ErrOrStderr())
		if _, err := (spool.View{Path: filepath.Join(storage, "plans")}).Plans(); err != nil {
			return &exit{exitFailed, err} // rather than to make a spool where there is none
		}
		o, done, err := openOffice(cmd.Context(), storage, cmd.ErrOrStderr())
		if err != nil {
			return &exit{exitFailed, err}
		}
		keys, err := o.Prune(cmd.Context(), agent.PruneOptions{Keep: keep, OlderThan: time.Duration(older), DryRun: dryRun})
		if err = errors.Join(err, done()); err != nil {
			return &exit{exitFailed, err}
		}
		for _, key := range keys {
			fmt.Fprintln(cmd.OutOrStdout(), printable(key))
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%d %s\n", len(keys), map[bool]string{true: "would be removed", false: "removed"}[dryRun])
		return nil
	}
	return cmd
}
