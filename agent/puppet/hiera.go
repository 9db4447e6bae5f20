// SPDX-License-Identifier: Apache-2.0

package puppet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/agent/recipe"
)

// level is what the plan's level of a module's data is called.
const level = "murano"

// offer has the module in modules find the attributes that are in dir's
// default.yaml. The hiera.yaml which murano-agent writes is of a form that
// puppet does not read (7.23.0: its keys are no symbols), so that attributes
// came to nothing; but every puppet since 4.9 asks the module's own hiera.yaml
// for what the module's classes take. The plan's level comes first in it. A
// module that is not there, or whose hiera.yaml is of an older version, is left
// as it is.
func offer(modules, module, dir string) error {
	workspace, err := filepath.EvalSymlinks(filepath.Dir(modules))
	if err != nil {
		return err
	}
	at, err := filepath.EvalSymlinks(filepath.Join(modules, module)) // a download is behind a link
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	within, err := filepath.Rel(workspace, at)
	if err != nil {
		return err
	}
	data, err := filepath.Rel(at, filepath.Join(workspace, filepath.Base(modules), filepath.Base(dir)))
	if err != nil {
		return err
	}
	// The script's user may have put another link there: the root keeps us inside.
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Join(within, "hiera.yaml")
	text, err := read(root, name)
	if err != nil {
		return err
	}
	if text, err = withLevel(text, filepath.ToSlash(data)); err != nil || text == nil {
		return err
	}
	// A new file: the one there may have a second name elsewhere.
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return recipe.Write(root, name, string(text), 0o644)
}

// read is the content of a file; of one that is not there, nothing. It does not
// wait for one that is a pipe.
func read(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && (!st.Mode().IsRegular() || st.Size() > 1<<20) {
		err = errors.New("hiera.yaml of the module is no file of at most 1 MiB")
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// withLevel is a hiera.yaml of version 5 with the plan's level, which reads
// default.yaml in data, before its own. nil means it is not to be changed.
func withLevel(text []byte, data string) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("version: 5\n")
	}
	var config struct {
		Version   int              `yaml:"version"`
		Hierarchy []map[string]any `yaml:"hierarchy"`
		Others    map[string]any   `yaml:",inline"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, nil // puppet will say it better
	}
	if config.Version != 5 {
		return nil, nil
	}
	if len(config.Hierarchy) > 0 && config.Hierarchy[0]["name"] == level {
		config.Hierarchy = config.Hierarchy[1:] // of an earlier call
	}
	ours := map[string]any{"name": level, "path": "default.yaml", "datadir": data, "data_hash": "yaml_data"}
	config.Hierarchy = append([]map[string]any{ours}, config.Hierarchy...)
	text, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("write hiera.yaml of the module: %w", err)
	}
	return text, nil
}
