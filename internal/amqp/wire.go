// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"net"
	"sync"
	"time"
)

// A wire is the TCP connection under the AMQP library. It gives up a broker that
// is silent for idle. The library would renew its read deadline in the goroutine
// that also writes heartbeats, so a write that blocks (a broker short of memory
// stops reading) would look like a silent broker. It also keeps why reading
// ended, which the library reduces to a text.
type wire struct {
	net.Conn
	idle time.Duration

	mu    sync.Mutex
	until time.Time // no read goes on longer; zero means no bound
	cause error     // why reading ended
}

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	deadline := time.Now().Add(w.idle)
	if !w.until.IsZero() && w.until.Before(deadline) {
		deadline = w.until
	}
	err := w.Conn.SetReadDeadline(deadline)
	w.mu.Unlock()
	n := 0
	if err == nil {
		n, err = w.Conn.Read(p)
	}
	if err != nil {
		w.mu.Lock()
		if w.cause == nil {
			w.cause = err
		}
		w.mu.Unlock()
	}
	return n, err
}

// SetReadDeadline does nothing: Read sets its own.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetDeadline bounds what is being read and written now and later.
func (w *wire) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = t
	if t.IsZero() {
		return w.Conn.SetWriteDeadline(t)
	}
	return w.Conn.SetDeadline(t)
}

// readError is why reading ended; nil while it goes on.
func (w *wire) readError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}
