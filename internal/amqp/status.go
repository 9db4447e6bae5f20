// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// A State is where a connection, or a queue consumed over it, stands.
type State string

// The states. Connecting, Connected, Blocked, Lost and Closed speak of the
// connection; Consuming and Waiting of one queue.
const (
	Connecting State = "connecting" // being dialled for the first time
	Connected  State = "connected"  // logged in
	Blocked    State = "blocked"    // the broker is short of memory or disk and takes no messages; it says so and recovers by itself
	Consuming  State = "consuming"  // the queue is there and being consumed
	Waiting    State = "waiting"    // connected, but the queue cannot be consumed: Fault says why
	Lost       State = "lost"       // Fault says why; the next attempt follows by itself
	Closed     State = "closed"     // by Close
)

// A Status is a state with its circumstances.
type Status struct {
	State State
	Since time.Time
	Host  string // host:port; empty before the first attempt
	Queue string // for Consuming and Waiting
	Fault *Fault // for Lost, Waiting and Blocked: why, and what to do
}

// same says whether nothing changed that a person would want to read again.
func (s Status) same(t Status) bool {
	kind := func(f *Fault) Kind {
		if f == nil {
			return ""
		}
		return f.Kind
	}
	return s.State == t.State && s.Host == t.Host && s.Queue == t.Queue && kind(s.Fault) == kind(t.Fault)
}

// A board holds the latest status of the connection and of each queue, and
// passes on what changes.
type board struct {
	log  *slog.Logger
	tell func(Status)

	mu     sync.Mutex        // held while tell runs, so that it sees changes in order
	topics map[string]Status // by queue; "" is the connection
}

// post records s, and passes it on if it is news. A connection that is lost or
// closed takes its queues along.
func (b *board) post(s Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if conn, ok := b.topics[""]; ok && s.Queue != "" && (conn.State == Lost || conn.State == Closed) {
		return // a consumer that has not noticed yet
	}
	if s.State == Lost || s.State == Closed {
		maps.DeleteFunc(b.topics, func(queue string, _ Status) bool { return queue != "" })
	}
	if b.topics[s.Queue].same(s) {
		return
	}
	s.Since = time.Now()
	b.topics[s.Queue] = s
	switch s.State {
	case Connected, Consuming:
		b.log.Info("broker "+string(s.State), attributes(s)...)
	case Lost, Waiting, Blocked:
		b.log.Warn("broker "+string(s.State), attributes(s)...)
	default:
		b.log.Debug("broker "+string(s.State), attributes(s)...)
	}
	if b.tell != nil {
		b.tell(s)
	}
}

// lost posts that there is no connection. The host stays out of it: several are
// tried in turn, and the fault names the one it speaks of.
func (b *board) lost(f *Fault) { b.post(Status{State: Lost, Fault: f}) }

// forget drops a queue that is no longer received.
func (b *board) forget(queue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics, queue)
}

func (b *board) all() []Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Status, 0, len(b.topics))
	for _, queue := range slices.Sorted(maps.Keys(b.topics)) {
		all = append(all, b.topics[queue])
	}
	return all
}

func attributes(s Status) []any {
	var a []any
	if s.Host != "" {
		a = append(a, "host", s.Host)
	}
	if s.Queue != "" {
		a = append(a, "queue", s.Queue)
	}
	if s.Fault != nil {
		a = append(a, "error", s.Fault.Error())
	}
	return a
}
