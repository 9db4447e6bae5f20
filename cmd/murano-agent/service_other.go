// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kardianos/service"
)

// The scripts of kardianos/service itself neither start an agent again that
// has died, nor give it the time its end may take, nor bound its log.
var (
	//go:embed service.sysv
	sysvScript string
	//go:embed service.openrc
	openrcScript string
)

// otherService is the agent as a service of anything but systemd.
func otherService(program, configDir string) (registered, error) {
	s, err := service.New(new(passive), serviceConfig(program, configDir))
	if err != nil {
		return nil, fmt.Errorf("%w: neither systemd, OpenRC, System V init scripts nor Windows", err)
	}
	if s.Platform() == "unix-systemv" {
		return sysvService{s}, nil
	}
	return s, nil
}

func serviceConfig(program, configDir string) *service.Config {
	arguments := "run --config-dir " + shellWord(configDir)
	fill := strings.NewReplacer("@COMMAND@", shellWord(program), "@ARGUMENTS@", arguments, "@QUOTED_ARGUMENTS@", shellWord(arguments))
	return &service.Config{
		Name: serviceName, DisplayName: "Murano agent", Description: description,
		Executable: program, Arguments: []string{"run", "--config-dir", configDir},
		Option: service.KeyValue{
			"SysvScript": fill.Replace(sysvScript), "OpenRCScript": fill.Replace(openrcScript),
			// Of the Windows service; the count of failures is forgotten after a day.
			"OnFailure": "restart", "OnFailureDelayDuration": "2s", "OnFailureResetPeriod": 86400,
		},
	}
}

// shellWord is s as one word of a shell.
func shellWord(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// passive is a program that is told of, and not run.
type passive struct{}

func (*passive) Start(service.Service) error { return nil }
func (*passive) Stop(service.Service) error  { return nil }

// A sysvService is an init script in /etc/init.d.
type sysvService struct{ service.Service }

const initScript = "/etc/init.d/" + serviceName

// Install writes the script and its links.
func (s sysvService) Install() error {
	if _, err := os.Stat(initScript); err == nil {
		return fmt.Errorf("%s is there already; murano-agent service uninstall removes it: %w", initScript, errLeftAlone)
	}
	if _, err := os.Stat(filepath.Dir(initScript)); err != nil {
		return fmt.Errorf("this system has no init scripts: %w: %w", err, errLeftAlone)
	}
	return s.Service.Install()
}

// Uninstall removes the links too, which kardianos/service leaves dangling.
func (s sysvService) Uninstall() error {
	links, err := filepath.Glob("/etc/rc?.d/[SK]??" + serviceName)
	if err != nil {
		return err
	}
	for _, l := range links {
		err = errors.Join(err, os.Remove(l))
	}
	return errors.Join(err, s.Service.Uninstall())
}

// Status asks the script, which ends with 3 when the agent does not run (LSB).
func (s sysvService) Status() (service.Status, error) {
	if _, err := os.Stat(initScript); errors.Is(err, fs.ErrNotExist) {
		return service.StatusUnknown, service.ErrNotInstalled
	}
	if now, err := s.Service.Status(); err == nil && now == service.StatusRunning {
		return now, nil
	}
	return service.StatusStopped, nil
}
