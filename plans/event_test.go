// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
)

func TestEventsAreReadBack(t *testing.T) {
	since := noon.UTC().Add(-time.Minute)
	for _, want := range []plans.Event{
		{Kind: plans.EventHeartbeat, Time: noon.UTC(), Queue: queue, State: "running", Since: &since, Plan: "5f5a", Phase: "body", LastError: "no room", ErrorTime: &since, Pending: 3, Owed: 1, Disk: &plans.Disk{Free: 1 << 40, Total: 1 << 41}},
		{Kind: plans.EventHello, Time: noon.UTC(), Queue: queue, Inventory: map[string]string{"os": "Debian 12", "executor.Chef": "no"}},
		{Kind: plans.EventHello, Time: noon.UTC(), Queue: queue, Version: "1.0.0", Hostname: "web", BootID: "b", MaxFormatVersion: "2.3.0"},
		{Kind: plans.EventProgress, Time: noon.UTC(), Queue: queue, Plan: "5f5a", Phase: plans.PhaseScript, Script: "deploy", Text: "установка <1>"},
	} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), `{"Action": "Agent:Event", "Kind": "`+want.Kind+`", "Time": "2026-11-23T14:13:52.071498Z"`) {
			t.Errorf("got %s", b)
		}
		got, err := plans.ParseEvent(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestAnEventOfAKindToComeIsRead(t *testing.T) {
	got, err := plans.ParseEvent([]byte(`{"Action": "Agent:Event", "Kind": "farewell", "Why": 1}`))
	if err != nil || got.Kind != "farewell" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no JSON", "x", "not an event"},
		{"a result", `{"Action": "Execution:Result", "ErrorCode": 0}`, "Action: "},
		{"no kind", `{"Action": "Agent:Event"}`, "Kind: missing"},
		{"a Time that is none", `{"Action": "Agent:Event", "Kind": "hello", "Time": "noon"}`, "not an event"},
	} {
		_, err := plans.ParseEvent([]byte(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
			continue
		}
		checkFault(t, err)
	}
	if _, err := (plans.Event{}).Encode(); err == nil {
		t.Error("an event without a kind was written")
	}
}
