// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"
	"testing"

	"github.com/openmurano/murano/controller"
)

func TestAnEnvironmentIsShownToAPerson(t *testing.T) {
	step := func(server string, state controller.PlanState) controller.StepStatus {
		return controller.StepStatus{Phase: "deploy", Step: "Run", Server: server, State: state}
	}
	e := controller.EnvironmentStatus{
		Name: "shop", State: controller.StateFailed,
		Applications: []controller.ApplicationStatus{{
			Name: "web", State: controller.StateFailed, Cause: "it said \x1b[2J\u009b31m",
			Servers: []controller.ServerStatus{{Name: "s[0]", Hostname: "h0"}, {Name: "s[1]", Hostname: "h1"}},
			Steps: []controller.StepStatus{
				step("s[0]", controller.PlanFailed), step("s[1]", controller.PlanSucceeded), step("s[2]", controller.PlanSucceeded),
				step("s[0]", controller.PlanSucceeded),
			},
			Outputs: map[string]any{"page": strings.Repeat("é", 1<<20)},
		}},
	}
	var b strings.Builder
	if err := showTable(&b, e); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for what, wrong := range map[string]bool{
		"what a terminal obeys is shown":           strings.ContainsAny(got, "\x1b\u009b"),
		"a step is shown more than once":           strings.Count(got, "deploy: Run") != 2,
		"a step that was repeated is shown failed": strings.Contains(got, "failed     s[0]"),
		"a step of a server that is gone is shown": strings.Contains(got, "s[2]"),
		"an output of 2 MB is shown whole":         len(got) > 4000,
		"an output that is cut does not say so":    !strings.Contains(got, "(2097152 bytes; -o json shows all)"),
		"a character is cut in two":                strings.Contains(got, "\ufffd ..."),
	} {
		if wrong {
			t.Errorf("%s:\n%.3000s", what, got)
		}
	}
}

func showTable(b *strings.Builder, e controller.EnvironmentStatus) error {
	return print(b, "table", e, func(w io.Writer) { showEnvironment(w, e) })
}
