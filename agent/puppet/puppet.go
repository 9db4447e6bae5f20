// SPDX-License-Identifier: Apache-2.0

// Package puppet runs scripts of Type: Puppet: a class of a module, with
// `puppet apply`, as murano-agent 12.0.0 does (executors/puppet), but in the
// plan's own directory.
package puppet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/recipe"
	"github.com/openmurano/murano/plans/body"
)

// hiera is what murano-agent writes, byte for byte.
const hiera = "backends: yaml\nhierarchy: '%{env}'\nlogger: console\nyaml:\n  datadir: /etc/puppet/hieradata\n"

// Executor applies classes.
type Executor struct {
	// Program runs the command line; agent/application's Executor does.
	Program agent.Executor
}

var _ agent.Executor = (*Executor)(nil)

// Run applies the class that c's EntryPoint names, MODULE::CLASS, or MODULE::
// for the module's own, with the attributes that the Body gave, a dictionary.
// puppet starts in a folder of its own below c.Dir that holds hiera.yaml,
// manifest.pp and, with attributes, default.yaml; c.Dir is the module path. The
// module's own hiera.yaml is made to read default.yaml first.
func (x *Executor) Run(ctx context.Context, c agent.Call) (agent.Output, error) {
	attributes, err := recipe.Attributes(c)
	if err != nil {
		return agent.Output{}, err
	}
	module, class, err := recipe.Split(c)
	if err != nil {
		return agent.Output{}, err
	}
	dir, err := configure(c.Dir, module, class, attributes)
	if err != nil {
		return agent.Output{}, unprepared(module, class, err)
	}
	return recipe.Run(ctx, x.Program, c, dir, "puppet", "apply", "--hiera_config=hiera.yaml", "--modulepath", c.Dir, "manifest.pp")
}

// configure writes what puppet reads, and returns the folder to run in.
func configure(modules, module, class string, attributes *body.Dict) (string, error) {
	name := module
	if class != "" {
		name += "::" + class
	}
	files := map[string]string{
		"hiera.yaml":  hiera,
		"manifest.pp": "node 'default' { class { " + name + ":}}",
	}
	if attributes != nil {
		values := body.NewDict()
		for k, v := range attributes.All() {
			key, ok := k.(string)
			if !ok {
				return "", fmt.Errorf("attribute %v: the name of an attribute is text", k)
			}
			values.Set(module+"::"+key, v)
		}
		text, err := encodeYAML(values)
		if err != nil {
			return "", err
		}
		files["default.yaml"] = text
	}
	dir, err := recipe.Folder(modules, files)
	if err != nil || attributes == nil {
		return dir, err
	}
	return dir, offer(modules, module, dir)
}

// unprepared is murano-agent's answer when the files of a run cannot be
// written; ErrorCode 100.
func unprepared(module, class string, err error) error {
	if p := (*fs.PathError)(nil); !errors.As(err, &p) {
		return fmt.Errorf("attributes of module %s: %w", module, err)
	}
	reason := err.Error()
	return &agent.ScriptError{
		Message: fmt.Sprintf("Module %s returned error code %s: %s", module, class, reason),
		Output:  &agent.Output{ExitCode: 2, Stderr: &reason},
	}
}
