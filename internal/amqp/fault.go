// SPDX-License-Identifier: Apache-2.0

package amqp

// A Fault says why there is no connection, or no queue, in words for people.
type Fault struct {
	Kind  Kind
	Text  string // what happened, with host, user, vhost or queue; never a password
	Hint  string // the next step
	Cause error  // what the library or the network said; may be nil
}

// A Kind is one way in which a connection fails.
type Kind string

// The kinds of Fault.
const (
	NoAddress  Kind = "no-address" // the host's name does not resolve
	NoAnswer   Kind = "no-answer"  // refused, unreachable or silent
	NoTLS      Kind = "tls"        // the TLS handshake failed
	NoLogin    Kind = "login"      // user or password refused
	NoVHost    Kind = "vhost"      // the virtual host is absent or closed to the user
	NoAccess   Kind = "access"     // the user lacks a permission
	NoQueue    Kind = "no-queue"   // the queue does not exist
	Silence    Kind = "silence"    // heartbeats stopped
	Broken     Kind = "broken"     // the connection broke
	Shutdown   Kind = "shutdown"   // the broker closed the connection: it stops, or an operator closed it
	Overloaded Kind = "overloaded" // the broker is short of memory or disk
	Protocol   Kind = "protocol"   // anything else the broker or the library refused
)

func (f *Fault) Error() string {
	if f.Hint == "" {
		return f.Text
	}
	return f.Text + "; " + f.Hint
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }
