// SPDX-License-Identifier: Apache-2.0

// Package recipe is what the executors of recipes and classes share: their
// attributes, a folder of their own to run in, and how their program is started.
package recipe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/plans/body"
)

// Attributes is the dictionary of a call, run(function, recipe_attributes,
// input) in murano-agent 12.0.0; nil when the Body gave none.
func Attributes(c agent.Call) (*body.Dict, error) {
	misuse := func(format string, args ...any) error {
		return &agent.ArgumentError{Script: c.Name, Reason: fmt.Sprintf(format, args...)}
	}
	if len(c.Args) > 2 {
		return nil, misuse("takes a dictionary of attributes and an input, but %d arguments were given", len(c.Args))
	}
	var value body.Value
	if len(c.Args) > 0 {
		value = c.Args[0]
	}
	for k, v := range c.Kwargs.All() {
		switch {
		case k == "recipe_attributes" && len(c.Args) > 0, k == "input" && len(c.Args) > 1, k == "function":
			return nil, misuse("got multiple values for argument '%s'", k)
		case k == "recipe_attributes":
			value = v
		case k == "input": // murano-agent takes it and reads it nowhere
		default:
			return nil, misuse("got an unexpected keyword argument '%v'", k)
		}
	}
	if value == nil {
		return nil, nil
	}
	attributes, ok := value.(*body.Dict)
	if !ok {
		return nil, misuse("takes a dictionary of attributes, {'name': value}; another kind of value was given")
	}
	return attributes, nil
}

// Folder makes a fresh folder below dir, so that nothing of an earlier call
// is taken for this one's, with files by their names. dir may belong to the
// script's user, who may put links into it: nothing is written outside of it.
func Folder(dir string, files map[string]string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := root.RemoveAll(folder); err != nil {
		return "", err
	}
	if err := root.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	for name, text := range files {
		if err := Write(root, filepath.Join(folder, name), text, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, folder), nil
}

// folder is the name of the one that Folder makes.
const folder = ".run"

// Write makes a file in root that is not there yet.
func Write(root *os.Root, name, text string, mode os.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Split takes the EntryPoint of c apart at its last ::, COOKBOOK::RECIPE or
// MODULE::CLASS. The error is murano-agent's; ErrorCode 100.
func Split(c agent.Call) (whole, part string, err error) {
	at := strings.LastIndex(c.Script.EntryPoint, "::")
	if at < 0 {
		return "", "", &agent.ScriptError{Message: fmt.Sprintf("Module recipe name format %s is not valid", c.Script.EntryPoint)}
	}
	return c.Script.EntryPoint[:at], c.Script.EntryPoint[at+2:], nil
}

// Run runs a program in dir, by executor: the first of programs, names
// separated by spaces, that the guest has. Lines of its output that say ERROR
// are added to its standard error, since that is where plans look.
func Run(ctx context.Context, executor agent.Executor, c agent.Call, dir, programs string, args ...string) (agent.Output, error) {
	path, err := entry(c.Dir, dir, strings.Fields(programs), args)
	if err != nil {
		return agent.Output{}, err
	}
	run := c
	run.Entry, run.Args, run.Kwargs = path, nil, nil
	out, err := executor.Run(ctx, run)
	out.Failure = fmt.Sprintf("Script %s returned error code", c.Script.EntryPoint)
	if c.Script.Options.CaptureStderr {
		out.Stderr = withErrors(out.Stderr, out.Stdout)
	}
	return out, err
}

// entry writes the program to be run, which is a script: so the program is
// looked for, and the absence of the first told, as a shell does it. dir is below
// the script's.
func entry(script, dir string, programs, args []string) (string, error) {
	line := ""
	for _, a := range args {
		line += " " + quote(a)
	}
	text := "#!/bin/sh\n"
	for _, p := range programs {
		text += "command -v " + p + " >/dev/null && exec " + p + line + "\n"
	}
	text += "echo '/bin/sh: 1: " + programs[0] + ": not found' >&2\nexit 127"
	below, err := filepath.Rel(script, dir)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(script)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := Write(root, filepath.Join(below, ".entry"), text+"\n", 0o700); err != nil {
		return "", err
	}
	// A child that another goroutine is starting may still hold the file open
	// for writing, and then it cannot be executed; once the lock is free, none does.
	syscall.ForkLock.Lock()
	//lint:ignore SA2001 an empty section is the point
	syscall.ForkLock.Unlock()
	return filepath.Join(dir, ".entry"), nil
}

// quote makes s one word of a shell.
func quote(s string) string {
	if regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`).MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// withErrors is stderr with the lines of stdout that say ERROR below it. Either
// may be nil.
func withErrors(stderr, stdout *string) *string {
	if stdout == nil {
		return stderr
	}
	var lines []string
	if stderr != nil && *stderr != "" {
		lines = append(lines, *stderr)
	}
	for _, line := range strings.Split(*stdout, "\n") {
		if strings.Contains(line, "ERROR") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return stderr
	}
	all := strings.TrimSpace(strings.Join(lines, "\n"))
	return &all
}
