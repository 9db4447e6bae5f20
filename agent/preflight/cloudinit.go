// SPDX-License-Identifier: Apache-2.0

// Package preflight answers, before a plan runs: can it work on this guest now,
// and if not, what is in its way? It reads and changes nothing.
package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
)

// CloudInit knows whether cloud-init still sets this boot up: what it writes
// and installs would race with a plan's scripts.
type CloudInit struct {
	Root string // of the guest's file system; empty means /
}

// Blocked is the For of an agent.Wait. It blocks a plan with scripts from the
// start of cloud-init's first stage in this boot until its last one has ended, or
// cloud-init has died.
// A guest without cloud-init, or one where it is turned off, blocks nothing.
//
// A user data script that waits in the foreground until a plan was run waits
// for itself here, and the Wait's Timeout ends that. Starting the agent from a
// script of cloud-init and going on, as Murano's template does, is no such case.
func (c CloudInit) Blocked(_ context.Context, p plans.Plan) (string, error) {
	if len(p.Scripts) == 0 {
		return "", nil
	}
	// /run is new with each boot, and so are cloud-init's links in it
	// (cloud-init 22.4.2, cmd/main.py, status_wrapper).
	dir := filepath.Join(c.root(), "run/cloud-init")
	if _, err := os.Stat(filepath.Join(dir, "result.json")); err == nil {
		return "", nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "status.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // none here, turned off, or not begun
	}
	if err != nil {
		return "", fmt.Errorf("see whether cloud-init has ended: %w", err)
	}
	var status struct {
		V1 struct {
			Stage *string `json:"stage"`
			Final struct {
				Finished *float64 `json:"finished"`
			} `json:"modules-final"`
		} `json:"v1"`
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return "", fmt.Errorf("see whether cloud-init has ended: status.json: %w", err)
	}
	if f := status.V1.Final.Finished; f != nil && *f > 0 {
		return "", nil
	}
	if c.died(dir) {
		return "", nil
	}
	stage := "between two stages"
	if s := status.V1.Stage; s != nil && *s != "" {
		stage = "stage " + *s
	}
	return "cloud-init of this boot has not ended: " + stage, nil
}

// patience is how long cloud-init may do nothing that can be seen.
const patience = 5 * time.Minute

// died tells whether cloud-init will not end any more: a stage was killed, or its
// unit failed before it. The guest has been up for a while then, nothing was
// noted for as long, and no process is cloud-init's. Each plan of this boot would
// wait for it otherwise.
func (c CloudInit) died(dir string) bool {
	text, err := os.ReadFile(filepath.Join(c.root(), "proc/uptime"))
	if err != nil {
		return false
	}
	seconds, _, _ := strings.Cut(string(text), " ") // proc(5)
	up, err := strconv.ParseFloat(seconds, 64)
	if err != nil || up < patience.Seconds() {
		return false
	}
	st, err := os.Stat(filepath.Join(dir, "status.json"))
	if err != nil || time.Since(st.ModTime()) < patience {
		return false
	}
	lines, err := filepath.Glob(filepath.Join(c.root(), "proc/[0-9]*/cmdline"))
	return err == nil && !slices.ContainsFunc(lines, func(line string) bool {
		args, err := os.ReadFile(line)
		return err == nil && strings.Contains(string(args), "cloud-init")
	})
}

func (c CloudInit) root() string {
	if c.Root == "" {
		return "/"
	}
	return c.Root
}
