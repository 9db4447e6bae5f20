// SPDX-License-Identifier: Apache-2.0

// Package control lets programs on the guest see what its agent does and tell it
// what to do, over a socket in the agent's storage: HTTP with JSON.
//
//	GET  /v1/status               agent.Status
//	POST /v1/plans/{id}/cancel    {"state": "running"}, as plans.Cancelled has it
//	POST /v1/plans/{id}/retry     {"state": "pending"}
//	POST /v1/prune                {"keep": 10, "olderThan": "720h", "dryRun": true} gives {"keys": [...]}
//	an error                      {"error": "..."}
//
// Who may connect may read: root, the agent's own user, and the members of the
// group that Listen was given. Commands are taken from the first two alone; the
// kernel says who calls (SO_PEERCRED). On Windows it does not: there the rights
// of the directory decide both, so it must be closed to others. On other systems
// no commands are taken.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/openmurano/murano/agent"
)

// An Agent is what is controlled: *agent.Agent.
type Agent interface {
	Status() agent.Status
	Cancel(ctx context.Context, id, by string) (state string, err error)
	Retry(ctx context.Context, id string) error
	Prune(ctx context.Context, o agent.PruneOptions) (keys []string, err error)
}

var _ Agent = (*agent.Agent)(nil)

// What one caller can take of the agent.
const (
	maxCallers = 32          // at once; others wait
	maxRequest = 64 << 10    // bytes of a body
	maxHeader  = 16 << 10    // bytes
	maxCommand = time.Minute // a full disk may keep a command waiting
)

// pruning is the body of a request to prune.
type pruning struct {
	Keep      int    `json:"keep"`
	OlderThan string `json:"olderThan"` // a Go duration; empty means 0
	DryRun    bool   `json:"dryRun"`
}

// outcome is the body of every answer but Status.
type outcome struct {
	State string   `json:"state,omitempty"`
	Keys  []string `json:"keys,omitempty"`
	Error string   `json:"error,omitempty"`
}

// Serve answers callers until ctx is done, then closes l, gives those that are
// being answered a second, and returns nil. Another error means that l failed.
func Serve(ctx context.Context, l net.Listener, a Agent) error {
	server := &http.Server{
		Handler:           routes(a),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      maxCommand + 10*time.Second,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    maxHeader,
		ConnContext:       withCaller,
		ErrorLog:          log.New(io.Discard, "", 0), // a caller's faults are told to the caller
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(end) != nil {
			server.Close() // what is left is cut off
		}
	})
	err := server.Serve(limit(l, maxCallers))
	if stop() { // ctx is not done: the listener failed
		return errors.Join(fmt.Errorf("control socket %s: %w", l.Addr(), err), server.Close())
	}
	<-closed
	return nil
}

func routes(a Agent) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, a.Status())
	})
	command := func(pattern string, do func(ctx context.Context, r *http.Request, by string) (outcome, error)) {
		mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
			by, err := authorise(r.Context())
			if err != nil {
				reply(w, http.StatusForbidden, outcome{Error: err.Error()})
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
			ctx, cancel := context.WithTimeout(r.Context(), maxCommand)
			defer cancel()
			o, err := do(ctx, r, by)
			var misuse *requestError
			switch {
			case errors.As(err, &misuse):
				reply(w, http.StatusBadRequest, outcome{Error: err.Error()})
			case err != nil:
				reply(w, http.StatusConflict, outcome{Error: err.Error()})
			default:
				reply(w, http.StatusOK, o)
			}
		})
	}
	command("/v1/plans/{id}/cancel", func(ctx context.Context, r *http.Request, by string) (outcome, error) {
		state, err := a.Cancel(ctx, r.PathValue("id"), "murano-agent plans cancel"+by)
		return outcome{State: state}, err
	})
	command("/v1/plans/{id}/retry", func(ctx context.Context, r *http.Request, _ string) (outcome, error) {
		return outcome{State: agent.StorePending}, a.Retry(ctx, r.PathValue("id"))
	})
	command("/v1/prune", func(ctx context.Context, r *http.Request, _ string) (outcome, error) {
		o, err := readPruning(r.Body)
		if err != nil {
			return outcome{}, err
		}
		keys, err := a.Prune(ctx, o)
		return outcome{Keys: keys}, err
	})
	return mux
}

// A requestError says what is wrong with a request.
type requestError struct{ error }

func readPruning(body io.Reader) (agent.PruneOptions, error) {
	var p pruning
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return agent.PruneOptions{}, &requestError{fmt.Errorf("read what to prune: %w", err)}
	}
	o := agent.PruneOptions{Keep: p.Keep, DryRun: p.DryRun}
	if p.OlderThan != "" {
		age, err := time.ParseDuration(p.OlderThan)
		if err != nil {
			return o, &requestError{fmt.Errorf("olderThan: %w", err)}
		}
		o.OlderThan = age
	}
	if o.Keep < 0 || o.OlderThan < 0 {
		return o, &requestError{errors.New("keep and olderThan cannot be negative")}
	}
	return o, nil
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v) // a caller that is gone needs no answer
}
