// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Servers gives the servers of an application of this package in e, in the
// order of groups and indexes: what the package says, overridden by the
// application, completed by the environment's defaults. UserData is left empty.
func (p *Package) Servers(e Environment, a Application) ([]ServerSpec, error) {
	faults := p.unknownGroups(a)
	var out []ServerSpec
	for _, g := range p.Spec.Servers {
		o := a.Servers[g.Name]
		count, volumes := g.Count, g.Volumes
		if o.Count != nil {
			count = *o.Count
		}
		if o.Volumes != nil {
			volumes = o.Volumes
		}
		spec := ServerSpec{
			Group:      g.Name,
			Image:      first(o.Image, e.Defaults.Image),
			Flavor:     first(o.Flavor, e.Defaults.Flavor),
			Keypair:    first(o.Keypair, e.Defaults.Keypair),
			FloatingIP: o.FloatingIP,
			Ports:      g.Ports,
			Volumes:    volumes,
		}
		if count > 0 {
			faults = append(faults, spec.lacks(e, a)...)
		}
		for i := range count {
			spec.Index = i
			spec.Hostname = Hostname(e.Name, a.Name, g.Name, i)
			out = append(out, spec)
		}
	}
	faults = append(faults, p.missingTargets(a)...)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

func (p *Package) unknownGroups(a Application) Faults {
	var faults Faults
	known := make([]string, len(p.Spec.Servers))
	for i, g := range p.Spec.Servers {
		known[i] = g.Name
	}
	for _, name := range sortedKeys(a.Servers) {
		if !contains(known, name) {
			faults = append(faults, Fault{
				Path: fmt.Sprintf("applications.%s.servers.%s", a.Name, name),
				What: p.Manifest.FullName + " has no such server group",
				Do:   nearest(name, known),
			})
		}
	}
	return faults
}

// lacks says what a server cannot be made without.
func (s ServerSpec) lacks(e Environment, a Application) Faults {
	var faults Faults
	at := fmt.Sprintf("applications.%s.servers.%s.", a.Name, s.Group)
	if s.Image == "" {
		faults = append(faults, Fault{Path: at + "image", What: "no image is named", Do: "set it there or in defaults.image, to an image with the agent or with cloud-init"})
	}
	if s.Flavor == "" {
		faults = append(faults, Fault{Path: at + "flavor", What: "no flavor is named", Do: "set it there or in defaults.flavor"})
	}
	external := ""
	if e.Network.Create != nil {
		external = e.Network.Create.External
	}
	if e.Network.Use != nil {
		external = e.Network.Use.External
	}
	if s.FloatingIP && external == "" {
		faults = append(faults, Fault{Path: at + "floatingIP", What: "there is no external network to take a floating IP from", Do: "set network.create.external or network.use.external to its name"})
	}
	return faults
}

// missingTargets finds steps on a server that the application's count leaves out.
func (p *Package) missingTargets(a Application) Faults {
	var faults Faults
	for _, s := range p.Spec.Deploy {
		count := a.Servers[s.On.Group].Count
		if count != nil && s.On.Index >= *count {
			faults = append(faults, Fault{
				Path: fmt.Sprintf("applications.%s.servers.%s.count", a.Name, s.On.Group),
				What: fmt.Sprintf("%d is too few: the step %q runs on %s[%d]", *count, s.Name, s.On.Group, s.On.Index),
				Do:   fmt.Sprintf("set it to %d or more", s.On.Index+1),
			})
		}
	}
	return faults
}

// Hostname names a server: <env>-<app>-<group>-<i>. One longer than a DNS
// label (63) is cut and ends in a hash of the whole, so that it stays unique.
func Hostname(e EnvironmentName, a ApplicationName, group string, index int) string {
	name := fmt.Sprintf("%s-%s-%s-%d", e, a, group, index)
	if len(name) <= 63 {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimRight(name[:54], "-") + "-" + hex.EncodeToString(sum[:4])
}

// CheckPackages checks each application against its package: parameters, server
// groups, images and flavors, and that what references name is there. find
// gives a package by its FullName. e is complete, see Complete. All faults are
// found at once and come as Faults; nothing is deployed for it.
func (e Environment) CheckPackages(find func(fullName string) (*Package, error)) error {
	var faults Faults
	packages := map[ApplicationName]*Package{}
	for _, a := range e.Applications {
		at := "applications." + string(a.Name)
		p, err := find(a.Package)
		if err != nil {
			faults = append(faults, Fault{Path: at + ".package", What: err.Error(), Do: "add it with murano-controller package add (or --packages), or correct its name"})
			continue
		}
		packages[a.Name] = p
		for _, f := range p.checkParameters(a.Parameters, true) {
			f.Path = at + "." + f.Path
			faults = append(faults, f)
		}
		if _, err := p.Servers(e, a); err != nil {
			faults = append(faults, err.(Faults)...)
		}
	}
	for _, a := range e.Applications {
		refs, err := References(a.Parameters)
		if err != nil {
			return err
		}
		for _, r := range refs {
			if f := e.checkReference(r, packages); f.What != "" {
				f.Path = fmt.Sprintf("applications.%s.parameters.%s", a.Name, r.At)
				faults = append(faults, f)
			}
		}
	}
	return faults.Err()
}

// checkReference looks whether the other application has what r names.
func (e Environment) checkReference(r Reference, packages map[ApplicationName]*Package) Fault {
	if r.Path[0] != "applications" || len(r.Path) < 4 {
		return Fault{}
	}
	other := packages[ApplicationName(r.Path[1])]
	if other == nil {
		return Fault{}
	}
	var known []string
	kind := "output"
	if r.Path[2] == "servers" {
		kind = "server group"
		for _, g := range other.Spec.Servers {
			known = append(known, g.Name)
		}
	} else {
		for _, o := range other.Spec.Outputs {
			known = append(known, o.Name)
		}
	}
	if contains(known, r.Path[3]) {
		return Fault{}
	}
	return Fault{
		What: fmt.Sprintf("${%s}: %s has no %s %q", r.Text, other.Manifest.FullName, kind, r.Path[3]),
		Do:   nearest(r.Path[3], known),
	}
}
