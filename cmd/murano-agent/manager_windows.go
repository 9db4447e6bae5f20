// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"

	"github.com/kardianos/service"
)

// defaultConfig is where the configuration is.
const defaultConfig = `C:\ProgramData\murano`

// unheard says whether nobody reads standard error: a service has none.
func unheard() bool { return !service.Interactive() }

// managed runs the service under what started it: the Service Control Manager,
// whose stop ends the ctx of run, or a person.
func managed(ctx context.Context, run func(context.Context) error) error {
	if service.Interactive() {
		return run(ctx)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := &controlled{ctx: ctx, stop: stop, run: run, ended: make(chan error, 1)}
	s, err := service.New(p, &service.Config{Name: serviceName})
	if err != nil {
		return &exit{exitFailed, err}
	}
	return s.Run()
}

// A controlled program is started and stopped by the Service Control Manager.
type controlled struct {
	ctx   context.Context // of managed
	stop  context.CancelFunc
	run   func(context.Context) error
	ended chan error
}

// Start returns once the program is on its way.
func (p *controlled) Start(service.Service) error {
	go func() { // waited for in Stop
		err := p.run(p.ctx)
		if p.ctx.Err() == nil {
			// The manager starts it again when its process is gone, and only then.
			os.Exit(exitFailed)
		}
		p.ended <- err
	}()
	return nil
}

// Stop returns once the program has ended.
func (p *controlled) Stop(service.Service) error {
	p.stop()
	return <-p.ended
}
