// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/spool"
)

// A standing is what status tells.
type standing struct {
	Running  bool          `json:"running"`
	Healthy  bool          `json:"healthy"`         // it runs, and consumes its queue
	Agent    *agent.Status `json:"agent,omitempty"` // as the agent says; absent where it cannot be asked
	Storage  string        `json:"storage"`
	Disk     diskCounts    `json:"plans"`
	Problems []string      `json:"problems"` // what is not as it should be, each with a next step

	config error
}

// diskCounts are the plans in a spool, as its directory tells.
type diskCounts struct {
	States     map[string]int `json:"states"`
	Owed       int            `json:"owed"`
	Quarantine int            `json:"quarantine"`
	Unreadable int            `json:"unreadable"`
	Bytes      int64          `json:"bytes"`
	Last       *spool.Plan    `json:"lastNotSucceeded,omitempty"`
}

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the agent is well, and what it does now",
		Long: `status says whether the agent runs and is connected, what it does now, how many
plans wait and how those ended that are kept, its last error, and what room the
disk has. With the agent stopped it says so, and what the disk tells.

It writes nothing. Whoever is in the agent's group may call it.

Exit codes: 0 the agent runs and takes plans; 1 it does not run, or is not
connected; 2 the call is wrong; 3 the configuration is wrong.`,
		Example: `  murano-agent status
  murano-agent status -o json`,
		Args: positional,
	}
	at := new(place)
	at.flags(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := stand(cmd.Context(), at)
		if *output == "json" {
			if err := printJSON(cmd.OutOrStdout(), s); err != nil {
				return err
			}
		} else if err := printTable(cmd.OutOrStdout(), func(w io.Writer) { s.write(w, time.Now()) }); err != nil {
			return err
		}
		switch {
		case s.config != nil:
			return &exit{exitConfig, nil}
		case !s.Healthy:
			return &exit{exitFailed, nil}
		}
		return nil
	}
	return cmd
}

// stand looks at the agent, its configuration and its disk.
func stand(ctx context.Context, at *place) standing {
	s := standing{Storage: at.find(io.Discard), Problems: []string{}}
	problem := func(format string, a ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, a...)) }
	denied := at.judge()
	if denied != nil && !isDenied(denied) {
		s.config, denied = denied, nil
		problem("the configuration is wrong: %v", s.config)
	}
	status, err := agentOf(ctx, s.Storage)
	switch {
	case err == nil:
		s.Running, s.Agent = true, &status
		if s.Healthy = connected(status); !s.Healthy {
			problem("the agent takes no plans: the broker is %s; murano-agent diagnose looks further", orUnknown(status.Broker))
		}
	case errors.Is(err, control.ErrNotRunning):
		problem("the agent does not run; start it: sudo systemctl start murano-agent; why it ended: journalctl -u murano-agent")
	default:
		problem("the agent cannot be asked: %v", err)
	}
	if denied != nil && !s.Healthy { // else it is in order, as the agent shows
		problem("the configuration may not be read by this user: %v", denied)
	}
	v := spool.View{Path: filepath.Join(s.Storage, "plans")}
	if s.Disk, err = countPlans(v); err != nil {
		problem("the plans cannot be counted: %v", err)
	}
	if s.Disk.Quarantine > 0 {
		problem("%d in quarantine: murano-agent plans list names them", s.Disk.Quarantine)
	}
	return s
}

// agentOf asks the agent of the storage what it does.
func agentOf(ctx context.Context, storage string) (agent.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return control.NewClient(filepath.Join(storage, socketName)).Status(ctx)
}

// connected says whether the agent consumes its queue: Broker is link's String.
func connected(s agent.Status) bool {
	return strings.HasPrefix(s.Broker, "connected to ") && !strings.Contains(s.Broker, ", but: ")
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// countPlans counts what is in a spool.
func countPlans(v spool.View) (diskCounts, error) {
	c := diskCounts{States: map[string]int{}}
	all, err := v.Plans()
	if err != nil {
		return c, err
	}
	for _, p := range all {
		if p.State == "" {
			c.Unreadable++
			continue
		}
		c.States[p.State]++
		c.Bytes += p.Bytes
		if p.Ended() {
			c.Owed += p.Owed
		}
		if p.Cause != nil {
			c.Last = &p
		}
	}
	quarantine, err := v.Quarantine()
	c.Quarantine = len(quarantine)
	return c, err
}

func (s standing) write(w io.Writer, now time.Time) {
	line := func(label, format string, a ...any) {
		fmt.Fprintf(w, "%s\t%s\n", label, strings.ReplaceAll(fmt.Sprintf(format, a...), "\n", "\n\t"))
	}
	if a := s.Agent; a != nil {
		line("agent", "runs since %s, version %s", clock(a.Started, now), a.Version)
		line("queue", "%s", a.Queue)
		line("broker", "%s", orUnknown(a.Broker))
		line("now", "%s", doing(*a, now))
		line("waiting", "plans: %d; answers not sent yet: %d", a.Pending, a.Owed)
		line("since then", "%s", tally(a.Ended, "no plan ended"))
		if e := a.LastError; e != nil {
			line("last error", "%s: %s", clock(e.Time, now), e.Text)
		}
		if a.Disk.Total > 0 {
			line("disk", "%s free of %s", bytesText(int64(a.Disk.Free)), bytesText(int64(a.Disk.Total)))
		}
	} else {
		line("agent", "%s", map[bool]string{true: "runs", false: "does not run, or cannot be asked"}[s.Running])
		if n := s.Disk.States["running"]; n > 0 {
			line("cut", "plans in which the agent ended: %d; its next start decides on them", n)
		}
	}
	line("on disk", "%s; %s in %s", tally(s.Disk.States, "no plans"), bytesText(s.Disk.Bytes), s.Storage)
	if s.Disk.Owed > 0 && s.Agent == nil {
		line("owed", "answers not sent yet: %d", s.Disk.Owed)
	}
	if p := s.Disk.Last; p != nil {
		line("last failure", "%s %s, %s: %s", clock(p.Received, now), nameOf(*p), p.State, p.Cause.Text)
	}
	for _, p := range s.Problems {
		line("problem", "%s", p)
	}
}

// doing is what the agent does now, in a sentence.
func doing(a agent.Status, now time.Time) string {
	text := a.State
	if a.Plan != "" {
		text += " plan " + a.Plan
		if a.PlanName != "" {
			text += " (" + a.PlanName + ")"
		}
		if a.Phase != "" {
			text += ", in " + a.Phase
		}
		if a.Script != "" && !strings.HasSuffix(a.Phase, a.Script) {
			text += ", script " + a.Script
		}
	}
	if a.Since.IsZero() {
		return text
	}
	return text + ", for " + span(now.Sub(a.Since))
}

// tally is "2 failed, 13 succeeded", or none.
func tally(n map[string]int, none string) string {
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(n)) {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ", ")
}

// judge says what is wrong with the configuration; nil where it is not looked
// at, a storage having been named and nothing else.
func (p place) judge() error {
	if p.storage != "" && len(p.dirs)+len(p.files) == 0 {
		return nil
	}
	_, err := p.load()
	return err
}

// load reads the configuration and judges it.
func (p place) load() (config.Config, error) {
	paths := append(append([]string{}, p.dirs...), p.files...)
	if len(paths) == 0 {
		paths = []string{defaultConfig}
	}
	for _, path := range paths {
		if err := readable(path); err != nil {
			return config.Default(), err
		}
	}
	c, err := config.Load(paths...)
	if err != nil {
		return c, err
	}
	return c, c.Validate()
}

// readable gives the error of a configuration that may not be read, which is
// no fault of it.
func readable(path string) error {
	files := []string{path}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return onlyDenied(err)
		}
		files = nil
		for _, e := range entries {
			if e.Name() == "agent.yaml" || filepath.Ext(e.Name()) == ".conf" {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return onlyDenied(err)
		}
		f.Close() // it was only read
	}
	return nil
}

func onlyDenied(err error) error {
	if isDenied(err) {
		return fmt.Errorf("%w; use sudo", err)
	}
	return nil // config.Load says it better
}

func isDenied(err error) bool { return errors.Is(err, os.ErrPermission) }
