// SPDX-License-Identifier: Apache-2.0

// Command bench prints the agent's figures, and beside them those of Debian's
// Python murano-agent in the same run, on the same broker, with what no agent
// can be faster than on this machine.
//
//	go run ./test/bench [-agent bin/murano-agent] [-dir /var/tmp] [-peer=false] [-idle 60s] [-plans 1000] [-queued 10000] [-o json]
//
// The directory must be on the kind of disk that a guest has: where /tmp is in
// memory, syncs cost nothing there. An ext4 without a journal, which machines for
// builds like to have, makes files slowly where many were removed in the last
// minutes (Linux, fs/ext4/ialloc.c, recently_deleted); the floors show it.
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
	"testing"
	"time"

	"github.com/openmurano/murano/test/rabbitmq"
)

// options are the command's flags.
type options struct {
	agent  string
	dir    string
	peer   bool
	idle   time.Duration
	plans  int // of a throughput run
	queued int // plans on disk at a start
	output string
}

func main() {
	var o options
	flag.StringVar(&o.agent, "agent", "bin/murano-agent", "the agent to measure")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where agents and broker keep their files")
	flag.BoolVar(&o.peer, "peer", true, "measure the Python agent too")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long CPU is measured of an agent that does nothing")
	flag.IntVar(&o.plans, "plans", 1000, "plans of a throughput run")
	flag.IntVar(&o.queued, "queued", 10_000, "plans that wait on disk at a start")
	flag.StringVar(&o.output, "o", "table", "table or json")
	flag.Parse()
	if err := bench(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(o options) error {
	path, err := filepath.Abs(o.agent)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w; run make build, or name it with -agent", err)
	}
	dir, err := os.MkdirTemp(o.dir, "murano-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	subjects := []*subject{{name: "murano-agent", command: []string{path, "run"}}}
	if o.peer {
		command, err := pythonAgent(dir)
		if err != nil {
			fmt.Fprintf(os.Stderr, "The Python agent is left out: %v\n", err)
		} else {
			subjects = append(subjects, &subject{name: "python", command: command})
		}
	}
	b := &broker{server: rabbitmq.Start(&host{dir: dir}), dir: dir}
	if err := b.dial(); err != nil {
		return err
	}
	defer b.conn.Close()

	t := newTable()
	began := time.Now()
	ours, peer, f, err := b.compare(subjects, o)
	if err != nil {
		return err
	}
	t.compare(ours, peer, f, o)
	few, err := b.backlog(subjects[0], 10)
	if err != nil {
		return err
	}
	many, err := b.backlog(subjects[0], o.queued)
	if err != nil {
		return err
	}
	t.backlog(few, many)
	peak, err := b.loud(subjects[0])
	if err != nil {
		return err
	}
	t.loud(peak)
	t.Seconds = time.Since(began).Seconds()
	return t.print(os.Stdout, o.output)
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
