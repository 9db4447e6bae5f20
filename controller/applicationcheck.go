// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// checkSpec looks for what is well formed and yet cannot work: targets,
// references and plan templates that are not there.
func (d *document) checkSpec(p *Package, top *yaml.Node) {
	c := &specCheck{document: d, pkg: p, top: top}
	c.steps(p.Spec.Deploy, "deploy")
	for _, a := range p.Spec.Actions {
		c.steps(a.Steps, "actions."+a.Name+".steps")
	}
	c.steps(p.Spec.Destroy, "destroy")
	for _, o := range p.Spec.Outputs {
		c.references(o.Value, join("outputs", o.Name), p.Spec.Deploy)
	}
}

type specCheck struct {
	*document
	pkg *Package
	top *yaml.Node
}

func (c *specCheck) wrong(at, what, do string) { c.fault(locate(c.top, at), at, what, do) }

func (c *specCheck) steps(list []Step, at string) {
	for i, s := range list {
		path := index(at, i)
		if g, ok := c.group(s.On.Group); !ok {
			c.wrong(path+".on", fmt.Sprintf("there is no server group %q", s.On.Group), nearest(s.On.Group, c.groups()))
		} else if s.On.Index >= max(g.Count, 1) {
			c.wrong(path+".on", fmt.Sprintf("%s[%d] is beyond the %d servers of the group", g.Name, s.On.Index, g.Count), "count from 0, or raise servers."+g.Name+".count")
		}
		for _, name := range sortedKeys(s.With) {
			c.references(s.With[name], path+".with."+name, list[:i])
		}
		c.references(s.When, path+".when", list[:i])
		c.template(s, path)
	}
}

func (c *specCheck) group(name string) (ServerGroup, bool) {
	for _, g := range c.pkg.Spec.Servers {
		if g.Name == name {
			return g, true
		}
	}
	return ServerGroup{}, false
}

func (c *specCheck) groups() []string {
	var out []string
	for _, g := range c.pkg.Spec.Servers {
		out = append(out, g.Name)
	}
	return out
}

// template binds the step's template with stand-ins, so that a missing file or
// name is found before anything is deployed.
func (c *specCheck) template(s Step, at string) {
	_, err := c.pkg.build(s.Plan, c.pkg.standIns(s))
	var faults Faults
	switch {
	case errors.As(err, &faults) && faults[0].Line == 0 && faults[0].Path == "":
		c.wrong(at+".plan", faults[0].File+": "+faults[0].What, faults[0].Do)
	case faults != nil:
		for _, f := range faults {
			if !contains(c.texts(), f.Error()) {
				c.faults = append(c.faults, f)
			}
		}
	case err != nil:
		c.wrong(at+".plan", err.Error(), "")
	}
}

func (c *specCheck) texts() []string {
	var out []string
	for _, f := range c.faults {
		out = append(out, f.Error())
	}
	return out
}

// references checks each ${...} in v; steps are those whose results exist there.
func (c *specCheck) references(v any, at string, steps []Step) {
	refs, err := References(v)
	if err != nil {
		c.wrong(at, err.Error(), "")
		return
	}
	for _, r := range refs {
		if what, do := c.reference(r, steps); what != "" {
			c.wrong(at, "${"+r.Text+"}: "+what, do)
		}
	}
}

func (c *specCheck) reference(r Reference, steps []Step) (what, do string) {
	second := ""
	if len(r.Path) > 1 {
		second = r.Path[1]
	}
	switch r.Path[0] {
	case "parameters":
		known := []string{}
		for _, p := range c.pkg.Spec.Parameters {
			known = append(known, p.Name)
		}
		if second != "" && !contains(known, second) {
			return fmt.Sprintf("there is no parameter %q", second), nearest(second, known)
		}
	case "servers":
		switch _, ok := c.group(second); {
		case !ok:
			return fmt.Sprintf("there is no server group %q", second), nearest(second, c.groups())
		case len(r.Path) > 3 && !contains(sortedKeys(Server{}.value()), r.Path[3]):
			return fmt.Sprintf("a server has no %q", r.Path[3]), nearest(r.Path[3], sortedKeys(Server{}.value()))
		}
	case "steps":
		known := []string{}
		for _, s := range steps {
			known = append(known, s.Name)
		}
		switch parts := []string{"result", "results", "skipped"}; {
		case !contains(known, second):
			return fmt.Sprintf("no step %q comes before", second), "name an earlier step; " + nearest(second, known)
		case len(r.Path) < 3:
			return "stops at the step", `go on with .result, as in ${steps["` + second + `"].result}`
		case !contains(parts, r.Path[2]):
			return fmt.Sprintf("a step has no %q", r.Path[2]), nearest(r.Path[2], parts)
		}
	case "environment", "application":
		if second != "name" || len(r.Path) > 2 {
			return "only its name is known", "write ${" + r.Path[0] + ".name}"
		}
	case "applications":
		return "a package does not know the other applications of its environment", "declare a parameter, and let the environment give it the reference"
	default:
		return fmt.Sprintf("there is no %q", r.Path[0]), nearest(r.Path[0], []string{"parameters", "servers", "steps", "environment", "application"})
	}
	return "", ""
}

// standIns gives each name of a step's with a value of the type it will have:
// the parameter's default where there is one.
func (p *Package) standIns(s Step) map[string]any {
	out := make(map[string]any, len(s.With))
	for name, v := range s.With {
		refs, err := References(v)
		switch text, _ := v.(string); {
		case err != nil || len(refs) == 0:
			out[name] = v
		case len(refs) == 1 && text == "${"+refs[0].Text+"}":
			out[name] = p.standIn(refs[0])
		case text != "":
			out[name] = "stand-in"
		default:
			out[name] = v
		}
	}
	return out
}

func (p *Package) standIn(r Reference) any {
	if r.Path[0] != "parameters" || len(r.Path) != 2 {
		return "stand-in"
	}
	for _, one := range p.Spec.Parameters {
		if one.Name != r.Path[1] {
			continue
		}
		if one.Default != nil {
			return one.Default
		}
		switch one.Schema["type"] {
		case "boolean":
			return false
		case "integer", "number":
			return 1
		case "array":
			return []any{}
		case "object":
			return map[string]any{}
		}
	}
	return "stand-in"
}
