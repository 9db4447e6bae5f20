// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

func TestAPlanIsCancelledAndTheAnswerIsRead(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *controller.Controller, _ *cloud) { c.Options.SigningKey = key })
	conn := b.broker.Conn()
	if err := conn.Declare(t.Context(), "mine", plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	var says plans.Result
	go conn.Receive(t.Context(), "mine", func(ctx context.Context, m plans.Message) error {
		c, err := plans.ParseCancel(m.Body)
		if err != nil || plans.Verify(key.Public(), "mine", m) != nil || m.ID != c.ID || m.ReplyTo != "murano-results" {
			t.Errorf("%s: %v", m.Body, err)
		}
		r := says
		r.SourceID = c.ID
		body, err := r.Encode()
		if err != nil {
			return err
		}
		for range 2 { // after a break an answer may come twice
			if err := conn.Publish(ctx, plans.Message{ID: c.ID, Body: body, Key: "murano-results"}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, tt := range []struct {
		name  string
		says  plans.Result
		state string
		err   string
	}{
		{"it runs", plans.Result{Body: json.RawMessage(`{"PlanID": "one", "State": "running"}`)}, plans.CancelRunning, ""},
		{"the agent knows no cancellations", plans.Result{ErrorCode: plans.CodeFormat, Body: plans.Failure(plans.CodeFormat, "Scripts is not in the execution plan", nil)}, "", "Scripts is not in the execution plan"},
		{"the agent says nothing of it", plans.Result{Body: json.RawMessage(`5`)}, "", "is none"},
	} {
		says = tt.says
		got, err := b.CancelPlan(t.Context(), "mine", "one")
		if tt.err == "" && (err != nil || got != plans.Cancelled{PlanID: "one", State: tt.state}) {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func TestACancellationThatCannotBeSaysWhy(t *testing.T) {
	b := newBench(t, nil)
	if _, err := b.CancelPlan(t.Context(), "", "nobodys"); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("a plan this controller never sent: %v", err)
	}
	if _, err := b.CancelPlan(t.Context(), "none", "one"); !errors.Is(err, plans.ErrUnroutable) {
		t.Errorf("a queue that is none: %v", err)
	}
	var format *plans.FormatError
	if _, err := b.CancelPlan(t.Context(), "none", "../one"); !errors.As(err, &format) {
		t.Errorf("an ID that is none: %v", err)
	}
	if err := b.broker.Conn().Declare(t.Context(), "silent", plans.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.CancelPlan(ctx, "silent", "one"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an agent that does not answer: %v", err)
	}
}
