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
