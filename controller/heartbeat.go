// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"github.com/openmurano/murano/plans"
)

// A Heartbeat is what the agent of a server said last of how it is. It is kept
// in memory only: after a restart of the controller it is there again with the
// agent's next one.
type Heartbeat struct {
	Seen  time.Time `json:"seen"`            // when it came, by the controller's clock
	State string    `json:"state"`           // idle, running or stopping
	Since time.Time `json:"since,omitzero"`  // when that changed last, by the agent's clock
	Agent string    `json:"agent,omitempty"` // its version
	// Plan is the ID of the plan in hand, with its phase; empty where there is none.
	Plan  string `json:"plan,omitempty"`
	Phase string `json:"phase,omitempty"`

	Pending   int        `json:"pending"`             // plans that wait on the server
	Owed      int        `json:"owed"`                // answers that wait there to be published
	LastError string     `json:"lastError,omitempty"` // what went wrong with the agent last
	ErrorTime time.Time  `json:"errorTime,omitzero"`  // when, by the agent's clock
	Disk      *DiskSpace `json:"disk,omitempty"`      // of the agent's storage; absent: unknown
	// ClockOffset is by how many seconds the agent's clock is ahead of the
	// controller's, less the time the heartbeat took: one that had waited for a
	// controller that was away makes the clock seem behind, until the next comes.
	ClockOffset float64 `json:"clockOffset"`
}

// A DiskSpace is the room on a disk, in bytes.
type DiskSpace struct {
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
}

// heartbeats keeps the last one of each server that there is. The zero value is ready.
type heartbeats struct {
	mu   sync.Mutex
	last map[string]Heartbeat // by queue
}

func (h *heartbeats) of(queue string) *Heartbeat {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b, ok := h.last[queue]; ok {
		return &b
	}
	return nil
}

func (h *heartbeats) keep(queue string, b Heartbeat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last = make(map[string]Heartbeat)
	}
	h.last[queue] = b
}

// dismiss drops that of a server that is no more.
func (h *heartbeats) dismiss(queue string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.last, queue)
}

// keepHeartbeat keeps what the agent of a known server says; the error of
// another's wraps ErrNotFound.
func (c *Controller) keepHeartbeat(ctx context.Context, e plans.Event) error {
	if c.heartbeats.of(e.Queue) == nil {
		if _, err := c.Store.Server(ctx, e.Queue); err != nil {
			return err
		}
	}
	now := c.now()
	b := Heartbeat{
		Seen: now, State: oneLine(e.State, maxName), Agent: oneLine(e.Version, maxName),
		Plan: oneLine(e.Plan, maxName), Phase: oneLine(e.Phase, maxName),
		Pending: max(e.Pending, 0), Owed: max(e.Owed, 0), LastError: oneLine(e.LastError, maxText),
		ClockOffset: e.Time.Sub(now).Round(time.Millisecond).Seconds(),
	}
	if e.Since != nil {
		b.Since = *e.Since
	}
	if e.ErrorTime != nil {
		b.ErrorTime = *e.ErrorTime
	}
	if e.Disk != nil {
		b.Disk = &DiskSpace{Free: e.Disk.Free, Total: e.Disk.Total}
	}
	c.heartbeats.keep(e.Queue, b)
	return nil
}

// masked hides m's secrets in what the guest said; nil stays nil.
func (b *Heartbeat) masked(m *mask) *Heartbeat {
	if b != nil {
		b.LastError = m.text(b.LastError)
	}
	return b
}
