// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads the configuration from paths, later ones over earlier ones. A
// directory stands for its *.conf files in the order of their names, as
// oslo.config's --config-dir, and then its agent.yaml. A file ending in .yaml
// or .yml is native, any other is oslo's INI. What Load returns need not be
// enough for an agent to run: see Validate.
func Load(paths ...string) (Config, error) {
	c := Default()
	var files []string
	for _, p := range paths {
		found, err := expand(p)
		if err != nil {
			return c, err
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if err := read(&c, file); err != nil {
			return c, err
		}
	}
	c.warnOpenModes()
	return c, nil
}

// expand is the files that a path stands for.
func expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{File: path, Reason: "there is no such file or directory", Next: "name another with --config-dir or --config-file"}
	}
	if err != nil {
		return nil, &Error{File: path, Reason: err.Error(), Next: "make it readable to the user the agent runs as"}
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(path), "*.conf"))
	if err != nil {
		return nil, &Error{File: path, Reason: err.Error(), Next: "name the files with --config-file"}
	}
	slices.Sort(files)
	native := filepath.Join(path, "agent.yaml")
	if _, err := os.Stat(native); err == nil {
		files = append(files, native)
	}
	if len(files) == 0 {
		return nil, &Error{File: path, Reason: "the directory has neither agent.yaml nor a *.conf file", Next: "write agent.yaml there (the package has a commented sample), or name another directory with --config-dir"}
	}
	return files, nil
}

// escapeGlob makes a folder's own name mean itself in a pattern.
func escapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir // no escapes there; such names cannot hold * or ?
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func read(c *Config, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return &Error{File: file, Reason: "cannot be read: " + err.Error(), Next: "make it readable to the user the agent runs as"}
	}
	c.Sources = append(c.Sources, file)
	switch strings.ToLower(filepath.Ext(file)) {
	case ".yaml", ".yml":
		return readYAML(c, file, b)
	}
	return readINI(c, file, b)
}

// warnOpenModes says which files show the broker's password to every user of
// the guest; Murano's own init script leaves agent.conf at 0664.
func (c *Config) warnOpenModes() {
	for _, file := range c.Sources {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm()&0o004 == 0 || filepath.Separator == '\\' {
			continue
		}
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s is readable by every user (mode %04o) and may hold the broker's password; chmod 600 it", file, info.Mode().Perm()))
	}
}
