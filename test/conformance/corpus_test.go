// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/openmurano/murano/test/rabbitmq"
)

// TestCorpus plays every case. CORPUS names another corpus than the project's
// own; MURANO_CONFORMANCE_SUMMARY a file for the count.
func TestCorpus(t *testing.T) {
	dirs := []string{"testdata/corpus", "testdata/own"}
	if other := os.Getenv("CORPUS"); other != "" {
		dirs = []string{other}
	}
	player := newPlayer(t)
	var count tally
	t.Cleanup(func() { count.report(t) })
	for _, dir := range dirs {
		cases, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		fixtures := filepath.Join(dir, "fixtures")
		if _, err := os.Stat(fixtures); err != nil {
			fixtures = "testdata/corpus/fixtures"
		}
		p := *player
		p.Fixtures = fixtures
		server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(fixtures, "http"))))
		t.Cleanup(server.Close)
		p.HTTP = server.URL
		for _, c := range cases {
			t.Run(c.ID, func(t *testing.T) {
				t.Parallel()
				wrong, err := p.Play(t.Context(), c, t.TempDir())
				if err != nil {
					wrong = append(wrong, "could not be played: "+err.Error())
				}
				count.add(len(wrong) == 0)
				if len(wrong) > 0 {
					t.Errorf("%s\n%s", c.Why, strings.Join(wrong, "\n"))
				}
			})
		}
	}
}

// newPlayer builds the agent and starts the broker.
func newPlayer(t *testing.T) *Player {
	t.Helper()
	server := rabbitmq.Start(t)
	vhost := server.NewVHost(t)
	conn, err := amqp091.Dial(server.URL(vhost))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	agent := os.Getenv("MURANO_AGENT")
	if agent == "" {
		agent = filepath.Join(t.TempDir(), "murano-agent")
		build := exec.Command("go", "build", "-o", agent, "github.com/openmurano/murano/cmd/murano-agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return &Player{Agent: agent, Broker: Broker{
		Host: server.Host, Port: server.Port, User: server.User, Password: server.Password, VHost: vhost, Conn: conn,
	}}
}

// A tally counts cases.
type tally struct {
	sync.Mutex
	passed, failed int
}

func (c *tally) add(ok bool) {
	c.Lock()
	defer c.Unlock()
	if ok {
		c.passed++
	} else {
		c.failed++
	}
}

func (c *tally) report(t *testing.T) {
	line := fmt.Sprintf("%d passed, %d failed", c.passed, c.failed)
	t.Log(line)
	if file := os.Getenv("MURANO_CONFORMANCE_SUMMARY"); file != "" {
		if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
}
