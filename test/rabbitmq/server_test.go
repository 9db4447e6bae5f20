// SPDX-License-Identifier: Apache-2.0

package rabbitmq_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/test/rabbitmq"
)

func TestADurableQueueSurvivesARestartAndACrash(t *testing.T) {
	s := rabbitmq.Start(t)
	vhost := s.NewVHost(t)
	for i, interrupt := range []func(){
		func() { s.Restart(t) },
		func() { s.Kill(t); s.Up(t) },
	} {
		c, err := amqp091.Dial(s.URL(vhost))
		if err != nil {
			t.Fatal(err)
		}
		ch, err := c.Channel()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := ch.QueueDeclare("q", true, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
		} else if _, err := ch.QueueDeclarePassive("q", true, false, false, false, nil); err != nil {
			t.Errorf("after restart %d: %v", i, err)
		}
		start := time.Now()
		interrupt()
		t.Logf("interruption took %v", time.Since(start).Round(time.Millisecond))
		c.Close()
	}
}

// The broker must not outlive a test process that was killed.
func TestTheBrokerEndsWithItsTestProcess(t *testing.T) {
	if os.Getenv("RABBITMQ_TEST_CHILD") != "" {
		s := rabbitmq.Start(t)
		os.Stdout.WriteString("addr=" + s.CAFile + "\n")
		time.Sleep(time.Minute) // until killed
		return
	}
	if os.Getenv("MURANO_TEST_AMQP_URL") != "" {
		t.Skip("needs a RabbitMQ of its own")
	}
	rabbitmq.Start(t) // skips where there is none
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "RABBITMQ_TEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	buf := make([]byte, 4096)
	n, _ := out.Read(buf)
	file, ok := strings.CutPrefix(strings.TrimSpace(string(buf[:n])), "addr=")
	if !ok {
		t.Fatalf("child said %q", buf[:n])
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(file); os.IsNotExist(err) {
			return // the supervisor removes the directory last
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there a minute after its test process was killed", file)
		}
	}
}
