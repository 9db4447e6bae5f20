// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// proxies says by which proxy a URL is reached; nil means by none.
func proxies(o Options) func(*url.URL) (*url.URL, error) {
	c := httpproxy.FromEnvironment()
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" {
			// The text of the URL may hold a password.
			return func(*url.URL) (*url.URL, error) {
				return nil, errors.New("fetch.proxy is not a URL; write http://HOST:PORT")
			}
		}
		c = &httpproxy.Config{HTTPProxy: o.Proxy, HTTPSProxy: o.Proxy, NoProxy: strings.Join(o.NoProxy, ",")}
	}
	return c.ProxyFunc()
}

// proxyEnvironment tells the guest's own clients of a proxy that the agent was
// told of; the one of the environment they know.
func proxyEnvironment(o Options) []string {
	if o.Proxy == "" {
		return nil
	}
	var env []string
	for _, name := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		env = append(env, name+"="+o.Proxy)
	}
	no := strings.Join(o.NoProxy, ",")
	return append(env, "no_proxy="+no, "NO_PROXY="+no)
}

// tunnelled is called with a proxy's answer to CONNECT.
func tunnelled(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &statusError{host: "the proxy " + proxy.Host, status: answer.Status, code: answer.StatusCode}
}

// A statusError is an answer that is no file.
type statusError struct {
	host   string
	status string // 404 Not Found
	code   int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %s%s", e.host, e.status, advice(e.code))
}

// passing tells whether the same request may be answered otherwise later.
func (e *statusError) passing() bool {
	switch e.code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return e.code >= 500
}

func advice(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return "; there is no such file there"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; the server wants other credentials"
	case http.StatusProxyAuthRequired:
		return "; put the proxy's credentials into fetch.proxy, or the agent's HTTP_PROXY"
	case http.StatusTooManyRequests:
		return "; it is asked too often"
	}
	return ""
}
