// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The phases of a download, in their order.
const (
	resolving  = "resolve"
	connecting = "connect"
	securing   = "tls"
	requesting = "request"
	receiving  = "body"
)

// A failure is why one attempt did not bring the file.
type failure struct {
	phase string
	host  string // whom the phase was about
	err   error
	again bool          // another attempt may bring it
	after time.Duration // not before, says the server; 0 means it does not say
}

func (e *failure) Error() string { return e.phase + " " + e.host + ": " + e.err.Error() }
func (e *failure) Unwrap() error { return e.err }

// A way knows how far a request has come.
type way struct {
	mu    sync.Mutex // the transport dials in goroutines of its own
	phase string
	host  string // of the phase
	peer  string // of the connection, host:port
}

func (w *way) is(phase, host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase, w.host = phase, host
}

func (w *way) at() (phase, host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.phase, w.host
}

// trace has w follow the requests of ctx, redirects included.
func (w *way) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(peer string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.phase, w.host, w.peer = connecting, peer, peer
		},
		DNSStart:     func(i httptrace.DNSStartInfo) { w.is(resolving, i.Host) },
		ConnectStart: func(_, address string) { w.is(connecting, address) },
		TLSHandshakeStart: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.phase, w.host = securing, w.peer
		},
		GotConn: func(httptrace.GotConnInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.phase, w.host = requesting, w.peer
		},
	})
}

// failed says why the network did not serve: the bound that was reached, where
// one was, else what err says, in words that name the next step.
func (w *way) failed(ctx context.Context, o Options, err error) *failure {
	phase, host := w.at()
	f := &failure{phase: phase, host: host, again: true}
	if ctx.Err() != nil {
		f.err = context.Cause(ctx)
		return f
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the URL is named by the caller
	}
	var (
		dns     *net.DNSError
		op      *net.OpError
		status  *statusError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		record  tls.RecordHeaderError
		network net.Error
	)
	if errors.As(err, &op) && op.Op == "dial" && op.Addr != nil {
		f.phase, f.host = connecting, op.Addr.String()
	}
	late := errors.As(err, &network) && network.Timeout()
	switch {
	case errors.As(err, &dns):
		f.phase, f.host, f.again = resolving, dns.Name, !dns.IsNotFound
		f.err = fmt.Errorf("the name %s does not resolve (%w); look at /etc/resolv.conf and at the DNS of the guest's network", dns.Name, err)
	case errors.As(err, &status):
		f.phase, f.err, f.again = connecting, err, status.passing()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.again = false
		f.err = fmt.Errorf("the certificate is out of its time, %s to %s, by the guest's clock, %s; renew it on the server, or set the clock",
			day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter), time.Now().UTC().Format(time.DateTime))
	case errors.As(err, &unknown):
		f.again = false
		f.err = errors.New("the certificate is signed by an authority that this guest does not trust; add the authority's certificate to the guest's")
	case errors.As(err, &name):
		f.again = false
		f.err = fmt.Errorf("the certificate is not for this host (%w); use a name it holds, or renew it on the server", err)
	case errors.As(err, &invalid):
		f.again, f.err = false, err
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		f.again = false
		f.err = errors.New("what answers there does not speak TLS; use http://, or the port of https")
	case errors.Is(err, syscall.ECONNREFUSED):
		f.err = errors.New("connection refused: nothing listens there; see that the server runs, and the port")
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		f.err = fmt.Errorf("%w: the guest has no way there; look at its routes and the router of its network", bare(err))
	case late && f.phase == requesting:
		f.err = fmt.Errorf("timeout awaiting response headers: no answer for %v; raise fetch.stallTimeout, or look at the server", o.StallTimeout)
	case late:
		f.err = fmt.Errorf("timed out: no answer for %v; look at routes, security groups and firewalls, or set fetch.proxy", o.ConnectTimeout)
	case f.phase == receiving && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)):
		f.err = errors.New("the server closed the connection in mid-file")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.err = errors.New("the server closed the connection without an answer")
	case errors.Is(err, errRedirects), strings.Contains(err.Error(), "unsupported protocol scheme"):
		f.again, f.err = false, err
	default:
		f.err = err
	}
	return f
}

// errRedirects ends a chase.
var errRedirects = errors.New("10 redirects and no file; the server sends in a circle")

// bare is the system's own word in err.
func bare(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
