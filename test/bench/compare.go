// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// figures are those of one agent.
type figures struct {
	start                time.Duration // median of 5
	idleRSS, endRSS      float64       // MB
	idleCPU              time.Duration
	body, script         *series // latencies
	bodyRate, scriptRate float64 // plans a second
}

const (
	starts = 5
	rounds = 10
	each   = 20 // of a round: 200 repeats in all
)

// A series is something done again and again, and how long it took each time.
type series struct {
	do   func() error
	took []time.Duration
}

func (s *series) median() time.Duration { return quantile(s.took, 0.5) }
func (s *series) p99() time.Duration    { return quantile(s.took, 0.99) }

// inTurns repeats each series, a few times each in turn, so that what else the
// machine does falls upon all of them.
func inTurns(all []*series) error {
	for range rounds {
		for _, s := range all {
			for range each {
				began := time.Now()
				if err := s.do(); err != nil {
					return err
				}
				s.took = append(s.took, time.Since(began))
			}
		}
	}
	return nil
}

func bodyOnly() document  { return planOf("return 1", "") }
func oneScript() document { return planOf("return deploy('x').stdout", "#!/bin/sh\necho $1\n") }

// compare measures the subjects, of which the second may be absent, and the floors.
func (b *broker) compare(subjects []*subject, o options) (ours figures, peer *figures, f *floors, err error) {
	all, runs := make([]figures, len(subjects)), make([]*run, len(subjects))
	for i, s := range subjects {
		if runs[i], all[i].start, err = b.startOften(s); err != nil {
			return ours, nil, nil, err
		}
		defer runs[i].end()
		for range each { // warm
			if err := runs[i].once(bodyOnly()); err != nil {
				return ours, nil, nil, err
			}
		}
	}
	idle(runs, all, o.idle)

	f, err = b.newFloors()
	if err != nil {
		return ours, nil, nil, err
	}
	defer f.close()
	every := []*series{f.exec, f.shell, f.fsync, f.kept, f.wire}
	for i, r := range runs {
		all[i].body = &series{do: func() error { return r.once(bodyOnly()) }}
		all[i].script = &series{do: func() error { return r.once(oneScript()) }}
		every = append(every, all[i].body, all[i].script)
	}
	if err := inTurns(every); err != nil {
		return ours, nil, nil, err
	}
	for i, r := range runs {
		if all[i].bodyRate, err = r.rate(bodyOnly(), o.plans); err != nil {
			return ours, nil, nil, err
		}
		if all[i].scriptRate, err = r.rate(oneScript(), o.plans); err != nil {
			return ours, nil, nil, err
		}
		all[i].endRSS = memory(r.cmd.Process.Pid, "VmRSS:")
	}
	if len(all) > 1 {
		peer = &all[1]
	}
	return all[0], peer, f, nil
}

// startOften starts an agent several times, each with a directory of its own;
// the last one goes on.
func (b *broker) startOften(s *subject) (*run, time.Duration, error) {
	var took []time.Duration
	for {
		r, err := b.begin(s)
		if err != nil {
			return nil, 0, err
		}
		if took = append(took, r.consuming); len(took) == starts {
			return r, quantile(took, 0.5), nil
		}
		r.end()
	}
}

// idle lets all agents wait for d at the same time.
func idle(runs []*run, all []figures, d time.Duration) {
	before := make([]time.Duration, len(runs))
	for i, r := range runs {
		before[i] = cpu(r.cmd.Process.Pid)
	}
	time.Sleep(d)
	for i, r := range runs {
		all[i].idleCPU = cpu(r.cmd.Process.Pid) - before[i]
		all[i].idleRSS = memory(r.cmd.Process.Pid, "VmRSS:")
	}
}
