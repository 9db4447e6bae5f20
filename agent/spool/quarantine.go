// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/internal/fault"
	"github.com/openmurano/murano/plans"
)

// quarantine moves what is no readable plan out of the way, into a directory
// with a note. What cannot be moved stays and is told: it must not keep the
// agent from working.
func (d *Dir) quarantine(name string, cause error) {
	from := filepath.Join(d.path, name)
	st, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return // gone meanwhile
	}
	log := d.o.Log.With("directory", name)
	log.Error("not a plan that this agent can read; moved to quarantine", "error", cause)
	to := filepath.Join(d.path, quarantineName)
	fault.Point("spool.quarantine.before-mkdir")
	if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		log.Error("quarantine was not made", "error", err)
		return
	}
	note := d.note(name, cause)
	target := filepath.Join(to, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
			break
		}
		target = filepath.Join(to, fmt.Sprintf("%s.%d", name, n))
	}
	place := target
	if err != nil || !st.IsDir() { // it gets a directory, for the note
		if err := os.Mkdir(target, 0o700); err != nil {
			log.Error("quarantine was not made", "error", err)
			return
		}
		place = filepath.Join(target, name)
	}
	fault.Point("spool.quarantine.before-rename")
	if err := os.Rename(from, place); err != nil {
		log.Error("it was not moved to quarantine", "error", err)
		return
	}
	fault.Point("spool.quarantine.after-rename")
	d.close(target)
	for _, dir := range []string{to, target} {
		if err := d.share(dir); err != nil {
			log.Warn("quarantine was not opened to the group", "group", d.o.Group, "error", err)
		}
	}
	os.Remove(filepath.Join(target, noteName)) // a link of that name leads elsewhere
	if err := os.WriteFile(filepath.Join(target, noteName), []byte(note), d.fileMode()); err != nil {
		log.Warn("the note of the quarantine was not written", "error", err)
	}
	fault.Point("spool.quarantine.after-write")
}

// close closes what is in dir to everybody but the agent's user: nobody knows
// what it holds.
func (d *Dir) close(dir string) {
	entries, _ := os.ReadDir(dir) // a directory that cannot be read needs no closing
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			os.Chmod(path, 0o700)
		case e.Type().IsRegular():
			os.Chmod(path, 0o600)
		}
	}
	os.Chmod(dir, 0o700)
}

// note is NOTE.txt.
func (d *Dir) note(name string, cause error) string {
	what := fmt.Sprintf("This could not be read as a plan: %v.\n\n"+
		"No plan in it was run or answered from here on. If a plan is missing, send it again.\n", cause)
	if left := leftByPython(d.path, name); left != "" {
		what = left
	}
	return fmt.Sprintf("%s: %q was moved here.\n\n%s"+
		"Remove this directory when it is no longer needed; the agent does not look at it.\n",
		d.o.Now().UTC().Format(time.RFC3339), name, what)
}

// leftByPython says what name is if OpenStack's agent in Python left it
// (murano-agent 12.0.0, execution_plan_queue.py); empty if it did not. That
// agent keeps its plans in <storage>/plans too: in directories whose names are
// a number alone, and in a file stamp the Stamp of the last plan.
func leftByPython(dir, name string) string {
	const from = "This was left by the Python murano-agent, which kept its plans here before this agent did.\n"
	path := filepath.Join(dir, name)
	if name == "stamp" {
		b, err := readFile(path)
		if err != nil {
			return ""
		}
		return from + fmt.Sprintf("It is the Stamp of the last plan that it took: %.40q. This agent needs it no more.\n\n", strings.TrimSpace(string(b)))
	}
	number, err := strconv.ParseInt(name, 10, 64) // tenths of a millisecond
	if err != nil {
		return ""
	}
	b, err := readFile(filepath.Join(path, planName))
	_, other := readFile(filepath.Join(path, stateName))
	if err != nil || other == nil {
		return ""
	}
	plan := "a plan, of which nothing was written (murano-agent 3.6 to 10.0 on Python 3 does that to every plan)"
	var message struct {
		Data, ID string
	}
	switch {
	case len(b) == 0:
	case json.Unmarshal(b, &message) != nil:
		plan = "a plan that it wrote in part"
	default:
		body, err := base64.StdEncoding.DecodeString(message.Data)
		if err != nil {
			return ""
		}
		head := plans.ReadHead(plans.Message{ID: message.ID, Body: body})
		plan = fmt.Sprintf("plan %.80q (%.80q)", head.ID, head.Name)
	}
	how := "It had not ended: it may have been run in part, or not at all. It is not run here; send it again if it is still wanted.\n\n"
	if _, err := readFile(filepath.Join(path, resultName)); err == nil {
		how = "It had ended, and its result was not sent: result.json. It is not sent from here.\n\n"
	}
	return from + fmt.Sprintf("It is %s, received at %s.\n", plan, time.UnixMicro(number*100).UTC().Format(time.RFC3339)) + how
}
