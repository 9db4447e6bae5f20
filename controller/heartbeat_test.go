// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// heartbeatOf gives the heartbeat that the status shows of the server with this queue.
func (b *bench) heartbeatOf(queue string) *controller.Heartbeat {
	b.t.Helper()
	for _, a := range b.status("shop").Applications {
		for _, s := range a.Servers {
			if s.Queue == queue {
				return s.Heartbeat
			}
		}
	}
	b.t.Fatalf("no server reads %s", queue)
	return nil
}

func TestTheInventoryOfAGuestIsShownAndBounded(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	queue := b.servers()[0].Queue
	said := map[string]string{"a.os": "Debian\x1b[2J 12", "a.long": strings.Repeat("x", 10_000)}
	for i := range 200 {
		said[fmt.Sprintf("b.%03d", i)] = "x"
	}
	b.event(plans.Event{Kind: plans.EventHello, Queue: queue, Version: "1.2.3", Inventory: said})
	b.heard("murano-events")
	for _, s := range b.status("shop").Applications[0].Servers {
		if s.Queue != queue {
			continue
		}
		got := s.Inventory
		if len(got) != 64 || got["a.os"] != "Debian [2J 12" || len(got["a.long"]) > 400 || got["b.061"] != "x" {
			t.Errorf("got %d things: %.300v", len(got), got)
		}
		return
	}
	t.Errorf("no server reads %s", queue)
}

func TestTheLastHeartbeatOfAnAgentIsShown(t *testing.T) {
	b := newBench(t, nil)
	b.deploy(shop)
	queue := b.servers()[0].Queue
	if h := b.heartbeatOf(queue); h != nil {
		t.Errorf("before any: %+v", h)
	}
	before := len(b.all("shop"))
	since := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	beat := plans.Event{
		Kind: plans.EventHeartbeat, Queue: queue, Version: "1.2.3", State: "running", Since: &since, Plan: "p", Phase: "body",
		Pending: 3, Owed: -1, LastError: "no room\x1b[2J" + strings.Repeat("é", 5000), Disk: &plans.Disk{Free: 1, Total: 100},
		Time: time.Now().Add(-time.Hour), ErrorTime: &since,
	}
	b.event(beat)
	for range 1000 {
		beat.Time = time.Now().Add(time.Minute)
		b.event(beat)
	}
	b.heard("murano-events")
	h := b.heartbeatOf(queue)
	if h == nil || h.State != "running" || h.Agent != "1.2.3" || h.Plan != "p" || h.Phase != "body" || h.Pending != 3 || h.Owed != 0 ||
		!h.Since.Equal(since) || !h.ErrorTime.Equal(since) || h.Disk == nil || *h.Disk != (controller.DiskSpace{Free: 1, Total: 100}) || time.Since(h.Seen) > time.Minute {
		t.Fatalf("got %+v", h)
	}
	if h.ClockOffset < 50 || h.ClockOffset > 60.5 {
		t.Errorf("a clock a minute ahead is %v s ahead", h.ClockOffset)
	}
	if len(h.LastError) > 2500 || strings.Contains(h.LastError, "\x1b") {
		t.Errorf("%d bytes of a last error: %.20q", len(h.LastError), h.LastError)
	}
	if n := len(b.all("shop")); n != before {
		t.Errorf("the timeline has grown from %d to %d events", before, n)
	}
	// What no environment knows is dropped, and so is what a deleted server said.
	beat.Queue = "e0-h0"
	b.event(beat)
	b.heard("murano-events")
	d, err := b.Controller.Delete(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if d, err = b.Wait(t.Context(), d.ID); err != nil || d.State != controller.Succeeded {
		t.Fatalf("deletion: %+v, %v", d, err)
	}
	b.deploy(shop)
	for _, s := range b.servers() {
		if h := b.heartbeatOf(s.Queue); h != nil {
			t.Errorf("a new server has the heartbeat %+v", h)
		}
	}
}
