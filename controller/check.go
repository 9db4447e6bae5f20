// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"net/netip"
)

// A Checker says before a stack is made whether the cloud has what it names.
// A Stacks may be one too: ask by type assertion.
type Checker interface {
	// Check returns nil when everything is there, else one error for each name
	// that is not, joined, with the names there are.
	Check(ctx context.Context, n Needs) error
}

// Needs are names or IDs a stack's template will refer to. Empty names are
// skipped, repeated ones asked for once.
type Needs struct {
	Images, Flavors, Keypairs []string
	ExternalNetworks          []string // where floating IPs and routers' gateways come from
	Networks                  []string // that are used, not created
}

// A Surveyor knows which addresses are taken. A Stacks may be one too.
type Surveyor interface {
	// Prefixes are those of the subnets the project sees, for Environment.ChooseCIDR.
	Prefixes(ctx context.Context) ([]netip.Prefix, error)
}

// check finds what is wrong in e, in its packages and with what it wants of the
// cloud, and gives the digests of the packages it uses, by name.
func (c *Controller) check(ctx context.Context, e Environment) (map[string]string, error) {
	if _, err := e.Dependencies(); err != nil {
		return nil, err
	}
	digests := make(map[string]string)
	var broken error // the store's fault, not the environment's
	packages := make(map[string]*Package)
	err := e.CheckPackages(func(name string) (*Package, error) {
		p, err := c.Package(ctx, name)
		if err != nil {
			if errors.Is(err, ErrNotFound) {
				return nil, errors.New("the controller has no package " + name)
			}
			broken = err
			return nil, err
		}
		digests[name], packages[name] = p.Digest, p
		return p, nil
	})
	if broken != nil {
		return nil, broken
	}
	if err != nil {
		return nil, err
	}
	checker, ok := c.Stacks.(Checker)
	if !ok {
		return digests, nil
	}
	needs, err := e.needs(packages)
	if err != nil {
		return nil, err
	}
	return digests, checker.Check(ctx, needs)
}

// needs is what e wants of the cloud.
func (e Environment) needs(packages map[string]*Package) (Needs, error) {
	var n Needs
	if create := e.Network.Create; create != nil {
		n.ExternalNetworks = []string{create.External}
	}
	if use := e.Network.Use; use != nil {
		n.Networks, n.ExternalNetworks = []string{use.Network}, []string{use.External}
	}
	for _, a := range e.Applications {
		servers, err := packages[a.Package].Servers(e, a)
		if err != nil {
			return n, err
		}
		for _, s := range servers {
			n.Images = append(n.Images, s.Image)
			n.Flavors = append(n.Flavors, s.Flavor)
			n.Keypairs = append(n.Keypairs, s.Keypair)
		}
	}
	return n, nil
}

// choosePrefix gives the environment's network a prefix of its own where the
// spec leaves it open: the one it has, or one that nobody in the project uses.
func (c *Controller) choosePrefix(ctx context.Context, e Environment, was EnvironmentRecord) (Environment, error) {
	if e.Network.Create == nil || e.Network.Create.CIDR != "auto" {
		return e, nil
	}
	create := *e.Network.Create
	e.Network.Create = &create
	if was.Spec != nil && was.State != StateDeleted {
		before, err := ParseEnvironment(was.Spec)
		if err != nil {
			return e, err
		}
		if before.Network.Create != nil {
			create.CIDR = before.Network.Create.CIDR
			return e, nil
		}
	}
	var taken []netip.Prefix
	if surveyor, ok := c.Stacks.(Surveyor); ok {
		var err error
		if taken, err = surveyor.Prefixes(ctx); err != nil {
			return e, err
		}
	}
	prefix, err := e.ChooseCIDR(taken)
	if err != nil {
		return e, err
	}
	create.CIDR = prefix.String()
	return e, nil
}
