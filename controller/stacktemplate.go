// SPDX-License-Identifier: Apache-2.0

package controller

import "net/netip"

// A ServerSpec is one server to be made.
type ServerSpec struct {
	Group      string
	Index      int
	Hostname   string // <env>-<app>-<group>-<i>, at most 63 characters, see Hostname
	Image      string
	Flavor     string
	Keypair    string // empty means none
	FloatingIP bool
	Ports      []Port // of its group
	Volumes    []Volume
	UserData   []byte // as cloud-init gets it; empty means none
}

// Hostname names a server: <env>-<app>-<group>-<i>. One longer than a DNS
// label is cut and ends in a hash of the whole, so that it stays unique.
func Hostname(e EnvironmentName, a ApplicationName, group string, index int) string {
	panic("not yet")
}

// NetworkInput is what the network's template is made from.
type NetworkInput struct {
	Environment EnvironmentName
	CIDR        netip.Prefix
	DNS         []string // never empty
	External    string   // name or ID; empty means a router without a gateway is left out
}

// NetworkTemplate gives the HOT of an environment's shared network, as JSON,
// byte for byte the same for the same input. Outputs: network_id, subnet_id,
// and with an external network router_id.
func NetworkTemplate(in NetworkInput) ([]byte, error) { panic("not yet") }

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
func ApplicationTemplate(in StackInput) ([]byte, error) { panic("not yet") }

// StackServers reads the servers back from the outputs of the stack that
// ApplicationTemplate made.
func StackServers(in StackInput, outputs map[string]any) ([]Server, error) { panic("not yet") }
