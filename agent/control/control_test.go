// SPDX-License-Identifier: Apache-2.0

//go:build linux

package control_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/plans"
)

// written is an agent that notes what it is told.
type written struct {
	mu    sync.Mutex
	calls []string
	block chan struct{} // Cancel waits for it, or for its context; nil does not
}

func (w *written) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, s)
}

func (w *written) Status() agent.Status {
	return agent.Status{State: agent.Running, Plan: "one", Ended: map[string]int{"failed": 2}, Disk: agent.Disk{Free: 1, Total: 2}}
}

func (w *written) Cancel(ctx context.Context, id, by string) (string, error) {
	w.note("cancel " + id + " by " + by)
	if w.block != nil {
		select {
		case <-w.block:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return plans.CancelRunning, nil
}

func (w *written) Retry(_ context.Context, id string) error {
	w.note("retry " + id)
	if id == "none" {
		return errors.New("this agent knows no such plan")
	}
	return nil
}

func (w *written) Prune(_ context.Context, o agent.PruneOptions) ([]string, error) {
	w.note("prune")
	if !reflect.DeepEqual(o, agent.PruneOptions{Keep: 3, OlderThan: 36 * time.Hour, DryRun: true}) {
		return nil, errors.New("other options came")
	}
	return []string{"a", "b"}, nil
}

// serve serves a at path; end ends it as the agent's end does.
func serve(t *testing.T, path string, a control.Agent) (end func()) {
	t.Helper()
	l, err := control.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, l, a) }()
	end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Serve does not end")
		}
	})
	t.Cleanup(end)
	return end
}

func TestAnAgentIsSeenAndCommanded(t *testing.T) {
	for name, dir := range map[string]string{
		"a short name":                 t.TempDir(),
		"a name longer than 108 bytes": filepath.Join(t.TempDir(), strings.Repeat("long/", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "agent.sock")
			w := &written{}
			end := serve(t, path, w)
			c := control.NewClient(path)
			s, err := c.Status(t.Context())
			if err != nil || !reflect.DeepEqual(s, w.Status()) {
				t.Errorf("status %+v, %v", s, err)
			}
			if state, err := c.Cancel(t.Context(), "a/b c%"); err != nil || state != plans.CancelRunning {
				t.Errorf("cancel: %q, %v", state, err)
			}
			if err := c.Retry(t.Context(), "two"); err != nil {
				t.Error(err)
			}
			if err := c.Retry(t.Context(), "none"); err == nil || err.Error() != "this agent knows no such plan" {
				t.Errorf("got %v", err)
			}
			keys, err := c.Prune(t.Context(), agent.PruneOptions{Keep: 3, OlderThan: 36 * time.Hour, DryRun: true})
			if err != nil || strings.Join(keys, " ") != "a b" {
				t.Errorf("prune: %v, %v", keys, err)
			}
			if got, want := w.calls[0], "cancel a/b c% by murano-agent plans cancel (uid "; !strings.HasPrefix(got, want) {
				t.Errorf("got %q", got)
			}
			end()
			if _, err := c.Status(t.Context()); !errors.Is(err, control.ErrNotRunning) {
				t.Errorf("after its end: %v", err)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestASocketIsReplacedOnlyIfNobodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	end := serve(t, path, &written{})
	if _, err := control.Listen(path, ""); err == nil || !strings.Contains(err.Error(), "another agent listens") {
		t.Errorf("got %v", err)
	}
	if _, err := control.NewClient(path).Status(t.Context()); err != nil {
		t.Errorf("the first does not answer any more: %v", err)
	}
	end()
	// An agent that was killed leaves its socket.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := control.NewClient(path).Status(t.Context()); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("a dead socket: %v", err)
	}
	serve(t, path, &written{})
	if _, err := control.NewClient(path).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(path, ""); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Error("it was replaced")
	}
}

func TestRightsOfTheSocket(t *testing.T) {
	for _, tt := range []struct {
		group string
		mode  fs.FileMode
	}{
		{"", 0o600},
		{"no-such-group-here", 0o600},
		{groupOfThisProcess(t), 0o660},
	} {
		path := filepath.Join(t.TempDir(), "agent.sock")
		l, err := control.Listen(path, tt.group)
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != tt.mode {
			t.Errorf("group %q: %v, %v", tt.group, st.Mode(), err)
		}
		l.Close()
	}
}

func groupOfThisProcess(t *testing.T) string {
	out, err := exec.Command("id", "-gn").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestAMemberOfTheGroupLooksAndDoesNotCommand(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.sock")
	w := &written{}
	serve(t, path, w)
	// As nobody, with the rights that a group would give.
	for at := dir; at != "/"; at = filepath.Dir(at) {
		if st, err := os.Stat(at); err == nil && st.Mode().Perm()&1 == 0 {
			os.Chmod(at, st.Mode().Perm()|1)
		}
	}
	os.Chmod(path, 0o666)
	call := func(args ...string) string {
		cmd := exec.Command("curl", append([]string{"-s", "--unix-socket", path}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		return string(out)
	}
	if got := call("http://a/v1/status"); !strings.Contains(got, `"plan":"one"`) {
		t.Errorf("status: %s", got)
	}
	for _, command := range []string{"plans/one/cancel", "plans/one/retry", "prune"} {
		if got := call("-X", "POST", "http://a/v1/"+command); !strings.Contains(got, "uid 65534 may look but not command") {
			t.Errorf("%s: %s", command, got)
		}
	}
	if len(w.calls) > 0 {
		t.Errorf("it was told %v", w.calls)
	}
}

func TestTheAgentsEndWaitsForNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	w := &written{block: make(chan struct{})}
	end := serve(t, path, w)
	silent, err := net.Dial("unix", path) // says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	called := make(chan error, 1)
	go func() {
		_, err := control.NewClient(path).Cancel(t.Context(), "one")
		called <- err
	}()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		n := len(w.calls)
		w.mu.Unlock()
		if n > 0 {
			break
		}
	}
	began := time.Now()
	end()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the end took %v", took)
	}
	if err := <-called; err == nil {
		t.Error("the call that was cut off succeeded")
	}
}

func TestWhatIsAskedWrongIsRefusedWithAReason(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	serve(t, path, &written{})
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		name, method, path, body string
		code                     int
	}{
		{"a path that is none", "GET", "/v2/status", "", 404},
		{"a command by GET", "GET", "/v1/prune", "", 405},
		{"options that are no JSON", "POST", "/v1/prune", "x", 400},
		{"an option that is not known", "POST", "/v1/prune", `{"all": true}`, 400},
		{"an age that is none", "POST", "/v1/prune", `{"olderThan": "old"}`, 400},
		{"fewer than none", "POST", "/v1/prune", `{"keep": -1}`, 400},
		{"options beyond measure", "POST", "/v1/prune", `{"olderThan": "` + strings.Repeat("1", 100_000) + `"}`, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://a"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != tt.code {
				t.Errorf("got %d", answer.StatusCode)
			}
		})
	}
}

func TestManyWhoSayNothingDoNotKeepOthersOutForLong(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a time-out")
	}
	path := filepath.Join(t.TempDir(), "agent.sock")
	serve(t, path, &written{})
	for range 40 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if _, err := control.NewClient(path).Status(ctx); err != nil {
		t.Error(err)
	}
}

func TestAnAgentThatHangsIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := control.NewClient(path).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "did not answer within 10s") {
		t.Errorf("got %v", err)
	}
}
