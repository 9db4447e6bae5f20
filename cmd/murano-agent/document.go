// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// readPlan reads the plan of a file, "-" being stdin, and returns it as JSON.
// A document that begins with a brace is JSON, any other YAML.
func readPlan(file string, stdin io.Reader) ([]byte, error) {
	b, err := readFile(file, stdin)
	if err != nil {
		return nil, err
	}
	if first := bytes.TrimLeft(b, " \t\r\n"); len(first) == 0 || first[0] == '{' || first[0] == '[' || first[0] == '"' {
		return b, nil
	}
	v, err := plans.DecodeYAML(b)
	if err != nil {
		return nil, err
	}
	return body.EncodeJSON(v)
}

// readFile reads a file, "-" being stdin. Its error has a next step.
func readFile(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return b, nil
	}
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file; name a file that holds a plan, or - for standard input", file)
	case err != nil:
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("%s: cannot be read: %w", file, err)
	}
	return b, nil
}

// setParameters puts what --set and --set-file say into the plan's Parameters.
// A value of --set that is JSON is taken as that, any other as text; a value of
// --set-file is the file's text without its last line end.
func setParameters(document []byte, sets, setFiles []string, stdin io.Reader) ([]byte, error) {
	if len(sets)+len(setFiles) == 0 {
		return document, nil
	}
	v, err := body.DecodeJSON(document)
	if err != nil {
		return document, nil // the parser of plans says it better
	}
	plan, ok := v.(*body.Dict)
	if !ok {
		return document, nil
	}
	parameters := new(body.Dict)
	if old, _ := plan.Get("Parameters"); old != nil {
		if parameters, ok = old.(*body.Dict); !ok {
			return document, nil
		}
	}
	for _, s := range sets {
		key, text, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--set %q: there is no = in it; write --set KEY=VALUE", s)
		}
		value, err := body.DecodeJSON([]byte(text))
		if err != nil {
			value = text
		}
		parameters.Set(key, value)
	}
	for _, s := range setFiles {
		key, file, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--set-file %q: there is no = in it; write --set-file KEY=FILE", s)
		}
		b, err := readFile(file, stdin)
		if err != nil {
			return nil, fmt.Errorf("--set-file %s: %w", key, err)
		}
		parameters.Set(key, strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"))
	}
	plan.Set("Parameters", parameters)
	return body.EncodeJSON(plan)
}
