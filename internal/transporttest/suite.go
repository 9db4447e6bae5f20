// SPDX-License-Identifier: Apache-2.0

// Package transporttest is the suite that every carrier of messages between
// controller and agents must pass: internal/memq and internal/amqp.
package transporttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openmurano/murano/plans"
)

// A Transport is one connection to a broker: what agent.Transport and
// controller.Transport ask for together.
type Transport interface {
	Receive(ctx context.Context, queue string, keep func(context.Context, plans.Message) error) error
	ReceiveBatch(ctx context.Context, queue string, keep func(context.Context, []plans.Message) []error) error
	Publish(ctx context.Context, m plans.Message) error
	Declare(ctx context.Context, queue string, o plans.QueueOptions) error
	Remove(ctx context.Context, queue string) error
	Close() error
}

// A Broker is what the suite runs against.
type Broker struct {
	// Connect returns one more connection. The suite closes it.
	Connect func(t testing.TB) Transport
	// Cut breaks all connections and lets none come back before Heal.
	Cut, Heal func()
}

const (
	patience = 60 * time.Second       // for what must happen
	silence  = 400 * time.Millisecond // for what must not
)

// Run runs the suite; start is called for each test of it, may return the same
// broker every time, and must leave no goroutine behind when its t ends.
func Run(t *testing.T, start func(t *testing.T) Broker) {
	tests := []struct {
		name string
		test func(t *testing.T, b *bench)
	}{
		{"messages arrive once, in order, one at a time", order},
		{"properties arrive as they were sent", properties},
		{"a message of 5 MB arrives whole", large},
		{"a message is delivered again, in its place, until keep accepts it", again},
		{"a message that keep holds when its receiver ends is delivered to another", handedOver},
		{"a message that keep accepted is not delivered again", acknowledged},
		{"a keep that goes on failing is not called without pause", pausing},
		{"two receivers share a queue", shared},
		{"receive ends with its context", receiveEnds},
		{"receive waits for a queue that is declared later", queueLater},
		{"receive survives that its queue is removed and declared again", queueAgain},
		{"a message for no queue is unroutable", unroutable},
		{"publishers at once each get their own answer", publishers},
		{"a queue declared twice stays; with other options it is an error", declare},
		{"a queue removed is gone with what it held", remove},
		{"a cut while keep runs neither loses nor acknowledges a message", cutKeep},
		{"a receiver comes back after a cut", cutIdle},
		{"publish waits for the end of a cut", cutPublish},
		{"publish gives up a cut with its context", cutPublishEnds},
		{"what was confirmed around cuts has arrived", cutStream},
		{"after close every method errs at once", closed},
		{"what arrives while keep runs is one batch, in order", batchGathers},
		{"a batch is bounded in bytes", batchBytes},
		{"of a batch only what was refused comes again", batchRefusesSome},
		{"what was accepted of a batch is acknowledged before what was refused goes back", batchAcknowledgesAtOnce},
		{"a batch refused as a whole comes again in its order", batchRefusesAll},
		{"what keep says nothing about is refused", batchUnanswered},
		{"a batch that keep refuses when its receiver ends is delivered to another", batchHandedOver},
		{"a cut while keep has a batch loses nothing", cutBatch},
		{"properties arrive in batches as they were sent", inBatches(properties)},
		{"a message of 5 MB arrives whole in a batch", inBatches(large)},
		{"a keep of batches that goes on failing is not called without pause", inBatches(pausing)},
		{"receive of batches ends with its context", inBatches(receiveEnds)},
		{"receive of batches waits for a queue that is declared later", inBatches(queueLater)},
		{"receive of batches survives that its queue is removed and declared again", inBatches(queueAgain)},
		{"a receiver of batches comes back after a cut", inBatches(cutIdle)},
		{"what was confirmed around cuts has arrived in batches", inBatches(cutStream)},
		{"receive of batches ends with close", inBatches(closed)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			b := &bench{t: t, ctx: ctx, broker: start(t)}
			t.Cleanup(cancel)
			tt.test(t, b)
		})
	}
}

// A bench is what one test works on.
type bench struct {
	t      *testing.T
	ctx    context.Context // of the whole test
	broker Broker
	// batches makes receive use ReceiveBatch.
	batches bool
}

// inBatches is the test with ReceiveBatch for Receive.
func inBatches(test func(*testing.T, *bench)) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		b.batches = true
		test(t, b)
	}
}

// connect returns a connection that is closed when the test ends.
func (b *bench) connect() Transport {
	c := b.broker.Connect(b.t)
	b.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.t.Errorf("close: %v", err)
		}
	})
	return c
}

// name returns a name that no other queue has.
func name() string { return "transporttest-" + rand.Text() }

// queue declares a queue of its own for the test.
func (b *bench) queue(c Transport) string {
	b.t.Helper()
	q := name()
	if err := c.Declare(b.ctx, q, plans.QueueOptions{}); err != nil {
		b.t.Fatalf("declare: %v", err)
	}
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b.broker.Heal()
		c := b.broker.Connect(b.t)
		defer c.Close()
		if err := c.Remove(ctx, q); err != nil {
			b.t.Errorf("remove: %v", err)
		}
	})
	return q
}

// publish sends a message whose ID and body are text.
func (b *bench) publish(c Transport, queue string, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if err := c.Publish(b.ctx, message(queue, text)); err != nil {
			b.t.Fatalf("publish %q: %v", text, err)
		}
	}
}

func message(queue, text string) plans.Message {
	return plans.Message{ID: text, Body: []byte(text), Key: queue}
}

// A receiver runs Receive or ReceiveBatch in the background.
type receiver struct {
	b    *bench
	got  chan plans.Message
	stop func() error // ends Receive and returns its error
}

// receive starts a receiver whose keep passes each message on to got, and then
// returns what keep returns; a nil keep accepts.
func (b *bench) receive(c Transport, queue string, keep func(context.Context, plans.Message) error) *receiver {
	if keep == nil {
		keep = func(context.Context, plans.Message) error { return nil }
	}
	return b.start(func(ctx context.Context, got chan<- plans.Message) error {
		if b.batches {
			return c.ReceiveBatch(ctx, queue, func(ctx context.Context, ms []plans.Message) []error {
				errs := make([]error, len(ms))
				for i, m := range ms {
					got <- m
					errs[i] = keep(ctx, m)
				}
				return errs
			})
		}
		return c.Receive(ctx, queue, func(ctx context.Context, m plans.Message) error {
			got <- m
			return keep(ctx, m)
		})
	})
}

// start runs receive until the test ends or the receiver is stopped.
func (b *bench) start(receive func(ctx context.Context, got chan<- plans.Message) error) *receiver {
	ctx, cancel := context.WithCancel(b.ctx)
	r := &receiver{b: b, got: make(chan plans.Message, 10000)}
	ended := make(chan error, 1)
	go func() { ended <- receive(ctx, r.got) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return errors.New("receive did not end")
		}
	})
	b.t.Cleanup(func() { r.stop() })
	return r
}

// next waits for a message.
func (r *receiver) next() plans.Message {
	r.b.t.Helper()
	select {
	case m := <-r.got:
		return m
	case <-r.b.ctx.Done():
		r.b.t.Fatalf("no message within %v", patience)
		return plans.Message{}
	}
}

// want waits for messages with these texts.
func (r *receiver) want(texts ...string) {
	r.b.t.Helper()
	for _, text := range texts {
		if m := r.next(); m.ID != text || string(m.Body) != text {
			r.b.t.Fatalf("got message %q with body %.40q, want %q", m.ID, m.Body, text)
		}
	}
}

// wantNone fails the test if a message comes.
func (r *receiver) wantNone() {
	r.b.t.Helper()
	select {
	case m := <-r.got:
		r.b.t.Fatalf("got message %q (redelivered: %v), want none", m.ID, m.Redelivered)
	case <-time.After(silence):
	}
}

func order(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	var texts []string
	for i := range 50 {
		texts = append(texts, fmt.Sprint("m", i))
	}
	running := make(chan struct{}, 1)
	r := b.receive(c, q, func(context.Context, plans.Message) error {
		select {
		case running <- struct{}{}:
		default:
			t.Error("keep is called while it runs")
		}
		time.Sleep(time.Millisecond)
		<-running
		return nil
	})
	b.publish(c, q, texts...)
	r.want(texts...)
	r.wantNone()
}

func properties(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	signature := make([]byte, 256)
	rand.Read(signature)
	messages := []plans.Message{
		{ID: "all", Body: []byte("{}"), ContentType: "application/json", ReplyTo: "results", Signature: signature},
		{ID: "a signature of zeros and invalid UTF-8", Body: []byte("x"), ContentType: "text/plain", Signature: []byte{0, 0xff, 0xfe, 0}},
		{ID: "plan-é-计划", Body: []byte("计划\x00\xff"), ContentType: "text/plain", ReplyTo: "é"},
		{ContentType: "text/plain"},
		{ID: "transient", ContentType: "text/plain", Transient: true},
	}
	r := b.receive(c, q, nil)
	for _, want := range messages {
		want.Key = q
		if err := c.Publish(b.ctx, want); err != nil {
			t.Fatal(err)
		}
		got := r.next()
		if got.ID != want.ID || !bytes.Equal(got.Body, want.Body) || got.ContentType != want.ContentType ||
			got.ReplyTo != want.ReplyTo || !bytes.Equal(got.Signature, want.Signature) ||
			(got.Signature == nil) != (want.Signature == nil) || got.Exchange != "" || got.Key != q ||
			got.Redelivered || got.Transient != want.Transient {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
	m := message(q, "without a content type")
	b.publish(c, q, m.ID)
	r.want(m.ID)
}

func large(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	body := make([]byte, 5<<20)
	rand.Read(body)
	r := b.receive(c, q, nil)
	if err := c.Publish(b.ctx, plans.Message{ID: "large", Key: q, Body: body}); err != nil {
		t.Fatal(err)
	}
	if m := r.next(); !bytes.Equal(m.Body, body) {
		t.Errorf("got another body, of %d bytes", len(m.Body))
	}
}

func again(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "first", "second")
	calls := 0
	r := b.receive(c, q, func(_ context.Context, m plans.Message) error {
		if calls++; calls <= 2 {
			return errors.New("disk full")
		}
		return nil
	})
	for i := range 3 {
		if m := r.next(); m.ID != "first" || m.Redelivered != (i > 0) {
			t.Errorf("delivery %d: got %q, redelivered %v", i, m.ID, m.Redelivered)
		}
	}
	if m := r.next(); m.ID != "second" {
		t.Errorf("got %q, want the second message", m.ID)
	}
	r.wantNone()
}

func handedOver(t *testing.T, b *bench) {
	one, two := b.connect(), b.connect()
	q := b.queue(one)
	b.publish(one, q, "held")
	first := b.receive(one, q, func(ctx context.Context, _ plans.Message) error {
		<-ctx.Done()
		return ctx.Err()
	})
	first.want("held")
	second := b.receive(two, q, nil)
	second.wantNone()
	if err := first.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if m := second.next(); m.ID != "held" || !m.Redelivered {
		t.Errorf("got %q, redelivered %v", m.ID, m.Redelivered)
	}
}

func acknowledged(t *testing.T, b *bench) {
	one, two := b.connect(), b.connect()
	q := b.queue(one)
	b.publish(one, q, "kept", "kept as its receiver ended")
	first := b.receive(one, q, func(ctx context.Context, m plans.Message) error {
		if m.ID != "kept" {
			<-ctx.Done() // the plan is on disk all the same
		}
		return nil
	})
	first.want("kept", "kept as its receiver ended")
	first.stop()
	b.receive(two, q, nil).wantNone()
}

func pausing(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	b.publish(c, q, "refused")
	r := b.receive(c, q, func(context.Context, plans.Message) error { return errors.New("no") })
	time.Sleep(time.Second)
	if n := len(r.got); n < 2 || n > 20 {
		t.Errorf("keep was called %d times in a second, want 2 to 20", n)
	}
	begin := time.Now()
	r.stop()
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("receive ended only %v after its context", d)
	}
}

func shared(t *testing.T, b *bench) {
	one, two := b.connect(), b.connect()
	q := b.queue(one)
	slowly := func(context.Context, plans.Message) error { time.Sleep(5 * time.Millisecond); return nil }
	r1, r2 := b.receive(one, q, slowly), b.receive(two, q, slowly)
	const n = 40
	for i := range n {
		b.publish(one, q, fmt.Sprint(i))
	}
	seen := make(map[string]int)
	for range n {
		select {
		case m := <-r1.got:
			seen[m.ID]++
		case m := <-r2.got:
			seen[m.ID]++
		case <-b.ctx.Done():
			t.Fatalf("got %d messages, want %d", len(seen), n)
		}
	}
	if len(seen) != n {
		t.Errorf("got %d different messages, want %d", len(seen), n)
	}
	r1.wantNone()
	r2.wantNone()
}

func receiveEnds(t *testing.T, b *bench) {
	c := b.connect()
	for _, q := range []string{b.queue(c), name()} { // one that is there, one that is not
		r := b.receive(c, q, nil)
		r.wantNone()
		if err := r.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	}
}

func closed(t *testing.T, b *bench) {
	c := b.connect()
	q := b.queue(c)
	r := b.receive(c, q, nil)
	b.publish(c, q, "m")
	r.want("m")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"receive":       c.Receive(b.ctx, q, nil),
		"publish":       c.Publish(b.ctx, message(q, "m")),
		"declare":       c.Declare(b.ctx, q, plans.QueueOptions{}),
		"remove":        c.Remove(b.ctx, q),
		"first receive": r.stop(),
	} {
		if err == nil || b.ctx.Err() != nil {
			t.Errorf("%s: got %v, want an error at once", what, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
