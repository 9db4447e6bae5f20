// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
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
// environment whose network would have no nameserver. e is not changed.
func (e Environment) Complete(s Settings) (Environment, error) {
	e.Defaults.Image = first(e.Defaults.Image, s.Defaults.Image)
	e.Defaults.Flavor = first(e.Defaults.Flavor, s.Defaults.Flavor)
	e.Defaults.Keypair = first(e.Defaults.Keypair, s.Defaults.Keypair)
	if use := e.Network.Use; use != nil {
		filled := *use
		filled.External = first(filled.External, s.External)
		e.Network.Use = &filled
		return e, nil
	}
	create := NetworkCreate{CIDR: "auto"}
	if e.Network.Create != nil {
		create = *e.Network.Create
	}
	create.External = first(create.External, s.External)
	if len(create.DNS) == 0 {
		create.DNS = append([]string(nil), s.DNS...)
	}
	if len(create.DNS) == 0 {
		return Environment{}, Faults{{
			Path: "network.create.dns",
			What: "names no nameserver, so the guests would start without name resolution",
			Do:   "set dns: [address, ...] there, to nameservers that guests can reach, or set one for all environments in the controller's configuration",
		}}
	}
	e.Network.Create = &create
	return e, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Dependencies says for each application which others it waits for: those its
// parameters refer to and those in after, sorted. A cycle is an error that
// names it; so is the name of an application that is not there.
func (e Environment) Dependencies() (map[ApplicationName][]ApplicationName, error) {
	out := make(map[ApplicationName][]ApplicationName, len(e.Applications))
	var faults Faults
	for _, a := range e.Applications {
		needs := map[ApplicationName]bool{}
		for _, name := range a.After {
			needs[name] = true
		}
		refs, err := References(a.Parameters)
		if err != nil {
			return nil, fmt.Errorf("applications.%s.parameters: %w", a.Name, err)
		}
		for _, r := range refs {
			if r.Path[0] == "applications" && len(r.Path) > 1 {
				needs[ApplicationName(r.Path[1])] = true
			}
		}
		out[a.Name] = []ApplicationName{}
		for _, name := range sortedKeys(needs) {
			if _, ok := e.Application(name); !ok {
				faults = append(faults, Fault{
					Path: "applications." + string(a.Name),
					What: fmt.Sprintf("waits for the application %q, which is not in this environment", name),
					Do:   nearest(string(name), e.names()),
				})
				continue
			}
			out[a.Name] = append(out[a.Name], name)
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if circle := e.circle(out); circle != nil {
		return nil, Faults{{
			Path: "applications." + circle[0],
			What: "applications wait for each other in a circle: " + strings.Join(circle, " -> "),
			Do:   "take one reference or one entry of after away",
		}}
	}
	return out, nil
}

func (e Environment) names() []string {
	out := make([]string, len(e.Applications))
	for i, a := range e.Applications {
		out[i] = string(a.Name)
	}
	return out
}

// circle finds a cycle, in the order of the document, its first name repeated
// at the end; nil when there is none.
func (e Environment) circle(needs map[ApplicationName][]ApplicationName) []string {
	done := map[ApplicationName]bool{}
	var walk func(name ApplicationName, trail []string) []string
	walk = func(name ApplicationName, trail []string) []string {
		for i, t := range trail {
			if t == string(name) {
				return append(append([]string(nil), trail[i:]...), t)
			}
		}
		if done[name] {
			return nil
		}
		for _, n := range needs[name] {
			if c := walk(n, append(trail, string(name))); c != nil {
				return c
			}
		}
		done[name] = true
		return nil
	}
	for _, a := range e.Applications {
		if c := walk(a.Name, nil); c != nil {
			return c
		}
	}
	return nil
}

// ChooseCIDR gives the environment's network prefix: what it names, or for
// "auto" a /24 of 10.0.0.0/8 derived from the environment's name, the first
// that overlaps none of avoid nor holds one of its nameservers. The same input
// gives the same prefix. A named prefix is given as it is.
func (e Environment) ChooseCIDR(avoid []netip.Prefix) (netip.Prefix, error) {
	create := e.Network.Create
	if create == nil {
		return netip.Prefix{}, fmt.Errorf("environment %s uses a network that is there and needs no prefix", e.Name)
	}
	if create.CIDR != "" && create.CIDR != "auto" {
		return netip.ParsePrefix(create.CIDR)
	}
	taken := append([]netip.Prefix(nil), avoid...)
	for _, server := range create.DNS {
		if a, err := netip.ParseAddr(server); err == nil {
			taken = append(taken, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	h := fnv.New32a()
	h.Write([]byte(e.Name))
	const all = 1 << 16
	start := h.Sum32() % all
	for i := range uint32(all) {
		n := (start + i) % all
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 0}), 24)
		if n != 0 && !overlaps(p, taken) {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("environment %s: every /24 of 10.0.0.0/8 is taken; set network.create.cidr", e.Name)
}

func overlaps(p netip.Prefix, others []netip.Prefix) bool {
	for _, o := range others {
		if p.Overlaps(o) {
			return true
		}
	}
	return false
}
