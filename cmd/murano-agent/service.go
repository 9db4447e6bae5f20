// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

// serviceName is that of the unit, the init script, the Windows service.
const serviceName = "murano-agent"

// A registered service is one that the guest's own system of services can be
// told of. What kardianos/service knows fits, and so does systemd.
type registered interface {
	Install() error
	Uninstall() error
	Start() error
	Stop() error
	Restart() error
	// Status wraps service.ErrNotInstalled where there is none.
	Status() (service.Status, error)
	Platform() string
}

const serviceExits = `

Exit codes: 0 done; 1 it could not be done; 2 the call is wrong, or something
is in the way that is not the agent's to replace, and nothing was done.`

// errLeftAlone is wrapped by what install and uninstall refuse to do.
var errLeftAlone = errors.New("nothing was done")

func newService() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Register the agent with this guest's system of services",
		Long: `service makes the agent a service of this guest, where no package did: with
systemd it writes the unit that the packages ship, with OpenRC and System V init
scripts a script of their kind, on Windows it registers with the Service Control
Manager. The service starts at each boot, and again when it has failed.

Exit codes: 0 done, or the service runs (status); 1 it could not be done, or
the service does not run (status); 2 the call is wrong, or something is in the
way that is not the agent's to replace, and nothing was done.`,
		Example: `  murano-agent service install --config-dir /etc/murano
  murano-agent service start
  murano-agent service status -o json
  murano-agent service uninstall`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("service needs one of install, uninstall, start, stop, restart, status")
		},
	}
	cmd.AddCommand(newServiceInstall())
	for _, c := range []struct {
		name, short string
		do          func(registered) error
	}{
		{"uninstall", "Stop the service and remove what install wrote; plans and configuration stay", uninstall},
		{"start", "Start the service", registered.Start},
		{"stop", "Stop the service: the script in hand may end, its plan is answered", registered.Stop},
		{"restart", "Stop the service and start it again", registered.Restart},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: c.name, Short: c.short, Args: positional,
			Long:    c.short + "." + serviceExits,
			Example: "  murano-agent service " + c.name,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return serviceDo(cmd.Context(), c.name, "", cmd.OutOrStdout(), c.do)
			},
		})
	}
	cmd.AddCommand(newServiceStatus())
	return cmd
}

func newServiceInstall() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Register this program as a service, started at each boot",
		Long: `install registers this very file as a service, started at each boot from the
next on; service start starts it now. Where the package's unit is there, or
something else of that name, it refuses and says so.` + serviceExits,
		Example: `  murano-agent service install
  murano-agent service install --config-dir /opt/murano/etc`,
		Args: positional,
		RunE: func(cmd *cobra.Command, _ []string) error {
			whole, err := filepath.Abs(dir)
			if err != nil {
				return &exit{exitFailed, err}
			}
			return serviceDo(cmd.Context(), "install", whole, cmd.OutOrStdout(), registered.Install)
		},
	}
	cmd.Flags().StringVar(&dir, "config-dir", defaultConfig, "`DIR` of agent.yaml or *.conf")
	return cmd
}

// serviceDo does one thing with the service and says so.
func serviceDo(ctx context.Context, what, configDir string, stdout io.Writer, do func(registered) error) error {
	s, err := thisService(ctx, configDir)
	if err == nil {
		err = do(s)
	}
	switch {
	case errors.Is(err, errLeftAlone):
		return &exit{exitUsage, fmt.Errorf("service %s: %w", what, err)}
	case errors.Is(err, fs.ErrPermission):
		return &exit{exitFailed, fmt.Errorf("service %s: %w; run it as root", what, err)}
	case err != nil:
		return &exit{exitFailed, fmt.Errorf("service %s: %w", what, err)}
	}
	done := map[string]string{"install": "installed", "uninstall": "uninstalled", "start": "started", "stop": "stopped", "restart": "restarted"}
	fmt.Fprintf(stdout, "murano-agent: %s (%s)\n", done[what], s.Platform())
	if what == "install" {
		fmt.Fprintln(stdout, "It starts at the next boot; murano-agent service start starts it now.")
	}
	return nil
}

// uninstall stops the service first: nobody could stop it by its name afterwards.
func uninstall(s registered) error {
	switch now, err := s.Status(); {
	case errors.Is(err, service.ErrNotInstalled):
		return fmt.Errorf("%w: %w", service.ErrNotInstalled, errLeftAlone)
	case now == service.StatusRunning:
		if err := s.Stop(); err != nil {
			return err
		}
	}
	return s.Uninstall()
}

func newServiceStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Say whether the service runs", Args: positional,
		Long: `status says whether the service is running, stopped, or not installed, and with
which system of services. What the agent does is what murano-agent status says.

Exit codes: 0 it runs; 1 it does not.`,
		Example: "  murano-agent service status\n  murano-agent service status -o json",
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := thisService(cmd.Context(), "")
		if err != nil {
			return &exit{exitFailed, fmt.Errorf("service status: %w", err)}
		}
		now, err := s.Status()
		state := "stopped"
		switch {
		case errors.Is(err, service.ErrNotInstalled):
			state = "not installed"
		case err != nil:
			return &exit{exitFailed, fmt.Errorf("service status: %w", err)}
		case now == service.StatusRunning:
			state = "running"
		}
		if *output == "json" {
			b, err := json.Marshal(map[string]string{"state": state, "system": s.Platform()})
			if err != nil {
				return &exit{exitFailed, err}
			}
			fmt.Fprintln(cmd.OutOrStdout(), string(b))
		} else {
			fmt.Fprintf(cmd.OutOrStdout(), "murano-agent: %s (%s)\n", state, s.Platform())
		}
		if state != "running" {
			return &exit{exitFailed, nil}
		}
		return nil
	}
	return cmd
}

// thisService is the service of this guest; configDir matters to Install alone.
func thisService(ctx context.Context, configDir string) (registered, error) {
	program, err := os.Executable()
	if err != nil { // an image being built may have no /proc
		if program, err = exec.LookPath(os.Args[0]); err == nil {
			program, err = filepath.Abs(program)
		}
	}
	if err != nil {
		return nil, err
	}
	if s := systemdHere(ctx, program, configDir); s != nil {
		return s, nil
	}
	return otherService(program, configDir)
}

// description is the same in every list of services.
const description = "Murano agent: runs execution plans in this guest"
