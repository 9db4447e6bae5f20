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
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// dirVariable tells a script the directory that is its guest. It is also the
// mark by which the processes of a guest are found.
const dirVariable = "MURANO_GUEST_DIR"

// configPath is where user data puts the agent's configuration.
const configPath = "/etc/murano/agent.yaml"

// A guest is one server: a directory and an agent that works in it.
type guest struct {
	dir    string
	digest string // of the server's definition
	log    *tail
	cancel context.CancelFunc
	done   chan error
}

// startGuest makes the guest's files as its user data says and starts its agent.
func (c *Cloud) startGuest(dir string, server resource) (*guest, error) {
	files, err := writeFiles(server.userData())
	if err != nil {
		return nil, err
	}
	g := &guest{dir: dir, digest: server.digest(), log: new(tail), done: make(chan error, 1)}
	for _, f := range files {
		if err := g.write(f); err != nil {
			return nil, err
		}
	}
	settings, err := config.Load(filepath.Join(dir, configPath))
	if err != nil {
		return nil, fmt.Errorf("the user data holds no configuration the agent can use: %w", err)
	}
	name, _ := server.Properties["name"].(string)
	a, end, err := c.agent(g, settings, name)
	if err != nil {
		return nil, err
	}
	// The agent lives until its server is deleted, not until the caller's context ends.
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	go func() {
		err := a.Run(ctx)
		g.done <- errors.Join(err, end())
	}()
	return g, nil
}

// write writes one file of user data below the guest's directory.
func (g *guest) write(f writtenFile) error {
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
// the Cloud's, and the storage, which is in the guest's directory.
func (c *Cloud) agent(g *guest, s config.Config, name string) (*agent.Agent, func() error, error) {
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
		Transport: c.Transport(),
		Store:     store,
		Runner: &agent.Runner{
			Executors:  map[string]agent.Executor{"Application": programs},
			Fetcher:    fetch.New(fetch.Options{}),
			Workspaces: filepath.Join(storage, "work"),
			Queue:      s.InputQueue,
			MaxFormat:  format,
			Env:        []string{dirVariable + "=" + g.dir},
			Grace:      2 * time.Second,
			Version:    c.Version, Hostname: name, Log: log,
		},
		Queue:    s.InputQueue,
		Results:  agent.Address{Exchange: s.ResultExchange, Key: s.ResultRoutingKey},
		Events:   agent.Address{Exchange: s.EventsExchange, Key: s.EventsRoutingKey},
		Version:  c.Version,
		Hostname: name,
		BootID:   fmt.Sprint(time.Now().UnixNano()),
		Log:      log,
	}
	return a, func() error { return errors.Join(programs.Close(), store.Close()) }, nil
}

// stop ends the agent and what its scripts left running, removes the
// directory, and returns the processes that would not end.
func (g *guest) stop(ctx context.Context) ([]int, error) {
	g.cancel()
	select {
	case err := <-g.done:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the agent in %s: %w", g.dir, ctx.Err())
	}
	left, err := endProcesses(ctx, dirVariable+"="+g.dir)
	if err != nil {
		return nil, err
	}
	return left, os.RemoveAll(g.dir)
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
