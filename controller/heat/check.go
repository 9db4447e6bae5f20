// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openmurano/murano/controller"
)

// A shelf is a kind of thing a template names and the cloud must have.
type shelf struct {
	what   string
	names  []string
	client *gophercloud.ServiceClient
	path   string
	query  url.Values
	key    string // of the list in the answer
}

// Check asks Nova, Glance and Neutron for each name. Heat would ask only when
// the stack is made, and tell one fault at a time.
func (s *Stacks) Check(ctx context.Context, n controller.Needs) error {
	var faults []error
	for _, shelf := range []shelf{
		{"image", n.Images, s.glance, "images", url.Values{"limit": {"1000"}}, "images"},
		{"flavor", n.Flavors, s.nova, "flavors", nil, "flavors"},
		{"keypair", n.Keypairs, s.nova, "os-keypairs", nil, "keypairs"},
		{"external network", n.ExternalNetworks, s.neutron, "networks", url.Values{"router:external": {"true"}}, "networks"},
		{"network", n.Networks, s.neutron, "networks", nil, "networks"},
	} {
		names := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(shelf.names))), func(s string) bool { return s == "" })
		if len(names) == 0 || shelf.client == nil {
			continue
		}
		there, err := shelf.list(ctx)
		if err != nil {
			return fmt.Errorf("list what the cloud has of %ss: %w", shelf.what, reason(err))
		}
		for _, name := range names {
			if err := shelf.look(name, there); err != nil {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}

// A thing is one of a list: flavor, image, network; a keypair is one layer deeper.
type thing struct {
	ID, Name, Status string
}

func (s shelf) list(ctx context.Context) ([]thing, error) {
	target := s.client.ServiceURL(s.path)
	if len(s.query) > 0 {
		target += "?" + s.query.Encode()
	}
	var all []thing
	for target != "" {
		doc := map[string]any{}
		if err := get(ctx, s.client, target, &doc); err != nil {
			return nil, err
		}
		for _, o := range asList(doc[s.key]) {
			all = append(all, asThing(o))
		}
		target = s.next(doc)
	}
	return all, nil
}

// next is the address of the list's next page: Glance tells it as "next",
// Nova and Neutron as a link.
func (s shelf) next(doc map[string]any) string {
	if path, ok := doc["next"].(string); ok {
		return strings.TrimSuffix(s.client.Endpoint, "/") + path
	}
	for _, link := range asList(doc[s.key+"_links"]) {
		if m, ok := link.(map[string]any); ok && m["rel"] == "next" {
			text, _ := m["href"].(string)
			return text
		}
	}
	return ""
}

func asList(v any) []any { list, _ := v.([]any); return list }

func asThing(v any) thing {
	m, _ := v.(map[string]any)
	if inner, ok := m["keypair"].(map[string]any); ok {
		m = inner
	}
	text := func(key string) string { t, _ := m[key].(string); return t }
	return thing{ID: text("id"), Name: text("name"), Status: text("status")}
}

// look says what is wrong with a name.
func (s shelf) look(name string, there []thing) error {
	var named []thing
	for _, t := range there {
		if t.ID == name && t.ID != "" {
			named = []thing{t}
			break
		}
		if t.Name == name {
			named = append(named, t)
		}
	}
	if len(named) == 1 {
		if s.what == "image" && named[0].Status != "active" {
			return fmt.Errorf("image %s is %s, not active; upload it again or name another", name, named[0].Status)
		}
		return nil
	}
	if len(named) > 1 {
		var ids []string
		for _, t := range named {
			ids = append(ids, t.ID)
		}
		return fmt.Errorf("%s %s is there %d times; name one by its ID: %s", s.what, name, len(named), strings.Join(ids, ", "))
	}
	var names []string
	for _, t := range there {
		names = append(names, first(t.Name, t.ID))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return fmt.Errorf("%s %s not found; there is none", s.what, name)
	case len(names) > 20:
		names = append(names[:20], fmt.Sprintf("and %d more", len(names)-20))
	}
	return fmt.Errorf("%s %s not found; there are: %s", s.what, name, strings.Join(names, ", "))
}

// Prefixes lists the prefixes of all subnets the project sees.
func (s *Stacks) Prefixes(ctx context.Context) ([]netip.Prefix, error) {
	var doc struct {
		Subnets []struct{ CIDR string }
	}
	if err := get(ctx, s.neutron, s.neutron.ServiceURL("subnets")+"?fields=cidr", &doc); err != nil {
		return nil, fmt.Errorf("list subnets: %w", reason(err))
	}
	var out []netip.Prefix
	for _, subnet := range doc.Subnets {
		p, err := netip.ParsePrefix(subnet.CIDR)
		if err != nil {
			return nil, fmt.Errorf("subnet %q of Neutron: %w", subnet.CIDR, err)
		}
		out = append(out, p)
	}
	return out, nil
}
