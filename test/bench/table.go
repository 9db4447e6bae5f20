// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is one figure. Ratio is how many times better the agent is than the
// Python agent, or, where that cannot be, than what Against names.
type row struct {
	Figure  string   `json:"figure"`
	Unit    string   `json:"unit"`
	Agent   float64  `json:"agent"`
	Python  *float64 `json:"python,omitempty"`
	Against string   `json:"against,omitempty"` // what Ratio compares with, if not with the Python agent
	Other   *float64 `json:"other,omitempty"`   // its figure
	Ratio   float64  `json:"ratio,omitempty"`
	Goal    string   `json:"goal,omitempty"`
	Met     *bool    `json:"met,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// A table is all that a run of the bench found.
type table struct {
	Time    string  `json:"time"`
	CPUs    int     `json:"cpus"`
	Load    string  `json:"load"` // of the machine, before the bench
	Go      string  `json:"go"`
	Seconds float64 `json:"seconds"` // that the measuring took
	Rows    []row   `json:"rows"`
}

func newTable() *table {
	b, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(b), " ")
	return &table{Time: time.Now().UTC().Format(time.DateTime), CPUs: runtime.NumCPU(), Load: load, Go: runtime.Version()}
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// compare adds what both agents were measured for. A goal of n means that the
// agent is to be n times better; notes are for goals that are not reached.
func (t *table) compare(ours figures, peer *figures, f *floors, o options) {
	both := func(figure, unit string, goal float64, note string, get func(figures) float64) {
		r := row{Figure: figure, Unit: unit, Agent: get(ours)}
		if peer != nil {
			p := get(*peer)
			r.Python, r.Ratio = &p, p/r.Agent
			if unit == "/s" {
				r.Ratio = r.Agent / p
			}
			r.judge(goal, "%g times better", r.Ratio >= goal, note)
		}
		t.Rows = append(t.Rows, r)
	}
	kept := f.kept.median()
	syncs := fmt.Sprintf("a plan is on disk before it is acknowledged, its result before it is sent: a folder with two synced files costs %.1f ms here, so %.0f plans/s at most, one after another; the Python agent syncs nothing",
		ms(kept), 1/kept.Seconds())
	both("start to consuming, median of 5", "ms", 30, "the login at the broker is in it, for both", func(f figures) float64 { return ms(f.start) })
	both("RSS, idle", "MB", 5, "", func(f figures) float64 { return f.idleRSS })
	both("RSS, after all plans", "MB", 0, "", func(f figures) float64 { return f.endRSS })
	both(fmt.Sprintf("CPU of an idle time of %v", o.idle), "ms", 0, "", func(f figures) float64 { return ms(f.idleCPU) })
	both("latency, body only, median", "ms", 0, "", func(f figures) float64 { return ms(f.body.median()) })
	both("latency, body only, p99", "ms", 0, "", func(f figures) float64 { return ms(f.body.p99()) })
	both("latency, one script, median", "ms", 0, "", func(f figures) float64 { return ms(f.script.median()) })
	both("latency, one script, p99", "ms", 0, "", func(f figures) float64 { return ms(f.script.p99()) })
	both("throughput, body only", "/s", 10, syncs, func(f figures) float64 { return f.bodyRate })
	both("throughput, one script", "/s", 10, fmt.Sprintf("a shell and a script cost %.1f ms, which both agents pay; and ", ms(f.shell.median()))+syncs, func(f figures) float64 { return f.scriptRate })

	least := f.exec.median() + f.fsync.median()
	t.against("latency, one script", ms(ours.script.median()), "fork, exec and one fsync", ms(least), 1.5,
		"not in this floor: the broker; the shell between agent and script; the syncs of plan, attempt and result; a folder for the script")
	least = f.shell.median() + kept + f.wire.median()
	t.against("latency, one script", ms(ours.script.median()), "script from a shell, plan and result kept, the wire", ms(least), 1.5,
		"not in this floor: the attempt, synced before the script; the script's folder and file; its logs, its journal")
	t.against("latency, body only", ms(ours.body.median()), "plan and result kept, the wire", ms(kept+f.wire.median()), 1.5,
		"not in this floor: the attempt and the state of the plan, which are files too; reading and judging the plan")
	for _, floor := range []struct {
		name string
		is   *series
	}{
		{"floor: fork and exec of a shell script", f.exec},
		{"floor: the same from a shell", f.shell},
		{"floor: a file and its folder synced", f.fsync},
		{"floor: a plan and its result kept", f.kept},
		{"floor: the wire, there and back", f.wire},
	} {
		t.Rows = append(t.Rows, row{Figure: floor.name + ", median", Unit: "ms", Agent: ms(floor.is.median())})
	}
}

// against adds a figure that is to be at most most times another one.
func (t *table) against(figure string, is float64, what string, other, most float64, note string) {
	r := row{Figure: figure, Unit: "ms", Agent: is, Against: what, Other: &other, Ratio: is / other}
	r.judge(most, "at most %g times "+what, r.Ratio <= most, note)
	t.Rows = append(t.Rows, r)
}

func (r *row) judge(goal float64, text string, met bool, note string) {
	if goal == 0 {
		return
	}
	r.Goal, r.Met = fmt.Sprintf(text, goal), &met
	if !met {
		r.Note = note
	}
}

// backlog adds what it costs that many plans wait on disk.
func (t *table) backlog(few, many backlog) {
	what := fmt.Sprintf("%d plans on disk instead of %d", many.plans, few.plans)
	for _, c := range []struct {
		figure    string
		few, many time.Duration
		most      float64
	}{
		{"start to consuming", few.consuming, many.consuming, 1.5},
		{"start to the first result", few.first, many.first, 1.5},
		{"from result to result", few.next, many.next, 1.5},
	} {
		t.against(c.figure+", "+what, ms(c.many), "that", ms(c.few), c.most,
			"the names of all plans are listed and sorted before the first one runs, and the rest is looked at while the first ones run")
	}
}

// loud adds the memory for much output.
func (t *table) loud(peak float64) {
	r := row{Figure: fmt.Sprintf("peak RSS, %d MB of script output", loudBytes/1_000_000), Unit: "MB", Agent: peak}
	r.judge(60, "under %g MB", peak < 60, "")
	t.Rows = append(t.Rows, r)
}

func (t *table) print(out io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(t)
	}
	fmt.Fprintf(out, "%s, %d CPUs, load %s before, %s, %.0f s\n", t.Time, t.CPUs, t.Load, t.Go, t.Seconds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tagent\tPython agent\tratio\tgoal\t")
	var notes []string
	for _, r := range t.Rows {
		other, ratio, goal := "", "", r.Goal
		switch {
		case r.Python != nil:
			other = fmt.Sprintf("%.1f %s", *r.Python, r.Unit)
		case r.Other != nil:
			other = fmt.Sprintf("(%.1f %s)", *r.Other, r.Unit)
		}
		if r.Ratio > 0 {
			ratio = fmt.Sprintf("%.1f", r.Ratio)
		}
		if r.Met != nil {
			verdict := "met"
			if !*r.Met {
				verdict = "NOT MET"
			}
			goal = verdict + ": " + goal
		}
		if r.Note != "" {
			notes = append(notes, r.Note)
			goal += fmt.Sprintf(" [%d]", len(notes))
		}
		fmt.Fprintf(w, "%s\t%.1f %s\t%s\t%s\t%s\t\n", r.Figure, r.Agent, r.Unit, other, ratio, goal)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, note := range notes {
		fmt.Fprintf(out, "[%d] %s\n", i+1, note)
	}
	return nil
}
