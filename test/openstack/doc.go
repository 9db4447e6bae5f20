// SPDX-License-Identifier: Apache-2.0

// Package openstack is the project's bench: scripts that bring up a real
// OpenStack on one machine, and the test of the whole product on it. See
// README.md.
package openstack
