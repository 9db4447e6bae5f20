// SPDX-License-Identifier: Apache-2.0

// Package fetch brings the Downloadable files of a plan into the guest: over
// http and https by itself, from git and Subversion repositories with the
// guest's own client.
package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

var _ agent.Fetcher = (*Client)(nil)

// Options bound a download. Zero values mean the default in parentheses.
type Options struct {
	ConnectTimeout time.Duration // until connected; the TLS handshake has as long again (30s)
	StallTimeout   time.Duration // without a byte; of git and svn over http too (1m)
	Timeout        time.Duration // of one URL, its retries included (1h)
	MaxSize        int64         // bytes of one file, http and https only (4 GiB)
	UserAgent      string        // ("murano-agent")

	// Attempts bounds how often one URL is tried after an error that may pass.
	// An attempt that brought new bytes counts as the first again (4).
	Attempts int
	// RetryDelay is the wait before the second attempt; it doubles up to
	// MaxRetryDelay, and up to a quarter is added by chance (500ms, 30s).
	// A server's Retry-After is waited for instead, up to MaxRetryDelay.
	RetryDelay, MaxRetryDelay time.Duration

	// Proxy is the URL of a proxy for http and https, its login in it; NoProxy
	// the hosts reached without it, each as in the variable NO_PROXY. Empty
	// means as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. Loopback addresses
	// never go through a proxy.
	Proxy   string
	NoProxy []string

	// Authorities sign the certificates that are trusted (the system's).
	Authorities *x509.CertPool
	// Random gives numbers from 0 to 1 for the delays (math/rand/v2).
	Random func() float64
}

// A Client downloads. Its methods may be called at the same time.
type Client struct {
	o     Options
	proxy func(*url.URL) (*url.URL, error)
	http  *http.Client
}

// New makes a Client.
func New(o Options) *Client {
	for value, standard := range map[*time.Duration]time.Duration{
		&o.ConnectTimeout: 30 * time.Second, &o.StallTimeout: time.Minute, &o.Timeout: time.Hour,
		&o.RetryDelay: 500 * time.Millisecond, &o.MaxRetryDelay: 30 * time.Second,
	} {
		if *value <= 0 {
			*value = standard
		}
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 4 << 30
	}
	if o.UserAgent == "" {
		o.UserAgent = "murano-agent"
	}
	if o.Attempts <= 0 {
		o.Attempts = 4
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	c := &Client{o: o, proxy: proxies(o)}
	c.http = newHTTP(o, c.proxy)
	return c
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Fetch downloads f into dir, which must exist and be empty, from its URL or
// else from its URLs in turn. It returns the path of the file, whose name is
// the last part of the URL that served, query included; of a repository, whose
// work tree is placed directly in dir, it returns dir. What is placed has
// passed f's SHA256 and Size; the error of a file that has not wraps
// agent.ErrChecksum. A download that breaks off is gone on with where it
// stopped, if the server can; a part is never left behind. The error names
// every URL that was tried, without its credentials, the phase that it failed
// in (resolve, connect, tls, request, body), the host and the cause.
func (c *Client) Fetch(ctx context.Context, f plans.File, dir string) (string, error) {
	p := &part{dir: dir}
	defer p.discard()
	var failed []error
	for _, text := range slices.Concat([]string{f.URL}, f.URLs) {
		path, err := c.fetchOne(ctx, f, text, dir, p)
		if err == nil {
			return path, nil
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return "", errors.Join(failed...)
}

func (c *Client) fetchOne(ctx context.Context, f plans.File, text, dir string, p *part) (string, error) {
	a, err := parse(text)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout,
		fmt.Errorf("not finished after %v; raise fetch.timeout, or bring the file nearer", c.o.Timeout))
	defer cancel()
	if a.kind != plain {
		if f.SHA256 != "" || f.Size != 0 {
			return "", fmt.Errorf("download %s: SHA256 and Size cannot be checked of a repository; remove them, or publish an archive over https", a.shown)
		}
		// What an earlier URL left would be in the way of a clone.
		if err := p.discard(); err != nil {
			return "", err
		}
		return dir, c.checkout(ctx, a, dir)
	}
	path := filepath.Join(dir, a.name)
	if err := c.get(ctx, f, a, p, path); err != nil {
		return "", fmt.Errorf("download %s: %w", a.shown, err)
	}
	return path, nil
}

// wait lets the time before the attempt after the nth pass, or the time that
// the server asked for.
func (c *Client) wait(ctx context.Context, n int, asked time.Duration) error {
	d := c.o.RetryDelay
	for range n - 1 {
		if d *= 2; d >= c.o.MaxRetryDelay {
			break
		}
	}
	if asked > 0 {
		d = asked
	}
	d = min(d, c.o.MaxRetryDelay)
	t := time.NewTimer(d + time.Duration(c.o.Random()*float64(d)/4))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
