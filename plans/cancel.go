// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"fmt"

	"github.com/openmurano/murano/plans/body"
)

const (
	cancelAction = "Cancel"
	cancelFormat = "2.3.0"
)

// A Cancel asks an agent to end a plan: on its way it is a message like a plan,
// to the same queue and signed as one. It is answered with a Result whose Body
// is a Cancelled; the plan itself gets a result of its own.
type Cancel struct {
	ID      string // its own: the SourceID of its answer. Empty means the message's message_id
	PlanID  string // of the plan that is to end
	Stamp   int64  // as of a plan; 0 means unstamped
	ReplyTo string // empty means the message's reply_to
}

// A Cancelled is the Body of the Result that answers a Cancel.
type Cancelled struct {
	PlanID string `json:"PlanID"`
	State  string `json:"State"` // a constant below
}

// What a plan was when its Cancel came.
const (
	CancelDone    = "cancelled" // it had not begun; it will not run
	CancelRunning = "running"   // it runs and is being stopped
	CancelEnded   = "ended"     // it had a result, which stays
	CancelUnknown = "unknown"   // the agent has never had it, or no longer knows it
)

// Encode writes c as one JSON object. The error is a *FormatError.
func (c Cancel) Encode() ([]byte, error) {
	d := body.NewDict("FormatVersion", cancelFormat, "Action", cancelAction)
	setText(d, "ID", c.ID)
	d.Set("PlanID", c.PlanID)
	setNumber(d, "Stamp", c.Stamp)
	setText(d, "ReplyTo", c.ReplyTo)
	b, err := body.EncodeJSON(d)
	if err != nil {
		return nil, &FormatError{Reason: "cannot be written as JSON: " + err.Error(), Next: "use IDs that are UTF-8"}
	}
	_, err = ParseCancel(b)
	return b, err
}

// ParseCancel reads a Cancel. Keys it does not know are skipped, all else is
// strict: what ends a plan must not be guessed. An error wraps a *FormatError
// or an *UnsupportedError.
func ParseCancel(b []byte) (Cancel, error) {
	const next = `send {"FormatVersion": "2.3.0", "Action": "Cancel", "ID": "<its own>", "PlanID": "<of the plan>"}`
	doc, err := decodeDocument(b)
	if err != nil {
		return Cancel{}, err
	}
	if text(doc, "Action") != cancelAction {
		return Cancel{}, &FormatError{Path: "Action", Reason: fmt.Sprintf("is not %q", cancelAction), Next: next}
	}
	r := reader{doc: doc}
	r.Max = MaxVersion()
	version, err := ParseVersion(text(doc, "FormatVersion"))
	if err != nil {
		return Cancel{}, &FormatError{Path: "FormatVersion", Reason: err.Error(), Next: next}
	}
	if version.Compare(r.Max) > 0 {
		return Cancel{}, &UnsupportedError{Version: version, Max: r.Max}
	}
	for _, key := range []string{"Body", "Scripts", "Files"} {
		if _, ok := doc.Get(key); ok {
			return Cancel{}, &FormatError{Path: key, Reason: "a message that cancels a plan runs nothing", Next: next}
		}
	}
	var p Plan
	for _, step := range []func(*Plan) error{r.readID, r.readStamp, r.readReplyTo} {
		if err := step(&p); err != nil {
			return Cancel{}, err
		}
	}
	v, _ := doc.Get("PlanID")
	id, isText := v.(string)
	switch reason := CheckID(id); {
	case v == nil, isText && id == "":
		return Cancel{}, &FormatError{Path: "PlanID", Reason: "missing", Next: next}
	case !isText:
		return Cancel{}, &FormatError{Path: "PlanID", Reason: kindOf(v) + " where a string is expected", Next: "write it in quotes"}
	case reason != "":
		return Cancel{}, &FormatError{Path: "PlanID", Reason: fmt.Sprintf("%.80q %s", id, reason), Next: "give the ID of the plan as it was sent"}
	}
	return Cancel{ID: p.ID, PlanID: id, Stamp: p.Stamp, ReplyTo: p.ReplyTo}, nil
}
