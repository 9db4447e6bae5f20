// SPDX-License-Identifier: Apache-2.0

package controller

import "github.com/openmurano/murano/cloudinit"

// UserData is the usual Controller.UserData: it configures the agent of one
// server by cloud-init, and brings it where b names a source.
func UserData(s ServerIdentity, b AgentBroker) ([]byte, error) {
	o := cloudinit.Defaults()
	o.CA = b.CA
	o.Source = cloudinit.Source{URL: b.Source.URL, SHA256: b.Source.SHA256}
	a := &o.Agent
	a.InputQueue = s.Queue
	a.ResultRoutingKey = b.ResultsQueue
	a.EventsRoutingKey = b.EventsQueue
	a.EngineKey = string(b.EngineKey)
	a.RabbitMQ.Hosts = b.Hosts
	a.RabbitMQ.Port = b.Port
	a.RabbitMQ.Login = b.Login
	a.RabbitMQ.Password = b.Password
	a.RabbitMQ.VirtualHost = or(b.VirtualHost, "/")
	a.RabbitMQ.SSL = b.TLS
	a.RabbitMQ.Insecure = b.Insecure
	return cloudinit.Render(o)
}
