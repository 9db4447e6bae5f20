// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

func TestIdentifyNeverFails(t *testing.T) {
	for _, tc := range []struct {
		name, text, id string
		stamp          int64
	}{
		{"the ID in the body wins", `{"ID": "a", "Stamp": 17954422286073}`, "a", 17954422286073},
		{"without one message_id stands", `{"Stamp": 5, "Body": "return"}`, "m", 5},
		{"an empty ID is one", `{"ID": ""}`, "", 0},
		{"null is none", `{"ID": null, "Stamp": null}`, "m", 0},
		{"a number is as it is spelt", `{"ID": 12345}`, "12345", 0},
		{"escapes are undone", `{"\u0049D": "\u0436\n\"x"}`, "ж\n\"x", 0},
		{"the last of two wins, as in Python", `{"ID": "a", "ID": "b"}`, "b", 0},
		{"only the outermost object counts", `{"Parameters": {"ID": "x", "Stamp": 1}, "Files": [{"ID": "y"}]}`, "m", 0},
		{"brackets and quotes in text do not matter", `{"Body": "}]\"{[,:", "ID": "a"}`, "a", 0},
		{"white space is skipped", " \t\r\n{ \"ID\" :\n\"a\" , \"Stamp\" : 7 } \n", "a", 7},
		{"a byte order mark is skipped", "\ufeff" + `{"ID": "a"}`, "a", 0},
		{"a negative Stamp is none", `{"ID": "a", "Stamp": -1}`, "a", 0},
		{"a Stamp that is text is none", `{"ID": "a", "Stamp": "5"}`, "a", 0},
		{"a Stamp with a fraction is none", `{"ID": "a", "Stamp": 5.5}`, "a", 0},
		{"what is no JSON has no ID", "this is not json", "m", 0},
		{"a text cut short has no ID", `{"ID": "a", "Body": "ret`, "m", 0},
		{"a text with more after it has no ID", `{"ID": "a"} x`, "m", 0},
		{"a list has no ID", `["ID", "a"]`, "m", 0},
		{"an empty object has no ID", `{}`, "m", 0},
		{"nothing has no ID", ``, "m", 0},
		{"a lone brace has no ID", `{`, "m", 0},
		{"a key without value has no ID", `{"ID"}`, "m", 0},
		{"a comma too much has no ID", `{"ID": "a",}`, "m", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, stamp := plans.Identify(plans.Message{ID: "m", Body: []byte(tc.text)})
			if id != tc.id || stamp != tc.stamp {
				t.Errorf("got %q, %d; want %q, %d", id, stamp, tc.id, tc.stamp)
			}
		})
	}
}

func TestAHeadTellsNameAndReplyTo(t *testing.T) {
	for _, tc := range []struct{ name, text, plan, replyTo string }{
		{"the plan's own word wins", `{"Name": "Deploy \u0436", "ReplyTo": "own"}`, "Deploy ж", "own"},
		{"without one the message's stands", `{"Name": "a"}`, "a", "m"},
		{"an empty one is none", `{"Name": "", "ReplyTo": ""}`, "", "m"},
		{"what is no string is none", `{"Name": 5, "ReplyTo": ["x"]}`, "", "m"},
		{"what is no plan has the message's", "not json", "", "m"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := plans.ReadHead(plans.Message{ReplyTo: "m", Body: []byte(tc.text)})
			if h.Name != tc.plan || h.ReplyTo != tc.replyTo {
				t.Errorf("got %+v, want %q, %q", h, tc.plan, tc.replyTo)
			}
		})
	}
}

func TestIdentifyDoesNotCopyTheBody(t *testing.T) {
	text := []byte(`{"Files": {"f": {"Body": "` + strings.Repeat(`\n`, 8<<20) + `"}}, "Scripts": {}, "ID": "a", "Stamp": 5}`)
	m := plans.Message{Body: text}
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if id, _ := plans.Identify(m); id != "a" {
				b.Fatal(id)
			}
		}
	})
	if got.AllocedBytesPerOp() > 64<<10 {
		t.Errorf("%d bytes for a body of %d", got.AllocedBytesPerOp(), len(text))
	}
	if !bytes.HasSuffix(m.Body, []byte("5}")) {
		t.Error("the body was changed")
	}
}
