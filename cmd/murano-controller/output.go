// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/controller"
)

// A format is how a command prints: table, json or yaml. It is a flag's value,
// so that a wrong one is refused before anything is done.
type format string

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "format" }
func (f *format) Set(s string) error {
	if s != "table" && s != "json" && s != "yaml" {
		return errors.New("there are table, json and yaml")
	}
	*f = format(s)
	return nil
}

// outputFlag adds -o to a command.
func outputFlag(cmd *cobra.Command) *format {
	o := new(format)
	*o = "table"
	cmd.Flags().VarP(o, "output", "o", "table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return o
}

// print writes v as -o says; table writes it for a person.
func print(w io.Writer, f format, v any, table func(io.Writer)) error {
	switch f {
	case "table":
		var b strings.Builder
		tw := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
		table(tw)
		if err := tw.Flush(); err != nil {
			return err
		}
		_, err := io.WriteString(w, printable(b.String()))
		return err
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	case "yaml":
		b, err := json.Marshal(v) // the names of the fields are JSON's
		if err != nil {
			return err
		}
		var plain any
		if err := yaml.Unmarshal(b, &plain); err != nil {
			return err
		}
		e := yaml.NewEncoder(w)
		e.SetIndent(2)
		if err := e.Encode(plain); err != nil {
			return err
		}
		return e.Close()
	}
	return fmt.Errorf("no format is called %s", f)
}

// printable takes from a text for a person what a terminal would obey: guests
// and scripts wrote parts of it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// showEnvironment writes an environment for a person.
func showEnvironment(w io.Writer, e controller.EnvironmentStatus) {
	fmt.Fprintf(w, "environment\t%s\n", e.Name)
	fmt.Fprintf(w, "state\t%s\n", e.State)
	if e.Cause != "" && !slices.ContainsFunc(e.Applications, func(a controller.ApplicationStatus) bool { return a.State == controller.StateFailed }) {
		fmt.Fprintf(w, "cause\t%s\n", indent(e.Cause)) // else the applications tell it
	}
	fmt.Fprintf(w, "updated\t%s\n", e.Updated.Local().Format(time.DateTime))
	if e.Network != nil {
		fmt.Fprintf(w, "network stack\t%s\n", e.Network.Name)
	}
	for _, a := range e.Applications {
		fmt.Fprintf(w, "\n%s\t%s\t%s\n", a.Name, a.State, a.Package)
		if a.Cause != "" {
			fmt.Fprintf(w, "  cause\t%s\n", indent(a.Cause))
		}
		for _, s := range a.Servers {
			address := s.Address
			if s.Floating != "" {
				address += ", " + s.Floating
			}
			agent := "agent has not spoken"
			if !s.Hello.IsZero() {
				agent = "agent " + s.Agent
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", s.Name, address, s.Hostname, agent)
			showHeartbeat(w, s.Heartbeat)
		}
		for _, s := range lastSteps(a) {
			fmt.Fprintf(w, "  %s: %s\t%s\t%s\n", s.Phase, s.Step, s.State, s.Server)
		}
		for _, name := range slices.Sorted(maps.Keys(a.Outputs)) {
			fmt.Fprintf(w, "  %s\t%s\n", name, text(a.Outputs[name]))
		}
	}
}

// showHeartbeat shows how an agent is, and what of it somebody should look at.
func showHeartbeat(w io.Writer, b *controller.Heartbeat) {
	if b == nil {
		return
	}
	state := b.State
	if b.Phase != "" {
		state += ", " + b.Phase
	}
	if b.Pending > 0 {
		state += fmt.Sprintf(", %d plans wait", b.Pending)
	}
	if b.Owed > 0 {
		state += fmt.Sprintf(", %d results wait", b.Owed)
	}
	fmt.Fprintf(w, "    seen %s\t%s\n", b.Seen.Local().Format(time.DateTime), state)
	if d := b.Disk; d != nil && d.Free < d.Total/10 {
		fmt.Fprintf(w, "    disk\t%d of %d MiB are free\n", d.Free>>20, d.Total>>20)
	}
	if math.Abs(b.ClockOffset) > 5 {
		fmt.Fprintf(w, "    clock\t%+.0f s beside the controller's\n", b.ClockOffset)
	}
	if b.LastError != "" {
		fmt.Fprintf(w, "    error %s\t%s\n", b.ErrorTime.Local().Format(time.DateTime), indent(b.LastError))
	}
}

// lastSteps are those that brought the servers there are to where they are: of
// a step that was done more than once the last time.
func lastSteps(a controller.ApplicationStatus) []controller.StepStatus {
	var out []controller.StepStatus
	for i, s := range a.Steps {
		there := slices.ContainsFunc(a.Servers, func(one controller.ServerStatus) bool { return one.Name == s.Server })
		again := slices.ContainsFunc(a.Steps[i+1:], func(later controller.StepStatus) bool {
			return later.Phase == s.Phase && later.Step == s.Step && later.Server == s.Server
		})
		if there && !again {
			out = append(out, s)
		}
	}
	return out
}

// longest is how many bytes of one output a person is shown.
const longest = 2000

// text is an output's value for a person: a string as it is, else JSON.
func text(v any) string {
	s, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		s = string(b)
	}
	if len(s) > longest {
		s = fmt.Sprintf("%s ... (%d bytes; -o json shows all)", strings.ToValidUTF8(s[:longest], ""), len(s))
	}
	return indent(s)
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n\t") }
