// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
)

func newHTTP(o Options) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:   o.ConnectTimeout,
		ResponseHeaderTimeout: o.StallTimeout,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // a file is what the server has, not what it unpacks to
		MaxIdleConns:          4,
		IdleConnTimeout:       30 * time.Second,
	}}
}

// get downloads u to path by way of a temporary file beside it.
func (c *Client) get(ctx context.Context, f plans.File, u *url.URL, path string) (_ string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("User-Agent", c.o.UserAgent)
	response, err := c.http.Do(request)
	if err != nil {
		return "", cause(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s%s", response.Request.URL.Host, response.Status, advice(response.StatusCode))
	}
	limit := c.o.MaxSize
	if response.ContentLength > limit {
		return "", tooLarge(limit)
	}
	if f.Size != 0 && response.ContentLength >= 0 && response.ContentLength != f.Size {
		return "", wrongSize(response.ContentLength, f.Size)
	}

	out, err := os.CreateTemp(filepath.Dir(path), ".download-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			out.Close()
			os.Remove(out.Name())
		}
	}()
	stall := time.AfterFunc(c.o.StallTimeout, func() {
		cancel(fmt.Errorf("no byte arrived for %v; raise fetch.stallTimeout, or look at the server", c.o.StallTimeout))
	})
	defer stall.Stop()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), &watched{io.LimitReader(response.Body, limit+1), func() { stall.Reset(c.o.StallTimeout) }})
	switch {
	case err != nil:
		return "", cause(ctx, err)
	case n > limit:
		return "", tooLarge(limit)
	case f.Size != 0 && n != f.Size:
		return "", wrongSize(n, f.Size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); f.SHA256 != "" && !strings.EqualFold(got, f.SHA256) {
		return "", fmt.Errorf("the file has SHA256 %s, the plan says %s; it was changed on the server, or on the way", got, strings.ToLower(f.SHA256))
	}
	if err := out.Chmod(0o644); err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	if err := os.Rename(out.Name(), path); err != nil {
		return "", err
	}
	return path, nil
}

// watched calls moved after each read that brought something.
type watched struct {
	io.Reader
	moved func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.moved()
	}
	return n, err
}

// cause is why a transfer ended: the bound that was reached, where one was,
// else what the network said, without the URL that the caller names.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fmt.Errorf("the name %s does not resolve (%w); look at /etc/resolv.conf and at the DNS of the guest's network", dns.Name, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server closed the connection in mid-file")
	}
	return err
}

func advice(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return "; there is no such file there"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; the server wants other credentials"
	case http.StatusProxyAuthRequired:
		return "; put the proxy's credentials into the agent's HTTP_PROXY"
	}
	return ""
}

func tooLarge(limit int64) error {
	return fmt.Errorf("the file is larger than %d bytes; raise fetch.maxSize", limit)
}

func wrongSize(got, want int64) error {
	return fmt.Errorf("the file has %d bytes, the plan says %d; it was changed on the server", got, want)
}
