// SPDX-License-Identifier: Apache-2.0

//go:build unix

package faults

import (
	"io"
	"net"
	"sync"
)

// A proxy stands between the agent and the broker, and cuts.
type proxy struct {
	listener net.Listener
	to       string

	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func newProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, to: to, open: map[net.Conn]struct{}{}}
	go p.serve() // until close
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			in.Close()
			continue
		}
		p.add(in, out)
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				io.Copy(pair[0], pair[1]) // ends with either end
				pair[0].Close()
				pair[1].Close()
				p.forget(pair[0])
			}()
		}
	}
}

func (p *proxy) add(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
}

func (p *proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// cut breaks every connection with a reset, in the middle of whatever goes over it.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) // it may be closed already
		}
		c.Close()
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.cut()
}
