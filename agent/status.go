// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"maps"
	"time"

	"github.com/openmurano/murano/plans"
)

// What an Agent does, in Status.State.
const (
	Idle     = "idle"     // it waits for a plan
	Running  = "running"  // a plan is in hand
	Stopping = "stopping" // it was told to end, and may have a plan in hand until it has
)

// A Status is what an Agent does at one moment, for people and for programs on
// the guest. It holds nothing of what a plan says but its ID and its Name.
type Status struct {
	State string `json:"state"` // a constant above
	// Plan is the ID of the plan in hand; it and the three after it are empty
	// where there is none.
	Plan     string    `json:"plan,omitempty"`
	PlanName string    `json:"planName,omitempty"`
	Phase    string    `json:"phase,omitempty"`  // as in a Report
	Script   string    `json:"script,omitempty"` // empty outside a script
	Since    time.Time `json:"since"`            // when State, Plan or Phase changed last

	Pending int            `json:"pending"` // plans that wait to be run, the one in hand not counted
	Owed    int            `json:"owed"`    // answers that are not yet published
	History int            `json:"history"` // plans that were answered and are kept
	Ended   map[string]int `json:"ended"`   // plans that ended since Started, by state; never nil

	Version  string    `json:"version,omitempty"`
	Hostname string    `json:"hostname,omitempty"`
	BootID   string    `json:"bootId,omitempty"`
	Queue    string    `json:"queue"`
	Broker   string    `json:"broker,omitempty"` // the connection, in words
	Started  time.Time `json:"started"`          // zero until Run

	LastError *LastError `json:"lastError,omitempty"` // nil where there was none since Started
	Disk      Disk       `json:"disk"`                // that of the plans
}

// A LastError is what went wrong last: with the agent, not with a plan.
type LastError struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"` // one line
}

// A Disk is how much room there is, in bytes. Zero Total means unknown.
type Disk struct {
	Free  uint64 `json:"free"` // to the agent
	Total uint64 `json:"total"`
}

// Status tells what the agent does now. It may be called at any time, also
// before Run, and waits for no plan, at most for a write of the store.
func (a *Agent) Status() Status {
	a.mu.Lock()
	s := a.status
	s.Ended = maps.Clone(s.Ended)
	a.mu.Unlock()
	if s.State == "" {
		s.State = Idle
	}
	if s.Ended == nil {
		s.Ended = map[string]int{}
	}
	s.Version, s.Hostname, s.BootID, s.Queue = a.Version, a.Hostname, a.BootID, a.Queue
	if a.Store != nil {
		s.Pending, s.Owed, s.History = a.Store.Counts()
	}
	if a.Broker != nil {
		s.Broker = a.Broker()
	}
	if a.Storage != "" {
		s.Disk = diskOf(a.Storage)
	}
	return s
}

// turn changes the status and tells who wants to know.
func (a *Agent) turn(change func(*Status)) {
	a.mu.Lock()
	before := a.status
	change(&a.status)
	s := &a.status
	if s.State != before.State || s.Plan != before.Plan || s.Phase != before.Phase {
		s.Since = a.now()
	}
	a.mu.Unlock()
	a.tellStatus()
}

// tellStatus asks for a call of OnStatus. Several askings may give one call.
func (a *Agent) tellStatus() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// pauseStatus is between two calls of OnStatus.
const pauseStatus = 100 * time.Millisecond

// watch begins to tell OnStatus, and says that the agent stops once ctx has
// ended. It returns what ends the telling.
func (a *Agent) watch(ctx context.Context) (end func()) {
	a.turn(func(s *Status) { *s = Status{State: Idle, Started: a.now()} })
	unwatch := context.AfterFunc(ctx, func() { a.turn(func(s *Status) { s.State = Stopping }) })
	done, cancel := context.WithCancel(context.WithoutCancel(ctx))
	told := make(chan struct{})
	go func() { // end waits for it
		defer close(told)
		for {
			select {
			case <-done.Done():
				return
			case <-a.changed:
			}
			if a.OnStatus != nil {
				a.OnStatus(a.Status())
				wait(done, pauseStatus) // ends early at the end
			}
		}
	}()
	return func() {
		unwatch()
		cancel()
		<-told
	}
}

// takeUp makes e the plan in hand.
func (a *Agent) takeUp(e Entry) {
	head := plans.ReadHead(e.Message)
	a.turn(func(s *Status) {
		if s.State != Stopping {
			s.State = Running
		}
		s.Plan, s.PlanName, s.Phase, s.Script = head.ID, head.Name, "", ""
	})
}

// layDown says that no plan is in hand any more; state is how the last one
// ended, empty if it did not.
func (a *Agent) layDown(state string) {
	a.turn(func(s *Status) {
		if s.State != Stopping {
			s.State = Idle
		}
		s.Plan, s.PlanName, s.Phase, s.Script = "", "", "", ""
		s.count(state)
	})
}

func (s *Status) count(state string) {
	if state == "" {
		return
	}
	if s.Ended = maps.Clone(s.Ended); s.Ended == nil { // others may hold the old one
		s.Ended = map[string]int{}
	}
	s.Ended[state]++
}

// fault keeps what went wrong with the agent, as its last error.
func (a *Agent) fault(text string, err error) {
	if err != nil {
		text += ": " + err.Error()
	}
	now := a.now()
	a.turn(func(s *Status) { s.LastError = &LastError{Time: now, Text: oneLine(text)} })
}

// oneLine bounds an error for people and events: one line, 1 KiB.
func oneLine(text string) string {
	const bound = 1 << 10
	line := []rune(text)
	for i, r := range line {
		if r < ' ' || r == 0x7f {
			line[i] = ' '
		}
		if i == bound {
			return string(line[:bound]) + " ..."
		}
	}
	return string(line)
}
