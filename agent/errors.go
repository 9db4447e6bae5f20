// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"

	"github.com/openmurano/murano/plans"
)

// A ScriptError says that a script failed: ErrorCode 100. Its text is the
// Message of the result, its Output the AdditionalInfo (nil means null).
type ScriptError struct {
	Message string
	Output  *Output
}

func (e *ScriptError) Error() string { return e.Message }

// ErrorCode is that of the result: plans.CodeScript.
func (e *ScriptError) ErrorCode() int { return plans.CodeScript }

// An ArgumentError says that the Body called a script with arguments it does
// not take: ErrorCode 1, a TypeError in the Body.
type ArgumentError struct{ Script, Reason string }

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("%s() %s", e.Script, e.Reason)
}

// An UnsupportedOptionError says that an Executor was asked for an option that
// this guest cannot give: the script was not started. The plan is rejected, or
// fails where an earlier script ran; a Body cannot catch it.
type UnsupportedOptionError struct {
	Option string // as a plan writes it: limits.memory
	Reason string // why not, and what to do: "cgroups of version 1; boot the guest with systemd.unified_cgroup_hierarchy=1"
}

func (e *UnsupportedOptionError) Error() string {
	return fmt.Sprintf("option %s: %s", e.Option, e.Reason)
}

// ErrorCode is that of the result: plans.CodeOther.
func (e *UnsupportedOptionError) ErrorCode() int { return plans.CodeOther }

// A Cancellation is the cause of a context that ends because somebody wants the
// plan stopped. Runner.Answer makes a result of state cancelled of it.
type Cancellation struct {
	By string // who asked, for people: "the controller", "murano-agent plans cancel (uid 0)"
}

func (c Cancellation) Error() string {
	if c.By == "" {
		return "cancelled"
	}
	return "cancelled by " + c.By
}
