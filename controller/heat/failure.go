// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stackevents"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stacks"
)

// A FailedError says why Heat could not bring a stack where it was to be. The
// stack stays, for a look; applying it again repairs what failed.
type FailedError struct {
	Stack    string
	Status   string // CREATE_FAILED, UPDATE_FAILED, DELETE_FAILED...
	Resource string // the first that failed; empty when Heat blames none
	Type     string // its type, where known
	Reason   string // Heat's own words
	Hint     string // the next step; empty when we know none
}

func (e *FailedError) Error() string {
	var b strings.Builder
	if e.Resource != "" {
		b.WriteString("resource " + e.Resource)
		if e.Type != "" {
			b.WriteString(" (" + e.Type + ")")
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s (stack %s is %s)", e.Reason, e.Stack, e.Status)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// failure explains a failed stack by the events of its last action.
func (s *Stacks) failure(ctx context.Context, name, id string, events []stackevents.Event) error {
	f := &FailedError{Stack: name}
	if stack, err := stacks.Get(ctx, s.heat, name, id).Extract(); err == nil {
		f.Status, f.Reason = stack.Status, stack.StatusReason
	}
	if e, ok := firstFailed(events, id); ok {
		f.Resource, f.Reason = e.ResourceName, e.ResourceStatusReason
	}
	if list, err := s.resources(ctx, name, id, 0); err == nil {
		for _, r := range list {
			if f.Resource == "" && strings.HasSuffix(r.Status, "FAILED") && !cancelled(r.Reason) {
				f.Resource, f.Reason = r.Name, r.Reason
			}
			if r.Name == f.Resource {
				f.Type = r.Type
			}
		}
	}
	f.Reason, _, _ = strings.Cut(f.Reason, "\nNeutron server returns request_ids")
	f.Hint = hint(f.Reason)
	return f
}

// firstFailed finds the resource that failed first of itself: those that Heat
// stopped because of it come with reasons of their own.
func firstFailed(events []stackevents.Event, stackID string) (stackevents.Event, bool) {
	for _, e := range events {
		if e.PhysicalResourceID != stackID && strings.HasSuffix(e.ResourceStatus, "_FAILED") && !cancelled(e.ResourceStatusReason) {
			return e, true
		}
	}
	return stackevents.Event{}, false
}

func cancelled(text string) bool {
	text = strings.ToLower(text)
	return strings.HasSuffix(text, "cancelled") || strings.Contains(text, "aborted")
}

// hints are next steps by what Heat, Nova and Neutron (Zed) say.
func hints() [][2]string {
	return [][2]string{
		{"No valid host", "no compute host has room for this flavor or fits the image's properties; take a smaller flavor or ask the cloud's operator"},
		{"Quota exceeded", "the project's quota is used up; delete what is not needed or have the quota raised (openstack quota show)"},
		{"quota", "the project's quota is used up; delete what is not needed or have the quota raised (openstack quota show)"},
		{"No Flavor matching", "take a flavor of: openstack flavor list"},
		{"No images matching", "take an image of: openstack image list"},
		{"Flavor's disk is too small", "take a flavor with a larger disk"},
		{"Flavor's memory is too small", "take a flavor with more memory"},
		{"Invalid key_name", "make the keypair (openstack keypair create) or name another"},
		{"The Key (", "make the keypair (openstack keypair create) or name another"},
		{"No Network matching", "take a network of: openstack network list"},
		{"Unable to find network", "take a network of: openstack network list"},
		{"No more IP addresses", "the network's address pool is used up; release floating IPs or take another network"},
		{"is not reachable from subnet", "the network has no router to the external network; name it in network.create.external"},
		{"have an IP allocation from this subnet", "something outside the stack uses it; what is left over names it"},
		{"still in use", "something outside the stack uses it; what is left over names it"},
		{"Unable to establish connection", "an OpenStack service is out of reach; repeat when it is back"},
		{"ConnectFailure", "an OpenStack service is out of reach; repeat when it is back"},
		{"Resource Type", "the cloud lacks the service of this resource; ask its operator"},
		{"timed out", "see what the stack's last resource waits for, or allow more time"},
	}
}

func hint(text string) string {
	for _, h := range hints() {
		if strings.Contains(text, h[0]) {
			return h[1]
		}
	}
	return ""
}

// A refusal is a request an OpenStack service turned down. It reads as the
// service's own words; the HTTP error stays inside.
type refusal struct {
	text string
	err  error
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.err }

// reason makes an error of a service readable: Heat, Nova, Neutron and Keystone
// each wrap their message in another JSON.
func reason(err error) error {
	var code gophercloud.ErrUnexpectedResponseCode
	if err == nil || errors.As(err, new(*refusal)) || !errors.As(err, &code) {
		return err
	}
	text := message(code.Body)
	if text == "" {
		return err
	}
	if h := hint(text); h != "" {
		text += "; " + h
	}
	return &refusal{text: fmt.Sprintf("%s (HTTP %d)", text, code.Actual), err: err}
}

// message finds the sentence for people in an error's body.
func message(body []byte) string {
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	// Heat puts {"error": {"message"}} beside code and title; Nova {"badRequest": {"message"}};
	// Neutron {"NeutronError": {"message"}}; Keystone {"error": {"message"}}.
	for _, key := range append([]string{"error"}, keys(doc)...) {
		var inner struct{ Message string }
		if json.Unmarshal(doc[key], &inner) == nil && inner.Message != "" {
			return strings.TrimSpace(inner.Message)
		}
	}
	var text string
	_ = json.Unmarshal(doc["explanation"], &text)
	return strings.TrimSpace(text)
}
