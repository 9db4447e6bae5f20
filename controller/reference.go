// SPDX-License-Identifier: Apache-2.0

package controller

// A Scope is what a reference can reach.
//
//	${parameters.name}                     any depth: .key, ["key"], [0]
//	${servers.web[0].address}              where others reach it: floating IP if it has one, else fixed
//	${servers.web[0].fixedAddress}         .floatingAddress (null without), .hostname, .id, .index, .group
//	${servers.web}                         list of all
//	${applications.db.outputs.host}        of another application of the environment
//	${applications.db.servers.db[0].address}
//	${steps["Install Apache"].result}      what the plan's Body returned on the step's first server; null when skipped
//	${steps.install.results[1]}            on the second server of the step
//	${environment.name}  ${application.name}
//
// A nil part means: nothing of that kind is known here.
type Scope struct {
	Environment  EnvironmentName
	Application  ApplicationName
	Parameters   map[string]any
	Servers      []Server
	Applications map[ApplicationName]ApplicationScope
	Steps        map[string]StepResult // by Step.Name
}

// An ApplicationScope is what other applications see of one.
type ApplicationScope struct {
	Outputs map[string]any
	Servers []Server
}

// A StepResult is what a step returned.
type StepResult struct {
	Results []any // by server, in the order of Target.Select; plain JSON values
	Skipped bool
}

// A Server is one server as it came out of a stack.
type Server struct {
	Group    string
	Index    int
	Hostname string
	ID       string // Nova's UUID
	Address  string // fixed IP
	Floating string // floating IP, or empty
}

// Reachable is where others reach the server: the floating IP, or the fixed one.
func (s Server) Reachable() string {
	if s.Floating != "" {
		return s.Floating
	}
	return s.Address
}

// A Reference is one ${...} in a value.
type Reference struct {
	Text string   // as written, without ${ }
	Path []string // its segments; indexes in decimal
	At   string   // where in the value: dbHost, list[2].x; empty at the top
}

// Resolve replaces every ${...} in v, which is made of plain JSON values. A
// string that is one reference becomes the value itself, of its own type;
// inside other text the value is rendered: strings as they are, numbers and
// booleans as JSON, null as nothing; a list or map there is an error. $${ is a
// literal ${. v is not changed. An unknown path is an error that says what exists there.
func Resolve(v any, s Scope) (any, error) { panic("not yet") }

// References lists every reference in v in a stable order. Faulty ones are an error.
func References(v any) ([]Reference, error) { panic("not yet") }

// Truth resolves a step's when: nil is true; null, false, "", 0, and empty
// lists and maps are false; text "false", "no", "off" and "0" too.
func Truth(when any, s Scope) (bool, error) { panic("not yet") }
