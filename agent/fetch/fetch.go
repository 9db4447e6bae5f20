// SPDX-License-Identifier: Apache-2.0

// Package fetch brings the Downloadable files of a plan into the guest: over
// http and https by itself, from git and Subversion repositories with the
// guest's own client.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans"
)

var _ agent.Fetcher = (*Client)(nil)

// Options bound a download. Zero values mean the default in parentheses.
type Options struct {
	ConnectTimeout time.Duration // until connected, TLS included (30s)
	StallTimeout   time.Duration // without a byte, http and https only (1m)
	Timeout        time.Duration // of one URL (1h)
	MaxSize        int64         // bytes of one file, http and https only (4 GiB)
	UserAgent      string        // ("murano-agent")
}

// A Client downloads. Its methods may be called at the same time.
type Client struct {
	o    Options
	http *http.Client
}

// New makes a Client. Proxies are those of the environment: HTTP_PROXY,
// HTTPS_PROXY, NO_PROXY.
func New(o Options) *Client {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 30 * time.Second
	}
	if o.StallTimeout <= 0 {
		o.StallTimeout = time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Hour
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 4 << 30
	}
	if o.UserAgent == "" {
		o.UserAgent = "murano-agent"
	}
	return &Client{o: o, http: newHTTP(o)}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Fetch downloads f into dir, which must exist, from its URL or else from its
// URLs in turn. It returns the path of the file, whose name is the last part
// of the URL that served, query included; of a repository, whose work tree is
// placed directly in dir, it returns dir. What is placed has passed f's SHA256
// and Size. The error names every URL that was tried, without its password,
// and why it did not serve.
func (c *Client) Fetch(ctx context.Context, f plans.File, dir string) (string, error) {
	var failed []error
	for _, address := range slices.Concat([]string{f.URL}, f.URLs) {
		path, err := c.fetchOne(ctx, f, address, dir)
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

func (c *Client) fetchOne(ctx context.Context, f plans.File, address, dir string) (string, error) {
	u, err := parse(address)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout,
		fmt.Errorf("not finished after %v; raise fetch.timeout, or bring the file nearer", c.o.Timeout))
	defer cancel()
	switch kind(address) {
	case git, svn:
		if f.SHA256 != "" || f.Size != 0 {
			return "", fmt.Errorf("download %s: SHA256 and Size cannot be checked of a repository; remove them, or publish an archive over https", u.Redacted())
		}
		if err := c.checkout(ctx, kind(address), address, u, dir); err != nil {
			return "", err
		}
		return dir, nil
	}
	path, err := c.get(ctx, f, u, filepath.Join(dir, fileName(address)))
	if err != nil {
		return "", fmt.Errorf("download %s: %w", u.Redacted(), err)
	}
	return path, nil
}

// notValid is the wording of murano-agent 12.0.0, files_manager.py.
const notValid = "Provided URL is not valid"

// parse reads a URL and refuses what cannot be downloaded.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		var p *url.Error
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("%s: %w; write http://HOST/PATH", notValid, err)
	}
	if u.Scheme == "" {
		return nil, fmt.Errorf("%s %s; write it whole, http://HOST/PATH", notValid, u.Redacted())
	}
	if kind(address) != plain {
		return u, nil
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("download %s: the agent knows no scheme %q; use http, https, git or svn", u.Redacted(), u.Scheme)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("download %s: the URL names no host; write %s://HOST/PATH", u.Redacted(), u.Scheme)
	}
	switch name := fileName(address); {
	case name == "" || name == "." || name == "..":
		return nil, fmt.Errorf("download %s: the URL ends in no file name; name the file, not its folder", u.Redacted())
	case strings.ContainsAny(name, "\x00\\"):
		return nil, fmt.Errorf("download %s: %q cannot be a file name; escape it in the URL", u.Redacted(), name)
	}
	return u, nil
}

// fileName is the last part of a URL, query and all, as murano-agent names a download.
func fileName(address string) string {
	name := address[strings.LastIndexByte(address, '/')+1:]
	if u, err := url.Parse(address); err == nil && u.Host != "" && u.Path == "" && u.RawQuery == "" {
		return "" // http://host
	}
	return name
}

type source int

const (
	plain source = iota
	git
	svn
)

// kind tells a repository from a file as murano-agent 12.0.0 does.
func kind(address string) source {
	for _, prefix := range []string{"git://", "git+http://", "git+https:/"} {
		if strings.HasPrefix(address, prefix) {
			return git
		}
	}
	switch {
	case strings.HasSuffix(address, ".git"):
		return git
	case strings.HasPrefix(address, "svn://"), regexp.MustCompile(`^https?://.*/svn/`).MatchString(address):
		return svn
	}
	return plain
}
