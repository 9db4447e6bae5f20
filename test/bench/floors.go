// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// floors are what no agent can be faster than here.
type floors struct {
	exec  *series // fork and exec of a script of /bin/sh, and its end
	shell *series // the same from a shell, as Murano's agents run scripts: their arguments are shell text
	fsync *series // a file written, and synced with its folder
	kept  *series // a plan in a folder of its own, synced, and its result beside it, synced
	wire  *series // a persistent message to a consumer, which acknowledges it, and one back
	close func()
}

func (b *broker) newFloors() (*floors, error) {
	dir, err := os.MkdirTemp(b.dir, "floors-")
	if err != nil {
		return nil, err
	}
	script := filepath.Join(dir, "script.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $1\n"), 0o700); err != nil {
		return nil, err
	}
	n := 0
	path := func() string { n++; return filepath.Join(dir, fmt.Sprint(n)) }
	trip, end, err := b.roundTrip()
	if err != nil {
		return nil, err
	}
	return &floors{
		exec:  &series{do: func() error { return exec.Command(script, "x").Run() }},
		shell: &series{do: func() error { return exec.Command("/bin/sh", "-c", "umask 0022; "+script+" x").Run() }},
		fsync: &series{do: func() error { return writeSynced(path()) }},
		kept:  &series{do: func() error { return keepPlan(path()) }},
		wire:  &series{do: trip},
		close: end,
	}, nil
}

func writeSynced(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 1000)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func keepPlan(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(path, "plan.json")); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return writeSynced(filepath.Join(path, "result.json"))
}

// roundTrip is what the broker alone costs a plan and its result: a message to
// another connection, and one back.
func (b *broker) roundTrip() (trip func() error, end func(), err error) {
	const there, back = "floor-there", "floor-back"
	other, err := amqp091.Dial(b.server.URL(b.server.VHost))
	if err != nil {
		return nil, nil, err
	}
	var channels [2]*amqp091.Channel
	for i, conn := range []*amqp091.Connection{b.conn, other} {
		if channels[i], err = conn.Channel(); err != nil {
			return nil, nil, err
		}
	}
	ch, echo := channels[0], channels[1]
	for _, q := range []string{there, back} {
		if _, err := ch.QueueDeclare(q, true, false, false, false, nil); err != nil {
			return nil, nil, err
		}
	}
	came, err := echo.Consume(there, "", false, false, false, false, nil)
	if err != nil {
		return nil, nil, err
	}
	answers, err := ch.Consume(back, "", true, false, false, false, nil)
	if err != nil {
		return nil, nil, err
	}
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		for d := range came {
			if d.Ack(false) != nil || publish(echo, back, d.Body) != nil {
				return // nothing comes back, which trip tells
			}
		}
	}()
	body := make([]byte, 300)
	trip = func() error {
		if err := publish(ch, there, body); err != nil {
			return err
		}
		select {
		case <-answers:
			return nil
		case <-time.After(waitLimit):
			return fmt.Errorf("a message did not come back from the broker within %v", waitLimit)
		}
	}
	end = func() {
		other.Close() // the broker ends with us
		<-echoed
		ch.Close() // the connection is closed after it
	}
	return trip, end, nil
}

func publish(ch *amqp091.Channel, queue string, body []byte) error {
	return ch.Publish("", queue, false, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: body})
}
