// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/test/rabbitmq"
)

// A subject is an agent to be measured.
type subject struct {
	name    string
	command []string // --config-dir follows
}

type figures struct {
	start                   time.Duration
	idleRSS, endRSS, size   float64 // MB
	bodyMedian, bodyP99     time.Duration
	scriptMedian, scriptP99 time.Duration
	bodyRate, scriptRate    float64
	idleCPU                 time.Duration
}

const waitLimit = 3 * time.Minute

// A run is one agent with its queues.
type run struct {
	queue, results string
	channel        *amqp091.Channel
	answers        <-chan amqp091.Delivery
	cmd            *exec.Cmd
	said           bytes.Buffer
	stamp          int64
}

// measure takes all figures of s on a virtual host of its own.
func measure(s subject, server *rabbitmq.Server, dir string, plans int) (figures, error) {
	var f figures
	conn, err := amqp091.Dial(server.URL(server.VHost))
	if err != nil {
		return f, err
	}
	defer conn.Close()
	var starts []time.Duration
	var r *run
	for i := range 5 {
		if r != nil {
			r.end()
		}
		began := time.Now()
		if r, err = begin(s, conn, server, filepath.Join(dir, fmt.Sprintf("%s-%d", s.name, i))); err != nil {
			return f, fmt.Errorf("%s: %w", s.name, err)
		}
		starts = append(starts, time.Since(began))
	}
	defer r.end()
	f.start = quantile(starts, 0.5)

	body, script := plan("return 1", ""), plan("return deploy('x').stdout", "#!/bin/sh\necho $1\n")
	if _, err := r.latencies(body, 20); err != nil { // warm
		return f, err
	}
	f.idleRSS = rss(r.cmd.Process.Pid)
	before := cpu(r.cmd.Process.Pid)
	time.Sleep(10 * time.Second)
	f.idleCPU = cpu(r.cmd.Process.Pid) - before
	took, err := r.latencies(body, 200)
	if err != nil {
		return f, err
	}
	f.bodyMedian, f.bodyP99 = quantile(took, 0.5), quantile(took, 0.99)
	if took, err = r.latencies(script, 200); err != nil {
		return f, err
	}
	f.scriptMedian, f.scriptP99 = quantile(took, 0.5), quantile(took, 0.99)
	if f.bodyRate, err = r.rate(body, plans); err != nil {
		return f, err
	}
	if f.scriptRate, err = r.rate(script, plans); err != nil {
		return f, err
	}
	f.endRSS = rss(r.cmd.Process.Pid)
	return f, nil
}

// begin starts the agent and returns once it consumes.
func begin(s subject, conn *amqp091.Connection, server *rabbitmq.Server, dir string) (*run, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	name := filepath.Base(dir)
	r := &run{queue: "e-" + name, results: "results-" + name, channel: ch}
	for _, q := range []string{r.queue, r.results} {
		if _, err := ch.QueueDeclare(q, true, false, false, false, nil); err != nil {
			return nil, err
		}
	}
	if r.answers, err = ch.Consume(r.results, "", true, false, false, false, nil); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[DEFAULT]\nstorage = %s/storage\nlog_file = %s/agent.log\n[rabbitmq]\nhost = %s\nport = %d\nlogin = %s\npassword = %s\nvirtual_host = %s\ninput_queue = %s\nresult_routing_key = %s\n",
		dir, dir, server.Host, server.Port, server.User, server.Password, server.VHost, r.queue, r.results)
	if err := os.WriteFile(filepath.Join(dir, "agent.conf"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	args := append(slices.Clone(s.command[1:]), "--config-dir", dir)
	r.cmd = exec.Command(s.command[0], args...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, &r.said, &r.said
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		q, err := ch.QueueDeclarePassive(r.queue, true, false, false, false, nil)
		if err != nil {
			r.end()
			return nil, err
		}
		if q.Consumers > 0 {
			return r, nil
		}
		if time.Now().After(deadline) {
			r.end()
			return nil, fmt.Errorf("it does not consume: %s", &r.said)
		}
	}
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

// plan makes a plan; without a script it has none.
func plan(body, script string) map[string]any {
	p := map[string]any{"FormatVersion": "2.0.0", "Name": "bench", "Action": "Execute", "Parameters": map[string]any{}, "Body": body,
		"Scripts": map[string]any{}, "Files": map[string]any{}}
	if script != "" {
		p["Scripts"] = map[string]any{"deploy": map[string]any{"Type": "Application", "Version": "1.0.0", "EntryPoint": "f", "Files": []string{}, "Options": map[string]any{"captureStdout": true, "captureStderr": true}}}
		p["Files"] = map[string]any{"f": map[string]any{"Name": "deploy.sh", "BodyType": "Text", "Body": script}}
	}
	return p
}

func (r *run) send(p map[string]any) error {
	r.stamp = max(r.stamp+1, time.Now().UnixMicro()/100)
	id := fmt.Sprintf("%032x", r.stamp)
	p["ID"], p["Stamp"] = id, r.stamp
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return r.channel.Publish("", r.queue, false, false, amqp091.Publishing{
		ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: amqp091.Persistent, MessageId: id, Body: b,
	})
}

func (r *run) answer() error {
	select {
	case d := <-r.answers:
		var result struct{ ErrorCode int }
		if err := json.Unmarshal(d.Body, &result); err != nil || result.ErrorCode != 0 {
			return fmt.Errorf("a plan failed: %s", d.Body)
		}
		return nil
	case <-time.After(waitLimit):
		return fmt.Errorf("no answer for %v: %s", waitLimit, &r.said)
	}
}

// latencies sends n plans, each after the answer to the one before.
func (r *run) latencies(p map[string]any, n int) ([]time.Duration, error) {
	var all []time.Duration
	for range n {
		began := time.Now()
		if err := r.send(p); err != nil {
			return nil, err
		}
		if err := r.answer(); err != nil {
			return nil, err
		}
		all = append(all, time.Since(began))
	}
	return all, nil
}

// rate sends n plans at once and counts plans a second.
func (r *run) rate(p map[string]any, n int) (float64, error) {
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

func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

// rss is the resident memory of a process in MB.
func rss(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			return n * 1024 / 1e6
		}
	}
	return 0
}

// cpu is the time a process has used, in the kernel's ticks of 10 ms.
func cpu(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// sizeOf is the size of a file, or of the files in a folder, in MB.
func sizeOf(path string) float64 {
	var total int64
	filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error { // what cannot be read counts nothing
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return float64(total) / 1e6
}
