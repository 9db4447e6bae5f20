// SPDX-License-Identifier: Apache-2.0

package heat_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/heat"
)

// These tests need a real OpenStack: test/openstack/bench.sh up control, then
// its openrc in the environment and MURANO_TEST_OPENSTACK=1.

func cloud(t *testing.T) *heat.Stacks {
	t.Helper()
	if os.Getenv("MURANO_TEST_OPENSTACK") == "" || os.Getenv("OS_AUTH_URL") == "" {
		t.Skip("no OpenStack; see test/openstack/README.md")
	}
	s, err := heat.New(t.Context(), heat.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const version = "heat_template_version: 2018-08-31\n"

// network is a network with a port; the resource lines given are added.
func network(more ...string) []byte {
	return []byte(version + `
resources:
  net: {type: OS::Neutron::Net}
  subnet: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.61.0.0/24, dns_nameservers: [10.61.0.53]}}
` + strings.Join(more, "") + `
outputs:
  network_id: {value: {get_resource: net}}
`)
}

const server = `
  port: {type: OS::Neutron::Port, properties: {network: {get_resource: net}, fixed_ips: [{subnet: {get_resource: subnet}}]}}
  vm: {type: OS::Nova::Server, properties: {flavor: %s, image: tiny, networks: [{port: {get_resource: port}}], config_drive: true, user_data_format: RAW}}
`

// full has one of everything whose end is looked for.
const full = `
  router: {type: OS::Neutron::Router, properties: {external_gateway_info: {network: public}}}
  rif: {type: OS::Neutron::RouterInterface, properties: {router: {get_resource: router}, subnet: {get_resource: subnet}}}
  sg: {type: OS::Neutron::SecurityGroup, properties: {rules: [{protocol: tcp, port_range_min: 80, port_range_max: 80}]}}
  fip: {type: OS::Neutron::FloatingIP, depends_on: rif, properties: {floating_network: public, port_id: {get_resource: port}}}
`

// request gives a stack name of its own to the test and deletes it at the end.
func request(t *testing.T, s *heat.Stacks, template []byte) controller.StackRequest {
	t.Helper()
	r := controller.StackRequest{Name: fmt.Sprintf("test-%d", time.Now().UnixNano()), Template: template, Tags: []string{"murano", "murano-test"}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if left, err := s.Delete(ctx, controller.StackDeletion{Name: r.Name}); err != nil || len(left) > 0 {
			t.Errorf("clean up: %v, left %+v", err, left)
		}
	})
	return r
}

func apply(t *testing.T, s *heat.Stacks, r controller.StackRequest) controller.Stack {
	t.Helper()
	stack, err := s.Apply(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

func physical(t *testing.T, stack controller.Stack, name string) string {
	t.Helper()
	i := slices.IndexFunc(stack.Resources, func(r controller.StackResource) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no resource %s in %+v", name, stack.Resources)
	}
	return stack.Resources[i].PhysicalID
}

func TestAStackLives(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	r := request(t, s, network(fmt.Sprintf(server, "m1.nano"), full))
	var events []controller.StackEvent
	r.Progress = func(e controller.StackEvent) { events = append(events, e) }

	made := apply(t, s, r)
	if made.Status != "CREATE_COMPLETE" || made.Outputs["network_id"] != physical(t, made, "net") {
		t.Errorf("got %+v", made)
	}
	checkOrder(t, r.Name, "CREATE", events)
	if i := slices.IndexFunc(events, func(e controller.StackEvent) bool { return e.Resource == "vm" && e.Type == "OS::Nova::Server" }); i < 0 {
		t.Errorf("no event of the server with its type in %+v", events)
	}

	// The same request again, by another process too, changes nothing.
	events = nil
	other := cloud(t)
	again := apply(t, other, r)
	if again.ID != made.ID || again.Status != "CREATE_COMPLETE" || len(events) > 0 {
		t.Errorf("the second request made %+v with %d events", again, len(events))
	}

	// Another template updates in place.
	r.Template = network(fmt.Sprintf(server, "m1.nano"), full, "  second: {type: OS::Neutron::Port, properties: {network: {get_resource: net}}}\n")
	updated := apply(t, s, r)
	if updated.ID != made.ID || updated.Status != "UPDATE_COMPLETE" || physical(t, updated, "vm") != physical(t, made, "vm") || physical(t, updated, "second") == "" {
		t.Errorf("got %+v", updated)
	}
	checkOrder(t, r.Name, "UPDATE", events)

	prefixes, err := s.Prefixes(t.Context())
	if err != nil || !slices.Contains(prefixes, netip.MustParsePrefix("10.61.0.0/24")) {
		t.Errorf("prefixes %v, %v", prefixes, err)
	}
	console, err := s.Console(t.Context(), physical(t, updated, "vm"))
	if err != nil || !strings.Contains(console, "FAKE CONSOLE OUTPUT") {
		t.Errorf("console: %q, %v", console, err)
	}
	if console, err = s.Console(t.Context(), string(made.ID)); err != nil || console != "" {
		t.Errorf("console of no server: %q, %v", console, err)
	}

	events = nil
	left, err := s.Delete(t.Context(), controller.StackDeletion{Name: r.Name, ID: made.ID, Progress: r.Progress})
	if err != nil || len(left) > 0 {
		t.Errorf("delete: %v, left %+v", err, left)
	}
	checkOrder(t, r.Name, "DELETE", events)
	for range 2 {
		if left, err = s.Delete(t.Context(), controller.StackDeletion{Name: r.Name, ID: made.ID}); err != nil || len(left) > 0 {
			t.Errorf("delete again: %v, left %+v", err, left)
		}
	}
	// The name is free at once.
	r.Progress = nil
	r.Template = network()
	if next := apply(t, s, r); next.ID == made.ID {
		t.Error("the deleted stack is there again")
	}
}

// checkOrder wants one action from its begin to its end, nothing told twice.
func checkOrder(t *testing.T, name, action string, events []controller.StackEvent) {
	t.Helper()
	if len(events) < 3 {
		t.Fatalf("%s told %d events", action, len(events))
	}
	begin, end := events[0], events[len(events)-1]
	if begin.Resource != name || begin.Status != action+"_IN_PROGRESS" {
		t.Errorf("%s begins with %+v", action, begin)
	}
	// the stack's own end is not always told by a deletion: it is gone by then
	if action != "DELETE" && (end.Resource != name || end.Status != action+"_COMPLETE") {
		t.Errorf("%s ends with %+v", action, end)
	}
	seen, open := map[controller.StackEvent]bool{}, map[string]bool{}
	for _, e := range events {
		if seen[e] {
			t.Errorf("told twice: %+v", e)
		}
		seen[e] = true
		if e.Time.IsZero() {
			t.Errorf("without a time: %+v", e)
		}
		if strings.HasSuffix(e.Status, "_IN_PROGRESS") {
			open[e.Resource] = true
		} else if !open[e.Resource] {
			t.Errorf("%s is %s before it began", e.Resource, e.Status)
		}
	}
}

func TestACrashBetweenRequestAndEndIsCarriedOn(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	r := request(t, s, network(fmt.Sprintf(server, "m1.nano")))
	ctx, crash := context.WithCancel(t.Context())
	r.Progress = func(controller.StackEvent) { crash() }
	if _, err := s.Apply(ctx, r); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	var events []controller.StackEvent
	r.Progress = func(e controller.StackEvent) { events = append(events, e) }
	stack := apply(t, cloud(t), r)
	if stack.Status != "CREATE_COMPLETE" {
		t.Errorf("the second controller got %s: it did not carry on the first one's", stack.Status)
	}
	checkOrder(t, r.Name, "CREATE", events)
}

func TestTwoControllersAtOnceMakeOneStack(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	r := request(t, s, network())
	ids := make(chan controller.StackID, 2)
	for range 2 {
		go func() {
			stack, err := s.Apply(context.WithoutCancel(t.Context()), r)
			if err != nil {
				t.Error(err)
			}
			ids <- stack.ID
		}()
	}
	if a, b := <-ids, <-ids; a != b {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestFailuresNameResourceReasonAndNextStep(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	for name, c := range map[string]struct {
		template []byte
		want     []string
		made     bool // a stack stays
	}{
		"an unknown flavor":     {network(fmt.Sprintf(server, "m1.nope")), []string{"resources.vm.properties.flavor", "No Flavor matching", "openstack flavor list"}, false},
		"an unknown image":      {[]byte(strings.ReplaceAll(string(network(fmt.Sprintf(server, "m1.nano"))), "image: tiny", "image: nope")), []string{"No images matching", "openstack image list"}, false},
		"an unknown type":       {[]byte(version + "resources: {x: {type: OS::Nope}}\n"), []string{"The Resource Type (OS::Nope)"}, false},
		"a template of nothing": {[]byte("x: y\n"), []string{"Template format version not found"}, false},
		"a flavor no host has":  {network(fmt.Sprintf(server, "m1.huge")), []string{"resource vm (OS::Nova::Server)", "No valid host was found", "smaller flavor", "CREATE_FAILED"}, true},
		"a used up quota":       {network(fmt.Sprintf(server, "m1.many")), []string{"resource vm (OS::Nova::Server)", "Quota exceeded for cores", "quota show"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t, s, c.template)
			_, err := s.Apply(t.Context(), r)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			var failed *heat.FailedError
			if errors.As(err, &failed) != c.made {
				t.Errorf("got a %T", err)
			}
			if !c.made {
				return
			}
			// Applied again with what helps, it is repaired.
			r.Template = network(fmt.Sprintf(server, "m1.nano"))
			if stack := apply(t, s, r); stack.Status != "UPDATE_COMPLETE" {
				t.Errorf("repaired it is %s", stack.Status)
			}
		})
	}
}

func TestAStackUnderWayCanBeDeletedAndItsNameUsedAgain(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	r := request(t, s, network(fmt.Sprintf(server, "m1.nano")))
	ctx, crash := context.WithCancel(t.Context())
	r.Progress = func(controller.StackEvent) { crash() }
	if _, err := s.Apply(ctx, r); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	r.Progress = nil
	if left, err := s.Delete(t.Context(), controller.StackDeletion{Name: r.Name}); err != nil || len(left) > 0 {
		t.Fatalf("delete: %v, left %+v", err, left)
	}
	apply(t, s, r)
	// A deletion somebody else asked for: Apply waits for it and makes the stack again.
	remove(t, r.Name)
	if stack := apply(t, s, r); stack.Status != "CREATE_COMPLETE" {
		t.Errorf("got %s", stack.Status)
	}
	// Deleted twice at once, as after a crash: the second request only waits, for
	// Heat would cancel the deletion under way and begin again.
	remove(t, r.Name)
	left, err := s.Delete(t.Context(), controller.StackDeletion{Name: r.Name, Progress: func(e controller.StackEvent) {
		if e.Status == "DELETE_FAILED" {
			t.Errorf("%+v", e)
		}
	}})
	if err != nil || len(left) > 0 {
		t.Errorf("delete: %v, left %+v", err, left)
	}
}

func TestLeftoversAreNamed(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	r := request(t, s, network())
	stack := apply(t, s, r)
	net := physical(t, stack, "net")
	client := neutron(t)
	port, err := ports.Create(t.Context(), client, ports.CreateOpts{NetworkID: net, Name: "of-somebody"}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	left, err := s.Delete(t.Context(), controller.StackDeletion{Name: r.Name, ID: stack.ID})
	var failed *heat.FailedError
	if !errors.As(err, &failed) || failed.Status != "DELETE_FAILED" || !strings.Contains(err.Error(), "something outside the stack uses it") {
		t.Errorf("got %v", err)
	}
	i := slices.IndexFunc(left, func(l controller.Leftover) bool { return l.ID == port.ID })
	if i < 0 || left[i].Name != "of-somebody" || left[i].Hint != "openstack port delete "+port.ID {
		t.Errorf("the port is not named: %+v", left)
	}
	if !slices.ContainsFunc(left, func(l controller.Leftover) bool { return l.ID == net && l.Type == "OS::Neutron::Net" }) {
		t.Errorf("the network is not named: %+v", left)
	}
	if err := ports.Delete(t.Context(), client, port.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if left, err = s.Delete(t.Context(), controller.StackDeletion{Name: r.Name, ID: stack.ID}); err != nil || len(left) > 0 {
		t.Errorf("with the port gone: %v, left %+v", err, left)
	}
}

// What a stack had is known after a crash in mid-deletion too, by its events.
func TestLeftoversOfADeletedStackAreNamed(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	keep := "  kept: {type: OS::Neutron::SecurityGroup, deletion_policy: Retain}\n"
	r := request(t, s, network(keep))
	stack := apply(t, s, r)
	remove(t, r.Name)
	for range 2 {
		left, err := s.Delete(t.Context(), controller.StackDeletion{Name: r.Name, ID: stack.ID})
		if err != nil || len(left) != 1 || left[0].Type != "OS::Neutron::SecurityGroup" || left[0].ID != physical(t, stack, "kept") {
			t.Errorf("got %+v, %v", left, err)
		}
	}
	resp, err := neutron(t).Delete(t.Context(), neutron(t).ServiceURL("security-groups", physical(t, stack, "kept")), nil)
	if err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
}

func TestAStackOfSomebodyElseIsLeftAlone(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	r := request(t, s, network())
	apply(t, s, r)
	stranger := r
	stranger.Tags = []string{"murano", "murano-other"}
	if _, err := s.Apply(t.Context(), stranger); err == nil || !strings.Contains(err.Error(), "not made for this environment") {
		t.Errorf("got %v", err)
	}
}

func TestCheckNamesAllThatIsMissing(t *testing.T) {
	s := cloud(t)
	t.Parallel()
	if err := s.Check(t.Context(), controller.Needs{Images: []string{"tiny", "", "tiny"}, Flavors: []string{"m1.nano"}, ExternalNetworks: []string{"public"}}); err != nil {
		t.Error(err)
	}
	err := s.Check(t.Context(), controller.Needs{Images: []string{"nope"}, Flavors: []string{"m1.nope"}, Keypairs: []string{"ops"}, ExternalNetworks: []string{"outside"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"image nope not found; there are: ", "flavor m1.nope not found; there are: m1.huge, m1.many, m1.nano, m1.small", "keypair ops not found; ", "external network outside not found; there are: public"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}

func TestAServiceOutOfReachIsWaitedFor(t *testing.T) {
	s := cloud(t)
	bench := "../../test/openstack/bench.sh"
	if os.Getenv("MURANO_BENCH_LOG") == "" {
		t.Skip("not the project's bench; its Heat cannot be restarted")
	}
	r := request(t, s, network(fmt.Sprintf(server, "m1.nano")))
	restarted := make(chan error, 1)
	once := true
	r.Progress = func(controller.StackEvent) {
		if once {
			once = false
			go func() {
				out, err := exec.Command(bench, "restart", "heat-api").CombinedOutput()
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				restarted <- err
			}()
		}
	}
	apply(t, s, r)
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if left, err := s.Delete(t.Context(), controller.StackDeletion{Name: r.Name}); err != nil || len(left) > 0 {
		t.Errorf("delete: %v, left %+v", err, left)
	}
}
