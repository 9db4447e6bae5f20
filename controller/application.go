// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/openmurano/murano/plans"
)

// An ApplicationSpec is application.yaml: what a package needs and does.
type ApplicationSpec struct {
	Parameters []Parameter   // in the order of the document
	Servers    []ServerGroup // in the order of the document
	Deploy     []Step
	Actions    []Action
	Destroy    []Step
	Outputs    []Output
	Bundle     map[string]any // what an offline bundle must hold; nil means nothing is said
}

// A Parameter is one property of the package's JSON Schema. A parameter
// without a default must be given, unless its schema says required: false;
// then it is null.
type Parameter struct {
	Name     string
	Schema   map[string]any // JSON Schema of the value, our own keys (secret, required) left out
	Default  any            // nil when there is none
	Required bool
	Secret   bool // never printed, masked in logs

	compiled *jsonschema.Schema
}

// A ServerGroup is one or more equal servers.
type ServerGroup struct {
	Name     string
	Count    int // from 0
	Ports    []Port
	Volumes  []Volume
	Requires Requires
}

// A Port is opened to the world in the group's security group.
type Port struct {
	Port     int    // 1 to 65535; with Protocol icmp 0
	To       int    // last of a range; 0 means Port alone
	Protocol string // tcp (default), udp, icmp
	From     string // remote prefix; empty means anywhere
}

// A Volume is a Cinder volume attached to each server of a group.
type Volume struct {
	Size int    // GiB
	Type string // volume type; empty means Cinder's default
}

// Requires says what a server of the group must have at least, in bytes. Zero
// means nothing is said.
type Requires struct {
	Memory, Disk int64
	VCPUs        int
}

// A Target is where a step runs: each server of a group, or one of them.
type Target struct {
	Group string
	Index int // -1 means all
}

// A Step sends one plan.
type Step struct {
	Name    string // unique in its list
	On      Target
	Plan    string         // file in Resources/
	With    map[string]any // values for the template's $names; may hold references
	When    any            // bool, or a reference; nil means always. See Truth
	Timeout time.Duration  // 0 means the controller's default
	Retry   plans.Retry
}

// An Action is a named list of steps on a running application.
type Action struct {
	Name  string
	Title string
	Steps []Step
}

// An Output is a value the operator and other applications see.
type Output struct {
	Name  string
	Value any // may hold references
}

// Action finds an action by name.
func (p *Package) Action(name string) (Action, bool) {
	for _, a := range p.Spec.Actions {
		if a.Name == name {
			return a, true
		}
	}
	return Action{}, false
}

// Select gives the servers a step runs on.
func (t Target) Select(servers []Server) []Server {
	var out []Server
	for _, s := range servers {
		if s.Group == t.Group && (t.Index < 0 || s.Index == t.Index) {
			out = append(out, s)
		}
	}
	return out
}
