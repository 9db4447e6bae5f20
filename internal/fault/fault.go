// SPDX-License-Identifier: Apache-2.0

//go:build !faults || windows

// Package fault names the points at which a test may kill the agent: before and
// after each step that a crash could cut from the next. Without the build tag
// "faults" they are nothing and cost nothing.
package fault

// Point is where a crash matters: name says what was done or is about to be,
// such as "spool.put.rename". With the build tag "faults" see fault_on.go.
func Point(name string) {}
