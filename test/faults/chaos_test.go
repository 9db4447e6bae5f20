// SPDX-License-Identifier: Apache-2.0

//go:build unix

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

const (
	// chaosLimit bounds the whole; chaosSettle the end of it, without faults.
	chaosLimit  = 20 * time.Minute
	chaosSettle = 5 * time.Minute
	// window is how many plans may be on their way at once.
	window = 1000
)

func TestTenThousandPlansComeThroughChaos(t *testing.T) {
	if os.Getenv("MURANO_TEST_CHAOS") == "" {
		t.Skip("takes minutes; run make chaos")
	}
	count, seed := 10_000, uint64(time.Now().UnixNano())
	if text := os.Getenv("MURANO_TEST_CHAOS_PLANS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("MURANO_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("repeat with MURANO_TEST_SEED=%d", seed)
	ctx, cancel := context.WithTimeout(t.Context(), chaosLimit)
	defer cancel()
	newChaos(t, count, seed).run(ctx)
}

// A chaos is an agent behind a proxy that cuts, on a disk that fills up.
type chaos struct {
	*rig
	t       *testing.T
	random  *rand.Rand
	server  *rabbitmq.Server
	vhost   string
	proxy   *proxy
	storage string
	disk    bool // storage is a file system of its own that may be filled
	plans   []sent
	answers *sheet

	mu     sync.Mutex
	agent  *exec.Cmd
	faults map[string]int
}

func newChaos(t *testing.T, count int, seed uint64) *chaos {
	server := rabbitmq.Start(t)
	c := &chaos{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), server: server, vhost: server.NewVHost(t),
		answers: newSheet(), faults: map[string]int{},
	}
	dir := t.TempDir()
	c.storage = filepath.Join(dir, "storage")
	if err := os.Mkdir(c.storage, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", c.storage).Run(); err == nil {
		c.disk = true
		t.Cleanup(func() {
			if err := exec.Command("umount", c.storage).Run(); err != nil {
				t.Errorf("umount %s: %v", c.storage, err)
			}
		})
	} else if os.Getuid() == 0 {
		t.Fatalf("mount: %v", err)
	} else {
		t.Log("not root: the disk is not filled")
	}
	var err error
	if c.proxy, err = newProxy(server.Addr()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.proxy.close)
	if c.rig, err = newRig(dir, build(t), "chaos", c.vhost, c.proxy.addr(), c.storage, server); err != nil {
		t.Fatal(err)
	}
	// The small disk is for what goes on, not for what is over.
	config, err := os.OpenFile(filepath.Join(dir, "agent.yaml"), os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(config, "history: {size: 16M}"); err != nil {
		t.Fatal(err)
	}
	if err := config.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		c.plans = append(c.plans, c.plan(i))
	}
	return c
}

// plan is one of ten kinds, each with the runs that it may have.
func (c *chaos) plan(i int) sent {
	id := fmt.Sprintf("chaos-%05d", i)
	mark := "echo " + id + " >>" + c.runs()
	cut := []string{plans.StateSucceeded, plans.StateInterrupted}
	switch c.random.IntN(10) {
	case 0:
		return sent{id: id, body: scripted(id, "2.0.0", nil, mark+"; exit 1").encode(), states: []string{plans.StateFailed, plans.StateInterrupted}, most: 1}
	case 1:
		return sent{id: id, body: scripted(id, "2.3.0", document{"onInterrupt": "rerun"}, mark).encode(), states: cut, most: 6} // 5 attempts more
	case 2:
		return sent{id: id, body: scripted(id, "2.3.0", document{"onInterrupt": "resume"}, mark, mark).encode(), states: cut, most: 7}
	case 3:
		return sent{id: id, body: document{"FormatVersion": "2.0.0", "ID": id, "Body": 7}.encode(), states: []string{plans.StateRejected}}
	case 4, 5, 6, 7:
		return sent{id: id, body: bodyOnly(id).encode(), states: cut}
	default:
		return sent{id: id, body: scripted(id, "2.0.0", nil, mark+"; sleep 0.0"+strconv.Itoa(c.random.IntN(6))).encode(), states: cut, most: 1}
	}
}

func (c *chaos) run(ctx context.Context) {
	began := time.Now()
	for _, q := range []string{c.queue, c.results} {
		c.connected(ctx, func(_ *amqp091.Connection, ch *amqp091.Channel) error {
			_, err := ch.QueueDeclare(q, true, false, false, false, nil)
			return err
		})
	}
	c.restart(false)
	reading, unread := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() {
		for reading.Err() == nil {
			if conn, err := amqp091.Dial(c.server.URL(c.vhost)); err == nil {
				c.answers.read(reading, conn, c.results) // a break is what the loop is for
				conn.Close()
			}
			pause(reading, 50*time.Millisecond)
		}
	})
	sending := make(chan struct{})
	resent := 0
	background.Go(func() { defer close(sending); resent = c.sendAll(ctx) })
	for alive := true; alive; {
		select {
		case <-sending:
			alive = false
		case <-ctx.Done():
			alive = false
		default:
			c.harm(ctx)
		}
	}
	for range 3 { // a few more while the last plans run
		c.harm(ctx)
	}
	settle, cancel := context.WithTimeout(ctx, chaosSettle)
	defer cancel()
	c.healthy()
	err := wait(settle, c.answers, func() bool { return c.answers.count() >= len(c.plans) })
	pause(ctx, time.Second) // for what must not come
	c.mu.Lock()
	stopped := stop(c.agent)
	c.mu.Unlock()
	unread()
	background.Wait()
	if stopped != nil {
		c.t.Error(stopped)
	}
	if err != nil {
		c.t.Errorf("%d of %d plans are answered: %v\n%s", c.answers.count(), len(c.plans), err, tail(c.log()))
	}
	c.judge(time.Since(began), resent)
}

// harm does one of the faults and lets some time pass.
func (c *chaos) harm(ctx context.Context) {
	pause(ctx, time.Duration(200+c.random.IntN(1500))*time.Millisecond)
	if ctx.Err() != nil {
		return
	}
	what := ""
	switch n := c.random.IntN(20); {
	case n < 8:
		what = "connection cut"
		c.proxy.cut()
	case n < 15:
		what = "agent killed"
		c.restart(true)
	case n < 18:
		if !c.disk {
			return
		}
		what = "disk filled"
		full := filepath.Join(c.storage, "filler")
		fill(full)
		pause(ctx, time.Duration(500+c.random.IntN(1500))*time.Millisecond)
		if err := os.Remove(full); err != nil && !os.IsNotExist(err) {
			c.t.Error(err)
		}
	default:
		what = "broker killed"
		c.server.Kill(c.t)
		c.server.Up(c.t)
	}
	c.mu.Lock()
	c.faults[what]++
	c.mu.Unlock()
}

// restart starts the agent, after killing the one that runs.
func (c *chaos) restart(kill bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kill {
		c.agent.Process.Signal(syscall.SIGKILL) // it may have ended, which Wait tells
		if err := c.agent.Wait(); !killed(err) {
			c.t.Errorf("the agent had ended by itself: %v\n%s", err, tail(c.log()))
		}
	}
	var err error
	if c.agent, err = c.rig.start(); err != nil {
		c.t.Fatal(err)
	}
}

// healthy sees that the agent still lives.
func (c *chaos) healthy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.agent.Process.Signal(syscall.Signal(0)); err != nil {
		c.t.Errorf("the agent is gone: %v\n%s", err, tail(c.log()))
	}
}

// sendAll publishes every plan until the broker has confirmed it, through the
// broker's deaths: what was not confirmed is sent again, with the same ID. It
// returns how many were.
func (c *chaos) sendAll(ctx context.Context) (resent int) {
	for next := 0; next < len(c.plans) && ctx.Err() == nil; {
		failed := c.connected(ctx, func(_ *amqp091.Connection, ch *amqp091.Channel) error {
			if err := ch.Confirm(false); err != nil {
				return err
			}
			for next < len(c.plans) {
				for next-c.answers.count() > window {
					if pause(ctx, 20*time.Millisecond); ctx.Err() != nil {
						return ctx.Err()
					}
				}
				batch := c.plans[next:min(next+100, len(c.plans))]
				var confirms []*amqp091.DeferredConfirmation
				for _, p := range batch {
					one, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", c.queue, true, false,
						amqp091.Publishing{MessageId: p.id, DeliveryMode: amqp091.Persistent, Body: p.body})
					if err != nil {
						return err
					}
					confirms = append(confirms, one)
				}
				for _, one := range confirms {
					try, cancel := context.WithTimeout(ctx, 10*time.Second)
					ok, err := one.WaitContext(try)
					cancel()
					if err != nil {
						return err
					}
					if !ok {
						return fmt.Errorf("not confirmed")
					}
				}
				next += len(batch)
			}
			return nil
		})
		if failed != nil {
			resent += min(100, len(c.plans)-next)
		}
	}
	return resent
}

// connected does something over a connection of its own to the broker itself;
// a broker that is down is waited for.
func (c *chaos) connected(ctx context.Context, do func(*amqp091.Connection, *amqp091.Channel) error) error {
	for {
		conn, err := amqp091.Dial(c.server.URL(c.vhost))
		if err != nil {
			if pause(ctx, 100*time.Millisecond); ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		defer conn.Close()
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		return do(conn, ch)
	}
}

// judge holds everything to the promise and prints the count.
func (c *chaos) judge(took time.Duration, resent int) {
	ran := c.ran()
	states := map[string]int{}
	lost, doubled, repeated, wrong, full := 0, 0, 0, 0, 0
	for _, p := range c.plans {
		got := c.answers.of(p.id)
		if len(got) > 0 {
			states[got[0].State()]++
			repeated += len(got) - 1
		}
		allowed := p.states
		if len(got) > 0 && got[0].Report != nil && got[0].Report.Cause != nil && got[0].Report.Cause.Code == plans.CauseDiskFull {
			full++ // it ran while there was no room, and says so
			allowed = append(slices.Clone(allowed), plans.StateFailed)
		}
		for _, problem := range judge(p.id, got, ran[p.id], p.most, allowed...) {
			switch {
			case strings.Contains(problem, "lost"):
				lost++
			case strings.Contains(problem, "doubled"), strings.Contains(problem, "two ends"):
				doubled++
			}
			if wrong++; wrong <= 20 {
				c.t.Error(problem)
			}
		}
	}
	for _, text := range c.answers.foreign {
		c.t.Errorf("no result: %s", text)
	}
	if left, _ := os.ReadDir(filepath.Join(c.storage, "files")); len(left) > 0 {
		c.t.Errorf("workspaces left: %v", left)
	}
	var faults []string
	for _, what := range []string{"agent killed", "broker killed", "connection cut", "disk filled"} {
		faults = append(faults, fmt.Sprintf("%s %d", what, c.faults[what]))
	}
	fmt.Printf("faults     %s; %.0f s\nsent       %d (%d sent again after the broker died)\nended      %s (%d of the failed for the full disk)\nrepeated   %d answers came twice, the same\nlost       %d\ndoubled    %d\n",
		strings.Join(faults, ", "), took.Seconds(), len(c.plans), resent, tally(states), full, repeated, lost, doubled)
	if wrong > 20 {
		c.t.Errorf("and %d more", wrong-20)
	}
}

// fill writes a file until the disk has no room.
func fill(path string) {
	f, err := os.Create(path)
	if err != nil {
		return // so full that it cannot even be made
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
