// SPDX-License-Identifier: Apache-2.0

// Package chef runs scripts of Type: Chef: a recipe, with chef-solo, as
// murano-agent 12.0.0 does (executors/chef), but in the plan's own directory.
package chef

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/recipe"
	"github.com/openmurano/murano/plans/body"
)

// Executor runs recipes.
type Executor struct {
	// Program runs the command lines; agent/application's Executor does.
	Program agent.Executor
}

var _ agent.Executor = (*Executor)(nil)

// Run runs the recipe that c's EntryPoint names, COOKBOOK::RECIPE, with the
// attributes that the Body gave, a dictionary. chef-solo starts in a folder of
// its own below c.Dir that holds node.json; c.Dir is the cookbook path, and
// solo.rb is there, unless the plan brought its own. A guest without chef-solo
// may have cinc-solo, which is the same program under a free name. With useBerkshelf the
// cookbooks are those that `berks vendor` puts into c.Dir/berks-cookbooks.
func (x *Executor) Run(ctx context.Context, c agent.Call) (agent.Output, error) {
	attributes, err := recipe.Attributes(c)
	if err != nil {
		return agent.Output{}, err
	}
	cookbook, name, err := recipe.Split(c)
	if err != nil {
		return agent.Output{}, err
	}
	cookbooks := c.Dir
	if c.Script.Options.UseBerkshelf {
		if cookbooks, err = x.vendor(ctx, c, cookbook); err != nil {
			return agent.Output{}, err
		}
	}
	dir, err := x.configure(c, cookbook, name, cookbooks, attributes)
	if err != nil {
		return agent.Output{}, unprepared(cookbook, name, err)
	}
	return recipe.Run(ctx, x.Program, c, dir, "chef-solo cinc-solo", "-j", "node.json", "-c", filepath.Join(c.Dir, "solo.rb"))
}

// configure writes node.json and solo.rb, and returns the folder to run in.
func (x *Executor) configure(c agent.Call, cookbook, name, cookbooks string, attributes *body.Dict) (string, error) {
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := recipe.Write(root, "solo.rb", `cookbook_path "`+cookbooks+`"`, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	node := body.NewDict("run_list", body.NewList("recipe["+cookbook+"::"+name+"]"))
	if attributes.Len() > 0 {
		node.Set(cookbook, attributes)
	}
	text, err := body.EncodeJSON(node)
	if err != nil {
		return "", err
	}
	return recipe.Folder(c.Dir, map[string]string{"node.json": string(text)})
}

// vendor brings the cookbooks that the Berksfile names, and returns where they are.
func (x *Executor) vendor(ctx context.Context, c agent.Call, cookbook string) (string, error) {
	file := c.Script.Options.BerksfilePath
	if file == "" {
		file = cookbook + "/Berksfile"
	}
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return "", &agent.ScriptError{Message: fmt.Sprintf("Berksfile %s is outside the script's files; give berksfilePath relative to them", file)}
	}
	file = filepath.Join(c.Dir, filepath.FromSlash(file))
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return "", &agent.ScriptError{Message: fmt.Sprintf("Berksfile %s not found; send it with the script's Files, or name it with berksfilePath", file)}
	}
	into := filepath.Join(c.Dir, "berks-cookbooks")
	if err := os.MkdirAll(into, 0o755); err != nil {
		return "", err
	}
	dir, err := recipe.Folder(c.Dir, nil)
	if err != nil {
		return "", err
	}
	out, err := recipe.Run(ctx, x.Program, c, dir, "berks", "vendor", "--berksfile="+file, into)
	if err != nil {
		return "", err
	}
	if out.ExitCode != 0 {
		message := "Berks returned error code"
		if c.Script.Options.VerifyExitcode {
			message = out.Failure
		}
		return "", &agent.ScriptError{Message: message, Output: &out}
	}
	return into, nil
}

// unprepared is murano-agent's answer when the files of a run cannot be
// written; ErrorCode 100.
func unprepared(cookbook, name string, err error) error {
	if raised := (*body.Exception)(nil); errors.As(err, &raised) {
		return err // attributes that are no JSON
	}
	reason := err.Error()
	return &agent.ScriptError{
		Message: fmt.Sprintf("Cookbook %s returned error code %s: %s", cookbook, name, reason),
		Output:  &agent.Output{ExitCode: 2, Stderr: &reason},
	}
}
