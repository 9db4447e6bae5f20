// SPDX-License-Identifier: Apache-2.0

// Package config is the agent's configuration, in the two forms it may have:
// the native agent.yaml, which knows every option and refuses what it does not
// know, and agent.conf in the INI dialect of oslo.config, as Murano's engine
// writes it into a guest (murano, meta/io.murano/Resources/Agent-v2.template).
// Load reads them, EncodeYAML and EncodeINI write them.
//
// Where the agent is told what to do is written down once, in the table of
// options(): the readers, the writers, the sample's test and the messages all
// follow it.
package config

import (
	"strings"
	"time"
)

// FormatINI and FormatNative are the highest plan formats an agent accepts by
// default: an engine that wrote an oslo file knows nothing above 2.2.0, and is
// told so as murano-agent 12.0.0 tells it.
const (
	FormatINI    = "2.2.0"
	FormatNative = "2.3.0"
)

// A Config is everything an agent is told. Default makes one that lacks only
// the queues; Validate says whether an agent can run with it.
type Config struct {
	// Storage is the folder of everything the agent keeps: plans, results,
	// history. Default /var/murano.
	Storage string
	// Group is the group of this guest whose members may read what is in Storage,
	// but not the plans, which may hold secrets. A group that the guest does not
	// have, or an empty one, gives nobody access. Default murano.
	Group string

	RabbitMQ RabbitMQ

	// InputQueue is where plans arrive. The controller declares it; the agent
	// only consumes, and waits while it is not there.
	InputQueue string
	// ResultExchange and ResultRoutingKey say where results go; the empty
	// exchange is the default one, where the key names a queue.
	ResultExchange   string
	ResultRoutingKey string
	// EnableDynamicResultQueue sends a result to the plan's ReplyTo, when it has one.
	EnableDynamicResultQueue bool
	// EngineKey is the public key, PEM, that every plan must be signed with.
	// Empty means plans are taken unsigned.
	EngineKey string

	// EventsExchange and EventsRoutingKey say where the agent announces itself
	// and reports progress. An empty key means it says nothing unasked.
	EventsExchange   string
	EventsRoutingKey string
	// Heartbeat is how often it says there that it lives. 0 means never. Default 30s.
	Heartbeat time.Duration

	// StopTimeout is how long the script in hand may go on by itself once the
	// agent is told to stop, before it is stopped too. 0 means not at all.
	// Default 20s.
	StopTimeout time.Duration

	// MaxFormatVersion is the highest plan format accepted. Empty means
	// FormatINI when the input queue was named by an oslo file, else
	// FormatNative; see Ceiling.
	MaxFormatVersion string

	Log     Log
	Fetch   Fetch
	History History
	Script  Script
	Wait    Wait

	// Sources are the files it was read from, in order.
	Sources []string
	// Warnings are what was odd in them but no reason to stop: one sentence each.
	Warnings []string

	queueFromINI bool
}

// RabbitMQ says how to reach the broker.
type RabbitMQ struct {
	// Hosts are tried in turn: a name, an IPv4 or IPv6 address, each with an
	// optional :port (an IPv6 address then in brackets). Default localhost.
	Hosts []string
	// Port is that of the hosts that name none. 0 means 5672, or 5671 with SSL.
	Port        int
	Login       string // default guest
	Password    string // default guest
	VirtualHost string // default /
	SSL         bool
	// CACerts is a PEM file of certificates to trust. Empty, or an empty file,
	// which is what Murano's engine writes when it has none, means the system's.
	CACerts string
	// ServerName is the name the broker's certificate must carry. Empty means the host's.
	ServerName string
	// Insecure turns the verification of the broker's certificate off.
	Insecure bool
	// Heartbeat is how often the broker shows that it lives; silent for twice as long,
	// the connection is made anew. Whole seconds. Default 10s.
	Heartbeat time.Duration
}

// Log says where the agent's own log goes.
type Log struct {
	File string // appended to, mode 0600; empty means standard error
	// Format is auto (default: journal where standard error is the journal's,
	// else text), text, json or journal, which has fields of its own and no File.
	Format string
	Debug  bool
	// MaxSize is how large File grows before it is renamed to File.1, of which
	// three are kept. 0 means without bound. Default 10M.
	MaxSize Bytes
}

// Fetch bounds the download of files.
type Fetch struct {
	ConnectTimeout time.Duration // until connected, TLS included; default 30s
	StallTimeout   time.Duration // without a byte; default 60s
	Timeout        time.Duration // of one file; default 1h
	MaxSize        Bytes         // of one file; default 4G
	// Proxy is the URL of a proxy. Empty means what the environment says.
	Proxy string
	// NoProxy are the hosts that are reached without Proxy, as no_proxy lists
	// them: names, .domains, addresses, networks.
	NoProxy []string
}

// History bounds what is kept of plans that have ended. Whichever bound is
// reached first removes the oldest.
type History struct {
	Count int           // default 200
	Size  Bytes         // default 512M
	Age   time.Duration // default 90 days
}

// Script bounds the scripts of plans.
type Script struct {
	Grace     time.Duration // between SIGTERM and SIGKILL, when a script is stopped; default 10s
	MaxOutput Bytes         // kept of stdout and stderr together for the plan's Body; default 6M
	MaxLog    Bytes         // of each log of a script on this guest; default 64M
	// Scope is auto (default: each script in a systemd scope of its own, where
	// systemd is there) or off.
	Scope string
}

// Wait bounds what a plan waits for before its first script. 0 means it is not
// waited for.
type Wait struct {
	CloudInit    time.Duration // the end of cloud-init; default 10m
	PackageLocks time.Duration // that no package manager is at work; default 10m
}

// Default is the configuration of an agent that was told nothing.
func Default() Config {
	return Config{
		Storage: "/var/murano", Group: "murano",
		Heartbeat: 30 * time.Second, StopTimeout: 20 * time.Second,
		RabbitMQ: RabbitMQ{
			Hosts: []string{"localhost"}, Login: "guest", Password: "guest",
			VirtualHost: "/", Heartbeat: 10 * time.Second,
		},
		Log: Log{Format: "auto", MaxSize: 10 << 20},
		Fetch: Fetch{
			ConnectTimeout: 30 * time.Second, StallTimeout: time.Minute,
			Timeout: time.Hour, MaxSize: 4 << 30,
		},
		History: History{Count: 200, Size: 512 << 20, Age: 90 * 24 * time.Hour},
		Script:  Script{Grace: 10 * time.Second, MaxOutput: 6 << 20, MaxLog: 64 << 20, Scope: "auto"},
		Wait:    Wait{CloudInit: 10 * time.Minute, PackageLocks: 10 * time.Minute},
	}
}

// Ceiling is the highest plan format accepted: MaxFormatVersion, or else the
// one that the sender of the plans can be expected to know.
func (c Config) Ceiling() string {
	switch {
	case c.MaxFormatVersion != "":
		return c.MaxFormatVersion
	case c.queueFromINI:
		return FormatINI
	}
	return FormatNative
}

// Addresses are the broker's hosts with their ports, to be tried in turn.
func (r RabbitMQ) Addresses() []string {
	port := r.Port
	if port == 0 {
		port = 5672
		if r.SSL {
			port = 5671
		}
	}
	addresses := make([]string, 0, len(r.Hosts))
	for _, h := range r.Hosts {
		addresses = append(addresses, joinPort(h, port))
	}
	return addresses
}

// Source names the files it was read from, for messages; never empty.
func (c Config) Source() string {
	if len(c.Sources) == 0 {
		return "the configuration"
	}
	return strings.Join(c.Sources, ", ")
}
