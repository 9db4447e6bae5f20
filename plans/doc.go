// SPDX-License-Identifier: Apache-2.0

// Package plans says what an execution plan is, and what else crosses the
// broker: Plan, Script, File, Result, Event and Message are read, validated,
// encoded, signed and verified here. The formats are Murano's 2.0.0 to 2.2.0, as
// murano-agent 12.0.0 took them, and 2.3.0, which is ours.
package plans
