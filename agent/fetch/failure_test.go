// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/plans"
)

// secure starts a TLS server with a certificate for host that is valid between
// the two, and returns its URL on 127.0.0.1 and the pool that trusts it.
func secure(t *testing.T, host string, from, to time.Time) (string, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("secure\n")) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return s.URL, pool
}

// mute accepts connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestAFailureNamesPhaseHostAndCause(t *testing.T) {
	now := time.Now()
	day := func(d int) time.Time { return now.AddDate(0, 0, d) }
	good, trusted := secure(t, "127.0.0.1", day(-1), day(1))
	expired, trustExpired := secure(t, "127.0.0.1", day(-10), day(-5))
	early, trustEarly := secure(t, "127.0.0.1", day(5), day(10))
	other, trustOther := secure(t, "files.example", day(-1), day(1))
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/ftp":
			http.Redirect(w, r, "ftp://127.0.0.1/x", http.StatusFound)
		case "/away":
			http.Redirect(w, r, "http://nowhere.invalid/y?token=hunter2", http.StatusFound)
		case "/login":
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(plain.Close)
	closed, silent := refusing(t), mute(t)
	host := func(url string) string { return url[strings.Index(url, "//")+2:] }
	for name, tt := range map[string]struct {
		url   string
		trust *x509.CertPool
		want  []string
	}{
		"a name that is not":      {"http://nowhere.invalid/x", nil, []string{"download http://nowhere.invalid/x: resolve nowhere.invalid: the name nowhere.invalid does not resolve", "/etc/resolv.conf"}},
		"nobody listens":          {"http://" + closed + "/x", nil, []string{"connect " + closed + ": connection refused: nothing listens there", "(2 attempts)"}},
		"a certificate too old":   {expired + "/x", trustExpired, []string{"tls " + host(expired) + ": the certificate is out of its time, " + day(-10).UTC().Format(time.DateOnly), "set the clock"}},
		"a certificate too new":   {early + "/x", trustEarly, []string{"tls " + host(early) + ": the certificate is out of its time", "by the guest's clock, "}},
		"an unknown authority":    {good + "/x", nil, []string{"tls " + host(good) + ": the certificate is signed by an authority that this guest does not trust", "add the authority"}},
		"a certificate of others": {other + "/x", trustOther, []string{"tls " + host(other) + ": the certificate is not for this host", "use a name it holds"}},
		"no TLS there":            {"https://" + host(plain.URL) + "/x", nil, []string{"tls " + host(plain.URL) + ": what answers there does not speak TLS; use http://"}},
		"a handshake that hangs":  {"https://" + silent + "/x", nil, []string{"tls " + silent + ": timed out: no answer for 300ms", "fetch.proxy"}},
		"no answer":               {"http://" + silent + "/x", nil, []string{"request " + silent + ": timeout awaiting response headers", "fetch.stallTimeout"}},
		"a circle of redirects":   {plain.URL + "/circle", nil, []string{"request " + host(plain.URL) + ": 10 redirects and no file"}},
		"a redirect to elsewhere": {plain.URL + "/ftp", nil, []string{"unsupported protocol scheme"}},
		"a redirect to nowhere":   {plain.URL + "/away", nil, []string{"download " + plain.URL + "/away: resolve nowhere.invalid: "}},
		"a login that is missing": {plain.URL + "/login", nil, []string{"request " + host(plain.URL) + ": " + host(plain.URL) + " answered 401 Unauthorized; the server wants other credentials"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fetch.New(fetch.Options{Authorities: tt.trust, ConnectTimeout: 300 * time.Millisecond, StallTimeout: 300 * time.Millisecond, Attempts: 2, RetryDelay: time.Millisecond})
			defer c.Close()
			_, err := c.Fetch(t.Context(), plans.File{URL: tt.url}, t.TempDir())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a credential is in: %v", err)
			}
		})
	}
	c := fetch.New(fetch.Options{Authorities: trusted})
	defer c.Close()
	path, err := c.Fetch(t.Context(), plans.File{URL: good + "/x"}, t.TempDir())
	if err != nil {
		t.Fatalf("a certificate that is trusted: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "secure\n" {
		t.Errorf("got %q", b)
	}
}

func TestCredentialsInAURLAreNotTold(t *testing.T) {
	closed := refusing(t)
	for name, tt := range map[string]struct{ url, want string }{
		"a password":                  {"http://me:hunter2@" + closed + "/x", "//me:xxxxx@" + closed + "/x"},
		"a token for a name":          {"https://hunter2@" + closed + "/x", "//xxxxx@" + closed + "/x"},
		"a token in the query":        {"http://" + closed + "/x?a=1&access_token=hunter2&b=2", "/x?a=1&access_token=xxxxx&b=2"},
		"a signature in the query":    {"http://" + closed + "/x?X-Amz-Signature=hunter2", "X-Amz-Signature=xxxxx"},
		"a password with a slash":     {"http://me:hunter2/hunter2@" + closed + "/x", "must be escaped"},
		"a URL that is none":          {"http://me:hunter2@" + closed + "/%zz", "must be escaped"},
		"a scheme that is none":       {"me:hunter2@" + closed + "/x", "me:xxxxx@"},
		"a redirected git password":   {"git+http://me:hunter2@" + closed + "/x.git", "git+http://me:xxxxx@"},
		"a git token for a name":      {"https://hunter2@" + closed + "/x.git", "https://xxxxx@"},
		"an svn password":             {"svn://me:hunter2@" + closed + "/x", "svn://me:xxxxx@"},
		"a name of a repository host": {"git+ssh://someone@" + closed + "/x.git", "git+ssh://someone@"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fetch.New(fetch.Options{Attempts: 1})
			defer c.Close()
			_, err := c.Fetch(t.Context(), plans.File{URL: tt.url}, t.TempDir())
			if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %s, and no credential", err, tt.want)
			}
		})
	}
}
