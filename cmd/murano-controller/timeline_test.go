// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
)

func TestATimelineIsForAPerson(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := map[string]any{"step": "Install", "phase": "deploy"}
	heat := func(kind string) map[string]any { return map[string]any{"type": kind} }
	lines := newTimeline(start)
	for _, tt := range []struct {
		after time.Duration
		event controller.Event
		want  string // empty: not shown live
	}{
		{0, controller.Event{Kind: "environment", Status: "begun", Text: "deploy begins"},
			"    0.0s  shop                      environment: deploy begins"},
		{-time.Second, controller.Event{Application: "web", Kind: "environment", Status: "begun", Text: "deploy begins: com.example.Web"},
			"    0.0s  web                       deploy begins: com.example.Web"},
		{time.Second, controller.Event{Application: "web", Kind: "heat", Status: "CREATE_COMPLETE", Text: "port CREATE_COMPLETE", Fields: heat("OS::Neutron::Port")}, ""},
		{time.Second, controller.Event{Application: "web", Kind: "heat", Status: "CREATE_FAILED", Text: "port CREATE_FAILED: no quota", Fields: heat("OS::Neutron::Port")},
			"    1.0s  web                       Heat: port CREATE_FAILED: no quota"},
		{2 * time.Second, controller.Event{Application: "web", Kind: "heat", Status: "CREATE_COMPLETE", Text: "server CREATE_COMPLETE", Fields: heat("OS::Nova::Server")},
			"    2.0s  web                       Heat: server CREATE_COMPLETE"},
		{62 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "agent", Status: "hello", Text: "agent 1.0 is connected"},
			"   62.0s  web/web[0]                agent 1.0 is connected"},
		{63 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "step", Status: "begun", Text: "Install on web[0]: plan 0123", Fields: step},
			"   63.0s  web/web[0]                Install"},
		{64 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "agent", Status: "progress", Text: "files", Fields: step}, ""},
		{64 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "agent", Status: "progress", Text: "script install", Fields: step},
			"   64.0s  web/web[0]                  script install"},
		{65 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "agent", Status: "progress", Text: "exit code 0", Fields: map[string]any{"script": "install"}}, ""},
		{65 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "agent", Status: "progress", Text: "exit code 5", Fields: map[string]any{"script": "install"}},
			"   65.0s  web/web[0]                  install: exit code 5"},
		{83 * time.Second, controller.Event{Application: "web", Server: "web[0]", Kind: "step", Status: "failed", Text: "Install on web[0]: it broke\nwith a log", Fields: step},
			"   83.0s  web/web[0]                Install: it broke (20 s)\n                                    with a log"},
		{84 * time.Second, controller.Event{Application: "web", Kind: "environment", Status: "failed", Text: "failed: step \"Install\": it broke"},
			"   84.0s  web                       failed (1m25s)"},
		{84 * time.Second, controller.Event{Application: "db", Kind: "environment", Status: "failed", Text: "failed: stack db: no quota"},
			"   84.0s  db                        failed: stack db: no quota"},
		{85 * time.Second, controller.Event{Kind: "environment", Status: "failed", Text: "deploy failed: application web: it broke"},
			"   85.0s  shop                      environment: deploy failed (1m25s)"},
	} {
		e := tt.event
		e.Environment, e.Time = "shop", start.Add(tt.after)
		got := lines.line(e)
		if !matters(e) {
			got = ""
		}
		if got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", strings.SplitN(e.Text, "\n", 2)[0], got, tt.want)
		}
	}
}
