// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
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
