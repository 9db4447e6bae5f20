// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// Environment of the storm: a seed to repeat one, and how often the agent is killed.
const (
	envSeed   = "MURANO_TEST_SEED"
	envRounds = "MURANO_TEST_STORM_ROUNDS"
)

// stormLimit is the time after which everything must be answered.
const stormLimit = 60 * time.Second

func TestInAStormOfKillsEveryPlanEndsOnceAndIsAnswered(t *testing.T) { storm(t, 40, 30, false) }

func TestInAStormThatTakesTheBrokerTooEveryPlanEndsOnceAndIsAnswered(t *testing.T) {
	if testing.Short() {
		t.Skip("boots RabbitMQ again")
	}
	storm(t, 8, 15, true)
}

// storm kills the agent rounds times at random moments while count plans are
// in its queue, then lets one live until all is answered.
func storm(t *testing.T, rounds, count int, brokerToo bool) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
	}
	if text := os.Getenv(envRounds); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", envRounds, err)
		}
	}
	t.Logf("repeat with %s=%d", envSeed, seed)
	random := rand.New(rand.NewPCG(seed, 0))

	g := newGuest(t)
	runs := filepath.Join(g.dir, "runs")
	if err := g.channel.Confirm(false); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, count)
	for i := range ids {
		ids[i] = fmt.Sprintf("storm-%02d", i)
		g.sendSafely(ids[i], fmt.Sprintf("echo %s >> %s\nsleep 0.0%d\n", ids[i], runs, random.IntN(10)))
	}
	answers := g.collect()

	server := rabbitmq.Start(t)
	for round := range rounds {
		agent := g.start()
		if brokerToo && round%4 == 2 {
			server.Kill(t)
			server.Up(t)
		} else {
			time.Sleep(time.Duration(20+random.IntN(200)) * time.Millisecond)
		}
		agent.Process.Signal(syscall.SIGKILL)
		agent.Wait()
	}
	agent := g.start()
	for deadline := time.Now().Add(stormLimit); ; time.Sleep(20 * time.Millisecond) {
		if len(answers.of()) == count {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d plans are answered", len(answers.of()), count)
		}
	}
	time.Sleep(300 * time.Millisecond) // for what must not come
	g.stop(agent)

	ran := map[string]int{}
	text, _ := os.ReadFile(runs) // no file: nothing ran
	for _, id := range strings.Fields(string(text)) {
		ran[id]++
	}
	recorded := g.recorded()
	states, sent := map[string]int{}, 0
	for _, id := range ids {
		got := answers.of()[id]
		if len(recorded[id]) != 1 {
			t.Errorf("plan %s has %d directories with a state: %q", id, len(recorded[id]), recorded[id])
			continue
		}
		state := recorded[id][0]
		states[state]++
		sent += len(got)
		for _, r := range got {
			if r.State() != state || string(r.Body) != string(got[0].Body) || r.ID != got[0].ID {
				t.Errorf("plan %s is recorded as %s, and was answered %s", id, state, r.State())
			}
		}
		switch n := ran[id]; state {
		case plans.StateSucceeded:
			if n != 1 {
				t.Errorf("plan %s succeeded and ran %d times", id, n)
			}
		case plans.StateInterrupted:
			if n > 1 {
				t.Errorf("plan %s was interrupted and ran %d times", id, n)
			}
		default:
			t.Errorf("plan %s ended %s", id, state)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(g.dir, "storage", "files")); len(left) > 0 {
		t.Errorf("workspaces left: %v", left)
	}
	t.Logf("%d kills, %d plans, %v, %d answers", rounds, count, states, sent)
}

// sendSafely sends a plan and waits until the broker has it on disk.
func (g *guest) sendSafely(id, sh string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	confirm, err := g.channel.PublishWithDeferredConfirmWithContext(ctx, "", g.queue, true, false,
		amqp091.Publishing{MessageId: id, DeliveryMode: amqp091.Persistent, Body: g.document(id, sh)})
	if err != nil {
		g.t.Fatal(err)
	}
	if ok, err := confirm.WaitContext(ctx); err != nil || !ok {
		g.t.Fatalf("plan %s was not confirmed: %v", id, err)
	}
}

// An answerSheet holds what came back, by SourceID.
type answerSheet struct {
	mu  sync.Mutex
	got map[string][]plans.Result
}

func (a *answerSheet) of() map[string][]plans.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	copied := make(map[string][]plans.Result, len(a.got))
	for id, results := range a.got {
		copied[id] = results
	}
	return copied
}

// collect reads the result queue until the test ends, through the broker's deaths.
func (g *guest) collect() *answerSheet {
	sheet := &answerSheet{got: map[string][]plans.Result{}}
	server := rabbitmq.Start(g.t)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			sheet.read(ctx, server.URL(g.vhost), g.results)
			time.Sleep(50 * time.Millisecond)
		}
	})
	g.t.Cleanup(func() { cancel(); ended.Wait() })
	return sheet
}

// read reads queue over one connection, until it breaks or ctx is done.
func (a *answerSheet) read(ctx context.Context, url, queue string) {
	conn, err := amqp091.Dial(url)
	if err != nil {
		return
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		return
	}
	deliveries, err := channel.ConsumeWithContext(ctx, queue, "", false, false, false, false, nil)
	if err != nil {
		return
	}
	for d := range deliveries {
		r, err := plans.ParseResult(d.Body)
		if err != nil {
			r.SourceID = "not a result: " + string(d.Body)
		}
		a.mu.Lock()
		a.got[r.SourceID] = append(a.got[r.SourceID], r)
		a.mu.Unlock()
		d.Ack(false) // an error breaks the connection, which ends the loop
	}
}

// recorded reads from every plan's directory its ID and how it ended.
func (g *guest) recorded() map[string][]string {
	g.t.Helper()
	found := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(g.dir, "storage", "plans", "*", "state.json"))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, file := range files {
		var s struct{ ID, State, Result string }
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if err != nil {
			g.t.Fatalf("%s: %v", file, err)
		}
		if s.State != "answered" {
			g.t.Errorf("%s: state %s", file, s.State)
		}
		found[s.ID] = append(found[s.ID], s.Result)
	}
	return found
}
