// SPDX-License-Identifier: Apache-2.0

// Package guest boots real systemd guests in containers, for tests: each has
// its own network, cloud-init with the user data of its server, and the agent's
// package installed. It is what devcloud.Cloud starts where tests want more
// than agents in a directory. It needs root and systemd-nspawn.
package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/devcloud"
)

// A Host starts guests. Its fields are set before the first call.
type Host struct {
	Script string // nspawn.sh, absolute
	Root   string // root tree of the guests, shared and not written to
	// Layer, where it is not empty, is a tree over Root, as Install makes it.
	Layer string

	mu   sync.Mutex
	used map[int]bool
}

// Install makes a layer over root in which the package at deb is installed.
func Install(ctx context.Context, root, deb, layer string) error {
	merged := layer + ".root"
	for _, d := range []string{layer, layer + ".work", merged} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := run(ctx, "mount", "-t", "overlay", "overlay", "-o", "lowerdir="+root+",upperdir="+layer+",workdir="+layer+".work", merged); err != nil {
		return err
	}
	defer func() { _ = run(context.WithoutCancel(ctx), "umount", merged) }() // a failure shows at the next mount
	if err := run(ctx, "cp", deb, filepath.Join(merged, "root/agent.deb")); err != nil {
		return err
	}
	return run(ctx, "chroot", merged, "dpkg", "-i", "/root/agent.deb")
}

// A Guest is one that runs, or did.
type Guest struct {
	host *Host
	dir  string
	name string // of container, network namespace and cgroup
	n    int    // of its network
	cmd  *exec.Cmd
	done chan error
}

// Start boots a guest; devcloud.Cloud's Start has this shape.
func (h *Host) Start(_ context.Context, s devcloud.Server) (devcloud.Guest, error) {
	g := &Guest{host: h, dir: s.Dir, n: h.network(s.Name)}
	g.name = fmt.Sprintf("murano-test-%d", g.n)
	seed := filepath.Join(s.Dir, "upper/var/lib/cloud/seed/config_drive/openstack/latest")
	if err := os.MkdirAll(seed, 0o755); err != nil {
		return nil, err
	}
	for name, content := range map[string]string{
		"meta_data.json": fmt.Sprintf(`{"uuid": %q, "hostname": %q, "name": %q}`, g.name+"-"+fmt.Sprint(time.Now().UnixNano()), s.Name, s.Name),
		"user_data":      string(s.UserData),
	} {
		if err := os.WriteFile(filepath.Join(seed, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	// cloud-init would look for the network card by its address; a veth is known by its name.
	config := map[string]string{
		"upper/etc/systemd/network/10-host0.network": fmt.Sprintf("[Match]\nName=host0\n[Network]\nAddress=10.99.%d.2/24\nGateway=10.99.%d.1\nDNS=10.99.%d.1\n", g.n, g.n, g.n),
		"upper/etc/cloud/cloud.cfg.d/99_net.cfg":     "network: { config: disabled }\n",
	}
	for name, content := range config {
		file := filepath.Join(s.Dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(filepath.Join(s.Dir, "upper"), 0o755); err != nil {
		return nil, err
	}
	return g, g.boot()
}

// network chooses a free 10.99.n.0/24 for a name.
func (h *Host) network(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.used == nil {
		h.used = map[int]bool{}
	}
	f := fnv.New32a()
	f.Write([]byte(name))
	for n := int(f.Sum32()%200) + 20; ; n++ {
		if !h.used[n%250] {
			h.used[n%250] = true
			return n % 250
		}
	}
}

// boot starts the container. It does not wait for the boot: the agent's hello says when.
func (g *Guest) boot() error {
	lower := g.host.Root
	if g.host.Layer != "" {
		lower = g.host.Layer + ":" + lower
	}
	g.cmd = exec.Command(g.host.Script, "run", g.dir, g.name, fmt.Sprint(g.n), lower)
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var stderr bytes.Buffer
	g.cmd.Stderr = &stderr
	if err := g.cmd.Start(); err != nil {
		return err
	}
	g.done = make(chan error, 1)
	go func() {
		err := g.cmd.Wait()
		if stderr.Len() > 0 {
			err = errors.Join(err, errors.New(stderr.String()))
		}
		g.done <- err
	}()
	return nil
}

// Address is the guest's, reachable from this machine.
func (g *Guest) Address() string { return fmt.Sprintf("10.99.%d.2", g.n) }

// Gateway is this machine's address in the guest's network.
func (g *Guest) Gateway() string { return fmt.Sprintf("10.99.%d.1", g.n) }

// Console is what systemd wrote to the guest's console.
func (g *Guest) Console() string {
	b, err := os.ReadFile(filepath.Join(g.dir, "console.log"))
	if err != nil {
		return err.Error()
	}
	if len(b) > 32<<10 {
		b = b[len(b)-32<<10:]
	}
	return strings.ToValidUTF8(string(b), "?")
}

// Dir is the guest's file system as this machine sees it.
func (g *Guest) Dir() string { return filepath.Join(g.dir, "root") }

// Stop ends the guest as a power cut does, and removes its network.
func (g *Guest) Stop(ctx context.Context) ([]controller.Leftover, error) {
	// nspawn is the leader of a session of its own: all of it goes, and the guest with it.
	if err := syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return nil, err
	}
	select {
	case <-g.done: // killed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err := run(ctx, g.host.Script, "clean", g.dir, g.name, fmt.Sprint(g.n))
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	delete(g.host.used, g.n)
	return nil, err
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
