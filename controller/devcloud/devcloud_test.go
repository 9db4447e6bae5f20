// SPDX-License-Identifier: Apache-2.0

//go:build linux

package devcloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/cloudinit"
	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/devcloud"
	"github.com/openmurano/murano/internal/memq"
	"github.com/openmurano/murano/plans"
)

// userData is what cloudinit gives a guest whose agent reads queue. parts are the operator's own.
func userData(t *testing.T, queue string, parts ...cloudinit.Part) []byte {
	t.Helper()
	c := config.Default()
	c.RabbitMQ.Hosts, c.RabbitMQ.Login, c.RabbitMQ.Password = []string{"memq"}, "agent", "secret"
	c.InputQueue, c.ResultRoutingKey, c.EventsRoutingKey = queue, "results", "events"
	b, err := cloudinit.Render(cloudinit.Options{Agent: c, Parts: parts})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// server is a server of a template.
func server(name string, userData []byte) map[string]any {
	return map[string]any{"type": "OS::Nova::Server", "properties": map[string]any{
		"name": name, "user_data": string(userData), "networks": []any{map[string]any{"port": map[string]any{"get_resource": "port_" + name}}},
	}}
}

// template holds servers, by name, each with its port.
func template(t *testing.T, servers map[string]any) []byte {
	t.Helper()
	resources, outputs := map[string]any{"network": map[string]any{"type": "OS::Neutron::Net"}}, map[string]any{}
	for name, s := range servers {
		resources["server_"+name], resources["port_"+name] = s, map[string]any{"type": "OS::Neutron::Port"}
		outputs[name+"_id"] = map[string]any{"value": map[string]any{"get_resource": "server_" + name}}
		outputs[name+"_address"] = map[string]any{"value": map[string]any{"get_attr": []any{"port_" + name, "fixed_ips", 0, "ip_address"}}}
	}
	b, err := json.Marshal(map[string]any{"heat_template_version": "2018-08-31", "resources": resources, "outputs": outputs})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A bench is a cloud of local guests and the broker they share.
type bench struct {
	*devcloud.Cloud
	broker  *memq.Broker
	conn    *memq.Conn
	events  []controller.StackEvent
	results chan plans.Result
}

func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	broker := memq.NewBroker()
	b := &bench{
		Cloud: &devcloud.Cloud{
			Dir:   dir,
			Start: devcloud.Local{Transport: func() agent.Transport { return broker.Conn() }, Version: "test"}.Start,
		},
		broker: broker, conn: broker.Conn(), results: make(chan plans.Result, 1),
	}
	for _, queue := range []string{"in", "other", "results", "events"} {
		if err := b.conn.Declare(t.Context(), queue, plans.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var receiving sync.WaitGroup
	receiving.Go(func() {
		_ = b.conn.Receive(ctx, "results", func(_ context.Context, m plans.Message) error { // it ends with ctx
			r, err := plans.ParseResult(m.Body)
			if err != nil {
				t.Errorf("a result: %v", err)
			}
			b.results <- r
			return nil
		})
	})
	t.Cleanup(func() {
		cancel()
		receiving.Wait()
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func (b *bench) apply(t *testing.T, template []byte) controller.Stack {
	t.Helper()
	s, err := b.Apply(t.Context(), controller.StackRequest{
		Name: "stack", Template: template, Progress: func(e controller.StackEvent) { b.events = append(b.events, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run has the agent of a queue run a script and gives what it printed.
func (b *bench) run(t *testing.T, queue, script string) string {
	t.Helper()
	plan, err := json.Marshal(map[string]any{
		"FormatVersion": "2.0.0", "ID": strconv.FormatInt(time.Now().UnixNano(), 10), "Body": "return go().stdout",
		"Scripts": map[string]any{"go": map[string]any{"Type": "Application", "Version": "1.0.0", "EntryPoint": "go", "Files": []any{},
			"Options": map[string]any{"captureStdout": true, "captureStderr": true}}},
		"Files": map[string]any{"go": map[string]any{"Name": "go.sh", "BodyType": "Text", "Body": "#!/bin/sh\n" + script + "\n"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.conn.Publish(ctx, plans.Message{ID: "plan", Body: plan, Key: queue}); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-b.results:
		var out string
		if r.ErrorCode != plans.CodeOK || json.Unmarshal(r.Body, &out) != nil {
			t.Fatalf("the result of %q: %d %s", script, r.ErrorCode, r.Body)
		}
		return out
	case <-ctx.Done():
		t.Fatalf("no result of %q", script)
	}
	return ""
}

func TestAStackIsMadeOnceAndDeletedWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "guests")
	b := newBench(t, dir)
	in := template(t, map[string]any{"a": server("a", userData(t, "in")), "b": server("b", userData(t, "other"))})
	first := b.apply(t, in)
	if first.Status != "CREATE_COMPLETE" || first.ID == "" || len(first.Resources) != 5 {
		t.Errorf("first: %+v", first)
	}
	if first.Outputs["a_address"] != "127.0.0.1" || first.Outputs["a_id"] == "" || first.Outputs["a_id"] == first.Outputs["b_id"] {
		t.Errorf("outputs: %v", first.Outputs)
	}
	guests := b.Guests()
	where := b.run(t, "in", "echo $MURANO_GUEST_DIR; touch \"$MURANO_GUEST_DIR/made\"")
	if where != filepath.Join(dir, "stack", "server_a") {
		t.Errorf("the script is told %q as its guest", where)
	}
	if info, err := os.Stat(filepath.Join(where, "etc/murano/agent.yaml")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the agent's configuration, which holds a password: %v, %v", info, err)
	}

	second := b.apply(t, in)
	if second.Status != "UPDATE_COMPLETE" || second.ID != first.ID || second.Outputs["a_id"] != first.Outputs["a_id"] || !slices.Equal(b.Guests(), guests) {
		t.Errorf("applied again: %+v, want the same stack and guests", second)
	}
	if console, err := b.Console(t.Context(), fmt.Sprint(first.Outputs["a_id"])); err != nil || console == "" {
		t.Errorf("console: %q, %v", console, err)
	}
	if console, err := b.Console(t.Context(), "nobody"); err != nil || console != "" {
		t.Errorf("console of nobody: %q, %v", console, err)
	}

	left, err := b.Delete(t.Context(), controller.StackDeletion{Name: "stack"})
	if err != nil || len(left) != 0 {
		t.Errorf("delete: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "stack")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stack's directory is there after its deletion: %v", err)
	}
	if left, err := b.Delete(t.Context(), controller.StackDeletion{Name: "stack"}); err != nil || left != nil {
		t.Errorf("deleted again: %v, %v", left, err)
	}
	third := b.apply(t, in)
	if third.Status != "CREATE_COMPLETE" || third.ID == first.ID {
		t.Errorf("made again: %+v, want a new stack", third)
	}
}

func TestAChangeTouchesOnlyTheServerItIsAbout(t *testing.T) {
	b := newBench(t, filepath.Join(t.TempDir(), "guests"))
	a, other := server("a", userData(t, "in")), server("b", userData(t, "other"))
	before := b.apply(t, template(t, map[string]any{"a": a, "b": other}))
	guests := b.Guests()
	mark := filepath.Join(b.Dir, "stack/server_a/mark")
	b.run(t, "in", "touch \"$MURANO_GUEST_DIR/mark\"")

	changed := server("a", userData(t, "in"))
	changed["properties"].(map[string]any)["flavor"] = "m1.large"
	b.events = nil
	after := b.apply(t, template(t, map[string]any{"a": changed, "b": other}))
	if after.Outputs["a_id"] == before.Outputs["a_id"] || after.Outputs["b_id"] != before.Outputs["b_id"] {
		t.Errorf("IDs before %v, after %v; want another one for a alone", before.Outputs, after.Outputs)
	}
	if now := b.Guests(); now[0] == guests[0] || now[1] != guests[1] {
		t.Error("want another guest for a, and the same for b")
	}
	if _, err := os.Stat(mark); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new server has the old one's files: %v", err)
	}
	b.run(t, "in", "true")
	var told []string
	for _, e := range b.events {
		told = append(told, e.Resource+" "+e.Status)
	}
	if want := []string{"stack UPDATE_IN_PROGRESS", "server_a DELETE_COMPLETE", "server_a CREATE_IN_PROGRESS", "server_a CREATE_COMPLETE", "stack UPDATE_COMPLETE"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}

	b.apply(t, template(t, map[string]any{"b": other}))
	if now := b.Guests(); len(now) != 1 || now[0] != guests[1] {
		t.Errorf("guests after a is gone from the template: %v", now)
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "stack/server_a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the removed server's directory: %v", err)
	}
}

// daemon leaves the session of its script, as daemons do, and tells its PID.
// Its words are the program it becomes.
func daemon(words string) string {
	return "perl -MPOSIX -e 'if (my $p = fork) { syswrite STDOUT, $p; POSIX::_exit(0) } POSIX::setsid(); open STDIN, q(</dev/null); open STDOUT, q(>/dev/null); open STDERR, q(>/dev/null); " + words + "'"
}

func alive(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatalf("no PID: %q", pid)
	}
	state, err := os.ReadFile("/proc/" + pid + "/stat")
	return syscall.Kill(n, 0) == nil && err == nil && !bytes.Contains(state, []byte(") Z "))
}

func TestDaemonsEndWithTheirServer(t *testing.T) {
	for name, words := range map[string]string{
		"one that ends when it is told to": "exec q(sleep), 300",
		"one that ignores SIGTERM":         "$SIG{TERM} = q(IGNORE); sleep 1 while 1",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, filepath.Join(t.TempDir(), "guests"))
			b.apply(t, template(t, map[string]any{"a": server("a", userData(t, "in")), "b": server("b", userData(t, "other"))}))
			mine, others := b.run(t, "in", daemon(words)), b.run(t, "other", daemon(words))
			if !alive(t, mine) || !alive(t, others) {
				t.Fatal("the daemons do not run")
			}
			b.apply(t, template(t, map[string]any{"b": server("b", userData(t, "other"))}))
			if alive(t, mine) || !alive(t, others) {
				t.Errorf("the removed server's daemon runs: %t, the other's: %t; want false, true", alive(t, mine), alive(t, others))
			}
			left, err := b.Delete(t.Context(), controller.StackDeletion{Name: "stack"})
			if err != nil || len(left) != 0 || alive(t, others) {
				t.Errorf("delete: %v, %v; the daemon runs: %t", left, err, alive(t, others))
			}
		})
	}
}

func TestSweepEndsWhatAKilledCloudLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "guests")
	b := newBench(t, dir)
	b.apply(t, template(t, map[string]any{"a": server("a", userData(t, "in"))}))
	pid := b.run(t, "in", daemon("exec q(sleep), 300"))
	if err := (&devcloud.Cloud{Dir: dir + "-of-another"}).Sweep(t.Context()); err != nil || !alive(t, pid) {
		t.Errorf("another cloud's sweep: %v; the daemon runs: %t, want it to", err, alive(t, pid))
	}
	if err := (&devcloud.Cloud{Dir: dir}).Sweep(t.Context()); err != nil || alive(t, pid) {
		t.Errorf("sweep: %v; the daemon runs: %t", err, alive(t, pid))
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory: %v", err)
	}
}

func TestADirectoryMayHaveAnyName(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, dir := range map[string]string{
		"relative":              "guests",
		"with a dot and a ..":   "./x/../y",
		"with spaces":           "my guests",
		"with quotes and $":     `it's "$HOME"`,
		"with a line break":     "two\nlines",
		"with letters beyond a": "客人",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, dir)
			b.apply(t, template(t, map[string]any{"a": server("a", userData(t, "in"))}))
			absolute, err := filepath.Abs(filepath.Join(dir, "stack", "server_a"))
			if err != nil {
				t.Fatal(err)
			}
			pid := b.run(t, "in", "test -d \"$MURANO_GUEST_DIR/etc/murano\" && printf %s \"$MURANO_GUEST_DIR\" >\"$MURANO_GUEST_DIR/where\" && "+daemon("exec q(sleep), 300"))
			where, err := os.ReadFile(filepath.Join(absolute, "where"))
			if err != nil || string(where) != absolute {
				t.Errorf("the script was told %q, %v, want %q", where, err, absolute)
			}
			if err := b.Close(context.Background()); err != nil || alive(t, pid) {
				t.Errorf("close: %v; the daemon runs: %t", err, alive(t, pid))
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory after close: %v", err)
			}
		})
	}
}

func TestUserDataOfEveryKind(t *testing.T) {
	large := cloudinit.Part{Filename: "large.cfg", Content: append([]byte("#cloud-config\nfinal_message: "), bytes.Repeat([]byte("x"), cloudinit.MaxSize)...)}
	packed := userData(t, "in", large)
	if !bytes.Contains(packed, []byte("application/gzip")) {
		t.Fatal("the user data is not packed; the case says nothing")
	}
	multipart := func(text string) []byte {
		return []byte("Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\nContent-Type: text/cloud-config\n\n" + text + "\n--b--\n")
	}
	for name, tt := range map[string]struct {
		userData []byte
		says     string // empty means it starts
	}{
		"as cloudinit renders it":            {userData(t, "in"), ""},
		"packed, for it is large":            {packed, ""},
		"none":                               {nil, "the server has no user data"},
		"a script alone":                     {[]byte("#!/bin/sh\n"), "not multi-part"},
		"a cloud-config that writes nothing": {multipart("#cloud-config\nruncmd: []"), "writes no /etc/murano/agent.yaml"},
		"a configuration that is no YAML":    {multipart("#cloud-config\nwrite_files: [{path: /etc/murano/agent.yaml, content: \"a: [\"}]"), "no configuration the agent can use"},
		"an encoding nobody knows":           {multipart("#cloud-config\nwrite_files: [{path: /etc/murano/agent.yaml, encoding: rot13, content: x}]"), "rot13"},
		"permissions that are none":          {multipart("#cloud-config\nwrite_files: [{path: /etc/murano/agent.yaml, permissions: rw, content: x}]"), "permissions"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, filepath.Join(t.TempDir(), "guests"))
			_, err := b.Apply(t.Context(), controller.StackRequest{Name: "stack", Template: template(t, map[string]any{"a": server("a", tt.userData)})})
			if tt.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				b.run(t, "in", "true")
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "server_a") {
				t.Errorf("got %v, want one that names the server and says %q", err, tt.says)
			}
			if _, err := os.Stat(filepath.Join(b.Dir, "stack", "server_a")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory of a server that did not start: %v", err)
			}
			if s := b.apply(t, template(t, map[string]any{"a": server("a", userData(t, "in"))})); s.Status != "CREATE_COMPLETE" {
				t.Errorf("mended: %+v", s)
			}
		})
	}
}

func TestTemplatesTheDevCloudCannotMake(t *testing.T) {
	for name, tt := range map[string]struct{ template, says string }{
		"no YAML":                     {"resources: [", "read the template"},
		"no resources":                {"heat_template_version: 2018-08-31", "no resources"},
		"an output of no resource":    {"{resources: {a: {type: X}}, outputs: {o: {value: {get_resource: b}}}}", `no resource "b"`},
		"an attribute of none":        {"{resources: {a: {type: X}}, outputs: {o: {value: {get_attr: [b, c]}}}}", `no resource "b"`},
		"a function it does not know": {"{resources: {a: {type: X}}, outputs: {o: {value: {str_replace: {}}}}}", "str_replace"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newBench(t, t.TempDir()).Apply(t.Context(), controller.StackRequest{Name: "stack", Template: []byte(tt.template)})
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "stack") {
				t.Errorf("got %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// A stubborn guest leaves something behind, or does not stop at the first time.
type stubborn struct {
	devcloud.Guest
	refuses int
	left    []controller.Leftover
}

func (s *stubborn) Stop(ctx context.Context) ([]controller.Leftover, error) {
	if s.refuses > 0 {
		s.refuses--
		return nil, errors.New("not now")
	}
	left, err := s.Guest.Stop(ctx)
	return append(left, s.left...), err
}

func TestWhatAGuestLeavesIsTold(t *testing.T) {
	b := newBench(t, filepath.Join(t.TempDir(), "guests"))
	start := b.Start
	b.Start = func(ctx context.Context, s devcloud.Server) (devcloud.Guest, error) {
		g, err := start(ctx, s)
		return &stubborn{Guest: g, refuses: 1, left: []controller.Leftover{{Service: "devcloud", Type: "process", ID: "7"}}}, err
	}
	b.apply(t, template(t, map[string]any{"a": server("a", userData(t, "in"))}))
	if _, err := b.Delete(t.Context(), controller.StackDeletion{Name: "stack"}); err == nil || !strings.Contains(err.Error(), "stop server_a: not now") {
		t.Errorf("delete: %v", err)
	}
	left, err := b.Delete(t.Context(), controller.StackDeletion{Name: "stack"})
	if err != nil || len(left) != 1 || left[0].ID != "7" {
		t.Errorf("deleted again: %v, %v, want the leftover", left, err)
	}
}

func TestAnAgentThatDiedIsNoObstacleToDeletion(t *testing.T) {
	b := newBench(t, filepath.Join(t.TempDir(), "guests"))
	conn := b.broker.Conn()
	b.Start = devcloud.Local{Transport: func() agent.Transport { return conn }}.Start
	s := b.apply(t, template(t, map[string]any{"a": server("a", userData(t, "in"))}))
	b.run(t, "in", "true")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(b.Guests()[0].Console(), "the agent ended"); {
		if time.Now().After(deadline) {
			t.Fatalf("the console does not say that the agent ended: %s", b.Guests()[0].Console())
		}
		time.Sleep(10 * time.Millisecond)
	}
	left, err := b.Delete(t.Context(), controller.StackDeletion{Name: "stack", ID: s.ID})
	if err != nil || len(left) != 0 {
		t.Errorf("delete: %v, %v", left, err)
	}
}
