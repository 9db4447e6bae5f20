// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/devcloud"
	"github.com/openmurano/murano/controller/sqlstore"
	"github.com/openmurano/murano/internal/memq"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

const token = "0123456789"

// A bench is a whole controller behind its API, with a cloud on this machine.
type bench struct {
	*api.Client
	url   string
	store *sqlstore.DB
	stop  func() // ends the controller, and every request with it
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b, run := idleBench(t)
	run()
	return b
}

// idleBench is a bench that carries out what is wished only once run is called.
func idleBench(t *testing.T) (b *bench, run func()) {
	t.Helper()
	store, err := sqlstore.InMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	broker := memq.NewBroker()
	cloud := &devcloud.Cloud{
		Dir:   filepath.Join(t.TempDir(), "guests"),
		Start: devcloud.Local{Transport: func() agent.Transport { return broker.Conn() }, Version: "test"}.Start,
	}
	c := &controller.Controller{
		Store: store, Stacks: cloud, Transport: broker.Conn(), UserData: controller.UserData,
		Options: controller.Options{
			Agent: controller.AgentBroker{Hosts: []string{"memq"}},
			Settings: controller.Settings{
				DNS: []string{"192.0.2.53"}, External: "public",
				Defaults: controller.Defaults{Image: "dev", Flavor: "dev"},
			},
			BootTimeout: 20 * time.Second,
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer((&api.Server{Controller: c, Version: "test", Token: token}).Handler())
	server.Config.BaseContext = api.EndWith(ctx)
	server.Start()
	done := make(chan error, 1)
	done <- nil
	run = func() {
		<-done
		go func() { done <- c.Run(ctx) }()
	}
	b = &bench{Client: &api.Client{URL: server.URL, Token: token}, url: server.URL, store: store}
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil && !errors.Is(err, controller.ErrStore) {
			t.Errorf("the controller: %v", err)
		}
	}
	t.Cleanup(func() {
		b.stop()
		server.Close()
		if err := cloud.Close(context.Background()); err != nil {
			t.Errorf("the cloud: %v", err)
		}
		_ = store.Close() // a test may have closed it
	})
	return b, run
}

// zipped packs files, given as name and content in turn.
func zipped(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// vault is a package with a secret that its plan prints wherever it can.
func vault(t *testing.T) []byte {
	return zipped(t,
		"manifest.yaml", "Format: Agent/1.0\nType: Application\nFullName: com.example.Vault\nName: Vault\nVersion: 1.0.0\n",
		"application.yaml", `Format: Agent/1.0
parameters:
  password: {type: string, minLength: 8, secret: true}
  exit: {type: integer, default: 0}
servers: {vault: {count: 1}}
deploy:
  - name: Lock
    on: vault
    plan: Lock.template
    with: {password: "${parameters.password}", exit: "${parameters.exit}"}
    timeout: 1m
outputs:
  said: "${steps.Lock.result}"
`,
		"Resources/Lock.template", `FormatVersion: 2.0.0
Name: Lock
Parameters: {password: $password, exit: $exit}
Body: |
  return lock('{0} {1}'.format(args.password, args.exit)).stdout
Scripts:
  lock: {Type: Application, Version: 1.0.0, EntryPoint: lock.sh, Files: [], Options: {captureStdout: true, captureStderr: true}}
`,
		"Resources/scripts/lock.sh", "#!/bin/sh\necho \"the key is $1\"\necho \"it is $1\" >&2\nexit $2\n",
	)
}

// request does one request by hand and gives its answer.
func (b *bench) request(t *testing.T, method, path, authorization string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestWithoutTheTokenNothingIsTold(t *testing.T) {
	b := newBench(t)
	operations := [][2]string{
		{"POST", "/v1/packages"}, {"GET", "/v1/packages"}, {"POST", "/v1/environments"}, {"GET", "/v1/environments"},
		{"GET", "/v1/environments/a"}, {"DELETE", "/v1/environments/a"}, {"GET", "/v1/environments/a/events"},
		{"GET", "/v1/deployments/a"}, {"POST", "/v1/queues/a/plans"}, {"GET", "/nothing"},
	}
	for name, authorization := range map[string]string{
		"none": "", "a wrong one": "Bearer 012345678", "an empty one": "Bearer ", "no bearer": "Basic " + token, "the bare token": token,
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range operations {
				resp, text := b.request(t, o[0], o[1], authorization, nil)
				if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "token_file") {
					t.Errorf("%s %s: %d %s, want 401 that says where the token is", o[0], o[1], resp.StatusCode, text)
				}
			}
		})
	}
	if resp, text := b.request(t, "GET", "/v1/packages", "bearer "+token, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("the scheme in lower case: %d %s, want 200", resp.StatusCode, text)
	}
	for _, path := range []string{"/healthz", "/openapi.json", "/openapi.yaml"} {
		if resp, text := b.request(t, "GET", path, "", nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s, want 200 for everybody", path, resp.StatusCode, text)
		}
	}
}

func TestAServerWithoutATokenLetsNobodyIn(t *testing.T) {
	server := httptest.NewServer((&api.Server{Controller: new(controller.Controller)}).Handler())
	defer server.Close()
	for _, token := range []string{"", "x"} {
		_, err := (&api.Client{URL: server.URL, Token: token}).Packages(t.Context())
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			t.Errorf("token %q: %v, want a refusal with 401", token, err)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	b := newBench(t)
	_, got := b.request(t, "GET", "/openapi.yaml", "", nil)
	golden := filepath.Join("..", "..", "docs", "openapi.yaml")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("the server's OpenAPI document is not docs/openapi.yaml; if the change is meant: go test ./controller/api -run OpenAPI -update")
	}
}

func TestTheServerSaysItsVersion(t *testing.T) {
	b := newBench(t)
	resp, _ := b.request(t, "GET", "/healthz", "", nil)
	if got := resp.Header.Get("Server"); got != "murano-controller/test" {
		t.Errorf("Server is %q", got)
	}
}
