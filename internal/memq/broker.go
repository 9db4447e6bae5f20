// SPDX-License-Identifier: Apache-2.0

// Package memq is a broker in memory, for tests and for the dev mode, where
// controller and agents live in one process. It has the default exchange only.
// Like RabbitMQ it hands a message out again until it is acknowledged, refuses
// what no queue takes, and can go away: see Broker.Cut.
package memq

import (
	"bytes"
	"slices"
	"sync"

	"github.com/openmurano/murano/plans"
)

// A Broker holds queues. Nothing survives it. All its methods may be called at
// once from several goroutines.
type Broker struct {
	mu      sync.Mutex
	queues  map[string]*queue
	cut     bool
	changed chan struct{} // closed and replaced at every change somebody may wait for
	seq     uint64        // of the last message published
}

type queue struct {
	ready   []*item            // by seq
	unacked map[*item]*Conn    // handed out, and to whom
	options plans.QueueOptions // as first declared
}

type item struct {
	seq uint64 // its place in the queue, kept when it is requeued
	m   plans.Message
}

// NewBroker returns a broker without queues.
func NewBroker() *Broker {
	return &Broker{queues: make(map[string]*queue), changed: make(chan struct{})}
}

// Conn returns a new connection to the broker.
func (b *Broker) Conn() *Conn {
	return &Conn{broker: b}
}

// Cut breaks every connection, as a broker that went away does: consumers are
// dropped, messages handed out and not yet acknowledged go back to their
// places, marked as redelivered, and calls wait until Heal or until their
// context ends. Queues and messages stay.
func (b *Broker) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = true
	for _, q := range b.queues {
		for it := range q.unacked {
			q.requeue(it)
		}
	}
	b.notify()
}

// Heal ends a Cut: connections come back by themselves.
func (b *Broker) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = false
	b.notify()
}

// Depth says how many messages the queue holds: ready ones, and ones handed out
// and not acknowledged. It is 0, 0 for a queue that does not exist.
func (b *Broker) Depth(name string) (ready, unacked int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[name]
	if q == nil {
		return 0, 0
	}
	return len(q.ready), len(q.unacked)
}

// Queues lists the names of the queues, sorted.
func (b *Broker) Queues() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := make([]string, 0, len(b.queues))
	for name := range b.queues {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// notify wakes everybody who waits. The caller holds b.mu.
func (b *Broker) notify() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// take hands the oldest messages out to c: one, and up to most while they are
// not large. The caller holds the broker's mu, and knows that there is one.
func (q *queue) take(c *Conn, most int) []*item {
	n, size := 0, 0
	for n < min(most, len(q.ready)) && size < batchBytes {
		size += len(q.ready[n].m.Body)
		q.unacked[q.ready[n]] = c
		n++
	}
	items := slices.Clone(q.ready[:n])
	q.ready = q.ready[n:]
	return items
}

// requeue puts a message that was handed out back to its place.
func (q *queue) requeue(it *item) {
	delete(q.unacked, it)
	again := &item{seq: it.seq, m: it.m} // a new identity: the old holder's acknowledgement no longer counts
	again.m.Redelivered = true
	at, _ := slices.BinarySearchFunc(q.ready, it.seq, func(r *item, seq uint64) int {
		if r.seq < seq {
			return -1
		}
		return 1
	})
	q.ready = slices.Insert(q.ready, at, again)
}

// clone copies m, so that sender and receivers share no memory.
func clone(m plans.Message) plans.Message {
	m.Body = bytes.Clone(m.Body)
	m.Signature = bytes.Clone(m.Signature)
	return m
}
