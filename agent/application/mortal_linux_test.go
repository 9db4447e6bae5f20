// SPDX-License-Identifier: Apache-2.0

package application

import (
	"os"
	"testing"
)

func TestAScriptHasNotTheAgentsProtectionFromTheKernel(t *testing.T) {
	const own = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(own)
	if err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(own, []byte("-500"), 0); err != nil {
		t.Skip("this test may not protect itself: ", err)
	}
	defer os.WriteFile(own, before, 0)
	out := run(t, script(t, "a", "#!/bin/sh\nsleep 0.2; cat /proc/self/oom_score_adj\n"))
	if out.Stdout == nil || *out.Stdout != "0" {
		t.Errorf("%+v", out)
	}
}
