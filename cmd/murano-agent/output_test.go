// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// TestTwoHundredMegabytesOfOutputFitIntoSixty measures the program itself, from
// the script to the published result: what it ever had resident.
func TestTwoHundredMegabytesOfOutputFitIntoSixty(t *testing.T) {
	const lines = "head -c %d /dev/zero | tr '\\0' x | fold -w 99"
	both := "#!/bin/sh\n" + fmt.Sprintf(lines, 100_000_000) + "\n" + fmt.Sprintf(lines, 100_000_000) + " >&2\n"
	for _, tt := range []struct {
		name, script, body string
		options, plan      map[string]any
	}{
		{"both streams captured and returned", both, "return deploy()", nil, nil},
		{"both streams not captured", both, "deploy()\nreturn 1", map[string]any{"captureStdout": false, "captureStderr": false}, nil},
		{"of a script that fails", both + "exit 3\n", "return deploy()", nil, nil},
		{"of a plan that resumes", both, "return deploy()", nil, map[string]any{"onInterrupt": "resume"}},
		{"of a plan with a secret", both, "return deploy()", nil, map[string]any{"secrets": []string{"password"}}},
		{"of no text at all", "#!/bin/sh\nhead -c 200000000 /dev/zero | tr '\\0' '\\377'\n", "return deploy()", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t)
			agent := g.start()
			if tt.options == nil {
				tt.options = map[string]any{}
			}
			plan := map[string]any{
				"FormatVersion": "2.3.0", "ID": "loud", "Name": "loud", "Body": tt.body, "Parameters": map[string]any{"password": "xyzzy"},
				"Scripts": map[string]any{"deploy": map[string]any{"Type": "Application", "EntryPoint": "f", "Files": []any{}, "Options": tt.options}},
				"Files":   map[string]any{"f": map[string]any{"Name": "deploy.sh", "BodyType": "Text", "Body": tt.script}},
			}
			if tt.plan != nil {
				plan["Options"] = tt.plan
			}
			text, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			g.publish(amqp091.Publishing{MessageId: "loud", Body: text})
			if r := g.result(); r.SourceID != "loud" || len(r.Report.Scripts) != 1 {
				t.Fatalf("result of %q, ErrorCode %d, %d scripts", r.SourceID, r.ErrorCode, len(r.Report.Scripts))
			} else {
				t.Logf("ErrorCode %d, Body of %d bytes", r.ErrorCode, len(r.Body))
			}
			peak := peakMemory(t, agent.Process.Pid)
			t.Logf("peak RSS %d MB", peak>>20)
			if !raceDetector && peak > 60_000_000 {
				t.Errorf("peak RSS %d bytes, want less than 60 MB", peak)
			}
			g.stop(agent)
		})
	}
}
