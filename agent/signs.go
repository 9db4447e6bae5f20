// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"

	"github.com/openmurano/murano/plans"
)

// What Debian's and Red Hat's package managers, curl, wget, pip and git print.
var (
	networkSigns = []string{
		"temporary failure in name resolution", "temporary failure resolving", "could not resolve", "name or service not known",
		"network is unreachable", "no route to host", "connection timed out", "connection refused", "connection reset by peer",
		"failed to fetch", "cannot download", "unable to connect", "503 service unavailable",
	}
	lockSigns = []string{
		"could not get lock", "unable to acquire the dpkg frontend lock", "is locked by another process",
		"another app is currently holding the yum lock", "waiting for process with pid",
	}
)

// classify reads from a script's output what a retry or a person should know.
func classify(o *Output) (code, owner, hint string) {
	text := ""
	if o != nil {
		text = strings.ToLower(tail(o.Stderr, 16<<10) + "\n" + tail(o.Stdout, 16<<10))
	}
	for _, sign := range lockSigns {
		if strings.Contains(text, sign) {
			return plans.CauseScriptLock, plans.OwnerGuest, "wait until the package manager is free, or set retry with class: [lock]"
		}
	}
	for _, sign := range networkSigns {
		if strings.Contains(text, sign) {
			return plans.CauseScriptNetwork, plans.OwnerNetwork, "see that the guest resolves names and reaches its sources, or set retry with class: [network]"
		}
	}
	return plans.CauseScriptExit, plans.OwnerPackage, "read the script's log in the plan's directory on the guest"
}

// SaysNetwork tells whether what a program said reads as if it had not reached
// something.
func SaysNetwork(text string) bool {
	code, _, _ := classify(&Output{Stderr: &text})
	return code == plans.CauseScriptNetwork
}
