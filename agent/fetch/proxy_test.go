// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"encoding/base64"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/plans"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// A relay is a proxy that takes every host for the one it knows.
type relay struct {
	to    string // host:port
	login string // user:password it wants; empty means none

	mu  sync.Mutex
	got []string // GET http://host/path, CONNECT host:port
}

func (p *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	target := r.URL.String()
	if r.Method == http.MethodConnect {
		target = r.Host
	}
	p.got = append(p.got, r.Method+" "+target)
	p.mu.Unlock()
	if p.login != "" && r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(p.login)) {
		w.Header().Set("Proxy-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	if r.Method != http.MethodConnect {
		r.Write(out)
	}
	in, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	if r.Method == http.MethodConnect {
		io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(out, buffered)
	}
	io.Copy(in, out)
}

func (p *relay) start(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(p)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return strings.TrimPrefix(s.URL, "http://")
}

func TestAProxyIsUsedAsToldAndItsLoginIsNotTold(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		t.Setenv(name, "")
	}
	now := time.Now()
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "plain\n")
	}))
	t.Cleanup(files.Close)
	secured, trusted := secure(t, "files.invalid", now.AddDate(0, 0, -1), now.AddDate(0, 0, 1))
	address := func(url string) string { return url[strings.Index(url, "//")+2:] }
	closed := refusing(t)
	for name, tt := range map[string]struct {
		to      string
		login   string                              // that the proxy wants
		options func(proxy string) fetch.Options    // proxy is host:port
		env     func(proxy string) (string, string) // a variable
		url     string
		want    string // the file, or part of the error with PROXY in it
		got     []string
	}{
		"http by the option":    {to: address(files.URL), options: option("http://PROXY"), url: "http://files.invalid/x", want: "plain\n", got: []string{"GET http://files.invalid/x"}},
		"https by the option":   {to: address(secured), options: option("http://PROXY"), url: "https://files.invalid/x", want: "secure\n", got: []string{"CONNECT files.invalid:443"}},
		"http with a login":     {to: address(files.URL), login: "me:hunter2", options: option("http://me:hunter2@PROXY"), url: "http://files.invalid/x", want: "plain\n", got: []string{"GET http://files.invalid/x"}},
		"https with a login":    {to: address(secured), login: "me:hunter2", options: option("http://me:hunter2@PROXY"), url: "https://files.invalid/x", want: "secure\n", got: []string{"CONNECT files.invalid:443"}},
		"by the environment":    {to: address(files.URL), env: variable("HTTP_PROXY", "http://PROXY"), url: "http://files.invalid/x", want: "plain\n", got: []string{"GET http://files.invalid/x"}},
		"https by the same":     {to: address(secured), env: variable("HTTPS_PROXY", "http://PROXY"), url: "https://files.invalid/x", want: "secure\n", got: []string{"CONNECT files.invalid:443"}},
		"not for some hosts":    {to: address(files.URL), options: option("http://PROXY", "other.invalid", ".invalid"), url: "http://files.invalid/x", want: "resolve files.invalid: "},
		"not for loopback":      {to: closed, options: option("http://PROXY"), url: files.URL + "/x", want: "plain\n"},
		"a wrong login":         {to: address(files.URL), login: "me:other", options: option("http://me:hunter2@PROXY"), url: "http://files.invalid/x", want: "407 Proxy Authentication Required; put the proxy's credentials into fetch.proxy", got: []string{"GET http://files.invalid/x"}},
		"a wrong login, https":  {to: address(secured), login: "me:other", options: option("http://me:hunter2@PROXY"), url: "https://files.invalid/x", want: "the proxy PROXY answered 407 Proxy Authentication Required", got: []string{"CONNECT files.invalid:443"}},
		"a host it cannot find": {to: closed, options: option("http://me:hunter2@PROXY"), url: "https://files.invalid/x", want: "connect PROXY: the proxy PROXY answered 502 Bad Gateway", got: []string{"CONNECT files.invalid:443"}},
		"a file that is gone":   {to: address(files.URL), options: option("http://me:hunter2@PROXY"), url: "http://files.invalid/gone", want: "404 Not Found; there is no such file there (by way of the proxy PROXY)", got: []string{"GET http://files.invalid/gone"}},
		"a proxy that is down":  {options: option("http://me:hunter2@" + closed), url: "http://files.invalid/x", want: "connect " + closed + ": connection refused"},
		"a proxy that is none":  {options: option("http://me:hunter2@ x"), url: "http://files.invalid/x", want: "fetch.proxy is not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &relay{to: tt.to, login: tt.login}
			at := p.start(t)
			o := fetch.Options{}
			if tt.options != nil {
				o = tt.options(at)
			}
			if tt.env != nil {
				t.Setenv(tt.env(at))
			}
			o.Authorities, o.Attempts = trusted, 1
			c := fetch.New(o)
			defer c.Close()
			path, err := c.Fetch(t.Context(), plans.File{URL: tt.url}, t.TempDir())
			if err != nil {
				if want := strings.ReplaceAll(tt.want, "PROXY", at); !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			} else if b, err := os.ReadFile(path); err != nil || string(b) != tt.want {
				t.Errorf("got %q, %v; want %q", b, err, tt.want)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if !slices.Equal(p.got, tt.got) {
				t.Errorf("the proxy was asked %q, want %q", p.got, tt.got)
			}
		})
	}
}

func option(proxy string, not ...string) func(string) fetch.Options {
	return func(at string) fetch.Options {
		return fetch.Options{Proxy: strings.ReplaceAll(proxy, "PROXY", at), NoProxy: not}
	}
}

func variable(name, proxy string) func(string) (string, string) {
	return func(at string) (string, string) { return name, strings.ReplaceAll(proxy, "PROXY", at) }
}
