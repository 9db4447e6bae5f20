// SPDX-License-Identifier: Apache-2.0

// Package faults kills the agent. The sweep kills it at each of its numbered
// points in turn (internal/fault, build tag "faults") over a scenario of plans;
// the chaos cuts connections, restarts the broker, fills the disk and kills the
// agent at random while ten thousand plans go through. Both then hold it to one
// promise: each plan ended in exactly one state, its scripts ran at most once
// unless it asked for more, and its result was delivered.
//
// They take minutes and are run by `make faults` and `make chaos`, which set
// MURANO_TEST_FAULTS and MURANO_TEST_CHAOS.
package faults
