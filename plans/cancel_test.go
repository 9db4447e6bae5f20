// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

func TestACancellationIsReadBack(t *testing.T) {
	for _, want := range []plans.Cancel{
		{PlanID: "one"},
		{ID: "c", PlanID: "one", Stamp: 17954422286073, ReplyTo: "answers"},
		{ID: "отмена", PlanID: "план"},
	} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := plans.ParseCancel(b)
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		head := plans.ReadHead(plans.Message{ID: "m", Body: b, ReplyTo: "property"})
		if !head.Cancel || want.ID != "" && head.ID != want.ID || want.ID == "" && head.ID != "m" {
			t.Errorf("%s: head %+v", b, head)
		}
	}
}

func TestOnlyWhatCancelsIsRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		`{"FormatVersion": "2.3.0", "Action": "Cancel", "PlanID": "one"}`: true,
		`{"Action": "Cancel"}`:                                                  true, // and answered with what it lacks
		`{"Action": "Cancel", "Body": "return", "Scripts": {}}`:                 false,
		`{"Action": "Cancel", "Scripts": {}}`:                                   false,
		`{"Action": "Execute", "PlanID": "one"}`:                                false,
		`{"Action": ["Cancel"]}`:                                                false,
		`{"Parameters": {"Action": "Cancel"}, "Body": "return", "Scripts": {}}`: false,
		`{"Action": "Cancel"`:                                                   false,
		`"Cancel"`:                                                              false,
		``:                                                                      false,
	} {
		if got := plans.ReadHead(plans.Message{Body: []byte(text)}).Cancel; got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestAFaultyCancellationIsRefusedWithThePlace(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no JSON", "x", "not JSON"},
		{"no plan named", `{"FormatVersion": "2.3.0", "Action": "Cancel"}`, "PlanID: missing"},
		{"an empty name", `{"FormatVersion": "2.3.0", "Action": "Cancel", "PlanID": ""}`, "PlanID: missing"},
		{"a number", `{"FormatVersion": "2.3.0", "Action": "Cancel", "PlanID": 7}`, "PlanID: "},
		{"a path", `{"FormatVersion": "2.3.0", "Action": "Cancel", "PlanID": "../x"}`, "PlanID: "},
		{"an ID of its own that is none", `{"FormatVersion": "2.3.0", "Action": "Cancel", "PlanID": "one", "ID": 7}`, "ID: "},
		{"no version", `{"Action": "Cancel", "PlanID": "one"}`, "FormatVersion: "},
		{"a plan", `{"FormatVersion": "2.3.0", "Action": "Cancel", "PlanID": "one", "Body": "return", "Scripts": {}}`, "Body: "},
		{"another action", `{"FormatVersion": "2.3.0", "Action": "cancel", "PlanID": "one"}`, "Action: "},
	} {
		_, err := plans.ParseCancel([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
			continue
		}
		checkFault(t, err)
	}
	var newer *plans.UnsupportedError
	if _, err := plans.ParseCancel([]byte(`{"FormatVersion": "9.0.0", "Action": "Cancel", "PlanID": "one"}`)); !errors.As(err, &newer) {
		t.Errorf("a version to come: %v", err)
	}
	if _, err := (plans.Cancel{ID: "c"}).Encode(); err == nil {
		t.Error("one that names no plan was written")
	}
}

func FuzzParseCancel(f *testing.F) {
	f.Add([]byte(`{"FormatVersion": "2.3.0", "Action": "Cancel", "ID": "c", "PlanID": "one", "Stamp": 1, "ReplyTo": "q"}`))
	f.Add([]byte(`{"Action": "Cancel"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := plans.ParseCancel(b)
		if err != nil {
			checkFault(t, err)
			return
		}
		again, err := c.Encode()
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if got, err := plans.ParseCancel(again); err != nil || got != c {
			t.Errorf("%+v became %+v: %v", c, got, err)
		}
	})
}
