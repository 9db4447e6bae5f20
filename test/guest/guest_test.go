// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/devcloud"
	"github.com/openmurano/murano/controller/sqlstore"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/test/guest"
	"github.com/openmurano/murano/test/rabbitmq"
)

// meeting is where guests find the broker: an address of this machine's
// loopback, reached through each guest's gateway.
const meeting = "10.98.99.1"

// phases are the wall times printed at the end.
type phases struct {
	names []string
	times []time.Duration
	start time.Time
}

func (p *phases) next(name string) {
	now := time.Now()
	if !p.start.IsZero() {
		p.times = append(p.times, now.Sub(p.start))
	}
	if name != "" {
		p.names = append(p.names, name)
	}
	p.start = now
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

// need returns an environment variable that the script must set.
func need(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set; run make e2e", name)
	}
	return v
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// relay carries connections to addr:5672 on to the broker, which listens on loopback only.
func relay(t *testing.T, broker string) {
	t.Helper()
	command(t, "ip", "addr", "replace", meeting+"/32", "dev", "lo")
	t.Cleanup(func() { command(t, "ip", "addr", "del", meeting+"/32", "dev", "lo") })
	l, err := net.Listen("tcp", meeting+":5672")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", broker)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in); out.Close() }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
}

func TestApacheIsDeployedIntoABootedGuestAndDeleted(t *testing.T) {
	root, deb, bin := need(t, "MURANO_E2E_ROOT"), need(t, "MURANO_E2E_DEB"), need(t, "MURANO_E2E_BIN")
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var p phases
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	p.next("RabbitMQ")
	server := rabbitmq.Start(t)
	server.Ctl(t, "add_vhost", "murano")
	for user, permissions := range map[string][3]string{
		"murano-agent":      {"^$", `^amq\.default$`, `^e[0-9a-f]+-h[0-9a-f]+$`},
		"murano-controller": {`^(e[0-9a-f]+-h[0-9a-f]+|murano-.*)$`, `^amq\.default$`, `^(e[0-9a-f]+-h[0-9a-f]+|murano-.*)$`},
	} {
		server.Ctl(t, "add_user", user, "p@ss/"+user)
		server.Ctl(t, "set_permissions", "-p", "murano", user, permissions[0], permissions[1], permissions[2])
	}
	relay(t, server.Addr())

	p.next("agent installed from .deb")
	dir := t.TempDir()
	host := &guest.Host{Script: filepath.Join(top, "test/guest/nspawn.sh"), Root: root, Layer: filepath.Join(dir, "layer")}
	if err := guest.Install(ctx, root, deb, host.Layer); err != nil {
		t.Fatal(err)
	}

	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	cloud := &devcloud.Cloud{Dir: filepath.Join(dir, "guests"), Start: host.Start}
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := cloud.Close(end); err != nil {
			t.Error(err)
		}
	})
	store, err := sqlstore.Open(ctx, filepath.Join(dir, "controller.db"))
	if err != nil {
		t.Fatal(err)
	}
	conn := amqp.New(amqp.Options{Hosts: []string{server.Addr()}, User: "murano-controller", Password: "p@ss/murano-controller", VHost: "murano", Log: log})
	c := &controller.Controller{
		Store: store, Stacks: cloud, Transport: conn, UserData: controller.UserData, Log: log,
		Options: controller.Options{
			Agent: controller.AgentBroker{Hosts: []string{meeting}, Port: 5672, Login: "murano-agent", Password: "p@ss/murano-agent", VirtualHost: "murano"},
			Settings: controller.Settings{
				DNS: []string{"192.0.2.53"}, External: "public",
				Defaults: controller.Defaults{Image: "booted", Flavor: "booted"},
			},
			BootTimeout: 3 * time.Minute,
		},
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		conn.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	web := httptest.NewServer((&api.Server{Controller: c, Version: "e2e", Token: "e2e"}).Handler())
	t.Cleanup(web.Close)
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("e2e"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, bin, args...)
		cmd.Env = append(os.Environ(), "MURANO_URL="+web.URL, "MURANO_TOKEN_FILE="+token)
		var stdout strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, t.Output()
		err := cmd.Run()
		return stdout.String(), err
	}

	p.next("deploy: boot, plan, result")
	out, err := client("deploy", filepath.Join(top, "examples/packages/io.murano.apps.apache.ApacheHttpServer"),
		"--name", "web", "--set", "title=Hello from a booted guest", "-o", "json")
	if err != nil {
		for _, g := range guests(cloud) {
			t.Logf("console:\n%s", g.Console())
			t.Logf("journal:\n%s", command(t, "journalctl", "-D", filepath.Join(g.Dir(), "var/log/journal"), "-u", "murano-agent", "-u", "cloud-*", "--no-pager", "-n", "60"))
		}
		t.Fatalf("deploy: %v\n%s", err, out)
	}

	p.next("checks in the guest")
	var e controller.EnvironmentStatus
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	app := e.Applications[0]
	url, _ := app.Outputs["url"].(string)
	page, err := get(ctx, url)
	if err != nil || !strings.Contains(page, "Hello from a booted guest") {
		t.Errorf("GET %s: %v\n%s", url, err, page)
	}
	if len(app.Steps) != 1 || app.Steps[0].State != controller.PlanSucceeded {
		t.Fatalf("the controller has the steps %+v", app.Steps)
	}
	g := guests(cloud)[0]
	plans, err := filepath.Glob(filepath.Join(g.Dir(), "var/murano/plans/*/plan.json"))
	if err != nil || len(plans) != 1 {
		t.Errorf("the guest keeps %d plans, want 1 (%v)", len(plans), err)
	}
	for name, want := range map[string]os.FileMode{"etc/murano/agent.yaml": 0o600, "var/murano": os.ModeDir | 0o750} {
		info, err := os.Stat(filepath.Join(g.Dir(), name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode(), want, err)
		}
	}

	p.next("delete")
	if out, err := client("env", "delete", "web", "--yes"); err != nil || !strings.Contains(out, "nothing is left") {
		t.Errorf("delete: %v: %s", err, out)
	}
	if _, err := get(ctx, url); err == nil {
		t.Errorf("%s still answers", url)
	}
	if left := command(t, "ip", "netns", "list"); strings.Contains(left, "murano-test-") {
		t.Errorf("network namespaces are left: %s", left)
	}
	if queues := server.Ctl(t, "list_queues", "-p", "murano", "name", "--no-table-headers"); strings.Contains(queues, "-h") {
		t.Errorf("queues are left: %s", queues)
	}
	p.next("")
	fmt.Println(p.String())
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(b), err
}

// guests are those that run.
func guests(c *devcloud.Cloud) []*guest.Guest {
	var out []*guest.Guest
	for _, g := range c.Guests() {
		out = append(out, g.(*guest.Guest))
	}
	return out
}
