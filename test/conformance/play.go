// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/plans/body"
)

// Bounds of a case. An answer takes some hundredths of a second; what comes too
// late or too often is what they are for.
const (
	answerLimit = 30 * time.Second
	silence     = 4 * time.Second        // watched where no answer is due, as the recorder did
	settle      = 150 * time.Millisecond // watched after the last answer
	floodSettle = time.Second            // where the old agent answered for ever
	stopLimit   = 15 * time.Second
)

// A Player plays cases against a program.
type Player struct {
	Agent    string // path of murano-agent
	Fixtures string
	HTTP     string // base URL of fixtures/http
	Broker   Broker
}

// A Broker is where the cases' queues are made.
type Broker struct {
	Host           string
	Port           int
	User, Password string
	VHost          string
	Conn           *amqp091.Connection
}

// Play plays c below dir and returns what is wrong; an error means that it
// could not be played.
func (p *Player) Play(ctx context.Context, c Case, dir string) (wrong []string, err error) {
	stage, err := NewStage(dir, p.HTTP)
	if err != nil {
		return nil, err
	}
	if err := stage.Prepare(c.Precondition, p.Fixtures); err != nil {
		return nil, err
	}
	box, err := p.open(stage)
	if err != nil {
		return nil, err
	}
	defer box.close()
	a, err := p.start(ctx, c, stage, dir)
	if err != nil {
		return nil, err
	}
	defer a.kill()

	ids := make(map[string]string) // by the text of a message: one that is sent again is sent as it was
	sent := make(map[string]string)
	for i, s := range c.Sent {
		key := fmt.Sprint(s.Body, canonical(s.Properties))
		if _, again := ids[key]; !again {
			ids[key] = newID()
			sent[key] = stage.Fill(ids[key], nextStamp())(s.Body)
		}
		if err := box.send(ctx, stage, s, ids[key], sent[key]); err != nil {
			return nil, err
		}
		limit := answerLimit
		if c.recorded(i) == nil && c.Want == nil {
			limit = silence
		}
		got, err := box.answers(ctx, limit, c.settle())
		if err != nil {
			return nil, err
		}
		for _, w := range c.Judge(i, box.decode(stage, got)) {
			wrong = append(wrong, fmt.Sprintf("message %d: %s", i, w))
		}
		if len(got) == 1 {
			wrong = append(wrong, envelope(got[0], ids[key])...)
		}
	}
	wrong = append(wrong, a.stop(stopLimit)...)
	if late, err := box.answers(ctx, 0, 0); err != nil {
		return nil, err
	} else if len(late) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d more answers at the end", len(late)))
	}
	wrong = append(wrong, stage.aftermath(c)...)
	if len(wrong) > 0 {
		wrong = append(wrong, "log of the agent:\n"+a.log())
	}
	return wrong, nil
}

func (c Case) settle() time.Duration {
	if c.Class == "flood" {
		return floodSettle
	}
	return settle
}

// aftermath is what the case broke that it had no business with.
func (s *Stage) aftermath(c Case) (wrong []string) {
	if c.Precondition == "victim" {
		if b, err := os.ReadFile(s.victim()); err != nil || string(b) != "precious" {
			wrong = append(wrong, fmt.Sprintf("the victim did not survive: %q, %v", b, err))
		}
	}
	left, err := os.ReadDir(s.Cwd())
	if err != nil {
		return append(wrong, err.Error())
	}
	for _, f := range left {
		wrong = append(wrong, "left in the working directory of the agent: "+f.Name())
	}
	return wrong
}

// envelope is what every result has, whatever is in it.
func envelope(d amqp091.Delivery, id string) (wrong []string) {
	v, err := body.DecodeJSON(d.Body)
	result, ok := v.(*body.Dict)
	if err != nil || !ok {
		return []string{fmt.Sprintf("not a result: %v: %s", err, clip(string(d.Body)))}
	}
	if text(result, "FormatVersion") != "2.0.0" || text(result, "Action") != "Execution:Result" || len(text(result, "ID")) != 32 {
		wrong = append(wrong, "FormatVersion, Action or ID is not that of a result")
	}
	if _, err := time.Parse("2006-01-02 15:04:05.000000", text(result, "Time")); err != nil {
		wrong = append(wrong, fmt.Sprintf("Time: %v", err))
	}
	source, _ := result.Get("SourceID")
	if d.MessageId != fmt.Sprint(source) {
		wrong = append(wrong, fmt.Sprintf("message_id %q is not the SourceID %v", d.MessageId, source))
	}
	if d.ContentType != "text/plain" || d.DeliveryMode != amqp091.Persistent {
		wrong = append(wrong, fmt.Sprintf("content_type %q, delivery_mode %d", d.ContentType, d.DeliveryMode))
	}
	return wrong
}

// A mailbox is the queues of a case.
type mailbox struct {
	channel *amqp091.Channel
	queues  map[string]string // name to placeholder
}

func (p *Player) open(s *Stage) (*mailbox, error) {
	ch, err := p.Broker.Conn.Channel()
	if err != nil {
		return nil, err
	}
	b := &mailbox{channel: ch, queues: map[string]string{s.In: "${IN_QUEUE}", s.Result: "${RESULT_QUEUE}", s.Reply: "${REPLY}"}}
	for q := range b.queues {
		// As Murano's engine declares an agent's queue.
		if _, err := ch.QueueDeclare(q, true, false, false, false, amqp091.Table{"x-expires": int32(86400000)}); err != nil {
			return nil, err
		}
	}
	return b, ch.Confirm(false)
}

func (b *mailbox) close() {
	for q := range b.queues {
		b.channel.QueueDelete(q, false, false, false) // they expire
	}
	b.channel.Close() // nothing is left to be done
}

func (b *mailbox) send(ctx context.Context, s *Stage, m Sent, id, content string) error {
	fill := strings.NewReplacer("${ID}", id, "${REPLY}", s.Reply, "${RESULT_QUEUE}", s.Result, "${IN_QUEUE}", s.In).Replace
	publishing := amqp091.Publishing{
		ContentType: text(m.Properties, "content_type"), ContentEncoding: text(m.Properties, "content_encoding"),
		DeliveryMode: uint8(number(m.Properties, "delivery_mode")), Priority: uint8(number(m.Properties, "priority")),
		MessageId: fill(text(m.Properties, "message_id")), ReplyTo: fill(text(m.Properties, "reply_to")),
		CorrelationId: fill(text(m.Properties, "correlation_id")),
		Body:          []byte(content),
	}
	for k, v := range m.Headers.All() {
		if publishing.Headers == nil {
			publishing.Headers = amqp091.Table{}
		}
		publishing.Headers[fmt.Sprint(k)] = v
	}
	confirm, err := b.channel.PublishWithDeferredConfirmWithContext(ctx, "", s.In, true, false, publishing)
	if err != nil {
		return err
	}
	_, err = confirm.WaitContext(ctx)
	return err
}

// answers waits up to limit for a first result, then settle for more.
func (b *mailbox) answers(ctx context.Context, limit, settle time.Duration) ([]amqp091.Delivery, error) {
	var got []amqp091.Delivery
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for {
		for q, name := range b.queues {
			if name == "${IN_QUEUE}" {
				continue
			}
			for {
				d, ok, err := b.channel.Get(q, true)
				if err != nil {
					return nil, err
				}
				if !ok {
					break
				}
				d.RoutingKey = q
				if len(got) == 0 {
					deadline = time.Now().Add(settle)
				}
				got = append(got, d)
				if len(got) > 100 {
					return got, nil
				}
			}
		}
		if !time.Now().Before(deadline) {
			return got, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func (b *mailbox) decode(s *Stage, got []amqp091.Delivery) []Got {
	var all []Got
	for _, d := range got {
		v, _ := body.DecodeJSON(d.Body)
		result, _ := s.Normalise(v).(*body.Dict)
		all = append(all, Got{Queue: b.queues[d.RoutingKey], Body: result})
	}
	return all
}

// A process is an agent that runs.
type process struct {
	cmd  *exec.Cmd
	said *output
	done chan struct{}
	once sync.Once
}

// output is what a process says, which is read while it is written.
type output struct {
	sync.Mutex
	bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.Buffer.Write(p)
}

// start starts the agent as the case's configuration says, in oslo's INI as
// Murano's engine writes it.
func (p *Player) start(ctx context.Context, c Case, s *Stage, dir string) (*process, error) {
	fill := s.Fill("", "")
	s.ids = nil
	etc := filepath.Join(dir, "etc")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return nil, err
	}
	option := func(key string) string {
		v, _ := c.Config.Get(key)
		if flag, ok := v.(bool); ok {
			return strconv.FormatBool(flag)
		}
		t, _ := v.(string)
		return fill(t)
	}
	key := strings.ReplaceAll(strings.TrimSpace(option("engine_key")), "\n", "\n\t")
	ini := fmt.Sprintf(`
[DEFAULT]
debug=True
verbose=True
storage=%s
enable_dynamic_result_queue = %s
engine_key =
	%s

[rabbitmq]

# Input queue name
input_queue = %s

# Output routing key (usually queue name)
result_routing_key = %s
result_exchange = %s
host = %s
port = %d
ssl = false
insecure = false
ca_certs = '/etc/murano/certs/ca_certs'
login = %s
password = %s
virtual_host = %s
`, option("storage"), option("enable_dynamic_result_queue"), key, option("input_queue"), option("result_routing_key"), option("result_exchange"),
		p.Broker.Host, p.Broker.Port, p.Broker.User, p.Broker.Password, p.Broker.VHost)
	if err := os.WriteFile(filepath.Join(etc, "agent.conf"), []byte(ini), 0o600); err != nil {
		return nil, err
	}

	cmd := exec.CommandContext(ctx, p.Agent, "--config-dir", etc)
	cmd.Dir = s.Cwd()
	cmd.Env = []string{"LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for k, v := range c.Env.All() {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%v=%v", k, fill(fmt.Sprint(v))))
	}
	a := &process{cmd: cmd, said: new(output), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = a.said, a.said
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(a.done)
		cmd.Wait() // its state says it
	}()
	return a, nil
}

// stop ends the agent in order, and says what was out of order.
func (a *process) stop(limit time.Duration) []string {
	select {
	case <-a.done:
		return []string{"the agent ended by itself: " + a.cmd.ProcessState.String()}
	default:
	}
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return []string{err.Error()}
	}
	select {
	case <-a.done:
	case <-time.After(limit):
		a.kill()
		return []string{"the agent did not end on SIGTERM"}
	}
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		return []string{fmt.Sprintf("the agent ended with exit code %d", code)}
	}
	return nil
}

func (a *process) kill() {
	a.once.Do(func() {
		a.cmd.Process.Kill() // it may be gone
		<-a.done
	})
}

func (a *process) log() string {
	a.said.Lock()
	defer a.said.Unlock()
	return clip(a.said.String())
}
