// SPDX-License-Identifier: Apache-2.0

// Command bench prints the agent's figures, and beside them those of Debian's
// Python murano-agent in the same run, on the same broker.
//
//	go run ./test/bench [-agent bin/murano-agent] [-plans 1000] [-peer=false]
//
// The Python agent is Debian's package murano-agent 1:10.0.0, installed with
// apt where that can be done. It cannot run a plan on Python 3: it writes text
// to a file opened for bytes. The bench runs a copy with upstream's fix
// (murano-agent 11.0.0, commit 277db4f). Without it, its columns are empty.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/openmurano/murano/test/rabbitmq"
)

func main() {
	agent := flag.String("agent", "bin/murano-agent", "the agent to measure")
	plans := flag.Int("plans", 1000, "plans of a throughput run")
	peer := flag.Bool("peer", true, "measure the Python agent too")
	flag.Parse()
	if err := bench(*agent, *plans, *peer); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(agent string, plans int, withPeer bool) error {
	path, err := filepath.Abs(agent)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w; run make build, or name it with -agent", err)
	}
	dir, err := os.MkdirTemp("", "murano-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server := rabbitmq.Start(&host{dir: dir})

	ours, err := measure(subject{name: "murano-agent", command: []string{path, "run"}}, server, dir, plans)
	if err != nil {
		return err
	}
	ours.size = sizeOf(path)
	var old *figures
	if withPeer {
		command, err := pythonAgent(dir)
		if err != nil {
			fmt.Printf("The Python agent is left out: %v\n\n", err)
		} else if f, err := measure(subject{name: "python", command: command}, server, dir, plans); err != nil {
			fmt.Printf("The Python agent is left out: %v\n\n", err)
		} else {
			f.size = sizeOf("/usr/lib/python3/dist-packages/muranoagent")
			old = &f
		}
	}
	floors, err := measureFloors(dir)
	if err != nil {
		return err
	}
	print(ours, old, floors)
	return nil
}

// print writes the table: figure, ours, the Python agent's, their ratio.
func print(ours figures, old *figures, f floors) {
	fmt.Printf("%s, %d CPUs, load %s, %s\n", time.Now().UTC().Format(time.DateTime), runtime.NumCPU(), loadAverage(), runtime.Version())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "figure\tagent\tPython agent\tratio\t")
	row := func(name, unit string, get func(figures) float64) {
		a := get(ours)
		if old == nil {
			fmt.Fprintf(w, "%s\t%.1f %s\t-\t-\t\n", name, a, unit)
			return
		}
		b := get(*old)
		ratio := "-"
		if a > 0 && b > 0 {
			ratio = fmt.Sprintf("%.1f", max(a, b)/min(a, b))
		}
		fmt.Fprintf(w, "%s\t%.1f %s\t%.1f %s\t%s\t\n", name, a, unit, b, unit, ratio)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	row("start to consuming, median of 5", "ms", func(f figures) float64 { return ms(f.start) })
	row("RSS, idle", "MB", func(f figures) float64 { return f.idleRSS })
	row("RSS, after all plans", "MB", func(f figures) float64 { return f.endRSS })
	row("body only, median", "ms", func(f figures) float64 { return ms(f.bodyMedian) })
	row("body only, p99", "ms", func(f figures) float64 { return ms(f.bodyP99) })
	row("one script, median", "ms", func(f figures) float64 { return ms(f.scriptMedian) })
	row("one script, p99", "ms", func(f figures) float64 { return ms(f.scriptP99) })
	row("plans back to back, body only", "/s", func(f figures) float64 { return f.bodyRate })
	row("plans back to back, one script", "/s", func(f figures) float64 { return f.scriptRate })
	row("CPU idle, 10 s", "ms", func(f figures) float64 { return ms(f.idleCPU) })
	row("own files on disk", "MB", func(f figures) float64 { return f.size })
	w.Flush()
	fmt.Printf("floors: fork and exec of /bin/sh %.1f ms, write and fsync of a file and its folder %.1f ms (medians of 50)\n", ms(f.exec), ms(f.fsync))
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(b), " ")
	return load
}

// A host is what package rabbitmq asks of a test, for a program that is none.
type host struct {
	testing.TB // what is not below is not called
	dir        string
}

func (h *host) Helper()                   {}
func (h *host) Name() string              { return "bench" }
func (h *host) Failed() bool              { return false }
func (h *host) TempDir() string           { return h.dir }
func (h *host) Cleanup(func())            {}
func (h *host) Log(a ...any)              { fmt.Fprintln(os.Stderr, a...) }
func (h *host) Logf(f string, a ...any)   { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (h *host) Fatal(a ...any)            { h.end(fmt.Sprint(a...)) }
func (h *host) Fatalf(f string, a ...any) { h.end(fmt.Sprintf(f, a...)) }
func (h *host) Skip(a ...any)             { h.end(fmt.Sprint(a...)) }
func (h *host) Skipf(f string, a ...any)  { h.end(fmt.Sprintf(f, a...)) }

func (h *host) end(why string) {
	fmt.Fprintln(os.Stderr, "bench:", why)
	os.Exit(1)
}
