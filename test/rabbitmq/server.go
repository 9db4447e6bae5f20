// SPDX-License-Identifier: Apache-2.0

package rabbitmq

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

const (
	scripts    = "/usr/lib/rabbitmq/bin" // Debian's path; the wrappers in /usr/sbin insist on the user rabbitmq
	bootLimit  = 90 * time.Second        // 4 s on a quiet machine
	ctlLimit   = 60 * time.Second
	envURL     = "MURANO_TEST_AMQP_URL"
	envRequire = "MURANO_TEST_REQUIRE_BROKER"
)

// A Server is a RabbitMQ that runs.
type Server struct {
	Host           string
	Port           int
	TLSPort        int    // 0 on a broker of MURANO_TEST_AMQP_URL
	CAFile         string // PEM; signed the certificate of TLSPort, which is for localhost and 127.0.0.1
	User, Password string
	VHost          string // the first virtual host; for one of a test's own see NewVHost

	dir        string // empty on a broker of MURANO_TEST_AMQP_URL
	env        []string
	mu         sync.Mutex // one command at a time
	commands   io.Writer  // to the supervisor
	answers    *bufio.Scanner
	supervisor *exec.Cmd
}

// shared is the one Server of this test process: a boot takes seconds.
var shared struct {
	sync.Mutex
	server *Server
}

// Start returns the RabbitMQ of this test process, and boots it the first time.
// It is up when Start returns, even if an earlier test stopped it.
func Start(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := open(tb)
		if err != nil {
			tb.Fatalf("rabbitmq: %v", err)
		}
		shared.server = s
	}
	if shared.server.dir != "" && !shared.server.answersAMQP() {
		shared.server.Up(tb)
	}
	return shared.server
}

func open(tb testing.TB) (*Server, error) {
	tb.Helper()
	if text := os.Getenv(envURL); text != "" {
		return foreign(text)
	}
	if _, err := os.Stat(filepath.Join(scripts, "rabbitmq-server")); err != nil {
		const advice = "no RabbitMQ: run test/rabbitmq/install.sh as root, or set " + envURL + "=amqp://user:password@host:port/vhost"
		if os.Getenv(envRequire) == "" {
			tb.Skip(advice)
		}
		tb.Fatal(advice)
	}
	s, err := boot()
	if err != nil { // somebody took one of the free ports in between: once more
		tb.Logf("rabbitmq: %v; trying again", err)
		s, err = boot()
	}
	return s, err
}

// foreign reads the URL of a broker that is not ours.
func foreign(text string) (*Server, error) {
	u, err := amqp091.ParseURI(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envURL, err)
	}
	if u.Scheme != "amqp" {
		return nil, fmt.Errorf("%s: scheme %q; tests speak amqp", envURL, u.Scheme)
	}
	return &Server{Host: u.Host, Port: u.Port, User: u.Username, Password: u.Password, VHost: u.Vhost}, nil
}

// boot starts a broker of our own.
func boot() (*Server, error) {
	dir, err := os.MkdirTemp("", "murano-rabbitmq-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Host: "127.0.0.1", Port: ports[0], TLSPort: ports[1], CAFile: filepath.Join(dir, "ca.pem"),
		User: "guest", Password: "guest", VHost: "/", dir: dir,
	}
	if err := s.configure(ports[2], ports[3], ports[4]); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := s.supervise(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := s.up(); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// configure writes the files of the broker's directory and the environment.
func (s *Server) configure(epmd, dist, ctl int) error {
	if err := writeCertificates(s.dir); err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(s.dir, name) }
	files := map[string]string{
		"enabled_plugins": "[].\n",
		"env.conf":        "",
		"rabbitmq.conf": strings.Join([]string{
			fmt.Sprintf("listeners.tcp.local = 127.0.0.1:%d", s.Port),
			fmt.Sprintf("listeners.ssl.local = 127.0.0.1:%d", s.TLSPort),
			"ssl_options.cacertfile = " + in("ca.pem"),
			"ssl_options.certfile = " + in("server.pem"),
			"ssl_options.keyfile = " + in("server.key"),
			"ssl_options.verify = verify_none",
			"log.console = true", "log.console.level = warning", "log.file = false",
			"disk_free_limit.absolute = 1MB", // the machine's free space is not what is tested
			"vm_memory_high_watermark.absolute = 1GB",
			"",
		}, "\n"),
	}
	for name, text := range files {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	// Everything on loopback: by default Erlang's distribution and epmd listen on all addresses.
	const loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
	s.env = append(os.Environ(),
		"HOME="+s.dir, // Erlang's cookie
		fmt.Sprintf("RABBITMQ_NODENAME=murano-%d-%d@localhost", os.Getpid(), s.Port),
		"RABBITMQ_BASE="+s.dir,
		"RABBITMQ_CONF_ENV_FILE="+in("env.conf"),
		"RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+in("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+in("mnesia"),
		"RABBITMQ_LOG_BASE="+in("log"),
		"RABBITMQ_GENERATED_CONFIG_DIR="+in("generated"),
		"RABBITMQ_SCHEMA_DIR="+in("schema"),
		"RABBITMQ_PID_FILE="+in("pid"),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", dist),
		fmt.Sprintf("RABBITMQ_CTL_DIST_PORT_MIN=%d", ctl),
		fmt.Sprintf("RABBITMQ_CTL_DIST_PORT_MAX=%d", ctl),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+loopback,
		"RABBITMQ_CTL_ERL_ARGS="+loopback,
		"ERL_EPMD_ADDRESS=127.0.0.1",
		fmt.Sprintf("ERL_EPMD_PORT=%d", epmd),
		"SCRIPTS="+scripts, "DIR="+s.dir,
	)
	return nil
}

// supervisorScript runs the broker on command. Its standard input is a pipe
// from the test process: when that ends, by whatever signal, the broker, epmd
// and the directory go too. rabbitmq-server is a shell that stops Erlang
// gracefully on TERM; KILL must go to Erlang itself.
const supervisorScript = `
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" </dev/null >/dev/null 2>&1 &
epmd=$!
server=
stop() {
	[ -z "$server" ] && return
	kill -TERM "$server" 2>/dev/null
	wait "$server"
	server=
}
while read -r command; do
	case $command in
	start)
		"$SCRIPTS/rabbitmq-server" </dev/null >>"$DIR/log.txt" 2>&1 &
		server=$!
		;;
	stop) stop ;;
	kill)
		kill -KILL "$(cat "$DIR/pid")"
		wait "$server"
		server=
		;;
	esac
	echo done
done
stop
kill "$epmd"
wait "$epmd"
rm -rf "$DIR"
`

func (s *Server) supervise() error {
	s.supervisor = exec.Command("/bin/sh", "-c", supervisorScript)
	s.supervisor.Env = s.env
	s.supervisor.SysProcAttr = ownGroup() // an interrupt of the terminal is for the tests, not for the broker
	in, err := s.supervisor.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.supervisor.StdoutPipe()
	if err != nil {
		return err
	}
	s.commands, s.answers = in, bufio.NewScanner(out)
	return s.supervisor.Start()
}

// command has the supervisor do something and waits until it is done.
func (s *Server) command(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		return fmt.Errorf("the broker of %s is not ours to %s", envURL, text)
	}
	if _, err := fmt.Fprintln(s.commands, text); err != nil {
		return err
	}
	if !s.answers.Scan() {
		return fmt.Errorf("supervisor of RabbitMQ ended during %q: %v", text, s.answers.Err())
	}
	return nil
}

// up starts the broker and waits until it answers.
func (s *Server) up() error {
	if err := s.command("start"); err != nil {
		return err
	}
	deadline := time.Now().Add(bootLimit)
	for !s.answersAMQP() {
		if time.Now().After(deadline) {
			return fmt.Errorf("RabbitMQ does not answer after %v; its log:\n%s", bootLimit, s.Log())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func (s *Server) answersAMQP() bool {
	c, err := amqp091.Dial(s.URL(s.VHost))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// end is for a broker that did not come up: nobody will use its directory.
func (s *Server) end() {
	s.commands.(io.Closer).Close()
	s.supervisor.Wait()
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// TLSAddr is the host:port that speaks TLS.
func (s *Server) TLSAddr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.TLSPort)) }

// URL is the amqp URL of a virtual host.
func (s *Server) URL(vhost string) string {
	u := url.URL{Scheme: "amqp", User: url.UserPassword(s.User, s.Password), Host: s.Addr(), Path: "/" + vhost, RawPath: "/" + url.PathEscape(vhost)}
	return u.String()
}

// Stop ends the broker gracefully; its connections break. Durable queues and
// persistent messages stay for Up. The test is skipped where the broker is not ours.
func (s *Server) Stop(tb testing.TB) { tb.Helper(); s.must(tb, "stop") }

// Kill ends the broker with SIGKILL, as a crash does.
func (s *Server) Kill(tb testing.TB) { tb.Helper(); s.must(tb, "kill") }

// Up starts a broker that was stopped and returns once it answers.
func (s *Server) Up(tb testing.TB) {
	tb.Helper()
	s.skipForeign(tb)
	if err := s.up(); err != nil {
		tb.Fatalf("rabbitmq: %v", err)
	}
}

// Restart is Stop and Up.
func (s *Server) Restart(tb testing.TB) { tb.Helper(); s.Stop(tb); s.Up(tb) }

func (s *Server) must(tb testing.TB, command string) {
	tb.Helper()
	s.skipForeign(tb)
	if err := s.command(command); err != nil {
		tb.Fatalf("rabbitmq: %v", err)
	}
}

func (s *Server) skipForeign(tb testing.TB) {
	tb.Helper()
	if s.dir == "" {
		tb.Skipf("needs a RabbitMQ of its own; %s is set", envURL)
	}
}

// Log is what the broker wrote: warnings and errors.
func (s *Server) Log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log.txt"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Ctl runs rabbitmqctl and returns its output. It takes seconds: it boots an
// Erlang of its own.
func (s *Server) Ctl(tb testing.TB, args ...string) string {
	tb.Helper()
	s.skipForeign(tb)
	out, err := s.ctl(args...)
	if err != nil {
		tb.Fatalf("rabbitmq: %v", err)
	}
	return out
}

func (s *Server) ctl(args ...string) (string, error) {
	s.mu.Lock() // one at a time: they share a port
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), ctlLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(scripts, "rabbitmqctl"), append([]string{"--quiet"}, args...)...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w\n%s", args[0], err, out)
	}
	return string(out), nil
}

// NewVHost makes a virtual host that s.User may use, removes it when the test
// ends, and returns its name. On a broker of MURANO_TEST_AMQP_URL it is the
// URL's own: tests need queue names of their own anyway.
func (s *Server) NewVHost(tb testing.TB) string {
	tb.Helper()
	if s.dir == "" {
		return s.VHost
	}
	name := fmt.Sprintf("test-%d", time.Now().UnixNano())
	if out, err := s.ctl("eval", fmt.Sprintf(
		`ok = rabbit_vhost:add(<<"%[1]s">>, <<"test">>), ok = rabbit_auth_backend_internal:set_permissions(<<"%[2]s">>, <<"%[1]s">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>).`,
		name, s.User)); err != nil {
		tb.Fatalf("rabbitmq: make vhost: %v %s", err, out)
	}
	tb.Cleanup(func() {
		if _, err := s.ctl("delete_vhost", name); err != nil {
			tb.Logf("rabbitmq: %v", err) // a test that stopped the broker
		}
	})
	return name
}

// freePorts returns n TCP ports of loopback that nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // held until all are chosen, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
