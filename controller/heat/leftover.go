// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openmurano/murano/controller"
)

// A kind is a type of resource that is paid for, and how to ask for one.
type kind struct {
	service string
	path    []string // before the ID
	key     string   // around the answer
	command string   // removes it, with the ID after
}

// kinds are the types that are looked for after a deletion. The others live in
// Heat alone or end with one of these.
func kinds() map[string]kind {
	return map[string]kind{
		"OS::Nova::Server":           {"nova", []string{"servers"}, "server", "openstack server delete"},
		"OS::Nova::KeyPair":          {"nova", []string{"os-keypairs"}, "keypair", "openstack keypair delete"},
		"OS::Nova::ServerGroup":      {"nova", []string{"os-server-groups"}, "server_group", "openstack server group delete"},
		"OS::Neutron::Net":           {"neutron", []string{"networks"}, "network", "openstack network delete"},
		"OS::Neutron::Subnet":        {"neutron", []string{"subnets"}, "subnet", "openstack subnet delete"},
		"OS::Neutron::Port":          {"neutron", []string{"ports"}, "port", "openstack port delete"},
		"OS::Neutron::Router":        {"neutron", []string{"routers"}, "router", "openstack router delete"},
		"OS::Neutron::FloatingIP":    {"neutron", []string{"floatingips"}, "floatingip", "openstack floating ip delete"},
		"OS::Neutron::SecurityGroup": {"neutron", []string{"security-groups"}, "security_group", "openstack security group delete"},
		"OS::Cinder::Volume":         {"cinder", []string{"volumes"}, "volume", "openstack volume delete"},
	}
}

// leftovers looks for what a stack had. Deletions of Nova and Cinder end a
// moment after Heat's, so what is found is looked for again.
func (s *Stacks) leftovers(ctx context.Context, had []controller.StackResource) ([]controller.Leftover, error) {
	var left []controller.Leftover
	for pause := shortest; ; pause *= 2 {
		var still []controller.StackResource
		left = nil
		for _, r := range had {
			found, err := s.remains(ctx, r)
			if err != nil {
				return left, fmt.Errorf("look for what %s (%s) left over: %w", r.Name, r.Type, reason(err))
			}
			if len(found) > 0 {
				still, left = append(still, r), append(left, found...)
			}
		}
		had = still
		if len(had) == 0 || pause > longest {
			return unique(left), nil
		}
		if err := sleep(ctx, pause); err != nil {
			return left, err
		}
	}
}

// remains returns what is there of one resource.
func (s *Stacks) remains(ctx context.Context, r controller.StackResource) ([]controller.Leftover, error) {
	if r.Type == "OS::Neutron::RouterInterface" {
		return s.interfaces(ctx, r.PhysicalID)
	}
	k, ok := kinds()[r.Type]
	client := map[string]*gophercloud.ServiceClient{"nova": s.nova, "neutron": s.neutron, "cinder": s.cinder}[k.service]
	if !ok || client == nil || r.PhysicalID == "" {
		return nil, nil
	}
	var doc map[string]json.RawMessage
	err := get(ctx, client, client.ServiceURL(append(slices.Clone(k.path), r.PhysicalID)...), &doc)
	if is(err, http.StatusNotFound) || is(err, http.StatusBadRequest) && r.Type != "OS::Nova::KeyPair" {
		return nil, nil // 400: the physical ID is no ID, so nothing was made
	}
	if err != nil {
		return nil, err
	}
	var object struct {
		ID, Name, Status string
		Address          string `json:"floating_ip_address"`
	}
	if err := json.Unmarshal(doc[k.key], &object); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", k.service, err)
	}
	if object.Status == "DELETED" {
		return nil, nil
	}
	left := []controller.Leftover{{
		Service: k.service, Type: r.Type, ID: r.PhysicalID, Name: first(object.Name, object.Address),
		Hint: k.command + " " + r.PhysicalID,
	}}
	if r.Type == "OS::Neutron::Net" {
		// what keeps a network is a port on it, which may not be the stack's
		ports, err := s.ports(ctx, url.Values{"network_id": {r.PhysicalID}})
		return append(ports, left...), err
	}
	return left, nil
}

// interfaces finds a router's port on a subnet. Heat's physical ID of the
// interface is <router>:subnet_id=<subnet> or <router>:port_id=<port>.
func (s *Stacks) interfaces(ctx context.Context, physical string) ([]controller.Leftover, error) {
	router, rest, ok := strings.Cut(physical, ":")
	if !ok {
		return nil, nil
	}
	query := url.Values{"device_id": {router}}
	if what, id, _ := strings.Cut(rest, "="); what == "subnet_id" {
		query.Set("fixed_ips", "subnet_id="+id)
	} else {
		query.Set("id", id)
	}
	ports, err := s.ports(ctx, query)
	for i := range ports {
		ports[i].Type = "OS::Neutron::RouterInterface"
		ports[i].Hint = "openstack router remove port " + router + " " + ports[i].ID
	}
	return ports, err
}

func (s *Stacks) ports(ctx context.Context, query url.Values) ([]controller.Leftover, error) {
	var doc struct {
		Ports []struct {
			ID, Name string
			Owner    string `json:"device_owner"`
		}
	}
	if err := get(ctx, s.neutron, s.neutron.ServiceURL("ports")+"?"+query.Encode(), &doc); err != nil {
		return nil, err
	}
	var left []controller.Leftover
	for _, p := range doc.Ports {
		if p.Owner == "network:dhcp" {
			continue // goes with the network
		}
		left = append(left, controller.Leftover{Service: "neutron", Type: "OS::Neutron::Port", ID: p.ID, Name: first(p.Name, p.Owner), Hint: "openstack port delete " + p.ID})
	}
	return left, nil
}

// unique drops what is found twice: a port, and again as its network's.
func unique(left []controller.Leftover) []controller.Leftover {
	seen := map[string]bool{}
	return slices.DeleteFunc(left, func(l controller.Leftover) bool {
		again := seen[l.ID]
		seen[l.ID] = true
		return again
	})
}

func get(ctx context.Context, c *gophercloud.ServiceClient, url string, into any) error {
	resp, err := c.Get(ctx, url, into, nil)
	_, _, err = gophercloud.ParseResponse(resp, err)
	return err
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
