// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/internal/amqp"
)

// Verdicts of a check.
const (
	verdictOK      = "ok"
	verdictWarn    = "warn"    // it works, and may not for long or not for every plan
	verdictFail    = "fail"    // plans do not come, or cannot be run
	verdictSkipped = "skipped" // it could not be looked at, or there is nothing to look at
)

// diagnoseLimit bounds all checks together.
const diagnoseLimit = 25 * time.Second

// A check is one thing that diagnose looks at.
type check struct {
	name string
	look func(ctx context.Context, s *scene) observation
}

// An observation is what a check saw.
type observation struct {
	Check   string `json:"check"`
	Verdict string `json:"verdict"` // a constant above
	Text    string `json:"text"`
	Next    string `json:"next,omitempty"` // what to do; empty where nothing is to be done
}

func fine(format string, a ...any) observation {
	return observation{Verdict: verdictOK, Text: fmt.Sprintf(format, a...)}
}

func warns(next, format string, a ...any) observation {
	return observation{Verdict: verdictWarn, Text: fmt.Sprintf(format, a...), Next: next}
}

func fails(next, format string, a ...any) observation {
	return observation{Verdict: verdictFail, Text: fmt.Sprintf(format, a...), Next: next}
}

func skipped(format string, a ...any) observation {
	return observation{Verdict: verdictSkipped, Text: fmt.Sprintf(format, a...)}
}

// checks are all checks, in the order in which a plan depends on them.
func checks() []check {
	return []check{
		{"configuration", checkConfiguration},
		{"storage", checkStorage},
		{"group", checkGroup},
		{"plans", checkPlans},
		{"agent", checkAgent},
		{"systemd", checkSystemd},
		{"clock", checkClock},
		{"broker.tcp", checkTCP},
		{"broker.tls", checkTLS},
		{"broker.login", checkLogin},
		{"broker.queue", checkQueue},
		{"cloud-init", checkCloudInit},
		{"package locks", checkPackageLocks},
		{"shell", checkShell},
		{"programs", checkPrograms},
	}
}

// A scene is the guest that is looked at.
type scene struct {
	config    config.Config
	configErr error // why it cannot be used, or read
	storage   string
	view      spool.View
	now       func() time.Time
	soundings func() []amqp.Sounding // of the broker's hosts, made once
}

func newDiagnose() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "Look for what keeps plans from coming and running here",
		Long: `diagnose looks at all that an agent depends on, from its configuration over the
broker to the interpreters of scripts, and says of each whether it is in order
and, where it is not, what to do. It reads only: no plan is taken from the queue,
nothing is written, no lock is taken. It ends within 30 seconds.

Checks: configuration, storage (room, inodes), group, plans (readable,
quarantine), agent, systemd, clock, broker.tcp, broker.tls, broker.login,
broker.queue, cloud-init, package locks, shell, programs. Verdicts: ok, warn, fail,
skipped.

As root it sees all; to others what they may not read is skipped.

Exit codes: 0 no check fails; 1 one does; 2 the call is wrong; 3 the configuration
is wrong.`,
		Example: `  sudo murano-agent diagnose
  sudo murano-agent diagnose -o json
  sudo murano-agent diagnose --config-file /tmp/agent.yaml`,
		Args: positional,
	}
	at := new(place)
	at.flags(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := newScene(cmd.Context(), at)
		seen := diagnose(cmd.Context(), s, checks())
		if *output == "json" {
			if err := printJSON(cmd.OutOrStdout(), map[string]any{"checks": seen}); err != nil {
				return err
			}
		} else if err := printTable(cmd.OutOrStdout(), func(w io.Writer) { writeObservations(w, seen) }); err != nil {
			return err
		}
		for _, o := range seen {
			if o.Verdict == verdictFail && o.Check == "configuration" {
				return &exit{exitConfig, nil}
			}
		}
		for _, o := range seen {
			if o.Verdict == verdictFail {
				return &exit{exitFailed, nil}
			}
		}
		return nil
	}
	return cmd
}

// newScene gathers what the checks look at. ctx bounds the look at the broker.
func newScene(ctx context.Context, at *place) *scene {
	s := &scene{storage: at.find(io.Discard), now: time.Now}
	s.config, s.configErr = at.load()
	s.view = spool.View{Path: filepath.Join(s.storage, "plans")}
	s.soundings = sync.OnceValue(func() []amqp.Sounding { return sound(ctx, s.config) })
	return s
}

// diagnose makes the checks one after another. What is left when their time is
// over is skipped.
func diagnose(ctx context.Context, s *scene, all []check) []observation {
	ctx, cancel := context.WithTimeout(ctx, diagnoseLimit)
	defer cancel()
	seen := make([]observation, 0, len(all))
	for _, c := range all {
		o := skipped("no time was left")
		if ctx.Err() == nil {
			o = c.look(ctx, s)
		}
		o.Check = c.name
		seen = append(seen, o)
	}
	return seen
}

func writeObservations(w io.Writer, seen []observation) {
	n := map[string]int{}
	for _, o := range seen {
		n[o.Verdict]++
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.Verdict, o.Check, strings.ReplaceAll(o.Text, "\n", "\n\t\t"))
		if o.Next != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", strings.ReplaceAll(o.Next, "\n", "\n\t\t"))
		}
	}
	fmt.Fprintf(w, "\n%s\n", tally(n, ""))
}
