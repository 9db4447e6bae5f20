// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A proxy stands between a client and a broker and spoils what passes.
type proxy struct {
	target string
	l      net.Listener

	mu       sync.Mutex
	refusing bool                  // new connections are closed at once
	stalled  bool                  // nothing passes, nothing is closed, until kernel buffers are full
	muted    bool                  // nothing passes to clients
	delay    time.Duration         // before each chunk, either way
	budget   int                   // bytes from clients until everything is cut; 0 means no bound
	pairs    map[net.Conn]net.Conn // client to broker
	accepted int
	done     sync.WaitGroup
}

func newProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{target: target, l: l, pairs: make(map[net.Conn]net.Conn)}
	p.done.Go(p.accept)
	tb.Cleanup(func() {
		l.Close()
		p.set(func(p *proxy) { p.stalled, p.muted = false, false })
		p.cut()
		p.done.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.accepted++
		refusing := p.refusing
		p.mu.Unlock()
		broker, err := net.Dial("tcp", p.target)
		if refusing || err != nil {
			client.Close()
			if err == nil {
				broker.Close()
			}
			continue
		}
		p.mu.Lock()
		p.pairs[client] = broker
		p.mu.Unlock()
		p.done.Go(func() { p.carry(broker, client, true) })
		p.done.Go(func() { p.carry(client, broker, false) })
	}
}

// carry copies until either end closes.
func (p *proxy) carry(to, from net.Conn, fromClient bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		for p.stalls(fromClient) {
			time.Sleep(5 * time.Millisecond)
		}
		p.mu.Lock()
		delay, over := p.delay, false
		if fromClient && p.budget > 0 {
			p.budget -= n
			if over = p.budget <= 0; over {
				p.budget = 0
			}
		}
		p.mu.Unlock()
		if over {
			p.cut()
		}
		time.Sleep(delay)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut resets all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for client, broker := range p.pairs {
		client.(*net.TCPConn).SetLinger(0)
		client.Close()
		broker.Close()
	}
	clear(p.pairs)
}

func (p *proxy) stalls(fromClient bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stalled || p.muted && !fromClient
}

// set changes how the proxy behaves from now on.
func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}
