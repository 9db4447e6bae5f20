// SPDX-License-Identifier: Apache-2.0

// Package test holds the habits of the house: what may import what, what every
// package and every example must have, how large the agent may be.
package test
