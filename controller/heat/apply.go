// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stackresources"
	"github.com/gophercloud/gophercloud/v2/openstack/orchestration/v1/stacks"

	"github.com/openmurano/murano/controller"
)

// hashTag begins the tag that holds the template's hash. PATCH without tags
// keeps them; Heat bounds a tag to 80 characters and allows no comma in it.
const hashTag = "murano-template-"

func hashOf(template []byte) string {
	sum := sha256.Sum256(bytes.TrimSpace(template))
	return hashTag + hex.EncodeToString(sum[:16])
}

// What Apply does about the stack it found.
type step int

const (
	stepCreate step = iota // there is none
	stepDone               // it is as wished
	stepWait               // something is under way
	stepUpdate             // another template, or it failed
	stepResume             // it is suspended
	stepDelete             // a deletion failed half way
	stepFree               // it is being deleted
	stepRefuse             // it is not ours
)

// choose decides about the stack of the request's name; nil means none.
func choose(found *stacks.RetrievedStack, r controller.StackRequest) step {
	if found == nil {
		return stepCreate
	}
	action, status, _ := cutStatus(found.Status)
	switch {
	case action == "DELETE" && status == "FAILED":
		if !ours(found.Tags, r.Tags) {
			return stepRefuse
		}
		return stepDelete
	case action == "DELETE":
		return stepFree
	case !ours(found.Tags, r.Tags):
		return stepRefuse
	case status == "IN_PROGRESS":
		return stepWait
	case action == "SUSPEND" && status == "COMPLETE":
		return stepResume
	case status == "FAILED", action == "ROLLBACK", !slices.Contains(found.Tags, hashOf(r.Template)):
		return stepUpdate
	}
	return stepDone
}

// ours says whether a stack was made here, for who gives these tags.
func ours(tags, wanted []string) bool {
	for _, t := range wanted {
		if !slices.Contains(tags, t) {
			return false
		}
	}
	return slices.ContainsFunc(tags, func(t string) bool { return strings.HasPrefix(t, hashTag) })
}

// cutStatus splits CREATE_IN_PROGRESS into CREATE and IN_PROGRESS.
func cutStatus(s string) (action, status string, ok bool) { return strings.Cut(s, "_") }

// request is the body of create (POST) and update (PATCH). It is written by
// hand: gophercloud's own options follow get_file of a template into this
// machine's files.
type request map[string]any

func (b request) ToStackCreateMap() (map[string]any, error)      { return b, nil }
func (b request) ToStackUpdatePatchMap() (map[string]any, error) { return b, nil }

func body(r controller.StackRequest) request {
	b := request{
		"template":         string(r.Template),
		"tags":             strings.Join(append(slices.Clone(r.Tags), hashOf(r.Template)), ","),
		"disable_rollback": true, // a failed stack is looked at, and repaired by the next Apply
	}
	if r.Timeout > 0 {
		b["timeout_mins"] = max(1, int((r.Timeout+time.Minute-1)/time.Minute))
	}
	return b
}

// Apply creates the stack or brings it to the template. What it finds it
// carries on: a stack under way is waited for, a failed one is updated, which
// makes Heat repair what failed, one that is being deleted is waited for and
// made again.
func (s *Stacks) Apply(ctx context.Context, r controller.StackRequest) (controller.Stack, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bound(r.Timeout), fmt.Errorf("stack %s: not complete after %s; see its events in Heat", r.Name, bound(r.Timeout)))
	defer cancel()
	stack, err := s.apply(ctx, r)
	if err != nil && ctx.Err() != nil && context.Cause(ctx) != ctx.Err() {
		err = context.Cause(ctx)
	}
	return stack, err
}

// bound is Heat's own timeout and some grace: Heat is to fail first, and say why.
func bound(timeout time.Duration) time.Duration {
	if timeout == 0 {
		timeout = time.Hour
	}
	return timeout + 5*time.Minute
}

func (s *Stacks) apply(ctx context.Context, r controller.StackRequest) (controller.Stack, error) {
	w := &watcher{Stacks: s, name: r.Name, progress: r.Progress}
	pause, giveUp := shortest, time.Time{}
	for {
		found, err := s.find(ctx, r.Name)
		if err != nil {
			return controller.Stack{}, err
		}
		todo := choose(found, r)
		if todo == stepDone {
			return s.result(ctx, found)
		}
		id, err := s.act(ctx, todo, found, r, w)
		if is(err, http.StatusConflict) || transient(err) {
			// The name is free a moment after its stack is deleted, or another
			// controller was first, or the answer was lost: look again.
			if giveUp.IsZero() {
				giveUp = time.Now().Add(s.patience)
			}
			if time.Now().After(giveUp) || sleep(ctx, pause) != nil {
				return controller.Stack{}, fmt.Errorf("stack %s: %w", r.Name, reason(err))
			}
			pause = min(2*pause, longest)
			continue
		}
		if err != nil {
			return controller.Stack{}, fmt.Errorf("stack %s: %w", r.Name, reason(err))
		}
		pause, giveUp = shortest, time.Time{}
		if id == "" {
			continue
		}
		status, err := w.wait(ctx, id)
		if errors.Is(err, errGone) {
			return controller.Stack{}, fmt.Errorf("stack %s: somebody deleted it meanwhile; deploy again to make it anew", r.Name)
		}
		if err != nil {
			return controller.Stack{}, err
		}
		if strings.HasSuffix(status, "_FAILED") {
			return controller.Stack{}, s.failure(ctx, r.Name, id, w.events)
		}
	}
}

// act does one step and returns the ID of the stack that is to be waited for,
// or none when the name is free now.
func (s *Stacks) act(ctx context.Context, todo step, found *stacks.RetrievedStack, r controller.StackRequest, w *watcher) (string, error) {
	switch todo {
	case stepCreate:
		w.reset()
		return s.create(ctx, r)
	case stepUpdate:
		if err := w.mark(ctx, found.ID); err != nil {
			return "", err
		}
		return found.ID, s.patch(ctx, found, r)
	case stepResume:
		if err := w.mark(ctx, found.ID); err != nil {
			return "", err
		}
		return found.ID, s.resume(ctx, found)
	case stepWait:
		return found.ID, w.markAction(ctx, found.ID)
	case stepFree:
		return "", s.free(ctx, r.Name, found.ID)
	case stepDelete:
		_, err := s.Delete(ctx, controller.StackDeletion{Name: r.Name, ID: controller.StackID(found.ID), Progress: r.Progress})
		return "", err
	}
	return "", fmt.Errorf("it exists (%s) and was not made for this environment: its tags are %q; delete it or name the environment otherwise", found.ID, found.Tags)
}

// find returns the stack that has the name now, nil when none has.
func (s *Stacks) find(ctx context.Context, name string) (*stacks.RetrievedStack, error) {
	found, err := stacks.Find(ctx, s.heat, name).Extract()
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up stack %s: %w", name, reason(err))
	}
	return found, nil
}

func (s *Stacks) create(ctx context.Context, r controller.StackRequest) (string, error) {
	b := body(r)
	b["stack_name"] = r.Name
	made, err := stacks.Create(ctx, s.heat, b).Extract()
	if err != nil {
		return "", err
	}
	return made.ID, nil
}

func (s *Stacks) patch(ctx context.Context, found *stacks.RetrievedStack, r controller.StackRequest) error {
	return stacks.UpdatePatch(ctx, s.heat, found.Name, found.ID, body(r)).ExtractErr()
}

func (s *Stacks) resume(ctx context.Context, found *stacks.RetrievedStack) error {
	resp, err := s.heat.Post(ctx, s.heat.ServiceURL("stacks", found.Name, found.ID, "actions"), map[string]any{"resume": nil}, nil,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}})
	_, _, err = gophercloud.ParseResponse(resp, err)
	return err
}

// result reads the outputs and resources of a complete stack.
func (s *Stacks) result(ctx context.Context, found *stacks.RetrievedStack) (controller.Stack, error) {
	stack := controller.Stack{ID: controller.StackID(found.ID), Name: found.Name, Status: found.Status, Outputs: map[string]any{}}
	for _, o := range found.Outputs {
		name, _ := o["output_key"].(string)
		if text, ok := o["output_error"].(string); ok && text != "" {
			return stack, fmt.Errorf("stack %s: output %s: %s", found.Name, name, text)
		}
		stack.Outputs[name] = o["output_value"]
	}
	var err error
	stack.Resources, err = s.resources(ctx, found.Name, found.ID, 0)
	return stack, err
}

// resources lists a stack's resources, those of nested stacks to the given depth too.
func (s *Stacks) resources(ctx context.Context, name, id string, depth int) ([]controller.StackResource, error) {
	pages, err := stackresources.List(s.heat, name, id, stackresources.ListOpts{Depth: depth}).AllPages(ctx)
	if is(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resources of stack %s: %w", name, reason(err))
	}
	list, err := stackresources.ExtractResources(pages)
	if err != nil {
		return nil, fmt.Errorf("resources of stack %s: %w", name, err)
	}
	var out []controller.StackResource
	for _, r := range list {
		out = append(out, controller.StackResource{Name: r.Name, Type: r.Type, PhysicalID: r.PhysicalID, Status: r.Status, Reason: r.StatusReason})
	}
	slices.SortFunc(out, func(a, b controller.StackResource) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
