// SPDX-License-Identifier: Apache-2.0

// Package amqp is a connection to RabbitMQ that comes back after a break. It
// consumes with prefetch 1 and acknowledges only what is safe; it publishes
// with confirms and mandatory routing, and sends again what a break left
// unconfirmed.
//
// So a message may arrive twice, never not at all: receivers tell a repeated
// message by its ID.
package amqp

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// Options say how a broker is reached. The zero value is a broker on this
// machine, port 5672, user guest, vhost "/", without TLS.
type Options struct {
	// Hosts are tried in turn, each "name", "name:port", "address" or
	// "[address]:port". Without a port it is 5672, or 5671 with TLS.
	Hosts []string
	// User and Password log in with SASL PLAIN; any character but NUL is fine.
	// Both empty means guest, guest, which RabbitMQ takes from loopback only.
	User, Password string
	// VHost is the virtual host, as RabbitMQ names it; empty means "/".
	VHost string
	// TLS, if not nil, is used for every host; it is not changed. An empty
	// ServerName means the host's name. Certificates are verified unless it says
	// InsecureSkipVerify.
	TLS *tls.Config
	// Heartbeat is how often the broker shows that it lives: a connection silent
	// for twice as long is given up. Whole seconds, at least 1; 0 means 10 s.
	Heartbeat time.Duration
	// DialTimeout bounds one attempt at one host, TLS and login included; 0 means 15 s.
	DialTimeout time.Duration
	// RetryMin and RetryMax bound the pause between attempts, which grows by half
	// each time and is jittered; 0 means 0.5 s and 30 s.
	RetryMin, RetryMax time.Duration
	// Name is shown in RabbitMQ's list of connections; empty means "murano".
	Name string
	// Log gets each change of state once, not each attempt; nil means silence.
	Log *slog.Logger
	// OnConnect, if not nil, is called after each connect, in a goroutine of its
	// own, never twice at once. It may use the Conn, but not Close it: Close waits
	// for it.
	OnConnect func()
	// OnState, if not nil, is called at each change of state, in their order and
	// one at a time. It must not wait and must not call the Conn.
	OnState func(Status)
}
