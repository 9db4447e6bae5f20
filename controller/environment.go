// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/netip"
)

// An Environment is what an operator wants: a network and applications on it.
type Environment struct {
	Name         EnvironmentName
	Network      Network
	Defaults     Defaults
	Applications []Application // in the order of the document; names are unique
}

// A Network is made for the environment or is there already. Exactly one of
// the two is set in a parsed environment.
type Network struct {
	Create *NetworkCreate
	Use    *NetworkUse
}

// NetworkCreate says what network to make.
type NetworkCreate struct {
	CIDR     string   // IPv4 prefix, or "auto": one is chosen from the environment's name, see ChooseCIDR
	DNS      []string // IP addresses of nameservers; empty only until Complete
	External string   // name or ID of the external network; empty until Complete means: the controller's, or none
}

// NetworkUse names a network that is there.
type NetworkUse struct {
	Network  string // name or ID
	Subnet   string // name or ID; empty lets Neutron choose
	External string // where floating IPs come from, name or ID; only needed for floatingIP
}

// Defaults are for every server that does not say otherwise.
type Defaults struct {
	Image   string // name or ID
	Flavor  string // name or ID
	Keypair string // name; empty means no keypair
}

// An Application is one package in an environment.
type Application struct {
	Name       ApplicationName
	Package    string                     // FullName
	Parameters map[string]any             // may hold references; nil means none
	Servers    map[string]ServerOverrides // by server group of the package
	After      []ApplicationName
}

// ServerOverrides are an operator's wishes for one server group. Zero values
// leave what package and defaults say.
type ServerOverrides struct {
	Count      *int
	Flavor     string
	Image      string
	Keypair    string
	FloatingIP bool
	Volumes    []Volume // replaces the package's when not nil
}

// Settings are the controller's own defaults for what an environment leaves open.
type Settings struct {
	DNS      []string
	External string
	Defaults Defaults
}

// ParseEnvironment reads an environment from YAML or JSON. It is strict: an
// unknown key is a fault. All faults are found at once and come as Faults.
// What the controller's Settings may add (DNS, image, flavor) may be absent
// still; Complete refuses that.
func ParseEnvironment(b []byte) (Environment, error) { panic("not yet") }

// Encode writes the environment as YAML that ParseEnvironment reads back to an
// equal value.
func (e Environment) Encode() ([]byte, error) { panic("not yet") }

// Application finds an application by name.
func (e Environment) Application(name ApplicationName) (Application, bool) {
	for _, a := range e.Applications {
		if a.Name == name {
			return a, true
		}
	}
	return Application{}, false
}

// Complete fills in what the environment leaves open from s. It refuses an
// environment whose network would have no nameserver.
func (e Environment) Complete(s Settings) (Environment, error) { panic("not yet") }

// Dependencies says for each application which others it waits for: those its
// parameters refer to and those in after. A cycle or an unknown name is an error.
func (e Environment) Dependencies() (map[ApplicationName][]ApplicationName, error) {
	panic("not yet")
}

// ChooseCIDR gives the environment's network prefix: what it names, or for
// "auto" a /24 of 10.0.0.0/8 derived from the environment's name, the first
// that overlaps none of avoid. The same input gives the same prefix.
func (e Environment) ChooseCIDR(avoid []netip.Prefix) (netip.Prefix, error) { panic("not yet") }
