// SPDX-License-Identifier: Apache-2.0

package amqp_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

// What is on its way to an agent is in its memory.
func TestFewLargeMessagesAreFetchedAheadAndManySmallOnes(t *testing.T) {
	server := rabbitmq.Start(t)
	c := connect(t, options(server))
	q := c.queue()
	publish := func(n, size int) {
		t.Helper()
		for i := range n {
			if err := c.Publish(within(t), plans.Message{ID: strconv.Itoa(i), Key: q, Body: make([]byte, size)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// fetched is how many messages the broker has handed out.
	fetched := func() int {
		t.Helper()
		for line := range strings.Lines(server.Ctl(t, "-q", "list_queues", "-p", server.VHost, "name", "messages_unacknowledged")) {
			if name, n, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && name == q {
				unacknowledged, err := strconv.Atoi(n)
				if err != nil {
					t.Fatal(err)
				}
				return unacknowledged
			}
		}
		t.Fatalf("the broker knows no queue %q", q)
		return 0
	}

	publish(12, 5<<20)
	ctx, cancel := context.WithCancel(t.Context())
	held, release := make(chan int), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		c.ReceiveBatch(ctx, q, func(ctx context.Context, ms []plans.Message) []error {
			select {
			case held <- len(ms):
				<-release
			case <-ctx.Done():
			}
			return make([]error, len(ms))
		})
	})
	defer running.Wait()
	defer cancel()
	kept := 0
	// next lets a batch go and waits for the next one.
	next := func() {
		t.Helper()
		select {
		case n := <-held:
			kept += n
		case <-time.After(patience):
			t.Fatalf("no batch came after %d messages", kept)
		}
	}
	for kept < 12 {
		next()
		if kept <= 5 || kept == 12 { // the tool that tells is slow
			if n := fetched(); n > 4 {
				t.Errorf("%d messages of 5 MB are fetched, want 4 at most", n)
			}
		}
		release <- struct{}{}
	}

	publish(300, 100)
	for kept < 12+20 {
		next()
		if kept < 12+20 {
			release <- struct{}{}
		}
	}
	if n := fetched(); n != 64 {
		t.Errorf("%d small messages are fetched, want 64", n)
	}
	cancel()
	close(release)
}
