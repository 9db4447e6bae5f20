// SPDX-License-Identifier: Apache-2.0

package application

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openmurano/murano/agent"
)

// A privateTmp is a /tmp and a /var/tmp for one run of a script, in a folder
// beside the script's, which nobody else can enter.
type privateTmp struct {
	dir       string // holds the two
	workspace string // stays where it is, even if that is below /tmp
}

// shared are the directories of which the script has its own.
var shared = [...]string{"/tmp", "/var/tmp"}

func newPrivateTmp(script string) (*privateTmp, error) {
	workspace, err := filepath.EvalSymlinks(filepath.Dir(script))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(workspace, ".tmp-")
	if err != nil {
		return nil, err
	}
	t := &privateTmp{dir, workspace}
	for _, s := range shared {
		if err := errors.Join(os.MkdirAll(t.of(s), 0o700), os.Chmod(t.of(s), 0o777|os.ModeSticky)); err != nil {
			t.remove()
			return nil, err
		}
	}
	return t, nil
}

// of is the folder that the script sees as a shared directory.
func (t *privateTmp) of(shared string) string {
	return filepath.Join(t.dir, strings.ReplaceAll(shared[1:], "/", "-"))
}

// start starts cmd in a mount namespace in which /tmp and /var/tmp are t's. The
// namespace is that of a thread which ends with this call; the agent never is
// in it.
func (t *privateTmp) start(cmd *exec.Cmd) error {
	var err error
	onOwnThread(func() {
		if err = t.enter(); err == nil {
			err = cmd.Start()
			return
		}
		err = &agent.UnsupportedOptionError{Option: "privateTmp", Reason: fmt.Sprintf(
			"a mount namespace of its own is not to be had: %v; run the agent as root with CAP_SYS_ADMIN, or leave privateTmp out", err)}
	})
	return err
}

// enter takes the calling thread into a namespace of its own.
func (t *privateTmp) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	// What the guest mounts later is seen; what is mounted here is not seen in the guest.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make / a slave: %w", err)
	}
	for _, s := range shared {
		real, err := filepath.EvalSymlinks(s)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = t.replace(real, t.of(s))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replace mounts own over a shared directory. A workspace below it keeps its place.
func (t *privateTmp) replace(shared, own string) error {
	flags := uintptr(unix.MS_BIND)
	if below, ok := strings.CutPrefix(t.workspace, shared+"/"); ok {
		at := filepath.Join(own, below)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(t.workspace, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", at, err)
		}
		flags |= unix.MS_REC
	}
	if err := unix.Mount(own, shared, "", flags, ""); err != nil {
		return fmt.Errorf("bind %s: %w", shared, err)
	}
	return nil
}

// remove removes both, whatever is in them.
func (t *privateTmp) remove() { os.RemoveAll(t.dir) }

// onOwnThread calls f on a thread that ends afterwards, and waits for it. The
// first thread of a process is never the one: it could not end, and stands for
// the process in /proc/self.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the goroutine's end is the thread's
		if unix.Gettid() == os.Getpid() {
			onOwnThread(f) // while this one is taken
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}
