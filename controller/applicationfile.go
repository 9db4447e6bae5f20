// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/plans"
)

var (
	parameterForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	targetForm    = regexp.MustCompile(`^([a-z0-9-]+)(?:\[([0-9]{1,4})\])?$`)
)

// spec reads application.yaml.
func (d *document) spec(top *yaml.Node) ApplicationSpec {
	var s ApplicationSpec
	for _, f := range d.mapping(top, "", "Format", "parameters", "servers", "deploy", "actions", "destroy", "outputs", "bundle") {
		switch f.key {
		case "Format":
			if format := d.text(f.node, f.path); format != "" && format != agentFormat {
				d.fault(f.node, f.path, fmt.Sprintf("%q is not a format of application.yaml", format), "write Format: "+agentFormat+", or leave it to manifest.yaml")
			}
		case "parameters":
			for _, one := range d.mapping(f.node, f.path) {
				s.Parameters = append(s.Parameters, d.parameter(one))
			}
		case "servers":
			for _, one := range d.mapping(f.node, f.path) {
				s.Servers = append(s.Servers, d.serverGroup(one))
			}
		case "deploy":
			s.Deploy = d.steps(f.node, f.path)
		case "actions":
			for _, one := range d.mapping(f.node, f.path) {
				s.Actions = append(s.Actions, d.action(one))
			}
		case "destroy":
			s.Destroy = d.steps(f.node, f.path)
		case "outputs":
			for _, one := range d.mapping(f.node, f.path) {
				s.Outputs = append(s.Outputs, Output{Name: one.key, Value: d.value(one.node, one.path)})
			}
		case "bundle":
			s.Bundle = map[string]any{}
			for _, one := range d.mapping(f.node, f.path) {
				s.Bundle[one.key] = d.value(one.node, one.path)
			}
		}
	}
	if len(s.Servers) == 0 && len(d.faults) == 0 {
		d.fault(top, "servers", "there are none", "add a group, as in servers: {web: {count: 1}}")
	}
	if len(s.Deploy) == 0 && len(d.faults) == 0 {
		d.fault(top, "deploy", "there are no steps", "add one, as in deploy: [{name: Install, on: web, plan: Install.template}]")
	}
	return s
}

func (d *document) serverGroup(at field) ServerGroup {
	g := ServerGroup{Name: at.key, Count: 1}
	if !nameForm.MatchString(at.key) {
		d.fault(at.at, at.path, fmt.Sprintf("%q is not a name", at.key), "use a-z, 0-9 and -, because it goes into host names")
	}
	for _, f := range d.mapping(at.node, at.path, "count", "ports", "volumes", "requires") {
		switch f.key {
		case "count":
			g.Count = d.integer(f.node, f.path, 0, maxServers)
		case "ports":
			for i, one := range d.list(f.node, f.path) {
				g.Ports = append(g.Ports, d.port(one, index(f.path, i)))
			}
		case "volumes":
			g.Volumes = d.volumes(f.node, f.path)
		case "requires":
			for _, r := range d.mapping(f.node, f.path, "memory", "disk", "vcpus") {
				switch r.key {
				case "memory":
					g.Requires.Memory = d.size(r.node, r.path)
				case "disk":
					g.Requires.Disk = d.size(r.node, r.path)
				case "vcpus":
					g.Requires.VCPUs = d.integer(r.node, r.path, 1, 1024)
				}
			}
		}
	}
	return g
}

// port reads {port: 80} or just 80.
func (d *document) port(n *yaml.Node, path string) Port {
	p := Port{Protocol: "tcp"}
	if n.Kind == yaml.ScalarNode {
		p.Port = d.integer(n, path, 1, 65535)
		return p
	}
	var number, to *yaml.Node
	for _, f := range d.mapping(n, path, "port", "to", "protocol", "from") {
		switch f.key {
		case "port":
			number = f.node
			p.Port = d.integer(f.node, f.path, 1, 65535)
		case "to":
			to = f.node
			p.To = d.integer(f.node, f.path, 1, 65535)
		case "protocol":
			if p.Protocol = d.text(f.node, f.path); !contains([]string{"tcp", "udp", "icmp"}, p.Protocol) {
				d.fault(f.node, f.path, fmt.Sprintf("%q is not a protocol a security group opens", p.Protocol), "use tcp, udp or icmp")
			}
		case "from":
			p.From = d.text(f.node, f.path)
			if prefix, err := netip.ParsePrefix(p.From); err != nil || prefix != prefix.Masked() {
				d.fault(f.node, f.path, fmt.Sprintf("%q is not an address prefix", p.From), "write one such as 10.0.0.0/8, or leave from out for anywhere")
			}
		}
	}
	switch {
	case p.Protocol == "icmp" && number != nil:
		d.fault(number, path+".port", "icmp has no ports", "leave port out")
	case p.Protocol != "icmp" && number == nil:
		d.fault(n, path+".port", "is missing", "give the port to open, as in {port: 80}")
	case to != nil && p.To < p.Port:
		d.fault(to, path+".to", fmt.Sprintf("the range ends at %d before it begins at %d", p.To, p.Port), "make to the greater one")
	}
	return p
}

func (d *document) volumes(n *yaml.Node, path string) []Volume {
	out := []Volume{}
	for i, one := range d.list(n, path) {
		at := index(path, i)
		var v Volume
		for _, f := range d.mapping(one, at, "size", "type") {
			switch f.key {
			case "size":
				v.Size = d.integer(f.node, f.path, 1, 65536)
			case "type":
				v.Type = d.text(f.node, f.path)
			}
		}
		if v.Size == 0 {
			d.fault(one, at+".size", "is missing", "give the volume's size in GiB, as in {size: 10}")
		}
		out = append(out, v)
	}
	return out
}

func (d *document) action(at field) Action {
	a := Action{Name: at.key, Title: at.key}
	for _, f := range d.mapping(at.node, at.path, "title", "steps") {
		switch f.key {
		case "title":
			a.Title = d.text(f.node, f.path)
		case "steps":
			a.Steps = d.steps(f.node, f.path)
		}
	}
	if !parameterForm.MatchString(at.key) {
		d.fault(at.at, at.path, fmt.Sprintf("%q is not a name", at.key), "use letters, digits and _, not beginning with a digit")
	}
	if len(a.Steps) == 0 {
		d.fault(at.at, at.path+".steps", "there are none", "list the steps of the action, in the form of those of deploy")
	}
	return a
}

func (d *document) steps(n *yaml.Node, path string) []Step {
	var out []Step
	seen := map[string]int{}
	for i, one := range d.list(n, path) {
		at := index(path, i)
		s := d.step(one, at)
		if s.Name == "" {
			s.Name = s.Plan
		}
		if before, again := seen[s.Name]; again && s.Name != "" {
			d.fault(one, at+".name", fmt.Sprintf("%q is the name of %s too", s.Name, index(path, before)), "give each step of a list a name of its own")
		}
		seen[s.Name] = i
		out = append(out, s)
	}
	return out
}

func (d *document) step(n *yaml.Node, path string) Step {
	s := Step{On: Target{Index: -1}}
	for _, f := range d.mapping(n, path, "name", "on", "plan", "with", "when", "timeout", "retry") {
		switch f.key {
		case "name":
			s.Name = d.text(f.node, f.path)
		case "on":
			s.On = d.target(f.node, f.path)
		case "plan":
			s.Plan = d.text(f.node, f.path)
		case "with":
			s.With = map[string]any{}
			for _, w := range d.mapping(f.node, f.path) {
				s.With[w.key] = d.value(w.node, w.path)
			}
		case "when":
			s.When = d.value(f.node, f.path)
		case "timeout":
			s.Timeout = d.duration(f.node, f.path)
		case "retry":
			s.Retry = d.retry(f.node, f.path)
		}
	}
	if n.Kind == yaml.MappingNode {
		if s.On.Group == "" {
			d.fault(n, path+".on", "is missing", "name the server group the step runs on, such as web or web[0]")
		}
		if s.Plan == "" {
			d.fault(n, path+".plan", "is missing", "name a plan template in Resources/")
		}
	}
	return s
}

func (d *document) target(n *yaml.Node, path string) Target {
	s := d.text(n, path)
	m := targetForm.FindStringSubmatch(s)
	if m == nil {
		if s != "" {
			d.fault(n, path, fmt.Sprintf("%q does not name servers", s), "write web for all of a group, or web[0] for one")
		}
		return Target{Group: "?", Index: -1}
	}
	t := Target{Group: m[1], Index: -1}
	if m[2] != "" {
		t.Index, _ = strconv.Atoi(m[2])
	}
	return t
}

func (d *document) retry(n *yaml.Node, path string) plans.Retry {
	var r plans.Retry
	for _, f := range d.mapping(n, path, "attempts", "delay", "maxDelay", "on", "class") {
		switch f.key {
		case "attempts":
			r.Attempts = d.integer(f.node, f.path, 1, 1000)
		case "delay":
			r.Delay = d.duration(f.node, f.path)
		case "maxDelay":
			r.MaxDelay = d.duration(f.node, f.path)
		case "on":
			for i, one := range d.list(f.node, f.path) {
				r.On = append(r.On, d.integer(one, index(f.path, i), 1, 255))
			}
		case "class":
			for i, one := range d.list(f.node, f.path) {
				class := d.text(one, index(f.path, i))
				if class != "" && !contains([]string{"network", "lock"}, class) {
					d.fault(one, index(f.path, i), fmt.Sprintf("%q is not a class of failure", class), "use network or lock")
				}
				r.Class = append(r.Class, class)
			}
		}
	}
	return r
}
