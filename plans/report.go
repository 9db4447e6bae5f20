// SPDX-License-Identifier: Apache-2.0

package plans

import "time"

// States in which a plan ends. It ends in exactly one of them.
const (
	StateSucceeded   = "succeeded"
	StateFailed      = "failed"      // it ran and failed
	StateCancelled   = "cancelled"   // it was stopped on request
	StateExpired     = "expired"     // its deadline passed
	StateInterrupted = "interrupted" // agent or guest went down in it
	StateRejected    = "rejected"    // it was not run: format, signature, or run before
)

// A Report says how a plan went, beyond what Murano's results hold. A field
// without a value was not looked at or has nothing to say.
type Report struct {
	State    string         `json:"State"`              // one of the constants above
	Agent    string         `json:"Agent,omitempty"`    // version of the agent
	Host     string         `json:"Host,omitempty"`     // hostname of the guest
	Attempts int            `json:"Attempts,omitempty"` // how often the plan was begun
	Phases   []Phase        `json:"Phases,omitempty"`   // in order of their start
	Scripts  []ScriptReport `json:"Scripts,omitempty"`  // one for each run of a script, in order
	// Preflight is the verdict before the first script: empty where none was asked for.
	Preflight string   `json:"Preflight,omitempty"`
	Repairs   []string `json:"Repairs,omitempty"` // what was repaired in the guest, one sentence each
	Cause     *Cause   `json:"Cause,omitempty"`   // nil where State is succeeded
}

// Names of phases.
const (
	PhaseQueued    = "queued" // from kept on disk to begun
	PhasePreflight = "preflight"
	PhaseFiles     = "files" // workspace made, files placed and downloaded
	PhaseBody      = "body"  // scripts included
	PhaseScript    = "script"
	PhaseCleanup   = "cleanup"
)

// A Phase is a stretch of a plan's time.
type Phase struct {
	Name    string    `json:"Name"` // one of the constants above; of a script: "script deploy"
	Start   time.Time `json:"Start"`
	Seconds float64   `json:"Seconds"`
}

// A ScriptReport is one run of one script.
type ScriptReport struct {
	Script   string  `json:"Script"`
	Attempt  int     `json:"Attempt"` // from 1; above 1 is a retry
	ExitCode int     `json:"ExitCode"`
	Seconds  float64 `json:"Seconds"`
	// Truncated says that stdout or stderr were longer than the result may hold.
	Truncated bool `json:"Truncated,omitempty"`
	// Limit says which of the plan's limits ended it, for people; empty means none did.
	Limit string `json:"Limit,omitempty"`
}

// Owners of a failure: whose turn it is.
const (
	OwnerGuest      = "guest"
	OwnerNetwork    = "network"
	OwnerPackage    = "package"
	OwnerController = "controller"
)

// A Cause says why a plan did not succeed.
type Cause struct {
	Code  string `json:"Code"`           // stable; see the Cause constants
	Text  string `json:"Text"`           // what happened, with names and numbers
	Owner string `json:"Owner"`          // one of the constants above
	Hint  string `json:"Hint,omitempty"` // the next step
}

// State gives the state that a plan ended in: the Report's, else what
// ErrorCode says.
func (r Result) State() string {
	switch {
	case r.Report != nil && r.Report.State != "":
		return r.Report.State
	case r.ErrorCode == CodeOK:
		return StateSucceeded
	case r.ErrorCode == CodeFormat || r.ErrorCode == CodeVersion:
		return StateRejected
	}
	return StateFailed
}
