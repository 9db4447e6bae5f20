// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/devcloud"
	"github.com/openmurano/murano/controller/sqlstore"
	"github.com/openmurano/murano/internal/atomicfile"
	"github.com/openmurano/murano/internal/memq"
)

func newDev() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole product in this process, without cloud or broker",
		Long: `Dev serves evaluation and package authors. Each server of an environment is an
agent in this process that runs plans as you, in a directory of its own, which
scripts find in MURANO_GUEST_DIR. Nothing is isolated: deploy only packages you
would run yourself. At its end everything it made is removed.

Other commands of this machine find it by themselves.`,
		Example: `  murano-controller dev
  murano-controller deploy examples/packages/com.example.Greeting --set name=World   # in another terminal`,
		Args: cobra.NoArgs,
	}
	listen := cmd.Flags().String("listen", defaultListen, "address of the API; port 0 chooses one")
	dir := cmd.Flags().String("dir", "", "directory of guests and token (default: "+devState()+")")
	debug := cmd.Flags().Bool("debug", false, "log what happens inside")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *dir == "" {
			*dir = devState()
		}
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return err
		}
		log := newLog(cmd.ErrOrStderr(), "text", *debug)
		d := dev{dir: absolute, listen: *listen}
		return d.run(cmd.Context(), cmd, log)
	}
	return cmd
}

type dev struct{ dir, listen string }

func (d dev) run(ctx context.Context, cmd *cobra.Command, log *slog.Logger) (err error) {
	made, err := d.take()
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(d.dir, "lock"))
	if alone, err := lock.TryLock(); err != nil {
		return fmt.Errorf("lock %s: %w", d.dir, err)
	} else if !alone {
		return fmt.Errorf("another murano-controller dev uses %s; stop it, or give this one a directory of its own with --dir and --listen", d.dir)
	}
	broker := memq.NewBroker()
	cloud := &devcloud.Cloud{
		Dir:   filepath.Join(d.dir, "guests"),
		Start: devcloud.Local{Transport: func() agent.Transport { return broker.Conn() }, Version: version}.Start,
	}
	defer func() {
		err = errors.Join(err, d.leave(lock, made))
	}()
	if err := errors.Join(cloud.Sweep(ctx), d.clear()); err != nil { // of one that was killed
		return err
	}
	token, err := tokenFrom(filepath.Join(d.dir, "token"))
	if err != nil {
		return err
	}
	store, err := sqlstore.InMemory(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	listener, err := net.Listen("tcp", d.listen)
	if err != nil {
		return fmt.Errorf("listen: %w; choose another with --listen", err)
	}
	defer listener.Close() // a second time, when all went well
	c := &controller.Controller{
		Store: store, Stacks: cloud, Transport: broker.Conn(), UserData: controller.UserData, Log: log,
		Options: controller.Options{
			Agent: controller.AgentBroker{Hosts: []string{"memq"}},
			Settings: controller.Settings{
				DNS: []string{"192.0.2.53"}, External: "dev", // nobody asks it: a guest here has the names of this machine
				Defaults: controller.Defaults{Image: "dev", Flavor: "dev"},
			},
			BootTimeout: 30 * time.Second,
		},
	}
	url := "http://" + listener.Addr().String()
	// Written last: who waits for this file finds the API listening.
	env := fmt.Sprintf("MURANO_URL=%s\nMURANO_TOKEN_FILE=%s\n", url, quote(filepath.Join(d.dir, "token")))
	if err := atomicfile.WriteFile(filepath.Join(d.dir, "env"), []byte(env), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "ready at %s; guests live in %s\n", url, cloud.Dir)
	if d.dir != devState() || d.listen != defaultListen {
		fmt.Fprintf(cmd.OutOrStdout(), "for clients: set -a; . %s; set +a\n", quote(filepath.Join(d.dir, "env")))
	}
	err = runBoth(ctx, c, token, listener)

	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if closing := cloud.Close(end); closing != nil {
		err = &failure{errors.Join(err, closing)}
	}
	return err
}

// quote makes one word of sh out of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// take makes the directory, with those above it, and returns the topmost that
// it made; empty when all were there. A directory with other things in it is refused.
func (d dev) take() (made string, err error) {
	for dir := d.dir; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = dir
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return "", err
	}
	switch ours := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "lock" }); {
	case ours && made == "": // a dev that was killed made it
		made = d.dir
	case !ours && len(entries) > 0:
		return "", fmt.Errorf("--dir %s: it holds other things, and dev removes what it finds in its directory; name an empty or a new one", d.dir)
	}
	return made, nil
}

// clear removes what dev made in its directory, and only that.
func (d dev) clear() error {
	var errs []error
	for _, name := range []string{"env", "token", "guests"} {
		errs = append(errs, os.RemoveAll(filepath.Join(d.dir, name)))
	}
	return errors.Join(errs...)
}

// leave removes everything, the directories that take made included, as far as
// nobody else has put something there.
func (d dev) leave(lock *flock.Flock, made string) error {
	err := d.clear()
	// Before it is unlocked, so that nobody has locked what is removed; Windows
	// removes no open file.
	removed := os.Remove(lock.Path())
	err = errors.Join(err, lock.Unlock())
	if removed != nil {
		err = errors.Join(err, os.Remove(lock.Path()))
	}
	if made == "" {
		return err
	}
	for dir := d.dir; os.Remove(dir) == nil && dir != made; {
		dir = filepath.Dir(dir)
	}
	return err
}
