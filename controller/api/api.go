// SPDX-License-Identifier: Apache-2.0

// Package api is the controller's HTTP API and its Go client: it carries, it
// decides nothing. The OpenAPI document is at /openapi.json and /openapi.yaml.
package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/openmurano/murano/controller"
)

// What a client may send, in bytes.
const (
	MaxPackage     = 64 << 20
	MaxPlan        = 16 << 20
	MaxEnvironment = 1 << 20
)

// apiVersion is the version of what is served here, not of the program.
const apiVersion = "1.0.0"

// MaxWait bounds how long one request for events or a deployment waits.
const MaxWait = time.Minute

// A Server answers the API's requests.
type Server struct {
	Controller *controller.Controller
	Version    string // of the program; said in the header Server
	// Token is what clients must send as "Authorization: Bearer <token>". An
	// empty one lets nobody in but to /healthz and the OpenAPI document.
	Token string
}

// Handler gives the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.register(humago.New(mux, configuration()))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // the client has gone: nobody to tell
	})
	return s.guard(mux)
}

// EndWith is for http.Server.BaseContext: requests that wait for events then
// end with ctx, not after it.
func EndWith(ctx context.Context) func(net.Listener) context.Context {
	return func(net.Listener) context.Context { return ctx }
}

// configuration is what the OpenAPI document says of the whole.
func configuration() huma.Config {
	config := huma.DefaultConfig("Murano controller", apiVersion)
	config.Info.Description = "Environments, packages and execution plans. Send the controller's token as a bearer token."
	config.DocsPath = ""     // its page loads a script from the internet
	config.CreateHooks = nil // no $schema in every answer
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	config.Security = []map[string][]string{{"token": {}}}
	return config
}

// guard lets in who has the token.
func (s *Server) guard(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "murano-controller/"+s.Version)
		if r.URL.Path != "/healthz" && !strings.HasPrefix(r.URL.Path, "/openapi") {
			scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			got := sha256.Sum256([]byte(token))
			if !strings.EqualFold(scheme, "Bearer") || s.Token == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="murano"`)
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte(`{"title":"Unauthorized","status":401,"detail":"send the controller's token; it is in the file that token_file in the controller's configuration names"}` + "\n"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
