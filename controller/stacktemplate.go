// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"unicode/utf8"
)

// hotVersion is Rocky's; every later Heat takes it (heat 19.0.0).
const hotVersion = "2018-08-31"

const (
	// maxTemplate is Heat's default max_template_size, in bytes.
	maxTemplate = 512 << 10
	// maxUserData is Nova's bound on user data in its base64 form, in bytes.
	maxUserData = 65535
)

// A ServerSpec is one server to be made.
type ServerSpec struct {
	Group      string
	Index      int
	Hostname   string // see Hostname
	Image      string
	Flavor     string
	Keypair    string // empty means none
	FloatingIP bool
	Ports      []Port // of its group
	Volumes    []Volume
	UserData   []byte // as cloud-init gets it, UTF-8 text; empty means none
}

// NetworkInput is what the network's template is made from.
type NetworkInput struct {
	Environment EnvironmentName
	CIDR        netip.Prefix
	DNS         []string // never empty
	External    string   // name or ID; empty means a router without a gateway
}

// NetworkTemplate gives the HOT of an environment's shared network, as JSON,
// byte for byte the same for the same input. Outputs: network_id, subnet_id,
// router_id, and network_name.
func NetworkTemplate(in NetworkInput) ([]byte, error) {
	if len(in.DNS) == 0 {
		return nil, fmt.Errorf("network of environment %s: no nameserver; set network.create.dns", in.Environment)
	}
	if !in.CIDR.IsValid() || !in.CIDR.Addr().Is4() {
		return nil, fmt.Errorf("network of environment %s: %s is not an IPv4 prefix; set network.create.cidr", in.Environment, in.CIDR)
	}
	name := "murano-" + string(in.Environment)
	router := properties{"name": name}
	if in.External != "" {
		router["external_gateway_info"] = properties{"network": in.External}
	}
	t := newTemplate("Network of the environment " + string(in.Environment))
	t.add("network", "OS::Neutron::Net", properties{"name": name})
	t.add("subnet", "OS::Neutron::Subnet", properties{
		"name": name, "network": resource("network"), "ip_version": 4, "cidr": in.CIDR.Masked().String(),
		"enable_dhcp": true, "dns_nameservers": in.DNS,
	})
	t.add("router", "OS::Neutron::Router", router)
	t.add("router_interface", "OS::Neutron::RouterInterface", properties{"router": resource("router"), "subnet": resource("subnet")})
	t.output("network_id", "ID of the network", resource("network"))
	t.output("network_name", "name of the network", name)
	t.output("subnet_id", "ID of the subnet", resource("subnet"))
	t.output("router_id", "ID of the router", resource("router"))
	return t.encode()
}

// StackInput is what an application's template is made from.
type StackInput struct {
	Environment EnvironmentName
	Application ApplicationName
	Network     string // name or ID
	Subnet      string // name or ID; empty lets Neutron choose
	External    string // where floating IPs come from; needed when a server wants one
	Servers     []ServerSpec
}

// ApplicationTemplate gives the HOT of one application's servers, as JSON,
// byte for byte the same for the same input. Outputs for each server:
// server_<group>_<index>_id, _address (fixed IP) and, where asked for, _floating.
//
// Changed user data does not replace a server that is there: it is read at the
// first boot only, and what the server holds would be lost.
func ApplicationTemplate(in StackInput) ([]byte, error) {
	t := newTemplate(fmt.Sprintf("Application %s of the environment %s", in.Application, in.Environment))
	groups := map[string]bool{}
	for _, s := range in.Servers {
		if err := s.check(in); err != nil {
			return nil, fmt.Errorf("server %s: %w", s.Hostname, err)
		}
		if !groups[s.Group] {
			groups[s.Group] = true
			t.add("security_group_"+s.Group, "OS::Neutron::SecurityGroup", properties{
				"name":        fmt.Sprintf("murano-%s-%s-%s", in.Environment, in.Application, s.Group),
				"description": fmt.Sprintf("Servers %s of the application %s", s.Group, in.Application),
				"rules":       rules(s.Ports),
			})
		}
		t.server(in, s)
	}
	return t.encode()
}

func (s ServerSpec) check(in StackInput) error {
	switch size := base64.StdEncoding.EncodedLen(len(s.UserData)); {
	case in.Network == "":
		return fmt.Errorf("no network to be on; set network.create or network.use")
	case s.Image == "" || s.Flavor == "":
		return fmt.Errorf("no image or no flavor; set them in the environment's defaults")
	case s.FloatingIP && in.External == "":
		return fmt.Errorf("a floating IP is wanted and no external network is named; set network.create.external")
	case !utf8.Valid(s.UserData):
		return fmt.Errorf("the user data is not UTF-8 text, which is all a Heat template can carry; encode its parts as base64")
	case size > maxUserData:
		return fmt.Errorf("the user data has %d bytes in base64, Nova takes %d; make it smaller", size, maxUserData)
	}
	return nil
}

// key names a server in resources and outputs.
func (s ServerSpec) key() string { return s.Group + "_" + strconv.Itoa(s.Index) }

func (t *template) server(in StackInput, s ServerSpec) {
	key := s.key()
	port := properties{
		"name": s.Hostname, "network": in.Network,
		"security_groups": []any{resource("security_group_" + s.Group)},
	}
	if in.Subnet != "" {
		port["fixed_ips"] = []any{properties{"subnet": in.Subnet}}
	}
	t.add("port_"+key, "OS::Neutron::Port", port)
	server := properties{
		"name": s.Hostname, "image": s.Image, "flavor": s.Flavor,
		"networks":         []any{properties{"port": resource("port_" + key)}},
		"config_drive":     true,
		"user_data_format": "RAW",
		"metadata": properties{
			"murano.environment": string(in.Environment),
			"murano.application": string(in.Application),
			"murano.server":      s.Group + "-" + strconv.Itoa(s.Index),
		},
	}
	if len(s.UserData) > 0 {
		server["user_data"] = string(s.UserData)
		server["user_data_update_policy"] = "IGNORE"
	}
	if s.Keypair != "" {
		server["key_name"] = s.Keypair
	}
	t.add("server_"+key, "OS::Nova::Server", server)
	t.output("server_"+key+"_id", "ID of the server "+s.Hostname, resource("server_"+key))
	t.output("server_"+key+"_address", "fixed IP of the server "+s.Hostname, attribute("port_"+key, "fixed_ips", 0, "ip_address"))
	if s.FloatingIP {
		t.add("floating_"+key, "OS::Neutron::FloatingIP", properties{"floating_network": in.External})
		t.add("floating_association_"+key, "OS::Neutron::FloatingIPAssociation", properties{
			"floatingip_id": resource("floating_" + key), "port_id": resource("port_" + key),
		})
		t.output("server_"+key+"_floating", "floating IP of the server "+s.Hostname, attribute("floating_"+key, "floating_ip_address"))
	}
	for i, v := range s.Volumes {
		volume := properties{"name": fmt.Sprintf("%s-%d", s.Hostname, i), "size": v.Size}
		if v.Type != "" {
			volume["volume_type"] = v.Type
		}
		at := key + "_" + strconv.Itoa(i)
		t.add("volume_"+at, "OS::Cinder::Volume", volume)
		t.add("volume_attachment_"+at, "OS::Cinder::VolumeAttachment", properties{
			"instance_uuid": resource("server_" + key), "volume_id": resource("volume_" + at),
		})
	}
}

// rules are a security group's: all the way out, and the ports in. Naming the
// ways out makes Heat drop Neutron's default rules, so that the list is whole.
func rules(ports []Port) []any {
	out := []any{
		properties{"direction": "egress", "ethertype": "IPv4"},
		properties{"direction": "egress", "ethertype": "IPv6"},
	}
	var seen []properties
	for _, p := range ports {
		rule := properties{"direction": "ingress", "ethertype": "IPv4", "protocol": first(p.Protocol, "tcp"), "remote_ip_prefix": first(p.From, "0.0.0.0/0")}
		if prefix, err := netip.ParsePrefix(p.From); err == nil && prefix.Addr().Is6() {
			rule["ethertype"] = "IPv6"
		}
		if p.Port > 0 {
			rule["port_range_min"], rule["port_range_max"] = p.Port, max(p.Port, p.To)
		}
		// Neutron refuses the same rule twice.
		if slices.ContainsFunc(seen, func(o properties) bool { return fmt.Sprint(o) == fmt.Sprint(rule) }) {
			continue
		}
		seen = append(seen, rule)
		out = append(out, rule)
	}
	return out
}

// StackServers reads the servers back from the outputs of the stack that
// ApplicationTemplate made.
func StackServers(in StackInput, outputs map[string]any) ([]Server, error) {
	servers := make([]Server, 0, len(in.Servers))
	for _, s := range in.Servers {
		one := Server{Group: s.Group, Index: s.Index, Hostname: s.Hostname}
		for _, want := range []struct {
			name   string
			into   *string
			wanted bool
		}{
			{"server_" + s.key() + "_id", &one.ID, true},
			{"server_" + s.key() + "_address", &one.Address, true},
			{"server_" + s.key() + "_floating", &one.Floating, s.FloatingIP},
		} {
			text, ok := outputs[want.name].(string)
			if want.wanted && (!ok || text == "") {
				return nil, fmt.Errorf("stack of application %s: the output %s is missing or empty; check the stack in Heat", in.Application, want.name)
			}
			if want.wanted {
				*want.into = text
			}
		}
		servers = append(servers, one)
	}
	return servers, nil
}

type properties map[string]any

func resource(name string) properties { return properties{"get_resource": name} }

func attribute(path ...any) properties { return properties{"get_attr": path} }

// A template is a HOT being written.
type template struct {
	description        string
	resources, outputs properties
}

func newTemplate(description string) *template {
	return &template{description: description, resources: properties{}, outputs: properties{}}
}

func (t *template) add(name, kind string, p properties) {
	t.resources[name] = ordered{{"type", kind}, {"properties", p}}
}

func (t *template) output(name, description string, value any) {
	t.outputs[name] = ordered{{"description", description}, {"value", value}}
}

// encode relies on encoding/json, which sorts the keys of maps.
func (t *template) encode() ([]byte, error) {
	document := ordered{{"heat_template_version", hotVersion}, {"description", t.description}}
	if len(t.resources) > 0 {
		document = append(document, pair{"resources", t.resources})
	}
	b, err := compactJSON(document.with("outputs", len(t.outputs) > 0, t.outputs))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	if out.Len() > maxTemplate {
		return nil, fmt.Errorf("the template has %d bytes, Heat takes %d by default; make fewer servers in one application", out.Len(), maxTemplate)
	}
	return out.Bytes(), nil
}
