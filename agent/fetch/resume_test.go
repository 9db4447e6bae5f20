// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/plans"
)

// A shaky server answers the nth request, from 0, by its nth function, and
// each later one by the last. It records what was asked.
type shaky struct {
	t       *testing.T
	answers []func(w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	asked []string // Range, If-Range; "whole" without
}

func (s *shaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.asked)
	asked := "whole"
	if r.Header.Get("Range") != "" {
		asked = strings.TrimSpace(r.Header.Get("Range") + " " + r.Header.Get("If-Range"))
	}
	s.asked = append(s.asked, asked)
	s.mu.Unlock()
	s.answers[min(n, len(s.answers)-1)](w, r)
}

// requests are those so far.
func (s *shaky) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *shaky) start() string {
	server := httptest.NewServer(s)
	server.Config.ErrorLog = nil
	s.t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL
}

// A copy of a file that a server has.
type edition struct {
	text    string
	etag    string
	changed string // Last-Modified
}

// upTo serves e as servers do, ranges included, and breaks the connection after n bytes.
func (e edition) upTo(n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if e.etag != "" {
			w.Header().Set("ETag", e.etag)
		}
		changed, _ := http.ParseTime(e.changed)
		http.ServeContent(&breaking{w, n}, r, "", changed, bytes.NewReader([]byte(e.text)))
	}
}

func (e edition) whole() func(http.ResponseWriter, *http.Request) { return e.upTo(1 << 30) }

// deaf serves e and knows no ranges.
func (e edition) deaf(n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		e.upTo(n)(w, r)
	}
}

// breaking breaks the connection after left bytes of a body.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) < b.left {
		b.left -= len(p)
		return b.ResponseWriter.Write(p)
	}
	b.ResponseWriter.Write(p[:b.left])
	b.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// status answers with a status and a header.
func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		if code == http.StatusPartialContent {
			fmt.Fprint(w, "something else")
		}
	}
}

// partial answers with a part that begins at the given place, whatever was asked.
func partial(span, etag, text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", span)
		w.Header().Set("ETag", etag)
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprint(w, text)
	}
}

func TestADownloadGoesOnWhereItBrokeOff(t *testing.T) {
	const date = "Mon, 02 Jan 2023 15:04:05 GMT"
	text := strings.Repeat("0123456789", 1000)
	tagged, dated, bare := edition{text, `"a"`, ""}, edition{text, "", date}, edition{text, "", ""}
	weak := edition{text, `W/"a"`, ""}
	other := edition{strings.ToUpper(strings.Repeat("abcdefghij", 1000)), `"b"`, ""}
	stall := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Content-Length", "10000")
		fmt.Fprint(w, text[:4000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	type answers = []func(http.ResponseWriter, *http.Request)
	for name, tt := range map[string]struct {
		answers answers
		file    plans.File // URL is filled in
		want    string     // empty means text
		asked   []string
	}{
		"by its ETag":                         {answers{tagged.upTo(4000), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`}},
		"by its date":                         {answers{dated.upTo(4000), dated.whole()}, plans.File{}, "", []string{"whole", "bytes=4000- " + date}},
		"by its sum alone":                    {answers{bare.upTo(4000), bare.whole()}, plans.File{SHA256: sumOf(text)}, "", []string{"whole", "bytes=4000-"}},
		"each time it breaks, while it comes": {answers{tagged.upTo(1500)}, plans.File{}, "", []string{"whole", `bytes=1500- "a"`, `bytes=3000- "a"`, `bytes=4500- "a"`, `bytes=6000- "a"`, `bytes=7500- "a"`, `bytes=9000- "a"`}},
		"after a stall":                       {answers{stall, tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`}},
		"after a refusal in between":          {answers{tagged.upTo(4000), status(503), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`, `bytes=4000- "a"`}},
		"in a part that is short":             {answers{tagged.upTo(4000), partial("bytes 4000-4009/10000", `"a"`, text[4000:4010]), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`, `bytes=4010- "a"`}},
		"and begins anew without a validator": {answers{bare.upTo(4000), bare.whole()}, plans.File{}, "", []string{"whole", "whole"}},
		"and begins anew with a weak one":     {answers{weak.upTo(4000), weak.whole()}, plans.File{}, "", []string{"whole", "whole"}},
		"and begins anew without ranges":      {answers{tagged.upTo(4000), tagged.deaf(1 << 30)}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`}},
		"and begins anew with another file":   {answers{tagged.upTo(4000), other.whole()}, plans.File{}, other.text, []string{"whole", `bytes=4000- "a"`}},
		"and begins anew after another part":  {answers{tagged.upTo(4000), partial("bytes 10-19/10000", `"a"`, text[10:20]), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`, "whole"}},
		"and begins anew after a changed tag": {answers{tagged.upTo(4000), partial("bytes 4000-9999/10000", `"b"`, other.text[4000:]), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`, "whole"}},
		"and begins anew at another length":   {answers{tagged.upTo(4000), partial("bytes 4000-4999/5000", `"a"`, text[:1000]), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`, "whole"}},
		"and begins anew after a 416":         {answers{tagged.upTo(4000), status(416), tagged.whole()}, plans.File{}, "", []string{"whole", `bytes=4000- "a"`, "whole"}},
		"and begins anew after a part of no place": {answers{tagged.upTo(4000), status(206), tagged.whole()}, plans.File{},
			"", []string{"whole", `bytes=4000- "a"`, "whole"}},
		"and begins anew if the whole has another sum": {answers{tagged.upTo(4000), partial("bytes 4000-9999/10000", `"a"`, other.text[4000:]), tagged.whole()},
			plans.File{SHA256: sumOf(text)}, "", []string{"whole", `bytes=4000- "a"`, "whole"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shaky{t: t, answers: tt.answers}
			tt.file.URL = s.start() + "/x.bin"
			dir := t.TempDir()
			c := fetch.New(fetch.Options{RetryDelay: time.Millisecond, StallTimeout: 300 * time.Millisecond})
			defer c.Close()
			path, err := c.Fetch(t.Context(), tt.file, dir)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				tt.want = text
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != tt.want {
				t.Errorf("%d bytes, %v; not the file", len(b), err)
			}
			if got := s.requests(); !slices.Equal(got, tt.asked) {
				t.Errorf("asked %q, want %q", got, tt.asked)
			}
			if list, _ := os.ReadDir(dir); len(list) != 1 {
				t.Errorf("%d files in the folder, want 1", len(list))
			}
		})
	}
}

func TestAServerThatNeverDeliversIsGivenUp(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	tagged := edition{text, `"a"`, ""}
	type answers = []func(http.ResponseWriter, *http.Request)
	for name, tt := range map[string]struct {
		answers answers
		file    plans.File
		asked   int
		want    string
		broken  bool // the file is not the plan's
	}{
		"it breaks at the same place":     {answers{tagged.deaf(4000)}, plans.File{}, 4, "body HOST: the server closed the connection in mid-file (4 attempts)", false},
		"it is out of order":              {answers{status(503)}, plans.File{}, 4, "request HOST: HOST answered 503 Service Unavailable (4 attempts)", false},
		"it is asked too often":           {answers{status(429, "Retry-After", "0")}, plans.File{}, 4, "HOST answered 429 Too Many Requests; it is asked too often", false},
		"it does not know how":            {answers{status(501)}, plans.File{}, 1, "HOST answered 501 Not Implemented", false},
		"it has no such file":             {answers{status(404)}, plans.File{}, 1, "request HOST: HOST answered 404 Not Found; there is no such file there", false},
		"it sends half, and the sum of a": {answers{tagged.whole()}, plans.File{SHA256: sumOf("a")}, 1, "SHA256 " + sumOf(text), true},
		"it puts two files together for ever": {answers{tagged.upTo(4000), partial("bytes 4000-9999/10000", `"a"`, text[:6000]), tagged.whole()},
			plans.File{SHA256: sumOf("a")}, 3, "SHA256 " + sumOf(text), true},
		"it says a length that is wrong": {answers{tagged.whole()}, plans.File{Size: 5}, 1, "the file has 10000 bytes, the plan says 5", true},
		"it closes without an answer":    {answers{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, plans.File{}, 4, "request HOST: the server closed the connection without an answer", false},
		"it sends a part unasked":        {answers{partial("bytes 0-9/10", `"a"`, text[:10])}, plans.File{}, 1, "HOST answered 206 Partial Content", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shaky{t: t, answers: tt.answers}
			address := s.start()
			tt.file.URL = address + "/x.bin"
			dir := t.TempDir()
			c := fetch.New(fetch.Options{RetryDelay: time.Millisecond})
			defer c.Close()
			_, err := c.Fetch(t.Context(), tt.file, dir)
			want := strings.ReplaceAll(tt.want, "HOST", strings.TrimPrefix(address, "http://"))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			if got := s.requests(); len(got) != tt.asked {
				t.Errorf("asked %d times (%q), want %d", len(got), got, tt.asked)
			}
			if errors.Is(err, agent.ErrChecksum) != tt.broken {
				t.Errorf("wraps agent.ErrChecksum: %v, want %v", !tt.broken, tt.broken)
			}
			if list, _ := os.ReadDir(dir); len(list) != 0 {
				t.Errorf("%s was left", list[0].Name())
			}
		})
	}
}

func TestAnotherURLGoesOnWithAPartWhoseSumIsKnown(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for name, tt := range map[string]struct {
		sum   string
		asked string
	}{
		"the sum is known":     {sumOf(text), "bytes=4000-"},
		"the sum is not known": {"", "whole"},
	} {
		t.Run(name, func(t *testing.T) {
			first := &shaky{t: t, answers: []func(http.ResponseWriter, *http.Request){edition{text, `"a"`, ""}.upTo(4000), status(404)}}
			second := &shaky{t: t, answers: []func(http.ResponseWriter, *http.Request){edition{text, `"z"`, ""}.whole()}}
			c := fetch.New(fetch.Options{RetryDelay: time.Millisecond})
			defer c.Close()
			path, err := c.Fetch(t.Context(), plans.File{URL: first.start() + "/a", URLs: []string{second.start() + "/b"}, SHA256: tt.sum}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != text || !strings.HasSuffix(path, "/b") {
				t.Errorf("%s has %d bytes, %v", path, len(b), err)
			}
			if got := second.requests(); !slices.Equal(got, []string{tt.asked}) {
				t.Errorf("asked the second %q, want %q", got, tt.asked)
			}
		})
	}
}

func TestThePauseBetweenAttemptsGrowsAndIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		answer   func(http.ResponseWriter, *http.Request)
		least    time.Duration
		atMost   time.Duration
		attempts int
	}{
		"it doubles":                       {status(500), 70 * time.Millisecond, time.Second, 4},
		"the server's own is kept":         {status(503, "Retry-After", "1"), time.Second, 2 * time.Second, 2},
		"the server's own is bounded":      {status(503, "Retry-After", "3600"), 2 * time.Second, 4 * time.Second, 2},
		"the server's own may be a date":   {status(503, "Retry-After", "Mon, 02 Jan 2090 15:04:05 GMT"), 2 * time.Second, 4 * time.Second, 2},
		"a date that has passed is no one": {status(503, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"), 10 * time.Millisecond, time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shaky{t: t, answers: []func(http.ResponseWriter, *http.Request){tt.answer}}
			c := fetch.New(fetch.Options{RetryDelay: 10 * time.Millisecond, MaxRetryDelay: 2 * time.Second, Attempts: tt.attempts, Random: func() float64 { return 0 }})
			defer c.Close()
			start := time.Now()
			if _, err := c.Fetch(t.Context(), plans.File{URL: s.start() + "/x"}, t.TempDir()); err == nil {
				t.Fatal("no error")
			}
			if d := time.Since(start); d < tt.least || d > tt.atMost {
				t.Errorf("took %v, want %v to %v", d, tt.least, tt.atMost)
			}
		})
	}
}
