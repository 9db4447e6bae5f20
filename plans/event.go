// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openmurano/murano/plans/body"
)

// Kinds of events.
const (
	EventHello     = "hello"     // the agent is connected and consumes
	EventProgress  = "progress"  // a plan moved on
	EventHeartbeat = "heartbeat" // the agent is alive: how it is at this moment
)

const eventAction = "Agent:Event"

// An Event is what an agent says unasked, to the events exchange and never to
// the queue of results: Murano's engine does not know it. Losing one loses
// nothing that a result would not tell.
type Event struct {
	Kind string    `json:"Kind"` // a constant above; a reader skips kinds it does not know
	Time time.Time `json:"Time"`

	Queue            string `json:"Queue,omitempty"`            // the agent's input queue: who speaks
	Version          string `json:"Version,omitempty"`          // hello, heartbeat: of the agent
	Hostname         string `json:"Hostname,omitempty"`         // hello
	BootID           string `json:"BootID,omitempty"`           // hello: changes with every boot of the guest
	MaxFormatVersion string `json:"MaxFormatVersion,omitempty"` // hello: newest FormatVersion it takes
	// Inventory (hello) is what the guest is and has: os, kernel, arch, memory, ...
	Inventory map[string]string `json:"Inventory,omitempty"`

	Plan   string `json:"Plan,omitempty"`   // progress, heartbeat: ID of the plan; empty means none is in hand
	Phase  string `json:"Phase,omitempty"`  // progress, heartbeat: name of a Phase
	Script string `json:"Script,omitempty"` // progress: the script it is about; empty means none
	Text   string `json:"Text,omitempty"`   // progress: one line for a person

	State     string     `json:"State,omitempty"`     // heartbeat: idle, running or stopping
	Since     *time.Time `json:"Since,omitempty"`     // heartbeat: when State, Plan or Phase changed last
	LastError string     `json:"LastError,omitempty"` // heartbeat: what went wrong with the agent last, one line; empty means nothing did
	ErrorTime *time.Time `json:"ErrorTime,omitempty"` // heartbeat: when LastError was
	Pending   int        `json:"Pending,omitempty"`   // heartbeat: plans that wait to be run
	Owed      int        `json:"Owed,omitempty"`      // heartbeat: answers that wait to be published
	Disk      *Disk      `json:"Disk,omitempty"`      // heartbeat: that of the agent's storage; nil means unknown
}

// A Disk is how much room there is on one, in bytes.
type Disk struct {
	Free  uint64 `json:"Free"`
	Total uint64 `json:"Total"`
}

// Encode writes e as one JSON object.
func (e Event) Encode() ([]byte, error) {
	if e.Kind == "" {
		return nil, &FormatError{Path: "Kind", Reason: "empty", Next: "set it to hello, progress or heartbeat"}
	}
	e.Time = e.Time.UTC()
	v, err := toValue(struct {
		Action string `json:"Action"`
		Event
	}{eventAction, e})
	if err != nil {
		return nil, fmt.Errorf("encode event %q: %w", e.Kind, err)
	}
	return body.EncodeJSON(v)
}

// ParseEvent reads an event. Keys it does not know are skipped. An error wraps
// a *FormatError.
func ParseEvent(b []byte) (Event, error) {
	var w struct {
		Action string
		Event
	}
	const next = "look at what else publishes to the events exchange"
	if err := json.Unmarshal(b, &w); err != nil {
		return Event{}, &FormatError{Reason: "not an event: " + err.Error(), Next: next}
	}
	if w.Action != eventAction {
		return Event{}, &FormatError{Path: "Action", Reason: fmt.Sprintf("%q is not %q", w.Action, eventAction), Next: next}
	}
	if w.Kind == "" {
		return Event{}, &FormatError{Path: "Kind", Reason: "missing", Next: next}
	}
	return w.Event, nil
}
