// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/internal/memq"
	"github.com/openmurano/murano/plans"
)

// A cloud is a small Heat in memory. Its servers run agents that answer plans.
// It outlives the controllers that use it.
type cloud struct {
	broker *memq.Broker
	// fault is asked before each Apply ("apply") and Delete ("delete"); nil means none.
	fault func(verb, stack string) error
	// mute names servers (by hostname) whose agents never speak.
	mute map[string]bool
	// leave is left over by every Delete.
	leave []controller.Leftover
	// key verifies every plan; nil takes them unsigned.
	key crypto.PublicKey
	// answer gives the result of a plan; nil means the plan's Parameters are returned.
	answer func(hostname string, p plans.Plan) plans.Result

	ctx  context.Context
	wait sync.WaitGroup

	mu      sync.Mutex
	stacks  map[string]*fakeStack
	applied int            // calls of Apply
	created map[string]int // stacks, by name
	deleted []string       // in order
	booted  map[string]int // by hostname
	ran     map[string]int // plans executed, by ID
	order   []string       // hostname and plan name, as executed
	bodies  []string       // of the plans executed
	stamps  []int64        // of the plans executed
}

type fakeStack struct {
	controller.Stack
	guests map[string]context.CancelFunc // by resource
	ids    map[string]string
}

func newCloud(t *testing.T) *cloud {
	ctx, cancel := context.WithCancel(t.Context())
	c := &cloud{
		broker: memq.NewBroker(), ctx: ctx, mute: map[string]bool{},
		stacks: map[string]*fakeStack{}, created: map[string]int{}, booted: map[string]int{}, ran: map[string]int{},
	}
	t.Cleanup(func() { cancel(); c.wait.Wait() })
	return c
}

func (c *cloud) Apply(ctx context.Context, r controller.StackRequest) (controller.Stack, error) {
	if err := c.obstacle(ctx, "apply", r.Name); err != nil {
		return controller.Stack{}, err
	}
	var hot struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
		Outputs map[string]any
	}
	if err := json.Unmarshal(r.Template, &hot); err != nil {
		return controller.Stack{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied++
	s := c.stacks[r.Name]
	if s == nil {
		s = &fakeStack{guests: map[string]context.CancelFunc{}, ids: map[string]string{}}
		s.ID, s.Name = controller.StackID(uuid.NewString()), r.Name
		c.stacks[r.Name] = s
		c.created[r.Name]++
	}
	for name, stop := range s.guests {
		if _, wished := hot.Resources[name]; !wished {
			stop()
			delete(s.guests, name)
			delete(s.ids, name)
		}
	}
	for name, resource := range hot.Resources {
		if resource.Type != "OS::Nova::Server" || s.guests[name] != nil {
			continue
		}
		s.ids[name] = uuid.NewString()
		var who controller.ServerIdentity
		if err := json.Unmarshal([]byte(resource.Properties["user_data"].(string)), &who); err != nil {
			return controller.Stack{}, err
		}
		ctx, stop := context.WithCancel(c.ctx)
		s.guests[name] = stop
		c.booted[who.Hostname]++
		if !c.mute[who.Hostname] {
			c.wait.Go(func() { c.agent(ctx, who) })
		}
	}
	s.Status, s.Outputs = "CREATE_COMPLETE", map[string]any{"network_id": "n-1", "subnet_id": "s-1"}
	for name, id := range s.ids {
		s.Outputs[name+"_id"], s.Outputs[name+"_address"], s.Outputs[name+"_floating"] = id, "10.0.0."+name, "192.0.2."+name
	}
	if r.Progress != nil {
		r.Progress(controller.StackEvent{Time: time.Unix(1, 0), Resource: r.Name, Status: s.Status})
	}
	out := s.Stack
	out.Outputs = maps.Clone(s.Outputs)
	return out, nil
}

func (c *cloud) Delete(ctx context.Context, r controller.StackDeletion) ([]controller.Leftover, error) {
	if err := c.obstacle(ctx, "delete", r.Name); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stacks[r.Name]
	if s == nil {
		return nil, nil
	}
	for _, stop := range s.guests {
		stop()
	}
	delete(c.stacks, r.Name)
	c.deleted = append(c.deleted, r.Name)
	return c.leave, nil
}

func (c *cloud) obstacle(ctx context.Context, verb, stack string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.fault == nil {
		return nil
	}
	return c.fault(verb, stack)
}

func (c *cloud) Console(context.Context, string) (string, error) {
	return "[    1.0] Linux boots\ndebian login:\n", nil
}

// agent is a guest's: it says hello, and executes each plan once by its ID.
// Like a real one it sends the recorded result when a plan comes again.
func (c *cloud) agent(ctx context.Context, who controller.ServerIdentity) {
	conn := c.broker.Conn()
	defer conn.Close()
	hello, err := plans.Event{Kind: plans.EventHello, Time: time.Now(), Queue: who.Queue, Version: "1.0.0", BootID: "b"}.Encode()
	if err != nil {
		panic(err)
	}
	for conn.Publish(ctx, plans.Message{Body: hello, Key: "murano-events"}) != nil {
		select { // the controller's queue is not there yet
		case <-ctx.Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
	results := map[string]plans.Result{}
	conn.Receive(ctx, who.Queue, func(ctx context.Context, m plans.Message) error {
		p, err := plans.Parse(m.Body)
		if err == nil && c.key != nil {
			err = plans.Verify(c.key, who.Queue, m)
		}
		if err != nil {
			return err
		}
		r, known := results[p.ID]
		if !known {
			r = c.execute(who, p)
			results[p.ID] = r
		}
		b, err := r.Encode()
		if err != nil {
			return err
		}
		return conn.Publish(ctx, plans.Message{ID: p.ID, Body: b, Key: m.ReplyTo})
	})
}

func (c *cloud) execute(who controller.ServerIdentity, p plans.Plan) plans.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran[p.ID]++
	c.stamps = append(c.stamps, p.Stamp)
	c.order = append(c.order, who.Hostname+" "+p.Name)
	if b, err := p.Encode(); err == nil {
		c.bodies = append(c.bodies, string(b))
	}
	if c.answer != nil {
		if r := c.answer(who.Hostname, p); r.SourceID != "" {
			return r
		}
	}
	value := map[string]any{"on": who.Hostname}
	for k, v := range p.Parameters.All() {
		value[k.(string)] = v
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return plans.Result{SourceID: p.ID, Body: b, Time: time.Now()}
}

// executed lists what ran, sorted: parallel servers have no order.
func (c *cloud) executed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.order))
}

// userData gives a fake guest its identity.
func userData(s controller.ServerIdentity, _ controller.AgentBroker) ([]byte, error) {
	return json.Marshal(s)
}

// zipped makes a package of its files.
func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var postgres = map[string]string{
	"manifest.yaml": "Format: Agent/1.0\nType: Application\nFullName: test.Postgres\nName: Postgres\nVersion: 1.0.0\n",
	"application.yaml": `
parameters:
  password: {type: string, secret: true}
servers:
  db: {count: 1, ports: [{port: 5432}]}
deploy:
  - {name: Install, on: db, plan: Run.template, with: {value: "${parameters.password}"}}
outputs:
  host: "${servers.db[0].address}"
  dsn: "postgres://app:${parameters.password}@${servers.db[0].address}/app"
`,
	"Resources/Run.template": runTemplate,
}

var web = map[string]string{
	"manifest.yaml": "Format: Agent/1.0\nType: Application\nFullName: test.Web\nName: Web\nVersion: 1.0.0\n",
	"application.yaml": `
parameters:
  dbHost: {type: string}
  dsn: {type: string, secret: true}
  motd: {type: string, default: hello}
servers:
  web: {count: 2, ports: [{port: 80}]}
deploy:
  - {name: Install, on: web, plan: Run.template, with: {value: "${parameters.dbHost}"}}
  - {name: Never, on: web, plan: Run.template, when: false, with: {value: x}}
  - {name: Configure, on: "web[0]", plan: Run.template, with: {value: "${steps.Install.results[1].on} ${parameters.motd}"}}
destroy:
  - {name: Drain, on: web, plan: Run.template, with: {value: drain}}
outputs:
  url: "http://${servers.web[0].address}/"
  said: "${steps.Configure.result.value}"
`,
	"Resources/Run.template": runTemplate,
}

const runTemplate = `
FormatVersion: 2.0.0
Version: 1.0.0
Parameters:
  value: $value
Body: |
  return run(args.value).stdout
Scripts:
  run:
    Type: Application
    Version: 1.0.0
    EntryPoint: run.sh
    Files: []
    Options: {captureStdout: true, captureStderr: true}
Files:
  run.sh: {Name: run.sh, BodyType: Text, Body: "echo $1"}
`

const shop = `
name: shop
network: {create: {dns: [192.0.2.53]}}
defaults: {image: debian, flavor: small}
applications:
  db: {package: test.Postgres, parameters: {password: s3cret-password}}
  web:
    package: test.Web
    parameters: {dbHost: "${applications.db.outputs.host}", dsn: "${applications.db.outputs.dsn}"}
`

func environment(t *testing.T, yaml string) controller.Environment {
	t.Helper()
	e, err := controller.ParseEnvironment([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

//lint:ignore ST1005 the text is Heat's
var errNoHost = errors.New("Resource CREATE failed: ResourceInError: resources.server_db_0: No valid host was found.")
