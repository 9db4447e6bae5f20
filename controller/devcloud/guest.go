// SPDX-License-Identifier: Apache-2.0

package devcloud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
)

// dirVariable tells a script the directory that is its guest. It is also the
// mark by which the processes of a guest are found.
const dirVariable = "MURANO_GUEST_DIR"

// configPath is where user data puts the agent's configuration.
const configPath = "/etc/murano/agent.yaml"

// Address is every local guest's: they are all this machine.
const Address = "127.0.0.1"

// Local starts guests that are agents in this process. Its fields are set
// before the first call.
type Local struct {
	// Transport gives each agent its own connection to the broker.
	Transport func() agent.Transport
	Version   string // of the agents
}

// Start makes the guest's files as its user data says, below its directory,
// and starts its agent.
func (l Local) Start(_ context.Context, s Server) (Guest, error) {
	files, err := writeFiles(s.UserData)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(files, func(f writtenFile) bool { return filepath.Clean(f.Path) == configPath }) {
		return nil, fmt.Errorf("the user data writes no %s, so the guest's agent would have no configuration", configPath)
	}
	dir, err := filepath.Abs(s.Dir) // scripts run elsewhere, and read it from their environment
	if err != nil {
		return nil, err
	}
	g := &local{dir: dir, log: new(tail), done: make(chan struct{})}
	for _, f := range files {
		if err := g.write(f); err != nil {
			return nil, fmt.Errorf("write %s of the user data: %w", f.Path, err)
		}
	}
	settings, err := config.Load(filepath.Join(dir, configPath))
	if err != nil {
		return nil, fmt.Errorf("the user data holds no configuration the agent can use: %w", err)
	}
	a, end, err := l.agent(g, settings, s.Name)
	if err != nil {
		return nil, err
	}
	// The agent lives until its server is deleted, not until the caller's context ends.
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	go func() {
		defer close(g.done)
		if err := a.Run(ctx); err != nil { // as on a real guest: a dead agent is seen on its console
			a.Log.Error("the agent ended", "error", err)
		}
		g.err = end()
	}()
	return g, nil
}

// A local guest is a directory and an agent that works in it.
type local struct {
	dir    string
	log    *tail
	cancel context.CancelFunc
	done   chan struct{} // closed when the agent has ended
	err    error         // what it could not release; read after done
}

// write writes one file of user data below the guest's directory.
func (g *local) write(f writtenFile) error {
	content, err := f.bytes()
	if err != nil {
		return err
	}
	path := filepath.Join(g.dir, filepath.Clean("/"+f.Path))
	mode := fs.FileMode(0o644)
	if f.Permissions != "" {
		n, err := strconv.ParseUint(f.Permissions, 8, 9)
		if err != nil {
			return fmt.Errorf("permissions of %s: %w", f.Path, err)
		}
		mode = fs.FileMode(n)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, content, mode)
}

// agent wires an agent as its configuration says, but for the broker, which is
// ours, and the storage, which is in the guest's directory.
func (l Local) agent(g *local, s config.Config, name string) (*agent.Agent, func() error, error) {
	log := slog.New(slog.NewTextHandler(g.log, nil))
	storage := filepath.Join(g.dir, "var/murano")
	store, err := spool.Open(storage, spool.Options{Log: log})
	if err != nil {
		return nil, nil, err
	}
	format, err := plans.ParseVersion(s.Ceiling())
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	programs := new(application.Executor)
	a := &agent.Agent{
		Transport: l.Transport(),
		Store:     store,
		Runner: &agent.Runner{
			Executors:  map[string]agent.Executor{"Application": programs},
			Fetcher:    fetch.New(fetch.Options{}),
			Workspaces: filepath.Join(storage, "work"),
			Queue:      s.InputQueue,
			MaxFormat:  format,
			Env:        []string{dirVariable + "=" + g.dir},
			Grace:      2 * time.Second,
			Version:    l.Version, Hostname: name, Log: log,
		},
		Queue:    s.InputQueue,
		Results:  agent.Address{Exchange: s.ResultExchange, Key: s.ResultRoutingKey},
		Events:   agent.Address{Exchange: s.EventsExchange, Key: s.EventsRoutingKey},
		Version:  l.Version,
		Hostname: name,
		BootID:   fmt.Sprint(time.Now().UnixNano()),
		Storage:  storage,
		// Who looks at a dev mode does not wait for half a minute.
		HeartbeatEvery: 2 * time.Second,
		Log:            log,
	}
	return a, func() error { return errors.Join(programs.Close(), store.Close()) }, nil
}

// Address is this machine's.
func (g *local) Address() string { return Address }

// Console is the end of the agent's log: the nearest thing here to a console.
func (g *local) Console() string { return g.log.String() }

// Stop ends the agent and what its scripts left running. A process that will
// not end is a leftover.
func (g *local) Stop(ctx context.Context) ([]controller.Leftover, error) {
	g.cancel()
	select {
	case <-g.done:
		if g.err != nil {
			return nil, fmt.Errorf("end the agent in %s: %w", g.dir, g.err)
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the agent in %s: %w", g.dir, ctx.Err())
	}
	pids, err := endProcesses(ctx, dirVariable+"="+g.dir+"\x00")
	var left []controller.Leftover
	for _, pid := range pids {
		left = append(left, controller.Leftover{
			Service: "devcloud", Type: "process", ID: strconv.Itoa(pid), Name: g.dir, Hint: "kill -9 " + strconv.Itoa(pid),
		})
	}
	return left, err
}

// A tail keeps the end of a log, for Console.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// tailSize is what a tail keeps, in bytes.
const tailSize = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append([]byte(nil), t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
