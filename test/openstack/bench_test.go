// SPDX-License-Identifier: Apache-2.0

package openstack_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
)

// need returns an environment variable that the script must set.
func need(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set; run make e2e-openstack", name)
	}
	return v
}

// A project looks into the cloud beside the controller, as an operator would.
type project struct {
	nova, neutron, heat *gophercloud.ServiceClient
}

func newProject(t *testing.T) project {
	t.Helper()
	p, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: need(t, "OS_AUTH_URL"), Username: os.Getenv("OS_USERNAME"), Password: os.Getenv("OS_PASSWORD"),
		DomainName:  os.Getenv("OS_USER_DOMAIN_NAME"),
		Scope:       &gophercloud.AuthScope{ProjectName: os.Getenv("OS_PROJECT_NAME"), DomainName: os.Getenv("OS_PROJECT_DOMAIN_NAME")},
		AllowReauth: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	var out project
	for _, one := range []struct {
		into **gophercloud.ServiceClient
		make func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{{&out.nova, openstack.NewComputeV2}, {&out.neutron, openstack.NewNetworkV2}, {&out.heat, openstack.NewOrchestrationV1}} {
		if *one.into, err = one.make(p, gophercloud.EndpointOpts{}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// holdings are all IDs of what the project holds, by kind.
func (p project) holdings(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, one := range []struct {
		client *gophercloud.ServiceClient
		kind   string
	}{
		{p.heat, "stacks"}, {p.nova, "servers"}, {p.neutron, "networks?router:external=false"}, {p.neutron, "subnets"},
		{p.neutron, "ports"}, {p.neutron, "routers"}, {p.neutron, "floatingips"}, {p.neutron, "security-groups"},
	} {
		var doc map[string]json.RawMessage
		resp, err := one.client.Get(t.Context(), one.client.ServiceURL("")+one.kind, &doc, nil)
		if err != nil {
			t.Fatalf("list %s: %v", one.kind, err)
		}
		resp.Body.Close()
		for _, raw := range doc {
			var list []struct{ ID string }
			if json.Unmarshal(raw, &list) != nil {
				continue
			}
			for _, o := range list {
				out = append(out, one.kind+" "+o.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

// keypair makes a keypair in Nova and returns the private key's file.
func (p project) keypair(t *testing.T, name string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := func(parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			n := len(p)
			b = append(append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), p...)
		}
		return b
	}
	line := "ssh-ed25519 " + base64.StdEncoding.EncodeToString(text([]byte("ssh-ed25519"), public)) + " " + name
	_ = p.removeKeypair(t.Context(), name)
	resp, err := p.nova.Post(t.Context(), p.nova.ServiceURL("os-keypairs"), map[string]any{"keypair": map[string]any{"name": name, "public_key": line}}, nil,
		&gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusCreated}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() {
		if err := p.removeKeypair(context.WithoutCancel(t.Context()), name); err != nil {
			t.Error(err)
		}
	})
	// OpenSSH's own format (PROTOCOL.key), unencrypted: it reads no other for this kind.
	check := []byte{1, 2, 3, 4}
	secret := slices.Concat(check, check, text([]byte("ssh-ed25519"), public, private, []byte(name)))
	for i := byte(1); len(secret)%8 != 0; i++ {
		secret = append(secret, i)
	}
	blob := slices.Concat([]byte("openssh-key-v1\x00"), text([]byte("none"), []byte("none"), nil), []byte{0, 0, 0, 1},
		text(text([]byte("ssh-ed25519"), public), secret))
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: blob}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (p project) removeKeypair(ctx context.Context, name string) error {
	resp, err := p.nova.Delete(ctx, p.nova.ServiceURL("os-keypairs", name), nil)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// outside runs a command where the external network is: in the network
// namespace of the bench's compute host.
func outside(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", os.Getenv("MURANO_BENCH_NETNS")}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), err
}

// freePort is one that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// phases are the wall times printed at the end.
type phases struct {
	names []string
	times []time.Duration
	last  time.Time
}

func (p *phases) end(name string, at time.Time) {
	if !p.last.IsZero() {
		p.names, p.times = append(p.names, name), append(p.times, at.Sub(p.last))
	}
	p.last = at
}

func (p *phases) String() string {
	var b strings.Builder
	var sum time.Duration
	for i, n := range p.names {
		fmt.Fprintf(&b, "%-28s %6.1f s\n", n, p.times[i].Seconds())
		sum += p.times[i]
	}
	fmt.Fprintf(&b, "%-28s %6.1f s", "all", sum.Seconds())
	return b.String()
}
