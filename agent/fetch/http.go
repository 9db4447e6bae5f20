// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

func newHTTP(o Options, proxy func(*url.URL) (*url.URL, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
			OnProxyConnectResponse: tunnelled,
			DialContext:            (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.Authorities},
			TLSHandshakeTimeout:    o.ConnectTimeout,
			ResponseHeaderTimeout:  o.StallTimeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // a file is what the server has, not what it unpacks to
			MaxIdleConns:           4,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) >= 10 {
				return errRedirects
			}
			return nil
		},
	}
}

// get downloads a to path, by way of p. What p holds of an earlier URL is gone
// on with if the sum of the file is known.
func (c *Client) get(ctx context.Context, f plans.File, a address, p *part, path string) error {
	p.elsewhere(f.SHA256 != "")
	tried, far := 0, p.size
	for n := 1; ; n++ {
		tried++
		err := c.attempt(ctx, f, a, p)
		if err == nil {
			err = p.check(f)
			if err == nil {
				return p.place(path)
			}
			pieced := p.pieced
			p.drop()
			if pieced { // perhaps of two files
				p.whole = true
				continue
			}
			return err
		}
		if p.size > far {
			far, n = p.size, 1
		}
		var failed *failure
		if ctx.Err() != nil || !errors.As(err, &failed) || !failed.again {
			return err
		}
		if n >= c.o.Attempts {
			return fmt.Errorf("%w (%d attempts)", err, tried)
		}
		if werr := c.wait(ctx, n, failed.after); werr != nil {
			return fmt.Errorf("%w; before: %w", werr, err)
		}
	}
}

// attempt brings what p lacks of the file. Its error is a *failure, or one of this guest.
func (c *Client) attempt(ctx context.Context, f plans.File, a address, p *part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &way{phase: connecting, host: a.url.Host}
	request, err := http.NewRequestWithContext(w.trace(ctx), http.MethodGet, a.url.String(), nil)
	if err != nil {
		return errors.New("the URL cannot be asked for; escape what is odd in it") // err quotes it
	}
	request.Header.Set("User-Agent", c.o.UserAgent)
	p.ask(request, f.SHA256 != "")
	response, err := c.http.Do(request)
	if err != nil {
		return c.byProxy(a, w.failed(ctx, c.o, err))
	}
	defer response.Body.Close()
	host := response.Request.URL.Host
	if err := c.accept(response, host, p); err != nil {
		return c.byProxy(a, err)
	}
	switch {
	case p.total > c.o.MaxSize:
		return &failure{phase: receiving, host: host, err: tooLarge(c.o.MaxSize)}
	case f.Size != 0 && p.total >= 0 && p.total != f.Size:
		return &failure{phase: receiving, host: host, err: wrongSize(p.total, f.Size)}
	}
	w.is(receiving, host)
	stall := time.AfterFunc(c.o.StallTimeout, func() {
		cancel(fmt.Errorf("no byte arrived for %v; raise fetch.stallTimeout, or look at the server", c.o.StallTimeout))
	})
	defer stall.Stop()
	in := &watched{in: io.LimitReader(response.Body, c.o.MaxSize-p.size+1), moved: func() { stall.Reset(c.o.StallTimeout) }}
	_, err = io.Copy(p, in)
	switch {
	case in.err != nil:
		return c.byProxy(a, w.failed(ctx, c.o, in.err))
	case err != nil:
		return fmt.Errorf("keep the file: %w", err)
	case p.size > c.o.MaxSize:
		return &failure{phase: receiving, host: host, err: tooLarge(c.o.MaxSize)}
	case p.total >= 0 && p.size < p.total:
		return c.byProxy(a, w.failed(ctx, c.o, io.ErrUnexpectedEOF))
	}
	return nil
}

// accept makes p ready for the body of response, or says why it has none.
func (c *Client) accept(response *http.Response, host string, p *part) error {
	asked := response.Request.Header.Get("Range") != ""
	switch code := response.StatusCode; {
	case code == http.StatusOK:
		if err := p.begin(response); err != nil {
			return fmt.Errorf("keep the file: %w", err)
		}
		return nil
	case code == http.StatusPartialContent && asked && p.goesOn(response):
		p.pieced = true
		return nil
	case asked && (code == http.StatusPartialContent || code == http.StatusRequestedRangeNotSatisfiable):
		p.drop()
		p.whole = true
		return &failure{phase: requesting, host: host, again: true,
			err: errors.New("asked for the rest of the file, the server sent something else")}
	}
	err := &statusError{host: host, status: response.Status, code: response.StatusCode}
	return &failure{phase: requesting, host: host, err: err, again: err.passing(), after: retryAfter(response.Header, time.Now())}
}

// byProxy adds to a failure by which proxy the file was asked for.
func (c *Client) byProxy(a address, err error) error {
	var failed *failure
	if !errors.As(err, &failed) {
		return err
	}
	if proxy, perr := c.proxy(a.url); perr == nil && proxy != nil {
		failed.err = fmt.Errorf("%w (by way of the proxy %s)", failed.err, proxy.Host)
	}
	return err
}

// retryAfter is what a server that refuses asks for, seconds or a date; 0 means nothing.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(n, 0)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// check says whether what has come is the file that f describes.
func (p *part) check(f plans.File) error {
	if f.Size != 0 && p.size != f.Size {
		return wrongSize(p.size, f.Size)
	}
	if got := hex.EncodeToString(p.sum.Sum(nil)); f.SHA256 != "" && !strings.EqualFold(got, f.SHA256) {
		return fmt.Errorf("%w: the file has SHA256 %s, the plan says %s; it was changed on the server, or on the way", agent.ErrChecksum, got, strings.ToLower(f.SHA256))
	}
	return nil
}

// watched calls moved after each read that brought something, and keeps the
// error that ended reading.
type watched struct {
	in    io.Reader
	moved func()
	err   error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	if n > 0 {
		w.moved()
	}
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

func tooLarge(limit int64) error {
	return fmt.Errorf("the file is larger than %d bytes; raise fetch.maxSize", limit)
}

func wrongSize(got, want int64) error {
	return fmt.Errorf("%w: the file has %d bytes, the plan says %d; it was changed on the server", agent.ErrChecksum, got, want)
}
