// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	// grace is how long a call to the broker may go on after its context ended,
	// before the connection is given up for it.
	grace = time.Second
	// closeLimit bounds a farewell: a broker that does not answer is left.
	closeLimit = 2 * time.Second
	// frameSize is RabbitMQ's own default.
	frameSize = 128 << 10
)

// A session is one connection, from login to break. What belongs to it, its
// channels and the deliveries taken from them, ends with it.
//
// The library's own recovery stays off (Config.Recovery nil). Measured with
// amqp091-go 1.16.0 against RabbitMQ 3.10.8: with recovery on, Ack of a delivery
// taken before a break returns nil and is sent on the new channel, where tags
// start again, so that it acknowledges some other message, which is lost;
// without it the same Ack fails with 504 and both messages stay. What was
// published into a black hole is lost there too, and the first dial is not
// retried.
type session struct {
	host    string
	wire    *wire
	conn    *amqp091.Connection
	ended   chan *amqp091.Error // from the library: why the connection ended
	blocked chan amqp091.Blocking
	gone    chan struct{} // closed once the connection has ended

	opening chan struct{} // holds one token: whoever has it may use publisher
	pub     *publisher
}

// dial connects to one host and logs in.
func dial(ctx context.Context, host string, o Options) (*session, *Fault) {
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, dialFault(host, o, err)
	}
	w := &wire{Conn: raw, idle: 2 * o.Heartbeat}
	deadline, _ := ctx.Deadline()
	if err := w.SetDeadline(deadline); err != nil {
		raw.Close()
		return nil, dialFault(host, o, err)
	}
	// Whoever calls Close does not wait for a login.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()

	var carrier net.Conn = w
	if o.TLS != nil {
		config := o.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(host)
		}
		t := tls.Client(w, config)
		if err := t.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, tlsFault(host, o, err)
		}
		carrier = t
	}
	conn, err := amqp091.Open(carrier, amqp091.Config{
		SASL:       []amqp091.Authentication{&amqp091.PlainAuth{Username: o.User, Password: o.Password}},
		Vhost:      o.VHost,
		Heartbeat:  o.Heartbeat,
		FrameSize:  frameSize,
		Locale:     "en_US",
		Properties: amqp091.Table{"product": "murano", "connection_name": o.Name},
	})
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		return nil, loginFault(host, o, err, w.readError())
	}
	s := &session{
		host: host, wire: w, conn: conn, gone: make(chan struct{}), opening: make(chan struct{}, 1),
		ended: conn.NotifyClose(make(chan *amqp091.Error, 1)), blocked: conn.NotifyBlocked(make(chan amqp091.Blocking, 1)),
	}
	s.opening <- struct{}{}
	return s, nil
}

// watch returns when the session has ended, with the reason, or nil when ctx
// is done. It tells blocked when the broker takes no more messages, with
// the broker's reason, and with "" when it takes them again.
func (s *session) watch(ctx context.Context, o Options, blocked func(reason string)) *Fault {
	alarms := s.blocked
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-s.ended:
			return endFault(s.host, o, e, s.wire.readError())
		case b, ok := <-alarms:
			switch {
			case !ok:
				alarms = nil // the session ends
			case b.Active:
				blocked(b.Reason)
			default:
				blocked("")
			}
		}
	}
}

// close takes leave of the broker and returns once the publisher's goroutine has
// ended. It is needed after a break too: the library's shutdown tells of the
// break, then waits for a lock that a blocked write holds (amqp091-go 1.16.0,
// Channel.shutdown and PublishWithDeferredConfirm), and closes the socket, which
// would end that write, last.
func (s *session) close() {
	if !s.conn.IsClosed() {
		s.conn.CloseDeadline(time.Now().Add(closeLimit)) // an error says that it is closed already
	}
	s.wire.Close()
	<-s.opening
	if s.pub != nil {
		<-s.pub.gone
	}
	s.opening <- struct{}{}
}

// guard runs call, a call of the library, which knows no contexts. If call goes
// on for longer than grace after ctx is done, the connection is given up, so
// that call ends.
func (s *session) guard(ctx context.Context, call func() error) error {
	if ctx.Done() == nil {
		return call()
	}
	finished, watched := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(watched)
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-finished:
		case <-t.C:
			s.wire.Close()
		}
	})
	err := call()
	close(finished)
	if !stop() {
		<-watched
	}
	return err
}

// channel runs use with a channel of its own, and closes it. The error is use's,
// or that of opening the channel, sorted by failed.
func (s *session) channel(ctx context.Context, use func(*amqp091.Channel) error) error {
	var ch *amqp091.Channel
	if err := s.guard(ctx, func() (err error) {
		ch, err = s.conn.Channel()
		return err
	}); err != nil {
		return s.failed(err)
	}
	defer s.leave(ctx, ch)
	return use(ch)
}

// leave closes a channel, which may be closed already.
func (s *session) leave(ctx context.Context, ch *amqp091.Channel) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit-grace)
	defer cancel()
	s.guard(limited, ch.Close) // an error says that it is closed already
}

// failed sorts an error of the library: what the broker refused is returned,
// with the session intact; after anything else it is given up and the error is
// errBroken. The library itself leaves a connection open whose flush failed.
func (s *session) failed(err error) error {
	var e *amqp091.Error
	if errors.As(err, &e) && refused(e) && !s.conn.IsClosed() {
		return e
	}
	s.wire.Close()
	return errBroken
}

// refused says whether e, which may be nil, is the broker's word on one channel
// only: no such queue or exchange, no permission, other options, too large.
func refused(e *amqp091.Error) bool { return e != nil && e.Server && e.Recover }
