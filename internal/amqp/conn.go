// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/semaphore"

	"github.com/openmurano/murano/plans"
)

// ErrUnroutable says that the broker has no queue for a message; it wraps
// plans.ErrUnroutable.
var ErrUnroutable = fmt.Errorf("amqp: %w", plans.ErrUnroutable)

// ErrClosed is what every method returns once its Conn was closed.
var ErrClosed = errors.New("the connection to the broker was closed by this program")

// settled is how long a session must have lived for the next pause to start
// small again: a broker that lets us in and throws us out is not hammered.
const settled = 5 * time.Second

// A Conn is one connection to RabbitMQ. Its methods may be called at once from
// several goroutines. It fits agent.Transport and controller.Transport.
type Conn struct {
	o     Options
	slots *semaphore.Weighted // of messages being published

	mu      sync.Mutex
	closed  bool
	cancel  context.CancelFunc // ends run; nil before the first use
	done    chan struct{}      // closed when run has returned
	current *session           // nil while there is none
	changed chan struct{}      // closed and replaced whenever current or closed changes
	fault   *Fault             // why the last attempt or session ended

	board board
}

// New returns a Conn that connects when it is first used, and comes back after
// each break until Close. It does not fail: what is wrong with o shows as a
// Fault of the first attempt.
func New(o Options) *Conn {
	defaultPort := "5672"
	if o.TLS != nil {
		defaultPort = "5671"
		o.TLS = o.TLS.Clone()
		o.TLS.MinVersion = max(o.TLS.MinVersion, tls.VersionTLS12)
	}
	if o.User == "" && o.Password == "" {
		o.User, o.Password = "guest", "guest"
	}
	hosts := make([]string, 0, len(o.Hosts))
	for _, h := range o.Hosts {
		if _, _, err := net.SplitHostPort(h); err != nil {
			if len(h) > 1 && h[0] == '[' && h[len(h)-1] == ']' {
				h = h[1 : len(h)-1]
			}
			h = net.JoinHostPort(h, defaultPort)
		}
		hosts = append(hosts, h)
	}
	if len(hosts) == 0 {
		hosts = append(hosts, net.JoinHostPort("localhost", defaultPort))
	}
	o.Hosts = hosts
	o.VHost = cmp.Or(o.VHost, "/")
	o.Heartbeat = max(cmp.Or(o.Heartbeat, 10*time.Second), time.Second)
	o.DialTimeout = cmp.Or(o.DialTimeout, 15*time.Second)
	o.RetryMin = cmp.Or(o.RetryMin, 500*time.Millisecond)
	o.RetryMax = max(cmp.Or(o.RetryMax, 30*time.Second), o.RetryMin)
	o.Name = cmp.Or(o.Name, "murano")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Conn{
		o: o, slots: semaphore.NewWeighted(inFlight), changed: make(chan struct{}),
		board: board{log: o.Log, tell: o.OnState, topics: make(map[string]Status)},
	}
}

// Close ends the connection and returns once that is done, at the latest after
// a few seconds, and once OnConnect has returned. Messages whose keep is still
// running will be delivered again. It always returns nil.
func (c *Conn) Close() error {
	c.mu.Lock()
	cancel, done := c.cancel, c.done
	if !c.closed {
		c.closed = true
		c.notify()
	}
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
	c.board.post(Status{State: Closed})
	return nil
}

// Status returns where the connection stands, and after it each queue being
// received, sorted by name.
func (c *Conn) Status() []Status { return c.board.all() }

// notify wakes everybody who waits. The caller holds c.mu.
func (c *Conn) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// session returns the living session, or waits for one. The error wraps
// ErrClosed, or ctx's with the reason why there is none.
func (c *Conn) session(ctx context.Context) (*session, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		if c.cancel == nil {
			// The connection is everybody's, so it ends with Close, not with the
			// context of whoever needed it first.
			var run context.Context
			run, c.cancel = context.WithCancel(context.Background())
			c.done = make(chan struct{})
			go c.run(run)
		}
		s, changed, fault := c.current, c.changed, c.fault
		c.mu.Unlock()
		if err := ctx.Err(); err != nil {
			if s == nil && fault != nil {
				return nil, fmt.Errorf("%w: %w", err, fault)
			}
			return nil, err
		}
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// run keeps a session until ctx is done.
func (c *Conn) run(ctx context.Context) {
	defer close(c.done)
	connects := make(chan struct{}, 1)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer close(connects)
	if c.o.OnConnect != nil {
		calls.Go(func() {
			for range connects {
				c.o.OnConnect()
			}
		})
	}
	c.board.post(Status{State: Connecting})
	pause := newPause(c.o.RetryMin, c.o.RetryMax)
	for ctx.Err() == nil {
		s, fault := c.connect(ctx)
		if s != nil {
			since := time.Now()
			c.offer(s, nil)
			c.board.post(Status{State: Connected, Host: s.host})
			select {
			case connects <- struct{}{}:
			default: // OnConnect is still running and will be called once more
			}
			fault = s.watch(ctx, c.o, func(reason string) { c.blocked(s, reason) })
			close(s.gone)
			c.offer(nil, fault)
			s.close()
			if time.Since(since) >= settled {
				pause.Reset()
			}
		}
		if ctx.Err() != nil {
			return
		}
		c.offer(nil, fault)
		c.board.lost(fault)
		wait(ctx, pause.NextBackOff())
	}
}

// connect tries the hosts in turn. Of several faults it returns the one that
// somebody must act on, before those that may pass.
func (c *Conn) connect(ctx context.Context) (*session, *Fault) {
	var telling *Fault
	for _, host := range c.o.Hosts {
		s, fault := dial(ctx, host, c.o)
		if s != nil {
			return s, nil
		}
		c.o.Log.Debug("broker not reached", "host", host, "error", fault)
		if telling == nil || telling.passing() && !fault.passing() {
			telling = fault
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, telling
}

// offer makes s, which may be nil, the session that everybody uses.
func (c *Conn) offer(s *session, fault *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.fault = s, fault
	c.notify()
}

// blocked reports that the broker takes no messages, or that it does again.
func (c *Conn) blocked(s *session, reason string) {
	if reason == "" {
		c.board.post(Status{State: Connected, Host: s.host})
		return
	}
	c.board.post(Status{State: Blocked, Host: s.host, Fault: &Fault{
		Kind: Overloaded,
		Text: fmt.Sprintf("the broker %s takes no messages: %s", s.host, reason),
		Hint: "free memory or disk on it; what waits is sent then",
	}})
}

// newPause returns growing, jittered pauses.
func newPause(first, last time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, last
	b.Reset()
	return b
}

// wait returns after d, or as soon as ctx is done.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// short checks a name that AMQP carries in a string of at most 255 bytes. The
// library would break the connection over a longer one.
func short(what, s string) error {
	if len(s) > 255 {
		return fmt.Errorf("%s %.20q... is %d bytes long; AMQP allows 255", what, s, len(s))
	}
	return nil
}
