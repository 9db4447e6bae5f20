// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	nameForm    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	packageForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)
)

// ParseEnvironment reads an environment from YAML or JSON. It is strict: an
// unknown key is a fault. All faults are found at once and come as Faults.
// What the controller's Settings may add (DNS, image, flavor) may be absent
// still; Complete refuses that.
func ParseEnvironment(b []byte) (Environment, error) {
	d := &document{}
	top := d.root(b)
	if top == nil {
		return Environment{}, d.faults.Err()
	}
	e := d.environment(top)
	if err := d.faults.Err(); err != nil {
		return Environment{}, err
	}
	_, err := e.Dependencies()
	var faults Faults
	if errors.As(err, &faults) {
		for i := range faults {
			faults[i].Line = keyLine(top, faults[i].Path)
		}
	}
	if err != nil {
		return Environment{}, err
	}
	return e, nil
}

// keyLine gives the line of the last key of a path of keys.
func keyLine(top *yaml.Node, path string) int {
	line := top.Line
	for _, key := range strings.Split(path, ".") {
		next := child(top, key)
		if next == nil {
			break
		}
		for top.Kind == yaml.AliasNode {
			top = top.Alias
		}
		for i := 0; i+1 < len(top.Content); i += 2 {
			if top.Content[i+1] == next {
				line = top.Content[i].Line
			}
		}
		top = next
	}
	return line
}

func (d *document) environment(top *yaml.Node) Environment {
	var e Environment
	e.Network.Create = &NetworkCreate{CIDR: "auto"}
	var applications *yaml.Node
	for _, f := range d.mapping(top, "", "name", "network", "defaults", "applications") {
		switch f.key {
		case "name":
			e.Name = EnvironmentName(d.name(f.node, f.path))
		case "network":
			e.Network = d.network(f.node, f.path)
		case "defaults":
			e.Defaults = d.defaults(f.node, f.path)
		case "applications":
			applications = f.node
		}
	}
	if e.Name == "" && len(d.faults) == 0 {
		d.fault(top, "name", "is missing", "name the environment, as in name: shop")
	}
	for _, f := range d.mapping(applications, "applications") {
		e.Applications = append(e.Applications, d.application(f))
	}
	if len(e.Applications) == 0 && len(d.faults) == 0 {
		d.fault(top, "applications", "there are none", "add one, as in applications: {web: {package: io.murano.apps.apache.ApacheHttpServer}}")
	}
	return e
}

// name reads a name that goes into host names and stack names.
func (d *document) name(n *yaml.Node, path string) string {
	s := d.text(n, path)
	if s != "" && !nameForm.MatchString(s) {
		d.fault(n, path, fmt.Sprintf("%q is not a name", shorten(s)), "use 1 to 63 of a-z, 0-9 and -, not beginning or ending with -")
	}
	return s
}

func (d *document) network(n *yaml.Node, path string) Network {
	var net Network
	for _, f := range d.mapping(n, path, "create", "use") {
		switch f.key {
		case "create":
			net.Create = d.networkCreate(f.node, f.path)
		case "use":
			net.Use = d.networkUse(f.node, f.path)
		}
	}
	switch {
	case net.Create != nil && net.Use != nil:
		d.fault(n, path, "both create and use are set", "keep create to have a network made, or use to name one that is there")
	case net.Create == nil && net.Use == nil:
		net.Create = &NetworkCreate{CIDR: "auto"}
	}
	return net
}

func (d *document) networkCreate(n *yaml.Node, path string) *NetworkCreate {
	c := &NetworkCreate{CIDR: "auto"}
	for _, f := range d.mapping(n, path, "cidr", "dns", "external") {
		switch f.key {
		case "cidr":
			c.CIDR = d.cidr(f.node, f.path)
		case "dns":
			for i, one := range d.list(f.node, f.path) {
				c.DNS = append(c.DNS, d.nameserver(one, index(f.path, i)))
			}
		case "external":
			c.External = d.text(f.node, f.path)
		}
	}
	return c
}

func (d *document) cidr(n *yaml.Node, path string) string {
	s := d.text(n, path)
	if s == "auto" || s == "" {
		return "auto"
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !p.Addr().Is4():
		d.fault(n, path, fmt.Sprintf("%q is not an IPv4 prefix", s), "write auto, or a prefix such as 10.20.0.0/24")
	case p != p.Masked():
		d.fault(n, path, fmt.Sprintf("%s has address bits beyond its length", s), "write "+p.Masked().String())
	case p.Bits() > 29:
		d.fault(n, path, fmt.Sprintf("%s is too small for a gateway, a DHCP port and servers", s), "use a /29 or larger")
	}
	return s
}

func (d *document) nameserver(n *yaml.Node, path string) string {
	s := d.text(n, path)
	a, err := netip.ParseAddr(s)
	switch {
	case s == "":
	case err != nil:
		d.fault(n, path, fmt.Sprintf("%q is not an IP address", s), "write the address of a nameserver, such as 10.0.0.2; a name cannot be resolved before there is a nameserver")
	case a.IsLoopback() || a.IsUnspecified():
		d.fault(n, path, s+" means the guest itself, where no nameserver runs", "write the address of a nameserver that guests can reach")
	}
	return s
}

func (d *document) networkUse(n *yaml.Node, path string) *NetworkUse {
	u := &NetworkUse{}
	for _, f := range d.mapping(n, path, "network", "subnet", "external") {
		switch f.key {
		case "network":
			u.Network = d.text(f.node, f.path)
		case "subnet":
			u.Subnet = d.text(f.node, f.path)
		case "external":
			u.External = d.text(f.node, f.path)
		}
	}
	if u.Network == "" {
		d.fault(n, join(path, "network"), "is missing", "give the name or ID of the network to use")
	}
	return u
}

func (d *document) defaults(n *yaml.Node, path string) Defaults {
	var out Defaults
	for _, f := range d.mapping(n, path, "image", "flavor", "keypair") {
		switch f.key {
		case "image":
			out.Image = d.text(f.node, f.path)
		case "flavor":
			out.Flavor = d.text(f.node, f.path)
		case "keypair":
			out.Keypair = d.text(f.node, f.path)
		}
	}
	return out
}

func (d *document) application(at field) Application {
	a := Application{Name: ApplicationName(at.key)}
	if !nameForm.MatchString(at.key) {
		d.fault(at.at, at.path, fmt.Sprintf("%q is not a name", at.key), "use 1 to 63 of a-z, 0-9 and -, not beginning or ending with -")
	}
	for _, f := range d.mapping(at.node, at.path, "package", "parameters", "servers", "after") {
		switch f.key {
		case "package":
			a.Package = d.text(f.node, f.path)
			if a.Package != "" && !packageForm.MatchString(a.Package) {
				d.fault(f.node, f.path, fmt.Sprintf("%q is not the full name of a package", a.Package), "write the FullName of its manifest, such as io.murano.apps.apache.ApacheHttpServer")
			}
		case "parameters":
			a.Parameters = d.givenParameters(f)
		case "servers":
			a.Servers = map[string]ServerOverrides{}
			for _, g := range d.mapping(f.node, f.path) {
				a.Servers[g.key] = d.serverOverrides(g)
			}
		case "after":
			for _, name := range d.texts(f.node, f.path) {
				a.After = append(a.After, ApplicationName(name))
			}
		}
	}
	if a.Package == "" {
		d.fault(at.at, at.path+".package", "is missing", "name the package to deploy")
	}
	return a
}

// givenParameters reads values in which references may stand. Their line is
// that of the parameter.
func (d *document) givenParameters(at field) map[string]any {
	out := map[string]any{}
	for _, f := range d.mapping(at.node, at.path) {
		v := d.value(f.node, f.path)
		out[f.key] = v
		refs, err := References(v)
		if err != nil {
			d.fault(f.node, f.path, err.Error(), "")
		}
		for _, r := range refs {
			switch {
			case r.Path[0] == "environment":
			case r.Path[0] != "applications":
				d.fault(f.node, join(f.path, r.At), fmt.Sprintf("${%s}: an environment can refer to its applications only", r.Text), "write ${applications.<name>.outputs.<output>}")
			case len(r.Path) < 4 || r.Path[2] != "outputs" && r.Path[2] != "servers":
				d.fault(f.node, join(f.path, r.At), fmt.Sprintf("${%s} does not name a value of an application", r.Text), "write ${applications.<name>.outputs.<output>} or ${applications.<name>.servers.<group>[0].address}")
			}
		}
	}
	return out
}

func (d *document) serverOverrides(at field) ServerOverrides {
	var o ServerOverrides
	for _, f := range d.mapping(at.node, at.path, "count", "flavor", "image", "keypair", "floatingIP", "volumes") {
		switch f.key {
		case "count":
			count := d.integer(f.node, f.path, 0, maxServers)
			o.Count = &count
		case "flavor":
			o.Flavor = d.text(f.node, f.path)
		case "image":
			o.Image = d.text(f.node, f.path)
		case "keypair":
			o.Keypair = d.text(f.node, f.path)
		case "floatingIP":
			o.FloatingIP = d.boolean(f.node, f.path)
		case "volumes":
			o.Volumes = d.volumes(f.node, f.path)
		}
	}
	return o
}

// maxServers bounds one server group; a stack holds about nine resources for
// each, and Heat's default bound is 1000 a stack (heat 19, max_resources_per_stack).
const maxServers = 100

// Encode writes the environment as YAML that ParseEnvironment reads back to an
// equal value.
func (e Environment) Encode() ([]byte, error) {
	b, err := e.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("encode environment %s: %w", e.Name, err)
	}
	blockStyle(&n)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return nil, fmt.Errorf("encode environment %s: %w", e.Name, err)
	}
	return out.Bytes(), nil
}

// blockStyle gives parsed JSON the looks of hand-written YAML. Text keeps its
// quotes only where it would read as something else.
func blockStyle(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		n.Style = 0
		if _, err := strconv.ParseFloat(n.Value, 64); err == nil || strings.ContainsAny(n.Value, "\n\t") || isWord(n.Value) {
			n.Style = yaml.DoubleQuotedStyle
		}
	}
	for _, c := range n.Content {
		blockStyle(c)
	}
}

// isWord says whether YAML 1.1 or 1.2 reads s as something other than text.
func isWord(s string) bool {
	return contains([]string{"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "<<"}, strings.ToLower(s))
}

// MarshalJSON writes the environment in its document form, applications in order.
func (e Environment) MarshalJSON() ([]byte, error) {
	network := ordered{}
	if c := e.Network.Create; c != nil {
		network = append(network, pair{"create", ordered{{"cidr", first(c.CIDR, "auto")}}.
			with("dns", len(c.DNS) > 0, c.DNS).with("external", c.External != "", c.External)})
	}
	if u := e.Network.Use; u != nil {
		network = append(network, pair{"use", ordered{{"network", u.Network}}.
			with("subnet", u.Subnet != "", u.Subnet).with("external", u.External != "", u.External)})
	}
	defaults := ordered{}.with("image", e.Defaults.Image != "", e.Defaults.Image).
		with("flavor", e.Defaults.Flavor != "", e.Defaults.Flavor).
		with("keypair", e.Defaults.Keypair != "", e.Defaults.Keypair)
	applications := ordered{}
	for _, a := range e.Applications {
		servers := ordered{}
		for _, group := range sortedKeys(a.Servers) {
			servers = append(servers, pair{group, a.Servers[group].document()})
		}
		applications = append(applications, pair{string(a.Name), ordered{{"package", a.Package}}.
			with("parameters", a.Parameters != nil, a.Parameters).
			with("servers", a.Servers != nil, servers).
			with("after", len(a.After) > 0, a.After)})
	}
	return json.Marshal(ordered{{"name", string(e.Name)}}.
		with("network", len(network) > 0, network).
		with("defaults", len(defaults) > 0, defaults).
		with("applications", true, applications))
}

// UnmarshalJSON is ParseEnvironment.
func (e *Environment) UnmarshalJSON(b []byte) error {
	parsed, err := ParseEnvironment(b)
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}

func (o ServerOverrides) document() ordered {
	volumes := []ordered{}
	for _, v := range o.Volumes {
		volumes = append(volumes, ordered{{"size", v.Size}}.with("type", v.Type != "", v.Type))
	}
	return ordered{}.with("count", o.Count != nil, o.Count).
		with("flavor", o.Flavor != "", o.Flavor).
		with("image", o.Image != "", o.Image).
		with("keypair", o.Keypair != "", o.Keypair).
		with("floatingIP", o.FloatingIP, true).
		with("volumes", o.Volumes != nil, volumes)
}
