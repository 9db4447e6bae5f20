// SPDX-License-Identifier: Apache-2.0

package application

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openmurano/murano/agent"
)

// An account is a user of the guest. The zero pointer is the agent's own.
type account struct {
	name, home, shell string
	uid, gid          uint32
	groups            []uint32 // supplementary ones; the first may be gid again
}

// lookUpTimeout bounds the whole search for a user.
const lookUpTimeout = 30 * time.Second

// lookUp finds a user, by name or number, whom we may become. The error is an
// *agent.UnsupportedOptionError, or why ctx ended: the database may be that of a
// directory service, which may not answer.
func lookUp(ctx context.Context, name string) (*account, error) {
	unsupported := func(format string, args ...any) error {
		return &agent.UnsupportedOptionError{Option: "runAs", Reason: fmt.Sprintf(format, args...)}
	}
	late := unsupported("the guest's user database did not answer within %s; look at the services that /etc/nsswitch.conf names", lookUpTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, lookUpTimeout, late)
	defer cancel()
	line := passwd(ctx, name)
	if line == "" && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if line == "" {
		return nil, unsupported("this guest has no user %q; make it in an earlier script, or name one that exists", name)
	}
	f := strings.Split(line, ":") // name:password:uid:gid:comment:home:shell, passwd(5)
	if len(f) < 7 {
		return nil, unsupported("the entry of user %q in the guest's user database has %d fields of 7", name, len(f))
	}
	uid, err := strconv.ParseUint(f[2], 10, 32)
	gid, err2 := strconv.ParseUint(f[3], 10, 32)
	if err := errors.Join(err, err2); err != nil {
		return nil, unsupported("the entry of user %q in the guest's user database: %v", name, err)
	}
	a := &account{name: f[0], home: f[5], shell: f[6], uid: uint32(uid), gid: uint32(gid)}
	if a.shell == "" {
		a.shell = "/bin/sh"
	}
	if os.Geteuid() != 0 {
		return nil, unsupported("the agent is not root and cannot become %q; run it as root, or leave runAs out", name)
	}
	out, err := said(ctx, "id", "-G", "--", a.name)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, unsupported("the groups of user %q: id -G: %v", name, err)
	}
	for _, w := range strings.Fields(string(out)) {
		if g, err := strconv.ParseUint(w, 10, 32); err == nil {
			a.groups = append(a.groups, uint32(g))
		}
	}
	return a, nil
}

// passwd is the line of a user, from the file or, for those of a directory
// service, from getent. Empty means there is none.
func passwd(ctx context.Context, name string) string {
	all, _ := os.ReadFile("/etc/passwd")
	var byNumber string
	for line := range strings.Lines(string(all)) {
		line = strings.TrimSuffix(line, "\n")
		switch f := strings.Split(line, ":"); {
		case f[0] == name:
			return line
		case len(f) > 2 && f[2] == name:
			byNumber = line
		}
	}
	if byNumber != "" {
		return byNumber
	}
	out, err := said(ctx, "getent", "passwd", "--", name)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}

// said is what a program of the guest writes.
func said(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	return cmd.Output()
}

// env is what su(1) sets.
func (a *account) env() []string {
	return []string{"HOME=" + a.home, "SHELL=" + a.shell, "USER=" + a.name, "LOGNAME=" + a.name}
}

func (a *account) credential() *syscall.Credential {
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// give gives a pipe to the user, so that it can be opened by a name such as /dev/stdin.
func (a *account) give(f *os.File) {
	if a != nil {
		f.Chown(int(a.uid), -1) // refused, the descriptor itself works still
	}
}

// reach is how many directories above a script's folder may be opened for its
// user: the plan's workspace, the directory of workspaces, the agent's own.
const reach = 3

// open gives the script's folder to the user and lets them pass to it. The
// folders of the plan's other scripts are closed, and what is downloaded for
// this one can be read.
func (a *account) open(dir string) error {
	if a.uid == 0 {
		return nil
	}
	if err := a.own(dir); err != nil {
		return fmt.Errorf("give the script's folder to user %q: %w", a.name, err)
	}
	if err := closeOthers(dir); err != nil {
		return fmt.Errorf("close the folders of the plan's other scripts: %w", err)
	}
	above := filepath.Dir(dir)
	for n := range reach + 32 {
		st, err := os.Stat(above)
		if err != nil {
			return err
		}
		closed := st.Mode().Perm()&0o001 == 0
		// Never a directory that is the system's own, such as /root.
		if closed && (n >= reach || strings.Count(above, "/") < 2) {
			return &agent.UnsupportedOptionError{Option: "runAs", Reason: fmt.Sprintf(
				"user %q cannot reach the script: %s is closed to others, mode %04o; set storage to a directory elsewhere, or open that one with chmod o+x", a.name, above, st.Mode().Perm())}
		}
		if closed {
			if err := os.Chmod(above, st.Mode().Perm()|0o001); err != nil {
				return fmt.Errorf("let user %q pass to the script: %w", a.name, err)
			}
		}
		if above == "/" {
			break
		}
		above = filepath.Dir(above)
	}
	return nil
}

// own makes the user the owner of what is in dir and ours, but for symbolic
// links, which stay ours: so linksOf knows them. A file with a second name is
// left alone: an earlier run of the user may have linked to one that must never
// be theirs.
func (a *account) own(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return a.take(root, ".")
}

// take does so with name and what is below it. A directory is closed to the user
// meanwhile: what an earlier run left running could put another file under a
// name between the look at it and the gift.
func (a *account) take(root *os.Root, name string) error {
	st, err := root.Lstat(name)
	if err != nil {
		return err
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	ours := int(s.Uid) == os.Geteuid()
	if !st.IsDir() {
		if !ours || s.Nlink > 1 || st.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
		return root.Lchown(name, int(a.uid), int(a.gid))
	}
	uid, gid := int(s.Uid), int(s.Gid)
	if ours {
		uid, gid = int(a.uid), int(a.gid)
	}
	if err := errors.Join(root.Lchown(name, os.Geteuid(), -1), root.Chmod(name, 0o700)); err != nil {
		return err
	}
	err = a.takeIn(root, name)
	return errors.Join(err, root.Chmod(name, st.Mode()), root.Lchown(name, uid, gid))
}

// takeIn takes the entries of a directory.
func (a *account) takeIn(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	f.Close() // it was only read
	for _, name := range names {
		err = errors.Join(err, a.take(root, filepath.Join(dir, name)))
	}
	return err
}

// closeOthers closes what is beside dir to other users, but for downloads that
// dir has links to: those are opened for reading.
func closeOthers(dir string) error {
	workspace := filepath.Dir(dir)
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return err
	}
	defer root.Close()
	linked := linksOf(dir, workspace)
	entries, err := os.ReadDir(workspace)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name == filepath.Base(dir) || !e.IsDir() {
			continue
		}
		if linked[name] {
			err = readable(root, name)
		} else if st, serr := root.Stat(name); serr == nil && st.Mode().Perm()&0o007 != 0 {
			err = root.Chmod(name, st.Mode().Perm()&^0o007)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// linksOf names the entries of workspace that symbolic links in dir lead to, if
// they are ours: those that the user makes open nothing.
func linksOf(dir, workspace string) map[string]bool {
	found := map[string]bool{}
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return nil
		}
		if s, ok := st.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Geteuid() {
			return nil
		}
		if to, err := os.Readlink(p); err == nil && filepath.Dir(to) == workspace {
			found[filepath.Base(to)] = true
		}
		return nil
	})
	return found
}

// readable lets everybody read, and run, what its owner can, below name.
func readable(root *os.Root, name string) error {
	return fs.WalkDir(root.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		st, err := root.Lstat(p)
		if err != nil {
			return err
		}
		mode := st.Mode().Perm()
		if want := mode | mode>>6&0o005; want != mode {
			return root.Chmod(p, want)
		}
		return nil
	})
}
