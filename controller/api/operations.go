// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// A PackageSummary is a package as the controller keeps it.
type PackageSummary struct {
	Name   string    `json:"name" doc:"FullName of its manifest"`
	Title  string    `json:"title"`
	Digest string    `json:"digest" doc:"SHA-256 of its content, hex"`
	Added  time.Time `json:"added,omitzero"`
}

// A PlanCancelled says what a plan was when its end was asked for.
type PlanCancelled struct {
	ID    string `json:"id" doc:"of the plan"`
	State string `json:"state" doc:"cancelled: it had not begun and will not run; running: it is being stopped; ended: it had a result, which stays; unknown: the agent has never had it or no longer knows it"`
}

type (
	byName struct {
		Name string `path:"name" doc:"of the environment"`
	}
	one[T any] struct{ Body T }
)

// op is one operation. limit bounds its body in bytes; 0 means it has none.
// refusals are the statuses it can answer with, beside those of all.
func op(id, method, path, summary string, status int, limit int64, refusals ...int) huma.Operation {
	o := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status,
		Errors: append(refusals, http.StatusUnauthorized, http.StatusServiceUnavailable),
	}
	if limit > 0 {
		o.MaxBodyBytes, o.BodyReadTimeout = limit, 5*time.Minute
		o.SkipValidateBody = true // the controller reads documents itself, and names every fault
		o.Errors = append(o.Errors, http.StatusRequestEntityTooLarge)
	}
	return o
}

func (s *Server) register(api huma.API) {
	c := s.Controller
	huma.Register(api, op("put-package", http.MethodPost, "/v1/packages", "Add a package, or a new version of it", http.StatusCreated, MaxPackage, http.StatusUnprocessableEntity),
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/zip"`
		}) (*one[PackageSummary], error) {
			p, err := c.PutPackage(ctx, in.RawBody)
			if err != nil {
				return nil, wrong(err)
			}
			return &one[PackageSummary]{PackageSummary{Name: p.Manifest.FullName, Title: p.Manifest.Name, Digest: p.Digest}}, nil
		})
	huma.Register(api, op("list-packages", http.MethodGet, "/v1/packages", "List the packages", http.StatusOK, 0),
		func(ctx context.Context, _ *struct{}) (*one[[]PackageSummary], error) {
			records, err := c.Packages(ctx)
			out := make([]PackageSummary, len(records))
			for i, r := range records {
				out[i] = PackageSummary{r.Name, r.Title, r.Digest, r.Added}
			}
			return &one[[]PackageSummary]{out}, problem(err)
		})

	huma.Register(api, op("deploy-environment", http.MethodPost, "/v1/environments", "Deploy an environment: make it, or change it to what the document says", http.StatusAccepted, MaxEnvironment, http.StatusConflict, http.StatusUnprocessableEntity),
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/yaml"`
		}) (*one[controller.Deployment], error) {
			e, err := controller.ParseEnvironment(in.RawBody)
			if err != nil {
				return nil, wrong(err)
			}
			d, err := c.Deploy(ctx, e)
			return &one[controller.Deployment]{d}, wrong(err)
		})
	huma.Register(api, op("list-environments", http.MethodGet, "/v1/environments", "List the environments", http.StatusOK, 0),
		func(ctx context.Context, _ *struct{}) (*one[[]controller.EnvironmentStatus], error) {
			l, err := c.List(ctx)
			return &one[[]controller.EnvironmentStatus]{l}, problem(err)
		})
	huma.Register(api, op("show-environment", http.MethodGet, "/v1/environments/{name}", "Show one environment with its applications, servers, steps and outputs", http.StatusOK, 0, http.StatusNotFound),
		func(ctx context.Context, in *byName) (*one[controller.EnvironmentStatus], error) {
			e, err := c.Environment(ctx, controller.EnvironmentName(in.Name))
			return &one[controller.EnvironmentStatus]{e}, problem(err)
		})
	huma.Register(api, op("delete-environment", http.MethodDelete, "/v1/environments/{name}", "Delete an environment and all that was made for it", http.StatusAccepted, 0, http.StatusNotFound, http.StatusConflict),
		func(ctx context.Context, in *byName) (*one[controller.Deployment], error) {
			d, err := c.Delete(ctx, controller.EnvironmentName(in.Name))
			return &one[controller.Deployment]{d}, problem(err)
		})
	huma.Register(api, op("list-events", http.MethodGet, "/v1/environments/{name}/events", "List events, or wait for the next", http.StatusOK, 0, http.StatusNotFound),
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
	huma.Register(api, op("show-deployment", http.MethodGet, "/v1/deployments/{id}", "Show one deployment, or wait for its end", http.StatusOK, 0, http.StatusNotFound),
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
	huma.Register(api, op("send-plan", http.MethodPost, "/v1/queues/{queue}/plans", "Send an execution plan by hand and wait for its result", http.StatusOK, MaxPlan, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusGatewayTimeout),
		func(ctx context.Context, in *struct {
			Queue   string `path:"queue"`
			RawBody []byte `contentType:"application/json"`
		}) (*one[any], error) {
			p, err := plans.Parse(in.RawBody)
			if err != nil {
				return nil, wrong(err)
			}
			r, err := c.SendPlan(ctx, in.Queue, p)
			if err != nil {
				return nil, problem(err)
			}
			out, err := resultBody(r)
			return &one[any]{out}, problem(err)
		})
	huma.Register(api, op("cancel-plan", http.MethodPost, "/v1/plans/{id}/cancel", "End a plan that waits on its server or runs there", http.StatusOK, 0, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusGatewayTimeout),
		func(ctx context.Context, in *struct {
			ID    string `path:"id" doc:"of the plan"`
			Queue string `query:"queue" doc:"of the agent that has it; none means the one this controller sent it to"`
		}) (*one[PlanCancelled], error) {
			r, err := c.CancelPlan(ctx, in.Queue, in.ID)
			return &one[PlanCancelled]{PlanCancelled{ID: r.PlanID, State: r.State}}, problem(err)
		})
	// What is read raw is described as binary; a plan is an object.
	api.OpenAPI().Paths["/v1/queues/{queue}/plans"].Post.RequestBody.Content["application/json"].Schema = &huma.Schema{
		Type: huma.TypeObject, Description: "an execution plan, formats 2.0.0 to 2.3.0",
	}
}
