// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

// A station sends plans to one guest's queue and takes the results.
type station struct {
	t              *testing.T
	channel        *amqp091.Channel
	vhost          string
	queue, results string
	got            map[string][]plans.Result
}

func newStation(t *testing.T, server *rabbitmq.Server) *station {
	t.Helper()
	s := &station{t: t, vhost: server.NewVHost(t), queue: "e1-h1", results: "results", got: map[string][]plans.Result{}}
	conn, err := amqp091.Dial(server.URL(s.vhost))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if s.channel, err = conn.Channel(); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{s.queue, s.results} {
		if _, err := s.channel.QueueDeclare(q, true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// config is the agent's, with the broker at host:port.
func (s *station) config(server *rabbitmq.Server, host string, port int, more string) string {
	return fmt.Sprintf("inputQueue: %s\nresultRoutingKey: %s\nrabbitmq:\n  hosts: [%s]\n  port: %d\n  login: %s\n  password: %s\n  virtualHost: %q\n  heartbeat: 5s\n%s",
		s.queue, s.results, host, port, server.User, server.Password, s.vhost, more)
}

// send sends a plan that calls each of scripts once, in order.
func (s *station) send(id string, options map[string]any, scripts ...string) {
	s.t.Helper()
	type object = map[string]any
	calls, named, files := "", object{}, object{}
	for i, text := range scripts {
		name := fmt.Sprintf("call%d", i)
		calls += "out = " + name + "().stdout\n"
		named[name] = object{"Type": "Application", "EntryPoint": name, "Options": object{}}
		files[name] = object{"Name": name + ".sh", "BodyType": "Text", "Body": "#!/bin/sh\n" + text + "\n"}
	}
	plan := object{"FormatVersion": "2.3.0", "ID": id, "Name": id, "Body": calls + "return out", "Scripts": named, "Files": files}
	if options != nil {
		plan["Options"] = options
	}
	b, err := json.Marshal(plan)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.channel.PublishWithContext(context.Background(), "", s.queue, false, false,
		amqp091.Publishing{MessageId: id, DeliveryMode: amqp091.Persistent, Body: b}); err != nil {
		s.t.Fatal(err)
	}
}

// take moves what has come into got.
func (s *station) take() {
	s.t.Helper()
	for {
		d, ok, err := s.channel.Get(s.results, true)
		if err != nil {
			s.t.Fatal(err)
		}
		if !ok {
			return
		}
		r, err := plans.ParseResult(d.Body)
		if err != nil {
			s.t.Fatalf("%v: %s", err, d.Body)
		}
		s.got[r.SourceID] = append(s.got[r.SourceID], r)
	}
}

// result waits for the answer to a plan. A second, different one is an error.
func (s *station) result(id string, limit time.Duration) plans.Result {
	s.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		s.take()
		if all := s.got[id]; len(all) > 0 {
			for _, r := range all[1:] {
				if r.ID != all[0].ID {
					s.t.Errorf("plan %s has two ends: %s and %s", id, all[0].State(), r.State())
				}
			}
			return all[0]
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no answer to plan %s after %v", id, limit)
		}
	}
}

// ends waits for the answer and sees that the plan ended in state.
func (s *station) ends(id, state string, limit time.Duration) plans.Result {
	s.t.Helper()
	r := s.result(id, limit)
	if r.State() != state {
		s.t.Errorf("plan %s ended %s, want %s: %s", id, r.State(), state, r.Body)
	}
	return r
}

// said is what the plan's Body returned, as text.
func said(r plans.Result) string {
	var text string
	if json.Unmarshal(r.Body, &text) != nil {
		return string(r.Body)
	}
	return strings.TrimSpace(text)
}
