// SPDX-License-Identifier: Apache-2.0

//go:build unix

package faults

import (
	"bytes"
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
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/test/rabbitmq"
)

// roundLimit bounds one round: two agents, nine plans.
const roundLimit = 60 * time.Second

// doubles is how many rounds kill the second agent too.
const doubles = 60

func TestTheAgentIsKilledAtEachOfItsPoints(t *testing.T) {
	if os.Getenv("MURANO_TEST_FAULTS") == "" {
		t.Skip("takes minutes; run make faults")
	}
	s := &sweep{t: t, agent: build(t), server: rabbitmq.Start(t), dir: t.TempDir(), names: map[string]int{}, states: map[string]int{}}
	s.vhost = s.server.NewVHost(t)
	conn, err := amqp091.Dial(s.server.URL(s.vhost))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.conn = conn

	whole, err := s.round(0, 0)
	if err != nil {
		t.Fatalf("without a kill: %v", err)
	}
	points := len(whole)
	if points < 100 {
		t.Fatalf("only %d points were reached: %v", points, whole)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := make([][2]int, 0, points+doubles)
	for at := range points {
		rounds = append(rounds, [2]int{at + 1, 0})
	}
	for range doubles {
		rounds = append(rounds, [2]int{1 + random.IntN(points), 1 + random.IntN(points)})
	}
	began := time.Now()
	s.all(rounds)
	// Its goroutines race, so that point n is not the same in each life of the agent.
	for tries := 0; tries < 10 && len(s.missed(whole)) > 0; tries++ {
		more := near(whole, s.missed(whole))
		s.all(more)
		rounds = append(rounds, more...)
	}
	if missed := s.missed(whole); len(missed) > 0 {
		t.Errorf("points at which no agent was killed: %v", missed)
	}
	fmt.Printf("points     %d (%d names)\nrounds     %d, of which %d kill twice; %.0f s\nkills      %d\nplans      %d: %s\nrepeated   %d answers came twice, the same\nlost       %d\ndoubled    %d\n",
		points, len(distinct(whole)), len(rounds), doubles, time.Since(began).Seconds(), s.kills, s.plans, tally(s.states), s.repeated, s.lost, s.doubled)
}

// missed are the names in a trace at which no agent was killed.
func (s *sweep) missed(trace []string) []string {
	return slices.DeleteFunc(distinct(trace), func(name string) bool { return s.names[name] > 0 })
}

// near are rounds that kill at points about where the names are in a trace.
func near(trace, names []string) (rounds [][2]int) {
	for i, name := range trace {
		if !slices.Contains(names, name) {
			continue
		}
		for at := max(i-2, 0); at < min(i+3, len(trace)); at++ {
			rounds = append(rounds, [2]int{at + 1, 0})
		}
	}
	return rounds
}

// distinct are the different names in a trace.
func distinct(trace []string) []string {
	names := slices.Clone(trace)
	slices.Sort(names)
	return slices.Compact(names)
}

func tally(n map[string]int) string {
	var parts []string
	for _, s := range []string{plans.StateSucceeded, plans.StateFailed, plans.StateCancelled, plans.StateExpired, plans.StateInterrupted, plans.StateRejected} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", s, n[s]))
		}
	}
	return strings.Join(parts, ", ")
}

// A sweep is what its rounds share.
type sweep struct {
	t      *testing.T
	agent  string
	server *rabbitmq.Server
	vhost  string
	conn   *amqp091.Connection
	dir    string

	mu                                    sync.Mutex
	rounds                                int
	names                                 map[string]int // kills by the name of their point
	states                                map[string]int
	kills, plans, repeated, lost, doubled int
}

// all runs rounds, two at a time.
func (s *sweep) all(rounds [][2]int) {
	next := make(chan [2]int)
	var ended sync.WaitGroup
	for range 2 {
		ended.Go(func() {
			for at := range next {
				if _, err := s.round(at[0], at[1]); err != nil {
					s.t.Errorf("killed at point %d, then at %d: %v", at[0], at[1], err)
				}
			}
		})
	}
	for _, at := range rounds {
		next <- at
	}
	close(next)
	ended.Wait()
}

// round sends the scenario, kills an agent at point at and the one after it at
// point then (0 means not), lets a last one end it all, and judges. It returns
// the names of the points that were reached before the first kill.
func (s *sweep) round(at, then int) ([]string, error) {
	s.mu.Lock()
	s.rounds++
	name := fmt.Sprintf("%d-%d-%d", s.rounds, at, then)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), roundLimit)
	defer cancel()
	dir := filepath.Join(s.dir, name)
	storage := filepath.Join(dir, "storage")
	r, err := newRig(dir, s.agent, name, s.vhost, s.server.Addr(), storage, s.server)
	if err != nil {
		return nil, err
	}
	channel, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	for _, q := range []string{r.queue, r.results} {
		if _, err := channel.QueueDeclare(q, true, false, false, false, nil); err != nil {
			return nil, err
		}
		defer channel.QueueDelete(q, false, false, false)
	}
	scenario := scenario(r.runs())
	if err := send(ctx, channel, r.queue, scenario); err != nil {
		return nil, err
	}
	answers := newSheet()
	reading, unread := context.WithCancel(ctx)
	var read sync.WaitGroup
	read.Go(func() { answers.read(reading, s.conn, r.results) }) // what it misses is missed below
	defer func() { unread(); read.Wait() }()

	trace, kills := filepath.Join(dir, "trace"), 0
	for _, point := range []int{at, then} {
		if point == 0 {
			continue
		}
		ended, err := s.killed(ctx, r, point, trace, scenario, answers)
		if err != nil {
			return nil, err
		}
		kills += ended
		trace += "-then"
	}
	before, _ := os.ReadFile(r.log()) // none: the first agent
	cmd, err := r.start("MURANO_FAULT_TRACE=" + trace)
	if err != nil {
		return nil, err
	}
	err = wait(ctx, answers, func() bool { return complete(scenario, answers) })
	if err == nil {
		err = archived(ctx, storage)
	}
	if err == nil {
		err = consuming(ctx, r, len(before)) // an agent that has hardly started cannot be told anything
	}
	if stopped := stop(cmd); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, fmt.Errorf("%w\nanswered: %v\n%s", err, answers.states(scenario), tail(r.log()))
	}
	reached := points(filepath.Join(dir, "trace"))
	if problems := s.judge(r, storage, scenario, answers, kills); len(problems) > 0 {
		return nil, fmt.Errorf("%s\nlast point: %v\n%s", strings.Join(problems, "\n"), reached[max(0, len(reached)-1):], tail(r.log()))
	}
	return reached, os.RemoveAll(dir)
}

// killed runs one agent that kills itself at point; 0 if it never came there.
func (s *sweep) killed(ctx context.Context, r *rig, point int, trace string, scenario []sent, answers *sheet) (int, error) {
	cmd, err := r.start("MURANO_FAULT_AT="+strconv.Itoa(point), "MURANO_FAULT_TRACE="+trace)
	if err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	quiet := time.NewTicker(300 * time.Millisecond)
	defer quiet.Stop()
	for {
		select {
		case err := <-ended:
			if !killed(err) {
				return 0, fmt.Errorf("the agent ended with %v\n%s", err, tail(r.log()))
			}
			reached := points(trace)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.kills++
			s.names[reached[len(reached)-1]]++
			return 1, nil
		case <-quiet.C:
			if complete(scenario, answers) { // it had fewer points than the first
				return 0, finish(cmd, ended)
			}
		case <-ctx.Done():
			finish(cmd, ended)
			return 0, fmt.Errorf("point %d: %w\n%s", point, ctx.Err(), tail(r.log()))
		}
	}
}

// finish kills an agent that is no longer needed.
func finish(cmd *exec.Cmd, ended <-chan error) error {
	cmd.Process.Kill() // it may be gone
	<-ended
	return nil
}

// A sent is a message of the scenario with what is allowed to come of it.
type sent struct {
	id      string
	body    []byte
	states  []string
	scripts []string // what its scripts write to the file of runs, one line each
	most    int      // of these lines, without a kill
	extra   int      // more of them for each kill
}

// scenario is one plan of each kind, the order being that of sending.
func scenario(runs string) []sent {
	mark := func(what string) string { return "echo " + what + " >>" + runs }
	done := []string{plans.StateSucceeded}
	cut := []string{plans.StateSucceeded, plans.StateInterrupted}
	plan := func(d document, states []string, most, extra int, scripts ...string) sent {
		return sent{id: d["ID"].(string), body: d.encode(), states: states, scripts: scripts, most: most, extra: extra}
	}
	return []sent{
		plan(bodyOnly("body"), done, 0, 0),
		plan(scripted("script", "2.0.0", nil, mark("script")), cut, 1, 0, "script"),
		plan(scripted("fails", "2.0.0", nil, mark("fails")+"; exit 3"), []string{plans.StateFailed, plans.StateInterrupted}, 1, 0, "fails"),
		plan(scripted("rerun", "2.3.0", document{"onInterrupt": "rerun"}, mark("rerun")), done, 1, 1, "rerun"),
		plan(scripted("resume", "2.3.0", document{"onInterrupt": "resume"}, mark("resume-a"), mark("resume-b"), mark("resume-c")),
			done, 3, 1, "resume-a", "resume-b", "resume-c"),
		plan(scripted("retried", "2.3.0", document{"retry": document{"attempts": 2, "delay": "10ms"}}, mark("retried")+"; [ $(grep -c ^retried$ "+runs+") -gt 1 ]"),
			cut, 2, 0, "retried"),
		plan(document{"FormatVersion": "9.0.0", "ID": "refused", "Body": "return 1"}, []string{plans.StateRejected}, 0, 0),
		plan(scripted("script", "2.0.0", nil, mark("script")), cut, 1, 0, "script"), // a second time: answered from the record
		plan(scripted("unwanted", "2.0.0", nil, mark("unwanted")), []string{plans.StateSucceeded, plans.StateInterrupted, plans.StateCancelled}, 1, 0, "unwanted"),
		plan(document{"FormatVersion": "2.3.0", "Action": "Cancel", "ID": "cancel", "PlanID": "unwanted"}, done, 0, 0),
	}
}

// send publishes the scenario and returns once the broker has all of it.
func send(ctx context.Context, channel *amqp091.Channel, queue string, scenario []sent) error {
	if err := channel.Confirm(false); err != nil {
		return err
	}
	var last *amqp091.DeferredConfirmation
	for _, m := range scenario {
		var err error
		if last, err = channel.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false,
			amqp091.Publishing{MessageId: m.id, DeliveryMode: amqp091.Persistent, Body: m.body}); err != nil {
			return err
		}
		if ok, err := last.WaitContext(ctx); err != nil || !ok {
			return fmt.Errorf("message %s was not confirmed: %v", m.id, err)
		}
	}
	return nil
}

// complete tells whether every message has its answer.
func complete(scenario []sent, answers *sheet) bool {
	return !slices.ContainsFunc(scenario, func(m sent) bool { return len(answers.of(m.id)) == 0 })
}

func (s *sheet) states(scenario []sent) []string {
	var said []string
	for _, m := range scenario {
		state := "-"
		if got := s.of(m.id); len(got) > 0 {
			state = got[0].State()
		}
		said = append(said, m.id+" "+state)
	}
	return said
}

// wait returns once ready, which is asked whenever an answer comes.
func wait(ctx context.Context, answers *sheet, ready func() bool) error {
	for !ready() {
		select {
		case <-answers.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// consuming returns once the log, from an offset on, says that the agent consumes.
func consuming(ctx context.Context, r *rig, from int) error {
	for {
		if b, err := os.ReadFile(r.log()); err == nil && bytes.Contains(b[min(from, len(b)):], []byte("broker consuming")) {
			return nil
		}
		if pause(ctx, 5*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("the agent does not consume: %w", ctx.Err())
		}
	}
}

// archived returns once the agent, which has sent all answers, has noted so.
func archived(ctx context.Context, storage string) error {
	for {
		_, err := recorded(storage)
		if err == nil {
			return nil
		}
		if pause(ctx, 5*time.Millisecond); ctx.Err() != nil {
			return err
		}
	}
}

// judge holds the round to the promise, and counts.
func (s *sweep) judge(r *rig, storage string, scenario []sent, answers *sheet, kills int) []string {
	ran := r.ran()
	onDisk, err := recorded(storage)
	if err != nil {
		return []string{err.Error()}
	}
	problems := slices.Clone(answers.foreign)
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, m := range scenario {
		if seen[m.id] {
			continue
		}
		seen[m.id] = true
		s.plans++
		got, runs := answers.of(m.id), 0
		for _, name := range m.scripts {
			runs += ran[name]
		}
		found := judge(m.id, got, runs, m.most+kills*m.extra, m.states...)
		problems = append(problems, found...)
		for _, p := range found {
			if strings.Contains(p, "lost") {
				s.lost++
			} else if strings.Contains(p, "doubled") || strings.Contains(p, "two ends") {
				s.doubled++
			}
		}
		if len(got) == 0 {
			continue
		}
		state := got[0].State()
		s.states[state]++
		s.repeated += len(got) - 1
		if state == plans.StateSucceeded && runs < len(m.scripts) {
			problems = append(problems, fmt.Sprintf("%s succeeded, and its scripts ran %d times", m.id, runs))
		}
		if m.id == "cancel" {
			continue // has no directory
		}
		if states := onDisk[m.id]; len(states) != 1 || states[0] != state {
			problems = append(problems, fmt.Sprintf("%s was answered %s, and its directories say %q", m.id, state, states))
		}
	}
	if left, _ := os.ReadDir(filepath.Join(storage, "files")); len(left) > 0 {
		problems = append(problems, fmt.Sprintf("workspaces left: %v", left))
	}
	return problems
}

// points are the names in a trace.
func points(file string) []string {
	b, _ := os.ReadFile(file) // none: no point
	var names []string
	for line := range strings.Lines(string(b)) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		names = append(names, name)
	}
	return names
}

// tail is the end of a log.
func tail(file string) string {
	b, _ := os.ReadFile(file) // none says nothing
	return string(b[max(0, len(b)-4000):])
}
