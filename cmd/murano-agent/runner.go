// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"os"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/agent/chef"
	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/agent/puppet"
	"github.com/openmurano/murano/plans/body"
)

// newRunner makes a Runner with every executor there is. The one of programs,
// which the others use, is returned too, to be closed at the end.
func newRunner(log *slog.Logger) (*agent.Runner, *application.Executor) {
	programs := &application.Executor{Log: log}
	hostname, _ := os.Hostname() // informative: empty will do
	return &agent.Runner{
		Executors: map[string]agent.Executor{
			"Application": programs,
			"Chef":        &chef.Executor{Program: programs},
			"Puppet":      &puppet.Executor{Program: programs},
		},
		Fetcher:  fetch.New(fetch.Options{}),
		Files:    body.HostFiles(),
		Version:  version,
		Hostname: hostname,
		Log:      log,
	}, programs
}
