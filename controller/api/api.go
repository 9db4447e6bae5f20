// SPDX-License-Identifier: Apache-2.0

// Package api is the controller's HTTP API and its Go client: it carries, it
// decides nothing. The OpenAPI document is at /openapi.json and /openapi.yaml.
package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// MaxBody bounds what a client may send: a package. In bytes.
const MaxBody = 64 << 20

// MaxWait bounds how long one request for events or a deployment waits.
const MaxWait = time.Minute

// A Server answers the API's requests.
type Server struct {
	Controller *controller.Controller
	Version    string
	// Token is what clients must send as "Authorization: Bearer <token>". An
	// empty one lets nobody in but to /healthz and the OpenAPI document.
	Token string
}

// A PackageSummary is a package as the controller keeps it.
type PackageSummary struct {
	Name   string    `json:"name" doc:"FullName of its manifest"`
	Title  string    `json:"title"`
	Digest string    `json:"digest" doc:"SHA-256 of its content, hex"`
	Added  time.Time `json:"added,omitzero"`
}

type (
	byName struct {
		Name string `path:"name" doc:"of the environment"`
	}
	one[T any] struct{ Body T }
)

// Handler gives the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Murano controller", s.Version)
	config.Info.Description = "Environments, packages and execution plans. Send the controller's token as a bearer token."
	config.DocsPath = ""     // its page loads a script from the internet
	config.CreateHooks = nil // no $schema in every answer
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	config.Security = []map[string][]string{{"token": {}}}
	s.register(humago.New(mux, config))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // the client has gone: nobody to tell
	})
	return s.guard(mux)
}

// guard lets in who has the token.
func (s *Server) guard(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && !strings.HasPrefix(r.URL.Path, "/openapi") {
			token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			got := sha256.Sum256([]byte(token))
			if !ok || s.Token == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="murano"`)
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write([]byte(`{"title":"Unauthorized","status":401,"detail":"send the controller's token; it is in the file that token_file in the controller's configuration names"}` + "\n"))
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) register(api huma.API) {
	c := s.Controller
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, MaxBodyBytes: MaxBody, BodyReadTimeout: time.Minute}
	}

	huma.Register(api, op("put-package", http.MethodPost, "/v1/packages", "Add a package, or a new version of it", http.StatusCreated),
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/zip"`
		}) (*one[PackageSummary], error) {
			p, err := c.PutPackage(ctx, in.RawBody)
			if err != nil {
				return nil, problem(err)
			}
			return &one[PackageSummary]{PackageSummary{Name: p.Manifest.FullName, Title: p.Manifest.Name, Digest: p.Digest}}, nil
		})
	huma.Register(api, op("list-packages", http.MethodGet, "/v1/packages", "List the packages", http.StatusOK),
		func(ctx context.Context, _ *struct{}) (*one[[]PackageSummary], error) {
			records, err := c.Packages(ctx)
			out := make([]PackageSummary, len(records))
			for i, r := range records {
				out[i] = PackageSummary{r.Name, r.Title, r.Digest, r.Added}
			}
			return &one[[]PackageSummary]{out}, problem(err)
		})

	huma.Register(api, op("deploy-environment", http.MethodPost, "/v1/environments", "Deploy an environment: make it, or change it to what the document says", http.StatusAccepted),
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/yaml"`
		}) (*one[controller.Deployment], error) {
			e, err := controller.ParseEnvironment(in.RawBody)
			if err != nil {
				return nil, problem(err)
			}
			d, err := c.Deploy(ctx, e)
			return &one[controller.Deployment]{d}, problem(err)
		})
	huma.Register(api, op("list-environments", http.MethodGet, "/v1/environments", "List the environments", http.StatusOK),
		func(ctx context.Context, _ *struct{}) (*one[[]controller.EnvironmentStatus], error) {
			l, err := c.List(ctx)
			return &one[[]controller.EnvironmentStatus]{l}, problem(err)
		})
	huma.Register(api, op("show-environment", http.MethodGet, "/v1/environments/{name}", "Show one environment with its applications, servers, steps and outputs", http.StatusOK),
		func(ctx context.Context, in *byName) (*one[controller.EnvironmentStatus], error) {
			e, err := c.Environment(ctx, controller.EnvironmentName(in.Name))
			return &one[controller.EnvironmentStatus]{e}, problem(err)
		})
	huma.Register(api, op("delete-environment", http.MethodDelete, "/v1/environments/{name}", "Delete an environment and all that was made for it", http.StatusAccepted),
		func(ctx context.Context, in *byName) (*one[controller.Deployment], error) {
			d, err := c.Delete(ctx, controller.EnvironmentName(in.Name))
			return &one[controller.Deployment]{d}, problem(err)
		})
	huma.Register(api, op("list-events", http.MethodGet, "/v1/environments/{name}/events", "List events, or wait for the next", http.StatusOK),
		func(ctx context.Context, in *struct {
			Name  string `path:"name" doc:"of the environment"`
			After int64  `query:"after" minimum:"0" doc:"only events whose seq is above this"`
			Wait  int    `query:"wait" minimum:"0" maximum:"60" doc:"seconds to wait for an event when there is none yet"`
		}) (*one[[]controller.Event], error) {
			events, err := c.Events(ctx, controller.EnvironmentName(in.Name), in.After, time.Duration(in.Wait)*time.Second)
			if events == nil {
				events = []controller.Event{}
			}
			return &one[[]controller.Event]{events}, problem(err)
		})
	huma.Register(api, op("show-deployment", http.MethodGet, "/v1/deployments/{id}", "Show one deployment, or wait for its end", http.StatusOK),
		func(ctx context.Context, in *struct {
			ID   string `path:"id"`
			Wait int    `query:"wait" minimum:"0" maximum:"60" doc:"seconds to wait for its end"`
		}) (*one[controller.Deployment], error) {
			id := controller.DeploymentID(in.ID)
			if in.Wait == 0 {
				d, err := c.Deployment(ctx, id)
				return &one[controller.Deployment]{d}, problem(err)
			}
			waiting, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
			defer cancel()
			d, err := c.Wait(waiting, id)
			if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				err = nil // it still runs, and says so
			}
			return &one[controller.Deployment]{d}, problem(err)
		})
	huma.Register(api, op("send-plan", http.MethodPost, "/v1/queues/{queue}/plans", "Send an execution plan by hand and wait for its result", http.StatusOK),
		func(ctx context.Context, in *struct {
			Queue   string `path:"queue"`
			RawBody []byte `contentType:"application/json"`
		}) (*one[any], error) {
			p, err := plans.Parse(in.RawBody)
			if err != nil {
				return nil, problem(err)
			}
			r, err := c.SendPlan(ctx, in.Queue, p)
			if err != nil {
				return nil, problem(err)
			}
			out, err := resultBody(r)
			return &one[any]{out}, problem(err)
		})
}
