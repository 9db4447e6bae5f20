// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/openmurano/murano/agent"
)

// ErrNotRunning says that no agent listens on the socket.
var ErrNotRunning = errors.New("the agent does not run")

// A Client calls the agent whose socket is at a path. An error of its methods
// wraps ErrNotRunning where no agent listens, fs.ErrPermission where the caller
// may not, or is the agent's own. It may be used by many at once.
type Client struct {
	path string
	http http.Client
}

// NewClient makes a Client. It connects with each call.
func NewClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
	}
	return c
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var conn net.Conn
	err := short(c.path, func(address string) (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", address)
		return err
	})
	switch {
	case err == nil:
		return conn, nil
	case refused(err):
		return nil, fmt.Errorf("%w: nobody listens on %s", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("connect to %s: %w; call as root, or as a member of the agent's group", c.path, fs.ErrPermission)
	}
	return nil, fmt.Errorf("connect to %s: %w", c.path, err)
}

// Status asks what the agent does.
func (c *Client) Status(ctx context.Context) (agent.Status, error) {
	var s agent.Status
	err := c.call(ctx, http.MethodGet, "status", nil, &s)
	return s, err
}

// Cancel ends a plan and returns what it was: one of the states of plans.Cancelled.
func (c *Client) Cancel(ctx context.Context, id string) (state string, err error) {
	var o outcome
	err = c.call(ctx, http.MethodPost, "plans/"+url.PathEscape(id)+"/cancel", nil, &o)
	return o.State, err
}

// Retry has a plan that ended run again.
func (c *Client) Retry(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "plans/"+url.PathEscape(id)+"/retry", nil, nil)
}

// Prune removes history and returns the keys of what it removed.
func (c *Client) Prune(ctx context.Context, o agent.PruneOptions) (keys []string, err error) {
	var out outcome
	err = c.call(ctx, http.MethodPost, "prune", pruning{Keep: o.Keep, OlderThan: o.OlderThan.String(), DryRun: o.DryRun}, &out)
	return out.Keys, err
}

const (
	// maxReply bounds what is read of an answer: a history has many keys.
	maxReply = 16 << 20
	// maxRead bounds the wait for one that changes nothing.
	maxRead = 10 * time.Second
)

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	limit := maxCommand + 10*time.Second // more than the agent takes itself
	if method == http.MethodGet {
		limit = maxRead
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the agent did not answer within %s; its disk may hang: see dmesg, then restart it", limit))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://agent/v1/"+path, body)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its URL is of our own making
	}
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err != nil {
		return fmt.Errorf("read the agent's answer: %w", cmp.Or(context.Cause(ctx), err))
	}
	if answer.StatusCode != http.StatusOK {
		return failure(answer.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

func failure(code int, text []byte) error {
	var o outcome
	if json.Unmarshal(text, &o) != nil || o.Error == "" {
		return fmt.Errorf("the agent answered %d %s; its version may not know this call", code, http.StatusText(code))
	}
	if code == http.StatusForbidden {
		return fmt.Errorf("%w: %s", fs.ErrPermission, o.Error)
	}
	return errors.New(o.Error)
}
