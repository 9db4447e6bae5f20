// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// A Fault says why there is no connection, or no queue, in words for people.
type Fault struct {
	Kind  Kind
	Text  string // what happened, with host, user, vhost or queue; never a password
	Hint  string // the next step; names of options are those of the agent's configuration
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

// passing says whether the fault may go away without anybody's doing.
func (f *Fault) passing() bool {
	switch f.Kind {
	case NoAddress, NoAnswer, Silence, Broken, Shutdown, Overloaded:
		return true
	}
	return false
}

// dialFault is for an error before anything was said.
func dialFault(host string, o Options, err error) *Fault {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && !dns.IsTimeout:
		return &Fault{NoAddress, fmt.Sprintf("the name of the broker %s does not resolve (%s)", host, dns.Err),
			"check rabbitmq.host, and name resolution on this machine", err}
	case errors.As(err, &dns):
		return &Fault{NoAddress, fmt.Sprintf("no name server answers for the broker %s", host),
			"check name resolution on this machine, or give rabbitmq.host an address", err}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Fault{NoAnswer, fmt.Sprintf("%s refuses connections", host),
			"check that RabbitMQ runs there, and rabbitmq.port", err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &Fault{NoAnswer, fmt.Sprintf("no answer from %s within %v", host, o.DialTimeout),
			"check rabbitmq.host and rabbitmq.port, and routes, security groups and firewalls on the way", err}
	}
	return &Fault{NoAnswer, fmt.Sprintf("%s cannot be reached: %v", host, err),
		"check rabbitmq.host and rabbitmq.port, and the route there", err}
}

// tlsFault is for an error of the TLS handshake.
func tlsFault(host string, o Options, err error) *Fault {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &authority):
		return &Fault{NoTLS, fmt.Sprintf("the certificate of %s is signed by an authority unknown here", host),
			"set rabbitmq.ca_certs to a PEM file with the certificate of that authority", err}
	case errors.As(err, &name):
		return &Fault{NoTLS, fmt.Sprintf("the certificate of %s is for %s", host, certified(name.Certificate)),
			"set rabbitmq.host to one of these names, or give the broker a certificate for its own", err}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &Fault{NoTLS, fmt.Sprintf("the certificate of %s is out of date or not yet valid, by this machine's clock (%s)", host, time.Now().UTC().Format(time.RFC3339)),
			"check the clock, then renew the broker's certificate", err}
	case errors.As(err, &plain):
		return &Fault{NoTLS, fmt.Sprintf("%s does not speak TLS", host),
			"set rabbitmq.port to the broker's TLS port (5671 by default), or rabbitmq.ssl to false", err}
	case errors.As(err, &alert):
		return &Fault{NoTLS, fmt.Sprintf("%s refuses the TLS handshake: %v", host, err),
			"check whether the broker wants a client certificate, and which TLS versions it takes", err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &Fault{NoAnswer, fmt.Sprintf("%s does not answer the TLS handshake within %v", host, o.DialTimeout),
			"check that rabbitmq.port is the broker's TLS port (5671 by default), and the path there (MTU too)", err}
	}
	return &Fault{NoTLS, fmt.Sprintf("TLS handshake with %s: %v", host, err),
		"check that rabbitmq.port is the broker's TLS port (5671 by default)", err}
}

// certified names what a certificate is for.
func certified(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

// loginFault is for an error from AMQP's greeting to the opened vhost. read is
// how reading ended, if it did.
func loginFault(host string, o Options, err, read error) *Fault {
	var e *amqp091.Error
	var broke *net.OpError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &broke) && !broke.Timeout():
		// The library closes the connection over a frame it cannot read, and
		// whether its own answer or that is told first is a race.
		return endedEarly(host, o, err)
	default:
		return &Fault{Protocol, fmt.Sprintf("login at %s: %v", host, err), "check that RabbitMQ 3.8 or newer runs there", err}
	}
	silent := errors.Is(read, os.ErrDeadlineExceeded) || errors.Is(read, net.ErrClosed)
	switch {
	case silent && !e.Server:
		return &Fault{NoAnswer, fmt.Sprintf("%s accepts connections but does not answer within %v", host, o.DialTimeout),
			"check that RabbitMQ listens at rabbitmq.port, and whether it wants TLS (rabbitmq.ssl)", err}
	case e.Code == amqp091.NotAllowed, !e.Server && e == amqp091.ErrVhost:
		return &Fault{NoVHost, fmt.Sprintf("%s lets user %q in but not into the virtual host %q (%s)", host, o.User, o.VHost, e.Reason),
			fmt.Sprintf("check rabbitmq.virtual_host, or on the broker: rabbitmqctl add_vhost '%s' and rabbitmqctl set_permissions -p '%s' '%s' '.*' '.*' '.*'", o.VHost, o.VHost, o.User), err}
	case e.Code == amqp091.AccessRefused:
		// RabbitMQ drops the connection without a word, unless the client says it
		// understands authentication_failure_close, which the library does not.
		hint := "check rabbitmq.login and rabbitmq.password"
		if o.User == "guest" {
			hint += "; RabbitMQ lets guest in only from its own machine"
		}
		return &Fault{NoLogin, fmt.Sprintf("%s refuses user %q or its password", host, o.User), hint, err}
	case !e.Server:
		return endedEarly(host, o, err)
	}
	return &Fault{Protocol, fmt.Sprintf("%s refuses the connection: %s", host, e.Reason), "see the broker's log", err}
}

// endedEarly is for something that is no broker, or one that wants TLS.
func endedEarly(host string, o Options, err error) *Fault {
	hint := "check that RabbitMQ listens at rabbitmq.port, and whether it wants TLS (rabbitmq.ssl)"
	if o.TLS != nil {
		hint = "check that RabbitMQ listens at rabbitmq.port"
	}
	return &Fault{NoAnswer, fmt.Sprintf("%s ends the connection before AMQP begins", host), hint, err}
}

// endFault is for a session that ended.
func endFault(host string, o Options, e *amqp091.Error, read error) *Fault {
	const again = "it is dialled again by itself"
	switch {
	case e != nil && e.Server && e.Code == amqp091.ConnectionForced:
		return &Fault{Shutdown, fmt.Sprintf("the broker %s closed the connection: %s", host, e.Reason), again, e}
	case e != nil && e.Server:
		return &Fault{Protocol, fmt.Sprintf("the broker %s closed the connection: %s", host, e.Reason), again, e}
	case errors.Is(read, os.ErrDeadlineExceeded):
		return &Fault{Silence, fmt.Sprintf("nothing heard from the broker %s for %v", host, 2*o.Heartbeat),
			again + "; if it stays silent, check the network on the way", read}
	case errors.Is(read, net.ErrClosed): // by session.guard or session.failed
		return &Fault{Silence, fmt.Sprintf("the broker %s left a call unanswered, so its connection was given up", host), again, read}
	case read != nil:
		return &Fault{Broken, fmt.Sprintf("the connection to the broker %s broke: %v", host, read), again, read}
	case e != nil:
		return &Fault{Broken, fmt.Sprintf("the connection to the broker %s broke: %s", host, e.Reason), again, e}
	}
	return &Fault{Kind: Broken, Text: fmt.Sprintf("the connection to the broker %s ended", host), Hint: again}
}

// queueFault is for a queue that could not be consumed.
func queueFault(queue string, o Options, err error) *Fault {
	var e *amqp091.Error
	switch {
	case errors.Is(err, errCancelled):
		return &Fault{NoQueue, fmt.Sprintf("queue %q was removed", queue), absentHint, err}
	case errors.As(err, &e) && e.Code == amqp091.NotFound:
		return &Fault{NoQueue, fmt.Sprintf("queue %q does not exist in virtual host %q", queue, o.VHost), absentHint, err}
	case errors.As(err, &e) && e.Code == amqp091.AccessRefused:
		return accessFault(fmt.Sprintf("user %q may not read queue %q", o.User, queue), o, err)
	}
	return &Fault{Protocol, fmt.Sprintf("queue %q cannot be consumed: %v", queue, err), "see the broker's log", err}
}

const absentHint = "the controller declares it; if it stays away, check the queue's name and rabbitmq.virtual_host"

// accessFault is for a permission that is missing.
func accessFault(text string, o Options, err error) *Fault {
	return &Fault{NoAccess, text,
		fmt.Sprintf("on the broker: rabbitmqctl list_permissions -p '%s', then set_permissions for '%s'", o.VHost, o.User), err}
}
