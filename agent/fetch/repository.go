// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openmurano/murano/agent"
)

// checkout places the work tree of the repository at a in dir, which is empty.
// It tries again, as a file is, where the client's words tell of the network.
func (c *Client) checkout(ctx context.Context, a address, dir string) error {
	program, packaged, what := "git", "git", "clone the git repository"
	if a.kind == svn {
		program, packaged, what = "svn", "subversion", "check out the Subversion repository"
	}
	client, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%s %s: there is no %s in this guest; install the package %s before, or publish an archive over http", what, a.shown, program, packaged)
	}
	// What the client needs beside the work tree; it may hold a password.
	side, err := os.MkdirTemp(filepath.Dir(dir), ".client-*")
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, a.shown, err)
	}
	defer os.RemoveAll(side)
	for n := 1; ; n++ {
		var err error
		if a.kind == git {
			err = c.git(ctx, client, a, dir, side)
		} else {
			err = c.svn(ctx, client, a, dir, side)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case n < c.o.Attempts && agent.SaysNetwork(err.Error()):
			if err = c.wait(ctx, n, 0); err == nil {
				continue
			}
		}
		// What came of it would be in the way of another URL.
		return errors.Join(fmt.Errorf("%s %s: %w", what, a.shown, err), empty(dir))
	}
}

// empty removes all that is in dir.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// git clones the repository at a, and takes the branch, tag or commit that a
// git+ URL names behind #.
func (c *Client) git(ctx context.Context, program string, a address, dir, side string) error {
	u := *a.url
	ref := ""
	if scheme, ok := strings.CutPrefix(u.Scheme, "git+"); ok {
		u.Scheme, ref = scheme, u.Fragment
		u.Fragment, u.RawFragment = "", ""
	}
	if strings.HasPrefix(ref, "-") {
		return fmt.Errorf("%q is no name of a branch, tag or commit", ref)
	}
	// Nobody is there to be asked, and git's helper "ext" would run what the URL says.
	env := append(proxyEnvironment(c.o), "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "GIT_SSH_COMMAND="+c.ssh(),
		"GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
		"GIT_HTTP_LOW_SPEED_LIMIT=1", "GIT_HTTP_LOW_SPEED_TIME="+seconds(c.o.StallTimeout))
	if strings.HasPrefix(u.Scheme, "http") && u.User != nil {
		path, err := askpass(side, u.User)
		if err != nil {
			return err
		}
		env = append(env, "GIT_ASKPASS="+path)
		u.User = nil // every user of the guest can read the arguments of a process
	}
	u.User = unlocked(u.User)
	if err := c.run(ctx, a, command{program, []string{"clone", "--quiet", "--", u.String(), "."}, env, dir, ""}); err != nil || ref == "" {
		return err
	}
	return c.run(ctx, a, command{program, []string{"checkout", "--quiet", ref, "--"}, env, dir, ""})
}

// unlocked is login without its password, which no other scheme can use.
func unlocked(login *url.Userinfo) *url.Userinfo {
	if _, ok := login.Password(); !ok {
		return login
	}
	return url.User(login.Username())
}

// askpass makes the program that tells git the login (gitcredentials(7)).
func askpass(side string, login *url.Userinfo) (string, error) {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	password, _ := login.Password()
	path := filepath.Join(side, "askpass")
	text := "#!/bin/sh\ncase $1 in\nUsername*) printf '%s\\n' " + quote(login.Username()) + ";;\n*) printf '%s\\n' " + quote(password) + ";;\nesac\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		return "", err
	}
	// A child that another goroutine is starting may hold the file open for
	// writing, and it cannot be executed then; once the lock is free, none does.
	syscall.ForkLock.Lock()
	//lint:ignore SA2001 the wait is all that is wanted
	syscall.ForkLock.Unlock()
	return path, nil
}

// svn checks the repository at a out. Unlike murano-agent's, it does not trust
// a server whose certificate nobody signed: what it brings is run as root.
func (c *Client) svn(ctx context.Context, program string, a address, dir, side string) error {
	u := *a.url
	args := []string{"checkout", "--non-interactive", "--quiet", "--config-option", "servers:global:http-timeout=" + seconds(c.o.StallTimeout)}
	input := ""
	if password, ok := u.User.Password(); ok && u.Scheme != "svn+ssh" {
		// Every user of the guest can read the arguments of a process.
		args = append(args, "--no-auth-cache", "--username", u.User.Username(), "--password-from-stdin")
		input, u.User = password, nil
	}
	u.User = unlocked(u.User)
	if proxy, err := c.proxy(&u); err == nil && proxy != nil {
		if err := os.WriteFile(filepath.Join(side, "servers"), []byte(svnServers(proxy)), 0o600); err != nil {
			return err
		}
		args = append(args, "--config-dir", side)
	}
	return c.run(ctx, a, command{program, append(args, "--", u.String(), "."), []string{"SVN_SSH=" + c.ssh()}, dir, input})
}

// svnServers is Subversion's file of that name, with a proxy for all hosts.
func svnServers(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = "80"
	}
	text := "[global]\nhttp-proxy-host = " + proxy.Hostname() + "\nhttp-proxy-port = " + port + "\n"
	if password, ok := proxy.User.Password(); ok {
		text += "http-proxy-username = " + proxy.User.Username() + "\nhttp-proxy-password = " + password + "\n"
	}
	return text
}

// A command is one run of a guest's client.
type command struct {
	program string
	args    []string
	env     []string // added to the agent's
	dir     string
	input   string
}

// run runs it. It and what it started have ended when run returns; the error
// is what it said, without a's credentials and the proxy's.
func (c *Client) run(ctx context.Context, a address, r command) error {
	cmd := exec.CommandContext(ctx, r.program, r.args...)
	cmd.Dir = r.dir
	cmd.Env = append(append(os.Environ(), "LC_ALL=C"), r.env...)
	cmd.Stdin = strings.NewReader(r.input)
	stopAsGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	endGroup(cmd)
	if err == nil {
		return nil
	}
	text := said.String()
	if text == "" {
		text = err.Error()
	}
	text = hide(text, a.url)
	if proxy, err := url.Parse(c.o.Proxy); err == nil {
		text = hide(text, proxy)
	}
	return errors.New(text)
}

// ssh is the client that asks nobody and does not wait for ever.
func (c *Client) ssh() string {
	return "ssh -o BatchMode=yes -o ConnectTimeout=" + seconds(c.o.ConnectTimeout) + " -o ServerAliveInterval=" + seconds(c.o.StallTimeout/3)
}

func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(d.Seconds()))) }

// tail keeps the end of what is written to it: 4 KiB.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	const keep = 4 << 10
	t.b = append(t.b, p...)
	if len(t.b) > keep {
		t.b = bytes.Clone(t.b[len(t.b)-keep:])
	}
	return len(p), nil
}

// String is what was written, on one line.
func (t *tail) String() string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(t.b), "\ufffd"), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
