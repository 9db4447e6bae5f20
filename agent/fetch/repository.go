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
	"strings"
	"time"
)

// checkout places the work tree of a repository in dir.
func (c *Client) checkout(ctx context.Context, k source, address string, u *url.URL, dir string) error {
	program, hint := "git", "git"
	args := []string{"clone", "--quiet", "--", strings.TrimPrefix(address, "git+"), "."}
	what := "clone the git repository"
	if k == svn {
		program, hint = "svn", "subversion"
		args = []string{"checkout", "--non-interactive", "--quiet", "--", address, "."}
		what = "check out the Subversion repository"
	}
	client, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%s %s: there is no %s in this guest; install the package %s before, or publish an archive over http", what, u.Redacted(), program, hint)
	}
	cmd := exec.CommandContext(ctx, client, args...)
	cmd.Dir = dir
	// Nobody is there to be asked, and git's helper "ext" would run what the URL says.
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "GIT_SSH_COMMAND=ssh -o BatchMode=yes",
		"GIT_ALLOW_PROTOCOL=file:git:http:https:ssh", "LC_ALL=C")
	stopAsGroup(cmd)
	cmd.WaitDelay = 5 * time.Second
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else if text := said.String(); text != "" {
			err = errors.New(text)
		}
		return fmt.Errorf("%s %s: %s", what, u.Redacted(), hide(err.Error(), u))
	}
	return nil
}

// hide takes the password of u out of what a program said.
func hide(text string, u *url.URL) string {
	if u.User == nil {
		return text
	}
	password, ok := u.User.Password()
	if !ok || password == "" {
		return text
	}
	return strings.NewReplacer(password, "xxxxx", url.QueryEscape(password), "xxxxx", url.PathEscape(password), "xxxxx").Replace(text)
}

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
