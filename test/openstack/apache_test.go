// SPDX-License-Identifier: Apache-2.0

package openstack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/heat"
)

// A daemon is murano-controller serve as a process that can be killed.
type daemon struct {
	*api.Client
	bin, config, log string
	cmd              *exec.Cmd
	kills            int
}

func startDaemon(t *testing.T, bin, keypair string) *daemon {
	t.Helper()
	dir := t.TempDir()
	login, host, vhost := account(t, need(t, "MURANO_TEST_AMQP"))
	guestLogin, guestHost, _ := account(t, need(t, "MURANO_TEST_GUEST_AMQP"))
	address := freePort(t)
	config := fmt.Sprintf(`
listen: %s
state: %s/state
broker: {%s, %s, virtual_host: %s}
agent: {%s, %s, virtual_host: %s}
defaults: {dns: [10.0.0.2], external: public, image: murano-debian-12, flavor: m1.small, keypair: %s}
timeouts: {boot: 10m, step: 15m}
`, address, dir, host, login, vhost, guestHost, guestLogin, vhost, keypair)
	d := &daemon{Client: &api.Client{URL: "http://" + address}, bin: bin, config: filepath.Join(dir, "controller.yaml"), log: filepath.Join(dir, "log")}
	if err := os.WriteFile(d.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start(t)
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		if b, err := os.ReadFile(d.log); err == nil && t.Failed() {
			t.Logf("log of the controller:\n%s", b)
		}
	})
	for end := time.Now().Add(30 * time.Second); d.Token == ""; time.Sleep(100 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(dir, "state/token"))
		if d.Token = strings.TrimSpace(string(b)); d.Token == "" && time.Now().After(end) {
			t.Fatalf("the controller makes no token: %v", err)
		}
	}
	return d
}

// account takes amqp://login:password@host:port/vhost apart into lines of the configuration.
func account(t *testing.T, url string) (login, host, vhost string) {
	t.Helper()
	who, where, ok := strings.Cut(strings.TrimPrefix(url, "amqp://"), "@")
	user, password, ok2 := strings.Cut(who, ":")
	address, vhost, ok3 := strings.Cut(where, "/")
	name, port, ok4 := strings.Cut(address, ":")
	if !ok || !ok2 || !ok3 || !ok4 {
		t.Fatalf("%s is no amqp://login:password@host:port/vhost", url)
	}
	return fmt.Sprintf("login: %s, password: %q", user, password), fmt.Sprintf("hosts: [%s], port: %s", name, port), vhost
}

func (d *daemon) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command(d.bin, "serve", "--config", d.config)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the controller as a power cut would, and starts it again.
func (d *daemon) kill(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	d.kills++
	d.start(t)
}

// call runs the command line client.
func (d *daemon) call(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), d.bin, args...)
	cmd.Env = append(os.Environ(), "MURANO_URL="+d.URL, "MURANO_TOKEN_FILE="+filepath.Join(filepath.Dir(d.config), "state/token"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("murano-controller %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// follow reads the timeline from an event on until the deployment has ended,
// and kills the controller at the first event each of cuts names.
func (d *daemon) follow(t *testing.T, name controller.EnvironmentName, after int64, cuts ...func(controller.Event) bool) []controller.Event {
	t.Helper()
	var events []controller.Event
	for {
		more, err := d.Events(t.Context(), name, after, 5*time.Second)
		if errors.Is(err, api.ErrUnreachable) {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range more {
			t.Logf("%s  %-12s %-10s %s  %s", e.Time.Format("15:04:05.0"), e.Kind, e.Application, e.Status, e.Text)
			after = e.Seq
			events = append(events, e)
			if e.Kind == controller.EventEnvironment && e.Application == "" && e.Status != "begun" {
				return events
			}
			if i := slices.IndexFunc(cuts, func(cut func(controller.Event) bool) bool { return cut(e) }); i >= 0 {
				cuts = slices.Delete(cuts, i, i+1)
				t.Log("the controller is killed")
				d.kill(t)
			}
		}
	}
}

// The main job on a real OpenStack, the controller killed in each of its
// phases: network, stack, boot, plan, deletion.
func TestApacheIsDeployedIntoARealServerAndDeleted(t *testing.T) {
	bin := need(t, "MURANO_E2E_BIN")
	need(t, "MURANO_BENCH_NETNS")
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var p phases
	p.end("", time.Now())
	cloud := newProject(t)
	key := cloud.keypair(t, "murano-e2e")
	d := startDaemon(t, bin, "murano-e2e")
	// the default security group comes with the first look at it
	before := cloud.holdings(t)
	p.end("controller started", time.Now())

	d.call(t, "env", "deploy", "-f", filepath.Join(top, "examples/environments/apache.yaml"), "--packages", filepath.Join(top, "examples/packages"), "--wait=false")
	t.Cleanup(func() {
		if t.Failed() {
			d.tidy(t)
		}
	})
	events := d.follow(t, "apache", 0,
		func(e controller.Event) bool { return e.Kind == controller.EventHeat && e.Application == "" },
		func(e controller.Event) bool { return e.Kind == controller.EventHeat && e.Application == "web" },
		func(e controller.Event) bool { return e.Kind == controller.EventAgent && e.Status == "waiting" },
		func(e controller.Event) bool {
			return e.Kind == controller.EventAgent && strings.Contains(e.Text, "script deploy")
		},
	)
	for _, e := range events {
		switch {
		case e.Kind == controller.EventHeat && strings.Contains(e.Text, "CREATE_COMPLETE: Stack"):
			p.end(map[bool]string{true: "network stack", false: "application stack"}[e.Application == ""], e.Time)
		case e.Kind == controller.EventStep && e.Status == "begun":
			p.end("boot, agent connected", e.Time)
		case e.Kind == controller.EventStep && e.Status == "succeeded":
			p.end("plan run, result back", e.Time)
		}
	}
	e, err := d.Environment(t.Context(), "apache")
	// the timeline tells the end a moment before the record has it
	for end := time.Now().Add(5 * time.Second); err == nil && e.State == controller.StateDeploying && time.Now().Before(end); e, err = d.Environment(t.Context(), "apache") {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if e.State != controller.StateDeployed || len(e.Applications) != 1 {
		d.consoles(t, e)
		t.Fatalf("environment %s: %s", e.State, e.Cause)
	}
	app := e.Applications[0]
	if len(app.Steps) != 1 || app.Steps[0].State != controller.PlanSucceeded {
		t.Fatalf("the controller has the steps %+v", app.Steps)
	}
	url, _ := app.Outputs["url"].(string)
	page, err := outside(t.Context(), "curl", "-sS", "--fail", "--max-time", "20", url)
	if err != nil || !strings.Contains(page, "<h1>Deployed by Murano</h1>") {
		t.Errorf("%v\n%s", err, page)
	}
	guest := func(command string) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := outside(ctx, "ssh", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "ConnectTimeout=30", "root@"+app.Servers[0].Floating, command)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	// five deaths of the controller, and the plan is there once
	if got := strings.Fields(guest("ls -d /var/murano/plans/*/plan.json; stat -c %a /etc/murano/agent.yaml")); len(got) != 2 || !strings.HasPrefix(got[0], "/var/murano/plans/") || got[1] != "600" {
		t.Errorf("the guest has %q, want one plan and a configuration of mode 600", got)
	}
	if got := guest("dpkg-query -W -f '${Status}' apache2"); got != "install ok installed" {
		t.Errorf("apache2 in the guest is %q", got)
	}
	p.end("checks in the guest", time.Now())

	d.call(t, "env", "delete", "apache", "--yes", "--wait=false")
	events = d.follow(t, "apache", events[len(events)-1].Seq,
		func(e controller.Event) bool { return e.Kind == controller.EventHeat && e.Application == "web" })
	if last := events[len(events)-1]; last.Status != "succeeded" || !strings.Contains(last.Text, "nothing is left") {
		t.Errorf("the deletion ended with %q", last.Text)
	}
	p.end("delete", time.Now())
	if after := cloud.holdings(t); !slices.Equal(after, before) {
		t.Errorf("before the project held\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if out, err := outside(t.Context(), "curl", "-sS", "--max-time", "3", url); err == nil {
		t.Errorf("%s still answers: %s", url, out)
	}
	queues, err := exec.CommandContext(t.Context(), "./bench.sh", "rabbitmqctl", "list_queues", "-p", "murano", "name", "--no-table-headers").CombinedOutput()
	if err != nil || strings.Contains(string(queues), app.Servers[0].Queue) {
		t.Errorf("the server's queue is left: %v: %s", err, queues)
	}
	if d.kills != 5 {
		t.Errorf("the controller was killed %d times, want 5", d.kills)
	}
	p.end("nothing is left", time.Now())
	fmt.Println(p.String())
}

// consoles logs what silent guests said.
func (d *daemon) consoles(t *testing.T, e controller.EnvironmentStatus) {
	t.Helper()
	s, err := heat.New(t.Context(), heat.Options{})
	if err != nil {
		t.Log(err)
		return
	}
	for _, a := range e.Applications {
		for _, server := range a.Servers {
			text, err := s.Console(t.Context(), server.ID)
			t.Logf("console of %s: %v\n%s", server.Hostname, err, text)
		}
	}
}

// tidy removes what a failed test left.
func (d *daemon) tidy(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	defer cancel()
	e, err := d.Environment(ctx, "apache")
	if err != nil {
		t.Log(err)
		return
	}
	s, err := heat.New(ctx, heat.Options{})
	if err != nil {
		t.Log(err)
		return
	}
	names := []string{}
	for _, a := range e.Applications {
		if a.Stack != nil {
			names = append(names, a.Stack.Name)
		}
	}
	if e.Network != nil {
		names = append(names, e.Network.Name)
	}
	for _, name := range names {
		if left, err := s.Delete(ctx, controller.StackDeletion{Name: name}); err != nil || len(left) > 0 {
			t.Logf("stack %s: %v, left %+v", name, err, left)
		}
	}
}
