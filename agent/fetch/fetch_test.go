// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/plans"
)

// server serves /hello.txt and some ways of not serving.
func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/hello.txt", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "" && password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "hello from http\n")
	})
	mux.HandleFunc("/stall", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/torn", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/hello.txt", http.StatusFound)
	})
	mux.HandleFunc("/packed.gz", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("Accept-Encoding %q: the file would arrive unpacked", r.Header.Get("Accept-Encoding"))
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestAFileIsPlacedUnderTheLastPartOfItsURL(t *testing.T) {
	s := server(t)
	withUser := strings.Replace(s.URL, "http://", "http://u:s3cret@", 1)
	for name, tt := range map[string]struct {
		file plans.File
		want string // file name
	}{
		"plain":                       {plans.File{URL: s.URL + "/hello.txt"}, "hello.txt"},
		"with its query":              {plans.File{URL: s.URL + "/hello.txt?x=1&y=2"}, "hello.txt?x=1&y=2"},
		"after a redirect":            {plans.File{URL: s.URL + "/moved"}, "moved"},
		"with a login":                {plans.File{URL: withUser + "/hello.txt"}, "hello.txt"},
		"of the right sum and size":   {plans.File{URL: s.URL + "/hello.txt", SHA256: sumOf("hello from http\n"), Size: 16}, "hello.txt"},
		"from the second URL":         {plans.File{URL: s.URL + "/gone", URLs: []string{s.URL + "/hello.txt"}}, "hello.txt"},
		"from a URL with a good copy": {plans.File{URL: s.URL + "/packed.gz", URLs: []string{s.URL + "/hello.txt"}, Size: 16}, "hello.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := fetch.New(fetch.Options{})
			defer c.Close()
			path, err := c.Fetch(t.Context(), tt.file, dir)
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(dir, tt.want); path != want {
				t.Errorf("path %s, want %s", path, want)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != "hello from http\n" {
				t.Errorf("content %q, %v", b, err)
			}
			if list, _ := os.ReadDir(dir); len(list) != 1 {
				t.Errorf("%d files in the folder, want 1", len(list))
			}
		})
	}
}

func TestADownloadThatFailsNamesURLAndCauseAndLeavesNothing(t *testing.T) {
	s := server(t)
	closed := refusing(t)
	host := strings.TrimPrefix(s.URL, "http://")
	quick := fetch.Options{StallTimeout: 200 * time.Millisecond, Timeout: 20 * time.Second, MaxSize: 1 << 20, RetryDelay: time.Millisecond}
	for name, tt := range map[string]struct {
		file    plans.File
		options fetch.Options
		want    []string
	}{
		"not there":             {plans.File{URL: s.URL + "/gone.txt"}, quick, []string{s.URL + "/gone.txt", host + " answered 404 Not Found", "no such file"}},
		"nobody listens":        {plans.File{URL: "http://" + closed + "/x"}, quick, []string{"http://" + closed + "/x", "connection refused"}},
		"no scheme":             {plans.File{URL: "hello.txt"}, quick, []string{"Provided URL is not valid hello.txt", "http://HOST/PATH"}},
		"a folder":              {plans.File{URL: s.URL + "/"}, quick, []string{s.URL + "/", "no file name"}},
		"a host alone":          {plans.File{URL: s.URL}, quick, []string{s.URL, "no file name"}},
		"no host":               {plans.File{URL: "http:///x"}, quick, []string{"http:///x", "no host"}},
		"a scheme of others":    {plans.File{URL: "ftp://h/x"}, quick, []string{"ftp://h/x", `no scheme "ftp"`, "use http"}},
		"a local file":          {plans.File{URL: "file:///etc/passwd"}, quick, []string{`no scheme "file"`}},
		"the parent folder":     {plans.File{URL: s.URL + "/a/.."}, quick, []string{"no file name"}},
		"a name nobody knows":   {plans.File{URL: "http://nowhere.invalid/x"}, quick, []string{"http://nowhere.invalid/x", "nowhere.invalid does not resolve", "resolv.conf"}},
		"stalled in mid-file":   {plans.File{URL: s.URL + "/stall"}, quick, []string{"/stall", "no byte arrived for 200ms", "fetch.stallTimeout"}},
		"no answer":             {plans.File{URL: s.URL + "/silent"}, quick, []string{"/silent", "timeout awaiting response headers"}},
		"over the total time":   {plans.File{URL: s.URL + "/stall"}, fetch.Options{Timeout: 200 * time.Millisecond}, []string{"not finished after 200ms", "fetch.timeout"}},
		"over the size":         {plans.File{URL: s.URL + "/endless"}, quick, []string{"/endless", "larger than 1048576 bytes", "fetch.maxSize"}},
		"torn":                  {plans.File{URL: s.URL + "/torn"}, quick, []string{"/torn", "in mid-file"}},
		"of another sum":        {plans.File{URL: s.URL + "/hello.txt", SHA256: sumOf("x")}, quick, []string{"SHA256 " + sumOf("hello from http\n"), sumOf("x")}},
		"of another size":       {plans.File{URL: s.URL + "/hello.txt", Size: 15}, quick, []string{"16 bytes, the plan says 15"}},
		"a login refused":       {plans.File{URL: strings.Replace(s.URL, "//", "//u:hunter2@", 1) + "/hello.txt"}, quick, []string{"//u:xxxxx@", "401 Unauthorized", "credentials"}},
		"all of several":        {plans.File{URL: s.URL + "/a", URLs: []string{"http://" + closed + "/b"}}, quick, []string{s.URL + "/a", "404", closed + "/b", "refused"}},
		"not a URL, a login in": {plans.File{URL: "http://u:hunter2@h:port/"}, quick, []string{"Provided URL is not valid"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := fetch.New(tt.options)
			defer c.Close()
			_, err := c.Fetch(t.Context(), tt.file, dir)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password is in: %v", err)
			}
			if list, _ := os.ReadDir(dir); len(list) != 0 {
				t.Errorf("%s was left", list[0].Name())
			}
		})
	}
}

func TestACancelledDownloadEndsWithItsCause(t *testing.T) {
	s := server(t)
	why := errors.New("the plan's time is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	_, err := fetch.New(fetch.Options{}).Fetch(ctx, plans.File{URL: s.URL + "/stall", URLs: []string{s.URL + "/hello.txt"}}, t.TempDir())
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}
