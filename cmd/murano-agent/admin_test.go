// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/spool"
	"github.com/openmurano/murano/plans"
)

// spooled is a command of the test scripts: an agent without a broker.
//
//	spooled STORAGE PLAN...
//
// It keeps the plans of the files in STORAGE, runs each, and marks the result
// as answered. Of a file named with a + before it nothing runs: it stays
// pending; with a - before it, it is begun and left, as by an agent that died;
// with an = before it, its answer stays owed. SPOOL_GROUP is the number of a
// group that may look.
func spooled() {
	if err := fillSpool(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fillSpool(storage string, files []string) error {
	ctx := context.Background()
	group, _ := strconv.Atoi(os.Getenv("SPOOL_GROUP")) // empty means none
	if group > 0 {
		if err := errors.Join(os.MkdirAll(storage, 0o750), os.Chown(storage, -1, group), os.Chmod(storage, 0o750)); err != nil {
			return err
		}
	}
	d, err := spool.Open(filepath.Join(storage, "plans"), spool.Options{Group: group})
	if err != nil {
		return err
	}
	defer d.Close()
	d.Has("") // returns once all has been read
	runner, programs := newRunner(slog.New(slog.DiscardHandler))
	defer programs.Close()
	runner.Workspaces = filepath.Join(storage, "files")
	for _, file := range files {
		mark := file[0]
		if mark == '+' || mark == '-' || mark == '=' {
			file = file[1:]
		}
		if err := fillOne(ctx, d, runner, mark, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func fillOne(ctx context.Context, d *spool.Dir, runner *agent.Runner, mark byte, file string) error {
	document, err := readPlan(file, nil)
	if err != nil {
		return err
	}
	for _, err := range d.Put(ctx, []plans.Message{{Body: document}}) {
		if err != nil {
			return err
		}
	}
	if mark == '+' {
		return nil
	}
	e, err := d.Next(ctx)
	if err == nil {
		err = d.Begin(ctx, e)
	}
	if err != nil || mark == '-' {
		return err
	}
	if err := d.Finish(ctx, e, runner.Answer(ctx, e)); err != nil {
		return err
	}
	a, err := d.Owed(ctx)
	if err != nil || mark == '=' {
		return err
	}
	return d.Archive(ctx, a)
}
