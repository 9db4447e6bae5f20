// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"errors"
	"time"
)

// A Message is what crosses the broker: a plan on its way to an agent, a
// result or an event on its way back. It is AMQP's basic properties as far as
// Murano uses them.
type Message struct {
	ID          string // message_id; for a result, the SourceID
	Body        []byte
	ContentType string // advisory: the Body decides
	ReplyTo     string
	Signature   []byte // header "signature": raw, see Sign; nil means unsigned

	// Exchange and Key say where Publish sends it; an empty Exchange is the
	// default one, where Key names a queue. On a received message they are
	// where it was published to.
	Exchange, Key string

	// Redelivered is set by Receive: the broker may have handed it out before.
	Redelivered bool
	// Transient messages need not survive a restart of the broker. Plans and results are never transient.
	Transient bool
}

// QueueOptions say how a queue is declared. The zero value is durable, kept
// for ever and empty of policy.
type QueueOptions struct {
	Expires time.Duration // x-expires: removed when unused for so long; 0 means never
}

// ErrUnroutable says that a broker confirmed a message but had no queue for it.
var ErrUnroutable = errors.New("no queue takes this message")
