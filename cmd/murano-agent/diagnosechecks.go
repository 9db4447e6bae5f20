// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/openmurano/murano/agent/control"
	"github.com/openmurano/murano/agent/preflight"
	"github.com/openmurano/murano/plans"
)

func checkConfiguration(_ context.Context, s *scene) observation {
	switch {
	case isDenied(s.configErr):
		return skipped("%v", s.configErr)
	case s.configErr != nil:
		return fails("correct it; every option is explained in the sample beside the package's documentation", "%v", s.configErr)
	case len(s.config.Warnings) > 0:
		return warns("", "%s: %s", s.config.Source(), strings.Join(s.config.Warnings, "\n"))
	}
	return fine("%s", s.config.Source())
}

// Below these the disk is short.
const (
	leastFree   = 64 << 20 // bytes: plans are refused
	scarceFree  = 1 << 30  // bytes
	leastInodes = 1000
)

func checkStorage(_ context.Context, s *scene) observation {
	st, err := os.Stat(s.storage)
	if err != nil {
		return fails("the agent makes it when it starts; see that it may: "+filepath.Dir(s.storage), "%v", err)
	}
	if !st.IsDir() {
		return fails("move it away, or set storage in the configuration", "%s is no directory", s.storage)
	}
	room, err := roomOf(s.storage)
	if err != nil {
		return skipped("%s: %v", s.storage, err)
	}
	text := fmt.Sprintf("%s: %s free", s.storage, bytesText(room.free))
	if room.inodes >= 0 {
		text += fmt.Sprintf(", %d inodes free", room.inodes)
	}
	const next = "free space: murano-agent plans gc, or give the guest a larger disk"
	switch {
	case room.readOnly:
		return fails("remount it, or see why the kernel made it read-only: dmesg", "%s: its file system is read-only", s.storage)
	case room.noExec:
		return fails("mount it without noexec, or set storage to a directory elsewhere", "%s: its file system is mounted noexec: no script can be started from there", s.storage)
	case room.free < leastFree, room.inodes >= 0 && room.inodes < leastInodes:
		return fails(next, "%s", text)
	case room.free < scarceFree:
		return warns(next, "%s", text)
	}
	return fine("%s", text)
}

func checkGroup(_ context.Context, s *scene) observation {
	name := s.config.Group
	if runtime.GOOS == "windows" || name == "" {
		return skipped("no group is to read what the agent keeps")
	}
	group, err := user.LookupGroup(name)
	if err != nil {
		return warns("sudo groupadd --system "+name+", then restart the agent", "there is no group %s: only root can look at plans", name)
	}
	st, err := os.Stat(s.view.Path)
	if err != nil {
		return skipped("%v", err)
	}
	if has, of := groupOwner(st); has && of != group.Gid {
		return warns("restart the agent", "%s is of group %s, not of %s", s.view.Path, of, name)
	}
	return fine("members of %s may look at plans", name)
}

func checkPlans(_ context.Context, s *scene) observation {
	c, err := countPlans(s.view)
	switch {
	case err != nil && errors.Is(err, os.ErrNotExist):
		return skipped("there are none yet: %s is not there", s.view.Path)
	case isDenied(err):
		return skipped("%v", err)
	case err != nil:
		return fails("", "%v", err)
	case c.Unreadable > 0:
		return warns("murano-agent plans list names them; the agent's next start moves them to quarantine", "%d cannot be read; %s", c.Unreadable, tally(c.States, "no others"))
	case c.Quarantine > 0:
		return warns("murano-agent plans list names them; remove what is no longer needed", "%s; %d in quarantine", tally(c.States, "none"), c.Quarantine)
	}
	return fine("%s; %s", tally(c.States, "none"), bytesText(c.Bytes))
}

func checkAgent(ctx context.Context, s *scene) observation {
	status, err := agentOf(ctx, s.storage)
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return fails("sudo systemctl start murano-agent; why it ended: journalctl -u murano-agent", "it does not run")
	case isDenied(err):
		return skipped("%v", err)
	case err != nil:
		return fails("sudo systemctl restart murano-agent", "it runs, but does not answer: %v", err)
	case !connected(status):
		return warns("see the checks of the broker", "version %s; its broker: %s", status.Version, orUnknown(status.Broker))
	}
	return fine("version %s, %s", status.Version, doing(status, s.now()))
}

func checkSystemd(_ context.Context, s *scene) observation {
	if runtime.GOOS != "linux" {
		return skipped("this is %s", runtime.GOOS)
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil { // sd_booted(3)
		return warns("", "this guest was not started by systemd: plans that ask for limits are refused")
	}
	if s.config.Script.Scope == "off" {
		return warns("set script.scope to auto, unless it was turned off on purpose", "it is here, and scripts do not run in scopes of their own: plans that ask for limits are refused")
	}
	return fine("scripts run in scopes of their own")
}

// checkClock tells a clock that is plainly wrong: TLS, signatures and Stamps
// need one that is not.
func checkClock(_ context.Context, s *scene) observation {
	const (
		next  = "set up time synchronisation: systemctl enable --now systemd-timesyncd, or chrony"
		slack = 5 * time.Minute
	)
	now := s.now()
	if now.Year() < 2026 { // before this program was made
		return fails(next, "it says %s", now.Format(time.DateTime))
	}
	if all, err := s.view.Plans(); err == nil && len(all) > 0 {
		if last := all[len(all)-1]; last.Received.After(now.Add(slack)) {
			return warns(next, "it says %s, and a plan was received at %s: it was set back, or was wrong then", now.Format(time.DateTime), last.Received.Local().Format(time.DateTime))
		}
	}
	if synchronised, known := clockState(); known && !synchronised {
		return warns(next, "it says %s, and is not synchronised", now.Format(time.DateTime))
	}
	return fine("%s", now.Format("2006-01-02 15:04:05 -0700"))
}

// anyPlan is one that might do anything, so that it has to wait for everybody.
func anyPlan() plans.Plan {
	return plans.Plan{Scripts: map[string]plans.Script{"any": {Type: "Chef"}}}
}

func checkCloudInit(ctx context.Context, _ *scene) observation {
	if _, err := os.Stat("/run/cloud-init"); err != nil {
		return skipped("this guest did not start with it")
	}
	blocked, err := preflight.CloudInit{}.Blocked(ctx, anyPlan())
	switch {
	case err != nil:
		return skipped("%v", err)
	case blocked != "":
		return warns("see cloud-init status --long; plans with scripts wait for it, as long as wait.cloudInit says", "%s", blocked)
	}
	return fine("it has ended, or was not to run")
}

func checkPackageLocks(ctx context.Context, _ *scene) observation {
	if runtime.GOOS == "linux" && os.Geteuid() != 0 {
		return skipped("only root can see who holds them")
	}
	blocked, err := preflight.PackageLock{}.Blocked(ctx, anyPlan())
	switch {
	case err != nil:
		return skipped("%v", err)
	case blocked != "":
		return warns("plans that may install packages wait for it, as long as wait.packageLocks says; see what it does", "%s", blocked)
	}
	return fine("nobody holds one")
}

func checkShell(context.Context, *scene) observation {
	if runtime.GOOS == "windows" {
		return lookFor("powershell", "pwsh")
	}
	return lookFor("/bin/sh")
}

func lookFor(names ...string) observation {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return fine("%s", path)
		}
	}
	return fails("install it: no plan's script can run without", "there is no %s", strings.Join(names, " or "))
}

// checkPrograms names the clients and interpreters that some plans need.
func checkPrograms(context.Context, *scene) observation {
	var found, missing []string
	for _, names := range [][]string{{"bash"}, {"python3"}, {"git"}, {"svn"}, {"puppet"}, {"chef-solo", "cinc-solo"}, {"berks"}, {"pwsh", "powershell"}} {
		have := ""
		for _, name := range names {
			if _, err := exec.LookPath(name); err == nil && have == "" {
				have = name
			}
		}
		if have != "" {
			found = append(found, have)
		} else {
			missing = append(missing, strings.Join(names, " or "))
		}
	}
	text := "found " + strings.Join(found, ", ")
	if len(missing) == 0 {
		return fine("%s", text)
	}
	o := fine("%s; not here: %s", text, strings.Join(missing, ", "))
	o.Next = "install those that your plans need: git and svn for repositories, puppet or chef-solo for their scripts"
	return o
}
