// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/internal/amqp"
)

// sound tries each of the broker's hosts once, all at the same time.
func sound(ctx context.Context, c config.Config) []amqp.Sounding {
	secure, err := c.RabbitMQ.TLS()
	if err != nil {
		return nil // Validate has told it
	}
	hosts := c.RabbitMQ.Addresses()
	soundings := make([]amqp.Sounding, len(hosts))
	var all sync.WaitGroup
	for i, host := range hosts {
		all.Go(func() {
			soundings[i] = amqp.Sound(ctx, amqp.Options{
				Hosts: []string{host}, User: c.RabbitMQ.Login, Password: c.RabbitMQ.Password, VHost: c.RabbitMQ.VirtualHost,
				TLS: secure, DialTimeout: 5 * time.Second, Name: "murano-agent diagnose",
			}, c.InputQueue)[0]
		})
	}
	all.Wait()
	return soundings
}

// Stages of the way to the queue, by the faults that end there.
func stageOf(f *amqp.Fault) int {
	switch {
	case f == nil:
		return stageDone
	case slices.Contains([]amqp.Kind{amqp.NoAddress, amqp.NoAnswer}, f.Kind):
		return stageTCP
	case f.Kind == amqp.NoTLS:
		return stageTLS
	case slices.Contains([]amqp.Kind{amqp.NoQueue, amqp.NoAccess}, f.Kind):
		return stageQueue
	}
	return stageLogin
}

const (
	stageTCP = iota
	stageTLS
	stageLogin
	stageQueue
	stageDone
)

// atStage says how far the hosts came: passed tells of those that came past the
// stage. One of several hosts is enough, the others are a warning.
func atStage(s *scene, stage int, passed func(amqp.Sounding) string) observation {
	if s.configErr != nil {
		return skipped("the configuration cannot be used")
	}
	var good, bad, hints []string
	reached := false
	for _, one := range s.soundings() {
		switch at := stageOf(one.Fault); {
		case at > stage:
			good, reached = append(good, passed(one)), true
		case at == stage:
			bad, hints, reached = append(bad, one.Fault.Text), append(hints, one.Fault.Hint), true
		}
	}
	switch {
	case !reached:
		return skipped("no host came so far")
	case len(good) == 0:
		return fails(strings.Join(slices.Compact(hints), "\n"), "%s", strings.Join(bad, "\n"))
	case len(bad) > 0:
		return warns(strings.Join(slices.Compact(hints), "\n"), "%s\n%s", strings.Join(good, "\n"), strings.Join(bad, "\n"))
	}
	return fine("%s", strings.Join(good, "\n"))
}

func checkTCP(_ context.Context, s *scene) observation {
	return atStage(s, stageTCP, func(a amqp.Sounding) string { return a.Host + " answers" })
}

func checkTLS(_ context.Context, s *scene) observation {
	if s.configErr == nil && !s.config.RabbitMQ.SSL {
		return skipped("rabbitmq.ssl is false: passwords and plans cross the network in the clear")
	}
	const soon = 30 * 24 * time.Hour
	var ends []string
	o := atStage(s, stageTLS, func(a amqp.Sounding) string {
		if a.Certificate == nil {
			return a.Host
		}
		if left := a.Certificate.NotAfter.Sub(s.now()); left < soon {
			ends = append(ends, a.Host)
		}
		return certificateText(a.Host, a.Certificate)
	})
	if o.Verdict == verdictOK && len(ends) > 0 {
		return warns("renew the broker's certificate", "%s", o.Text)
	}
	if o.Verdict == verdictOK && s.config.RabbitMQ.Insecure {
		return warns("set rabbitmq.insecure to false and rabbitmq.caCerts to its authority", "%s\nit is not verified", o.Text)
	}
	return o
}

func certificateText(host string, c *x509.Certificate) string {
	return fmt.Sprintf("%s: certificate from %s to %s", host, c.NotBefore.Local().Format(time.DateOnly), c.NotAfter.Local().Format(time.DateOnly))
}

func checkLogin(_ context.Context, s *scene) observation {
	return atStage(s, stageLogin, func(a amqp.Sounding) string {
		return fmt.Sprintf("%s: %s lets %s into %s", a.Host, a.Broker, s.config.RabbitMQ.Login, s.config.RabbitMQ.VirtualHost)
	})
}

func checkQueue(_ context.Context, s *scene) observation {
	return atStage(s, stageQueue, func(a amqp.Sounding) string {
		return fmt.Sprintf("%s: %d messages wait, %d consumers", s.config.InputQueue, a.Messages, a.Consumers)
	})
}
