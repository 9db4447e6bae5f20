// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/openmurano/murano/agent/config"
	"github.com/openmurano/murano/cloudinit"
	"github.com/openmurano/murano/controller"
)

// userData is what cloud-init gives the agent of one server.
func userData(s controller.ServerIdentity, b controller.AgentBroker) ([]byte, error) {
	c := config.Default()
	c.InputQueue = s.Queue
	c.ResultRoutingKey = b.ResultsQueue
	c.EventsRoutingKey = b.EventsQueue
	c.EngineKey = string(b.EngineKey)
	c.RabbitMQ.Hosts = b.Hosts
	c.RabbitMQ.Port = b.Port
	c.RabbitMQ.Login = b.Login
	c.RabbitMQ.Password = b.Password
	c.RabbitMQ.VirtualHost = b.VirtualHost
	c.RabbitMQ.SSL = b.TLS
	c.RabbitMQ.Insecure = b.Insecure
	return cloudinit.Render(cloudinit.Options{
		Agent:  c,
		CA:     b.CA,
		Source: cloudinit.Source{URL: b.Source.URL, SHA256: b.Source.SHA256},
	})
}
