// SPDX-License-Identifier: Apache-2.0

package heat_test

import (
	"os"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stacks"
)

// provider is a client beside the one under test, as somebody else would have it.
func provider(t *testing.T) *gophercloud.ProviderClient {
	t.Helper()
	scope := &gophercloud.AuthScope{ProjectName: os.Getenv("OS_PROJECT_NAME"), DomainName: os.Getenv("OS_PROJECT_DOMAIN_NAME")}
	p, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: os.Getenv("OS_AUTH_URL"), Username: os.Getenv("OS_USERNAME"), Password: os.Getenv("OS_PASSWORD"),
		DomainName: os.Getenv("OS_USER_DOMAIN_NAME"), Scope: scope,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func neutron(t *testing.T) *gophercloud.ServiceClient {
	t.Helper()
	c, err := openstack.NewNetworkV2(provider(t), gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// remove asks Heat to delete a stack and does not wait.
func remove(t *testing.T, name string) {
	t.Helper()
	c, err := openstack.NewOrchestrationV1(provider(t), gophercloud.EndpointOpts{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := stacks.Find(t.Context(), c, name).Extract()
	if err != nil {
		t.Fatal(err)
	}
	if err := stacks.Delete(t.Context(), c, name, found.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
}
