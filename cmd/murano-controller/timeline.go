// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openmurano/murano/controller"
)

// A timeline writes events for a person, one line each, with the time that
// passed since its start and, where something ends, how long it took.
type timeline struct {
	start time.Time
	begun map[string]time.Time
	told  map[string]bool // whose failure was told with its cause; empty for that of any application
}

func newTimeline(start time.Time) *timeline {
	return &timeline{start: start, begun: map[string]time.Time{}, told: map[string]bool{}}
}

// line is when, who, what. All events go through it, in order, also those that
// are not shown: it notes when things begin.
func (t *timeline) line(e controller.Event) string {
	who := string(e.Application)
	if who == "" {
		who = string(e.Environment)
	}
	if e.Server != "" {
		who += "/" + e.Server
	}
	step, _ := e.Fields["step"].(string)
	text := printable(t.text(e, step))
	if took := t.took(e, step); took != "" {
		first, rest, _ := strings.Cut(text, "\n")
		text = strings.TrimSuffix(first+took+"\n"+rest, "\n")
	}
	seconds := e.Time.Sub(t.start).Seconds()
	return fmt.Sprintf("%7.1fs  %-24s  %s", max(seconds, 0), who, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 36)))
}

// text is what happened. A cause is told once: by the step that failed, else
// by its application, else by the deployment.
func (t *timeline) text(e controller.Event, step string) string {
	failed := e.Status == "failed"
	known := failed && t.told[string(e.Application)]
	if failed {
		t.told[string(e.Application)], t.told[""] = true, true
	}
	switch e.Kind {
	case controller.EventEnvironment:
		text := e.Text
		if before, _, ok := strings.Cut(text, ": "); ok && known {
			text = before
		}
		if e.Application == "" { // it may have the name of an application, as in a quick deploy
			text = "environment: " + text
		}
		return text
	case controller.EventStep:
		// The server is named before it, and the plan's ID is in the event.
		if e.Status == "begun" && step != "" {
			return step
		}
		return strings.Replace(e.Text, " on "+e.Server+":", ":", 1)
	case controller.EventAgent:
		if script, _ := e.Fields["script"].(string); e.Status == "progress" && script != "" && !strings.Contains(e.Text, script) {
			return "  " + script + ": " + e.Text
		} else if e.Status == "progress" {
			return "  " + e.Text
		}
	case controller.EventHeat:
		return "Heat: " + e.Text
	}
	return e.Text
}

// took is how long it was from the beginning of what e ends; empty where e ends nothing.
func (t *timeline) took(e controller.Event, step string) string {
	phase, _ := e.Fields["phase"].(string)
	key := strings.Join([]string{string(e.Kind), string(e.Deployment), string(e.Application), e.Server, phase, step}, "/")
	switch {
	case e.Kind != controller.EventStep && e.Kind != controller.EventEnvironment:
	case e.Status == "begun":
		t.begun[key] = e.Time
	case e.Status == "succeeded" || e.Status == "failed":
		if start, ok := t.begun[key]; ok {
			return " (" + short(e.Time.Sub(start)) + ")"
		}
	}
	return ""
}

// short is a duration as a person says it: 0.3 s, 41 s, 3m20s, 1h5m0s.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// matters tells what is shown live from what only the whole timeline holds. Of
// Heat these are the stacks and what takes its time, and whatever fails; of a
// plan its scripts, not its phases, and no exit code 0.
func matters(e controller.Event) bool {
	switch e.Kind {
	case controller.EventHeat:
		kind, _ := e.Fields["type"].(string)
		slow := []string{"OS::Heat::Stack", "OS::Nova::Server", "OS::Cinder::Volume"}
		return slices.Contains(slow, kind) || strings.HasSuffix(e.Status, "_FAILED")
	case controller.EventAgent:
		if e.Status == "progress" {
			script, _ := e.Fields["script"].(string)
			return strings.HasPrefix(e.Text, "script ") || script != "" && e.Text != "exit code 0"
		}
	}
	return true
}
