// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// A wishedStack is a stack to be brought to a template.
type wishedStack struct {
	record      StackRecord
	name        string // for a stack that has none yet
	template    []byte
	application ApplicationName // empty for the network
	save        func(StackRecord) error
}

// apply brings the stack to its template and records that before and after.
// One that is known to be there is not touched.
func (r *run) apply(ctx context.Context, w wishedStack) (StackRecord, error) {
	s, digest := w.record, digestOf(w.template)
	if s.Complete && s.Digest == digest && !s.Deleted {
		return s, nil
	}
	if s.Digest != digest || s.Deleted || s.Name == "" {
		s = StackRecord{Name: or(s.Name, w.name), Digest: digest, ID: s.ID, Outputs: s.Outputs, Since: r.now()}
		if err := w.save(s); err != nil {
			return s, err
		}
	}
	stack, err := r.Stacks.Apply(ctx, StackRequest{
		Name: s.Name, Template: w.template, Tags: []string{"murano", "murano-" + r.env.ID},
		Timeout: r.Options.StackTimeout, Progress: r.heat(ctx, w.application, s.Name),
	})
	if err != nil {
		return s, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	s.Complete, s.ID, s.Outputs, s.Completed = true, stack.ID, stack.Outputs, r.now()
	return s, w.save(s)
}

// drop removes the stack, if it was ever begun, and records what it left over.
func (r *run) drop(ctx context.Context, s StackRecord, application ApplicationName, save func(StackRecord) error) (StackRecord, error) {
	if s.Name == "" || s.Deleted {
		return s, nil
	}
	left, err := r.Stacks.Delete(ctx, StackDeletion{Name: s.Name, ID: s.ID, Progress: r.heat(ctx, application, s.Name)})
	if err != nil {
		return s, fmt.Errorf("delete stack %s: %w", s.Name, err)
	}
	s.Deleted, s.Complete, s.Leftovers = true, false, left
	return s, save(s)
}

// heat gives a function that records what Heat does in the timeline.
func (r *run) heat(ctx context.Context, application ApplicationName, stack string) func(StackEvent) {
	return func(e StackEvent) {
		text := e.Resource + " " + e.Status
		if e.Reason != "" && e.Reason != "state changed" {
			text += ": " + e.Reason
		}
		err := r.tell(ctx, Event{
			Application: application, Kind: EventHeat, Status: e.Status, Text: text,
			Fields: map[string]any{"stack": stack, "resource": e.Resource, "type": e.Type, "physicalId": e.PhysicalID},
			Once:   strings.Join([]string{"heat", stack, e.Resource, e.PhysicalID, e.Status, e.Time.UTC().String(), e.Reason}, "/"),
		})
		if err != nil && ctx.Err() == nil {
			r.log().Warn("an event of Heat is not recorded", "stack", stack, "error", err)
		}
	}
}

// stackName names the environment's own stack, the network, and the start of
// its applications' stacks. The ID in it keeps them apart from those of an
// earlier environment of the same name.
func (r *run) stackName() string {
	return fmt.Sprintf("murano-%s-%s", r.env.Name, r.env.ID[:8])
}

// digestOf gives the SHA-256 of all parts, in lower-case hex.
func digestOf(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
