// SPDX-License-Identifier: Apache-2.0

// Package heat is controller.Stacks in OpenStack Heat, through gophercloud.
//
// A stack made here carries a tag with the hash of its template, so that a
// repeated request is recognised, by another process too, and a stack of
// somebody else is left alone. Facts about Heat in the comments were measured
// with heat 19.0.0 (Zed) with convergence, its default.
package heat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"

	"github.com/openmurano/murano/controller"
)

// Options say which cloud. The zero value is what the environment names: OS_CLOUD
// in a clouds.yaml, else the variables OS_AUTH_URL, OS_USERNAME and so on.
type Options struct {
	Cloud string // name in clouds.yaml; empty means OS_CLOUD
	// CloudsFile is the clouds.yaml; empty means the places the openstack client looks at.
	CloudsFile string
	// Patience is for how long a service may be out of reach while its answer is
	// waited for. Zero means two minutes.
	Patience time.Duration
}

// Stacks makes and removes stacks. It is safe for concurrent use.
type Stacks struct {
	heat, nova, neutron *gophercloud.ServiceClient
	glance, cinder      *gophercloud.ServiceClient // nil where the catalog has none
	patience            time.Duration
}

var (
	_ controller.Stacks   = (*Stacks)(nil)
	_ controller.Checker  = (*Stacks)(nil)
	_ controller.Surveyor = (*Stacks)(nil)
)

// New authenticates and finds the services. A token that expires later is renewed.
func New(ctx context.Context, o Options) (*Stacks, error) {
	auth, where, trust, err := o.access()
	if err != nil {
		return nil, err
	}
	auth.AllowReauth = true
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trust
	provider, err := config.NewProviderClient(ctx, auth, config.WithHTTPClient(http.Client{Transport: transport, Timeout: time.Minute}))
	if err != nil {
		return nil, fmt.Errorf("authenticate at %s: %w", auth.IdentityEndpoint, reason(err))
	}
	s := &Stacks{patience: o.Patience}
	if s.patience == 0 {
		s.patience = 2 * time.Minute
	}
	provider.RetryFunc = s.retry
	provider.UserAgent.Prepend("murano-controller")
	for _, one := range []struct {
		what string
		into **gophercloud.ServiceClient
		make func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
		must bool
	}{
		{"Heat (orchestration)", &s.heat, openstack.NewOrchestrationV1, true},
		{"Nova (compute)", &s.nova, openstack.NewComputeV2, true},
		{"Neutron (network)", &s.neutron, openstack.NewNetworkV2, true},
		{"Glance (image)", &s.glance, openstack.NewImageV2, false},
		{"Cinder (block-storage)", &s.cinder, openstack.NewBlockStorageV3, false},
	} {
		c, err := one.make(provider, where)
		var missing *gophercloud.ErrEndpointNotFound
		switch {
		case err == nil:
			*one.into = c
		case one.must || !errors.As(err, &missing) && !errors.As(err, new(gophercloud.ErrEndpointNotFound)):
			return nil, fmt.Errorf("find %s in the catalog of %s, region %q: %w", one.what, auth.IdentityEndpoint, where.Region, err)
		}
	}
	return s, nil
}

// retry is gophercloud's hook between a failed request and its repetition: it
// waits and returns nil to repeat, else the error to give up with. Requests
// that change something are repeated only where they cannot have arrived.
func (s *Stacks) retry(ctx context.Context, method, _ string, o *gophercloud.RequestOpts, err error, failures uint) error {
	again := transient(err) && (method == http.MethodGet || method == http.MethodDelete) || unsent(err)
	if !again || o != nil && o.RawBody != nil {
		return err
	}
	// 0.5, 1, 2, 4, 5, 5... seconds: the sum stays below patience
	delay, spent := 500*time.Millisecond, time.Duration(0)
	for range failures {
		spent += delay
		delay = min(2*delay, longest)
	}
	if spent > s.patience {
		return fmt.Errorf("no answer for %s: %w", s.patience, err)
	}
	if sleep(ctx, min(delay, longest)) != nil {
		return err
	}
	return nil
}

// transient says whether asking again may bring another answer.
func transient(err error) bool {
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) {
		return code.Actual >= 500 && code.Actual != http.StatusNotImplemented
	}
	var network net.Error
	return errors.As(err, &network) && !errors.Is(err, context.Canceled)
}

// unsent says that no connection was made.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// Waits between two looks at a stack: at first, and at most.
const (
	shortest = 500 * time.Millisecond
	longest  = 5 * time.Second
)

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// consoleLines is how much of a console's end is asked for.
const consoleLines = 300

// Console returns the last lines of a server's console. A server that is gone,
// has none yet, or a cloud that offers none, gives an empty one.
func (s *Stacks) Console(ctx context.Context, serverID string) (string, error) {
	text, err := servers.ShowConsoleOutput(ctx, s.nova, serverID, servers.ShowConsoleOutputOpts{Length: consoleLines}).Extract()
	switch {
	case err == nil:
		return text, nil
	case is(err, http.StatusNotFound), is(err, http.StatusConflict), is(err, http.StatusNotImplemented), is(err, http.StatusForbidden):
		return "", nil
	}
	return "", fmt.Errorf("console output of server %s: %w", serverID, reason(err))
}

func is(err error, code int) bool { return gophercloud.ResponseCodeIs(err, code) }

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
