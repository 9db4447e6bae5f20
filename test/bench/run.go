// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/test/rabbitmq"
)

const waitLimit = 3 * time.Minute

// A subject is an agent to be measured.
type subject struct {
	name    string
	command []string // --config-dir follows
}

// A broker is RabbitMQ, and the directory of those who use it.
type broker struct {
	server *rabbitmq.Server
	conn   *amqp091.Connection
	dir    string
	runs   int
}

func (b *broker) dial() (err error) {
	b.conn, err = amqp091.Dial(b.server.URL(b.server.VHost))
	return err
}

// A run is one agent with its queues.
type run struct {
	subject        *subject
	dir            string
	queue, results string
	channel        *amqp091.Channel
	answers        <-chan amqp091.Delivery
	cmd            *exec.Cmd
	began          time.Time
	consuming      time.Duration // from the start of the process
	said           bytes.Buffer
	stamp          int64
}

// prepare makes the queues and the configuration of one run.
func (b *broker) prepare(s *subject) (*run, error) {
	ch, err := b.conn.Channel()
	if err != nil {
		return nil, err
	}
	b.runs++
	name := fmt.Sprintf("%s-%d", s.name, b.runs)
	r := &run{subject: s, dir: filepath.Join(b.dir, name), queue: "e-" + name, results: "results-" + name, channel: ch}
	for _, q := range []string{r.queue, r.results} {
		if _, err := ch.QueueDeclare(q, true, false, false, false, nil); err != nil {
			return nil, err
		}
	}
	if r.answers, err = ch.Consume(r.results, "", true, false, false, false, nil); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[DEFAULT]\nstorage = %s/storage\nlog_file = %s/agent.log\n[rabbitmq]\nhost = %s\nport = %d\nlogin = %s\npassword = %s\nvirtual_host = %s\ninput_queue = %s\nresult_routing_key = %s\n",
		r.dir, r.dir, b.server.Host, b.server.Port, b.server.User, b.server.Password, b.server.VHost, r.queue, r.results)
	return r, os.WriteFile(filepath.Join(r.dir, "agent.conf"), []byte(config), 0o600)
}

// begin starts the agent and returns once it consumes.
func (b *broker) begin(s *subject) (*run, error) {
	r, err := b.prepare(s)
	if err != nil {
		return nil, err
	}
	return r, r.start()
}

func (r *run) start() error {
	args := append(slices.Clone(r.subject.command[1:]), "--config-dir", r.dir)
	r.cmd = exec.Command(r.subject.command[0], args...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = r.dir, &r.said, &r.said
	r.began = time.Now()
	if err := r.cmd.Start(); err != nil {
		return err
	}
	for deadline := r.began.Add(time.Minute); ; time.Sleep(time.Millisecond) {
		q, err := r.channel.QueueDeclarePassive(r.queue, true, false, false, false, nil)
		switch {
		case err != nil:
			r.kill()
			return err
		case q.Consumers > 0:
			r.consuming = time.Since(r.began)
			return nil
		case time.Now().After(deadline):
			r.kill()
			return fmt.Errorf("%s does not consume: %s", r.subject.name, &r.said)
		}
	}
}

// kill ends the agent without a warning; its directory stays.
func (r *run) kill() {
	r.cmd.Process.Kill() // it may be gone
	r.cmd.Wait()         // however it ended
}

func (r *run) end() {
	r.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	late := time.AfterFunc(10*time.Second, func() { r.cmd.Process.Kill() })
	defer late.Stop()
	r.cmd.Wait() // however it ends
	for _, q := range []string{r.queue, r.results} {
		r.channel.QueueDelete(q, false, false, false) // the broker ends with us
	}
	r.channel.Close() // the connection is closed after it
}

// A document is a plan without ID and Stamp.
type document map[string]any

// planOf makes a plan; without a script it has none.
func planOf(body, script string) document {
	p := document{"FormatVersion": "2.0.0", "Name": "bench", "Action": "Execute", "Parameters": map[string]any{}, "Body": body,
		"Scripts": map[string]any{}, "Files": map[string]any{}}
	if script != "" {
		p["Scripts"] = map[string]any{"deploy": map[string]any{"Type": "Application", "Version": "1.0.0", "EntryPoint": "f", "Files": []string{}, "Options": map[string]any{"captureStdout": true, "captureStderr": true}}}
		p["Files"] = map[string]any{"f": map[string]any{"Name": "deploy.sh", "BodyType": "Text", "Body": script}}
	}
	return p
}

// encode gives p an ID and a stamp above all before.
func (r *run) encode(p document) (id string, body []byte, err error) {
	r.stamp = max(r.stamp+1, time.Now().UnixMicro()/100)
	id = fmt.Sprintf("%032x", r.stamp)
	numbered := maps.Clone(p)
	numbered["ID"], numbered["Stamp"] = id, r.stamp
	body, err = json.Marshal(numbered)
	return id, body, err
}

func (r *run) send(p document) error {
	id, body, err := r.encode(p)
	if err != nil {
		return err
	}
	return r.channel.Publish("", r.queue, false, false, amqp091.Publishing{
		ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: amqp091.Persistent, MessageId: id, Body: body,
	})
}

func (r *run) answer() error {
	select {
	case d := <-r.answers:
		var result struct{ ErrorCode int }
		if err := json.Unmarshal(d.Body, &result); err != nil || result.ErrorCode != 0 {
			return fmt.Errorf("a plan failed: %.1000s", d.Body)
		}
		return nil
	case <-time.After(waitLimit):
		return fmt.Errorf("no answer for %v: %s", waitLimit, &r.said)
	}
}

// once sends a plan and waits for its answer.
func (r *run) once(p document) error {
	if err := r.send(p); err != nil {
		return err
	}
	return r.answer()
}

// rate sends n plans at once and counts plans a second.
func (r *run) rate(p document, n int) (float64, error) {
	began := time.Now()
	for range n {
		if err := r.send(p); err != nil {
			return 0, err
		}
	}
	for range n {
		if err := r.answer(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
