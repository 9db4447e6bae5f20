// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/spool"
)

func newPlans() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plans",
		Short: "Show the plans on this guest, and cancel, repeat or remove them",
		Long: `plans shows the plans that the agent of this guest has: those that wait, the one
that runs, and those that ended, as long as they are kept. list, show, logs and
export write nothing, take no lock, and need no agent that runs; whoever is in
the agent's group (group in the configuration, murano as a rule) may use them.
cancel, retry and gc are the agent's own user's, root as a rule.

A plan is named by its ID, its directory, the beginning of one of them, or its
Name, as long as only one plan fits.

Where the plans are is said by --storage, or by the configuration, which is
looked for in ` + defaultConfig + `; without one it is ` + config.Default().Storage + `.

Exit codes: 0 done; 1 there is no such plan, it may not be read, or it could not
be done; 2 the call is wrong, and nothing was done.`,
		Example: `  murano-agent plans list --state failed --since 1d
  murano-agent plans show 4f0c
  murano-agent plans logs deploy-apache -f`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("plans needs a command: list, show, logs, cancel, retry, export or gc")
		},
	}
	at := new(place)
	at.flags(cmd)
	cmd.AddCommand(newPlansList(at), newPlansShow(at), newPlansLogs(at), newPlansCancel(at), newPlansRetry(at), newPlansExport(at), newPlansGC(at))
	return cmd
}

// A place says where an agent keeps its plans: by a flag, or as its
// configuration has it.
type place struct {
	storage     string
	dirs, files []string
}

func (p *place) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&p.storage, "storage", "", "`DIR` of the agent's storage (default as the configuration says)")
	f.StringArrayVar(&p.dirs, "config-dir", nil, "`DIR` of the agent's configuration (default "+defaultConfig+")")
	f.StringArrayVar(&p.files, "config-file", nil, "a `FILE` of the agent's configuration")
	for _, flag := range []string{"storage", "config-dir"} {
		_ = cmd.MarkPersistentFlagDirname(flag) // both are defined above
	}
}

// find gives the storage. A configuration that this user may not read, or that
// is wrong, is no reason not to look: that is told on stderr, unless plans that
// this user may read are where they are as a rule.
func (p place) find(stderr io.Writer) string {
	if p.storage != "" {
		return p.storage
	}
	if len(p.dirs)+len(p.files) == 0 && !configured() {
		return config.Default().Storage
	}
	// A configuration that lacks what only a running agent needs names its storage all the same.
	c, err := p.load()
	if err == nil || len(c.Sources) > 0 {
		return cmp.Or(c.Storage, config.Default().Storage)
	}
	if isDenied(err) {
		// As a rule it is root's alone, and its storage is that of all the others.
		if _, err := os.ReadDir(filepath.Join(config.Default().Storage, "plans")); err == nil {
			return config.Default().Storage
		}
	}
	fmt.Fprintf(stderr, "murano-agent: %v\nmurano-agent: looking into %s; name another with --storage\n", err, config.Default().Storage)
	return config.Default().Storage
}

// configured says whether there is anything that looks like a configuration.
func configured() bool {
	st, err := os.Stat(defaultConfig)
	if err != nil || !st.IsDir() {
		return !errors.Is(err, fs.ErrNotExist)
	}
	entries, err := os.ReadDir(defaultConfig)
	return err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "agent.yaml" || filepath.Ext(e.Name()) == ".conf"
	})
}

// view is the spool of the storage.
func (p place) view(stderr io.Writer) spool.View {
	return spool.View{Path: filepath.Join(p.find(stderr), "plans")}
}

// plan finds the plan called name.
func (p place) plan(name string, stderr io.Writer) (spool.View, spool.Plan, error) {
	v := p.view(stderr)
	plan, err := v.Find(name)
	if err != nil {
		return v, plan, &exit{exitFailed, err}
	}
	return v, plan, nil
}

// complete offers the IDs of plans to a shell, the newest first.
func (p *place) complete(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.completeIn(planStates()...)(cmd, args, begun)
}

// completeIn offers the IDs of plans in the given states that are not named yet.
func (p *place) completeIn(states ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		all, err := p.view(io.Discard).Plans()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offered []cobra.Completion
		for _, plan := range slices.Backward(all) {
			id := nameOf(plan)
			if strings.HasPrefix(id, begun) && !slices.Contains(args, id) && slices.Contains(states, plan.State) {
				offered = append(offered, cobra.CompletionWithDesc(id, cell(printable(plan.Name+" "+plan.State), 60)))
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// nameOf is what a plan is called by: its ID, or its directory where that is
// not known.
func nameOf(p spool.Plan) string { return cmp.Or(p.ID, p.Key) }

// stateOf is a plan's state for a person.
func stateOf(p spool.Plan) string { return cmp.Or(p.State, "unreadable") }
