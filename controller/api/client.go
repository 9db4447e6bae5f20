// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// A Client talks to a controller. The zero value of HTTP is http.DefaultClient.
type Client struct {
	URL   string // http://127.0.0.1:8082
	Token string
	HTTP  *http.Client
}

// ErrUnreachable says that no controller answered.
var ErrUnreachable = errors.New("the controller cannot be reached")

// An Error is the controller's refusal.
type Error struct {
	Status int
	Detail string // one line for each thing that is wrong

	proxy bool // the answer is not the controller's
}

func (e *Error) Error() string { return e.Detail }

// Is makes a controller that is stopping, or a proxy that does not find it,
// ErrUnreachable.
func (e *Error) Is(target error) bool {
	return target == ErrUnreachable && (e.Status == http.StatusServiceUnavailable || e.proxy)
}

// PutPackage adds a package, given as a .zip.
func (c *Client) PutPackage(ctx context.Context, zip []byte) (PackageSummary, error) {
	return call[PackageSummary](ctx, c, http.MethodPost, "/v1/packages", "application/zip", zip)
}

// Packages lists the packages.
func (c *Client) Packages(ctx context.Context) ([]PackageSummary, error) {
	return call[[]PackageSummary](ctx, c, http.MethodGet, "/v1/packages", "", nil)
}

// Deploy sends an environment, as YAML, and returns its deployment, which has only begun.
func (c *Client) Deploy(ctx context.Context, spec []byte) (controller.Deployment, error) {
	return call[controller.Deployment](ctx, c, http.MethodPost, "/v1/environments", "application/yaml", spec)
}

// Environments lists the environments.
func (c *Client) Environments(ctx context.Context) ([]controller.EnvironmentStatus, error) {
	return call[[]controller.EnvironmentStatus](ctx, c, http.MethodGet, "/v1/environments", "", nil)
}

// Environment shows one environment.
func (c *Client) Environment(ctx context.Context, name controller.EnvironmentName) (controller.EnvironmentStatus, error) {
	return call[controller.EnvironmentStatus](ctx, c, http.MethodGet, "/v1/environments/"+url.PathEscape(string(name)), "", nil)
}

// Delete deletes an environment and returns the deployment that does it, which has only begun.
func (c *Client) Delete(ctx context.Context, name controller.EnvironmentName) (controller.Deployment, error) {
	return call[controller.Deployment](ctx, c, http.MethodDelete, "/v1/environments/"+url.PathEscape(string(name)), "", nil)
}

// Events returns the events after seq; when there are none it waits up to wait
// (whole seconds, at most MaxWait) for the first.
func (c *Client) Events(ctx context.Context, name controller.EnvironmentName, after int64, wait time.Duration) ([]controller.Event, error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "wait": {strconv.Itoa(int(min(wait, MaxWait) / time.Second))}}
	return call[[]controller.Event](ctx, c, http.MethodGet, "/v1/environments/"+url.PathEscape(string(name))+"/events?"+q.Encode(), "", nil)
}

// Deployment shows a deployment; it waits up to wait for its end.
func (c *Client) Deployment(ctx context.Context, id controller.DeploymentID, wait time.Duration) (controller.Deployment, error) {
	return call[controller.Deployment](ctx, c, http.MethodGet,
		fmt.Sprintf("/v1/deployments/%s?wait=%d", url.PathEscape(string(id)), int(min(wait, MaxWait)/time.Second)), "", nil)
}

// SendPlan sends an execution plan, as JSON, to the agent that reads queue and waits for its result.
func (c *Client) SendPlan(ctx context.Context, queue string, plan []byte) (plans.Result, error) {
	raw, err := call[json.RawMessage](ctx, c, http.MethodPost, "/v1/queues/"+url.PathEscape(queue)+"/plans", "application/json", plan)
	if err != nil {
		return plans.Result{}, err
	}
	return plans.ParseResult(raw)
}

// CancelPlan ends a plan on its server. An empty queue means the one that the
// controller sent it to.
func (c *Client) CancelPlan(ctx context.Context, queue, plan string) (PlanCancelled, error) {
	path := "/v1/plans/" + url.PathEscape(plan) + "/cancel"
	if queue != "" {
		path += "?" + url.Values{"queue": {queue}}.Encode()
	}
	return call[PlanCancelled](ctx, c, http.MethodPost, path, "", nil)
}

// call does one request and decodes its answer.
func call[T any](ctx context.Context, c *Client, method, path, contentType string, body []byte) (T, error) {
	var out T
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Accept", "application/json")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL is said once
		}
		return out, fmt.Errorf("%w at %s: %w; is murano-controller serve (or dev) running, and the URL right?", ErrUnreachable, c.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return out, fmt.Errorf("read the controller's answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		return out, refusal(resp.StatusCode, b)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, &Error{Status: resp.StatusCode, Detail: fmt.Sprintf("%s does not answer as a controller does; is the URL right?", c.URL)}
	}
	return out, nil
}

// refusal reads a problem document.
func refusal(status int, b []byte) error {
	var p struct {
		Title, Detail string
		Errors        []struct{ Message, Location string }
	}
	if json.Unmarshal(b, &p) != nil || p.Detail == "" && p.Title == "" {
		return &Error{
			Status: status, Detail: fmt.Sprintf("the controller's URL answered %d %s: %.200s", status, http.StatusText(status), bytes.TrimSpace(b)),
			proxy: status == http.StatusBadGateway || status == http.StatusGatewayTimeout,
		}
	}
	if len(p.Errors) == 0 {
		return &Error{Status: status, Detail: cmp.Or(p.Detail, p.Title)}
	}
	lines := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		lines[i] = strings.TrimPrefix(e.Location+": ", ": ") + e.Message
	}
	return &Error{Status: status, Detail: strings.Join(lines, "\n")}
}
