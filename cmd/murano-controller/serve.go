// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/heat"
	"github.com/openmurano/murano/controller/sqlstore"
	"github.com/openmurano/murano/internal/amqp"
	"github.com/openmurano/murano/internal/atomicfile"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: HTTP API, Heat stacks, execution plans",
		Long: `Serve runs until it is told to stop (SIGTERM). It may be killed at any moment:
started again, it finishes what it had begun, and no plan runs twice.

The configuration says where RabbitMQ is and with which account the guests reach
it. OpenStack's credentials come from clouds.yaml (cloud: NAME) or the OS_*
variables.`,
		Example: "  murano-controller serve --config /etc/murano/controller.yaml",
		Args:    cobra.NoArgs,
	}
	file := cmd.Flags().String("config", "/etc/murano/controller.yaml", "the configuration")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := readSettings(*file)
		if err != nil {
			return err
		}
		log := newLog(cmd.ErrOrStderr(), s.Log.Format, s.Log.Debug)
		for _, exposed := range s.exposed(*file) {
			log.Warn("a secret can be read by every user of this machine; take that from them: chmod o-rwx", "file", exposed)
		}
		return serve(cmd.Context(), s, log)
	}
	return cmd
}

func newLog(w io.Writer, format string, debug bool) *slog.Logger {
	o := &slog.HandlerOptions{}
	if debug {
		o.Level = slog.LevelDebug
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func serve(ctx context.Context, s settings, log *slog.Logger) error {
	key, err := s.signingKey()
	if err != nil {
		return fmt.Errorf("signing_key_file: %w", err)
	}
	guests, err := s.guests(key)
	if err != nil {
		return err
	}
	brokerOptions, err := s.Broker.options()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.State, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	token, err := tokenFrom(s.TokenFile)
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, filepath.Join(s.State, "controller.db"))
	if err != nil {
		return &failure{err}
	}
	defer store.Close()
	stacks, err := heat.New(ctx, heat.Options{Cloud: s.Cloud})
	if err != nil {
		return err
	}
	brokerOptions.Name, brokerOptions.Log = "murano-controller", log
	conn := amqp.New(brokerOptions)
	defer conn.Close()

	c := &controller.Controller{
		Store: store, Stacks: stacks, Transport: conn, UserData: controller.UserData, Log: log,
		Options: controller.Options{
			Agent: guests,
			Settings: controller.Settings{
				DNS: s.Defaults.DNS, External: s.Defaults.External,
				Defaults: controller.Defaults{Image: s.Defaults.Image, Flavor: s.Defaults.Flavor, Keypair: s.Defaults.Keypair},
			},
			BootTimeout: time.Duration(s.Timeouts.Boot), StepTimeout: time.Duration(s.Timeouts.Step),
			SilenceTimeout: time.Duration(s.Timeouts.Silence), DestroyTimeout: time.Duration(s.Timeouts.Destroy),
			SigningKey: key,
		},
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w; set listen to another address", err)
	}
	if s.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(s.TLS.Cert, s.TLS.Key)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	log.Info("listening", "address", listener.Addr().String())
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Warn("tell systemd that we are ready", "error", err)
	}
	return runBoth(ctx, c, token, listener)
}

// runBoth runs the controller and its API until ctx ends or one of them fails.
func runBoth(ctx context.Context, c *controller.Controller, token string, listener net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	server := &http.Server{
		Handler:           (&api.Server{Controller: c, Version: version, Token: token}).Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		// Of a whole request; the API gives large bodies more. An answer may
		// take as long as a plan runs, so there is no WriteTimeout.
		ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute,
		BaseContext: api.EndWith(ctx),
	}
	g.Go(func() error { return c.Run(ctx) })
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the API: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(end); err != nil {
			return server.Close()
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return &failure{err}
	}
	return nil
}

// tokenFrom reads the token's file, or makes one.
func tokenFrom(file string) (string, error) {
	b, err := os.ReadFile(file)
	if token := strings.TrimSpace(string(b)); err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the token: %w", err)
	}
	random := make([]byte, 24)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	if err := atomicfile.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("make the token: %w", err)
	}
	return token, nil
}
