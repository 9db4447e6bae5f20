// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"context"
	"crypto/x509"
	"fmt"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// A Sounding is how far one attempt at one host came.
type Sounding struct {
	Host        string
	Certificate *x509.Certificate // the host's own; nil without TLS, or where it was refused
	Broker      string            // product and version, as it calls itself; empty before it spoke
	Messages    int               // that wait in the queue
	Consumers   int               // of the queue
	Fault       *Fault            // what stopped it; nil where the queue was found
}

// Sound tries each host of o once, as a Conn would, logs in, and looks whether
// queue is there. It takes nothing from the queue and changes nothing. Each host
// has o.DialTimeout, and as long again for the queue.
func Sound(ctx context.Context, o Options, queue string) []Sounding {
	o = New(o).o // with its defaults
	soundings := make([]Sounding, 0, len(o.Hosts))
	for _, host := range o.Hosts {
		soundings = append(soundings, sound(ctx, host, o, queue))
	}
	return soundings
}

func sound(ctx context.Context, host string, o Options, queue string) Sounding {
	s := Sounding{Host: host}
	if o.TLS != nil {
		o.TLS = o.TLS.Clone()
		o.TLS.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) > 0 {
				s.Certificate, _ = x509.ParseCertificate(raw[0]) // the handshake has parsed it before
			}
			return nil
		}
	}
	session, fault := dial(ctx, host, o)
	if fault != nil {
		s.Fault = fault
		return s
	}
	defer session.close()
	s.Broker = fmt.Sprint(session.conn.Properties["product"], " ", session.conn.Properties["version"])
	ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
	defer cancel()
	err := session.channel(ctx, func(ch *amqp091.Channel) error {
		return session.guard(ctx, func() error {
			q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
			s.Messages, s.Consumers = q.Messages, q.Consumers
			return err
		})
	})
	if err != nil {
		s.Fault = queueFault(queue, o, err)
	}
	return s
}
