// SPDX-License-Identifier: Apache-2.0

package amqp

import "time"

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
