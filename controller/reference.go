// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Scope is what a reference can reach.
//
//	${parameters.name}                     any depth: .key, ["key"], [0]
//	${servers.web[0].address}              where others reach it: floating IP if it has one, else fixed
//	${servers.web[0].fixedAddress}         .floatingAddress (null without), .hostname, .id, .index, .group
//	${servers.web}                         list of all
//	${applications.db.outputs.host}        of another application of the environment
//	${applications.db.servers.db[0].address}
//	${steps["Install Apache"].result}      what the plan's Body returned on the step's first server; null when skipped
//	${steps.install.results[1]}            on the second server of the step
//	${environment.name}  ${application.name}
//
// A nil part means: nothing of that kind is known here.
type Scope struct {
	Environment  EnvironmentName
	Application  ApplicationName
	Parameters   map[string]any
	Servers      []Server
	Applications map[ApplicationName]ApplicationScope
	Steps        map[string]StepResult // by Step.Name
}

// An ApplicationScope is what other applications see of one.
type ApplicationScope struct {
	Outputs map[string]any
	Servers []Server
}

// A StepResult is what a step returned.
type StepResult struct {
	Results []any // by server, in the order of Target.Select; plain JSON values
	Skipped bool
}

// A Server is one server as it came out of a stack.
type Server struct {
	Group    string
	Index    int
	Hostname string
	ID       string // Nova's UUID
	Address  string // fixed IP
	Floating string // floating IP, or empty
}

// Reachable is where others reach the server: the floating IP, or the fixed one.
func (s Server) Reachable() string {
	if s.Floating != "" {
		return s.Floating
	}
	return s.Address
}

// A Reference is one ${...} in a value.
type Reference struct {
	Text string   // as written, without ${ }
	Path []string // its segments; indexes in decimal
	At   string   // where in the value: dbHost, list[2].x; empty at the top
}

// Resolve replaces every ${...} in v, which is made of plain JSON values. A
// string that is one reference becomes the value itself, of its own type;
// inside other text the value is rendered: strings as they are, numbers and
// booleans as JSON, null as nothing; a list or map there is an error. $${ is a
// literal ${. v is not changed. An unknown path is an error that says what exists there.
func Resolve(v any, s Scope) (any, error) { return resolve(v, "", s.tree()) }

func resolve(v any, at string, root level) (any, error) {
	switch v := v.(type) {
	case string:
		out, err := resolveText(v, root)
		if err != nil && at != "" {
			err = fmt.Errorf("%s: %w", at, err)
		}
		return out, err
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			r, err := resolve(one, index(at, i), root)
			if err != nil {
				return nil, err
			}
			out[i] = r
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			r, err := resolve(v[k], join(at, k), root)
			if err != nil {
				return nil, err
			}
			out[k] = r
		}
		return out, nil
	}
	return v, nil
}

func resolveText(text string, root level) (any, error) {
	parts, err := splitText(text)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && parts[0].path != nil {
		return lookUp(root, parts[0])
	}
	var b strings.Builder
	for _, p := range parts {
		if p.path == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := lookUp(root, p)
		if err != nil {
			return nil, err
		}
		s, err := render(v)
		if err != nil {
			return nil, fmt.Errorf("${%s} inside the text %q: %w", p.text, shorten(text), err)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func render(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []any, map[string]any:
		return "", errors.New("a list or a mapping has no text; name one value of it, or make the reference the whole value")
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// A part is a piece of text, or, with a path, a reference.
type part struct {
	text string
	path []string
}

// splitText cuts text into what is literal and what is a reference.
func splitText(text string) ([]part, error) {
	var parts []part
	literal := ""
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' {
			literal += text[:i-1] + "${"
			text = text[i+2:]
			continue
		}
		inner, rest, err := cutReference(text[i+2:])
		if err != nil {
			return nil, err
		}
		path, err := splitPath(inner)
		if err != nil {
			return nil, err
		}
		if literal += text[:i]; literal != "" {
			parts = append(parts, part{text: literal})
		}
		parts = append(parts, part{text: inner, path: path})
		literal, text = "", rest
	}
	if literal += text; literal != "" || len(parts) == 0 {
		parts = append(parts, part{text: literal})
	}
	return parts, nil
}

// cutReference finds the closing brace, passing over quoted text.
func cutReference(s string) (inner, rest string, err error) {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch {
		case quote != 0:
			if s[i] == quote {
				quote = 0
			}
		case s[i] == '"' || s[i] == '\'':
			quote = s[i]
		case s[i] == '}':
			return s[:i], s[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("${%s has no closing }; close it, or write $${ for a literal ${", shorten(s))
}

var (
	pathName  = regexp.MustCompile(`^[A-Za-z0-9_-]+`)
	pathIndex = regexp.MustCompile(`^\[(?:([0-9]{1,9})|"([^"]*)"|'([^']*)')\]`)
)

func splitPath(inner string) ([]string, error) {
	var path []string
	rest := inner
	for {
		if m := pathName.FindString(rest); m != "" {
			path = append(path, m)
			rest = rest[len(m):]
		} else {
			return nil, pathError(inner)
		}
		for strings.HasPrefix(rest, "[") {
			m := pathIndex.FindStringSubmatch(rest)
			if m == nil {
				return nil, pathError(inner)
			}
			path = append(path, m[1]+m[2]+m[3])
			rest = rest[len(m[0]):]
		}
		if rest == "" {
			return path, nil
		}
		if rest[0] != '.' {
			return nil, pathError(inner)
		}
		rest = rest[1:]
	}
}

func pathError(inner string) error {
	return fmt.Errorf(`${%s} is not a path; write names joined by dots, [0] for a place in a list and ["..."] for a name with other characters; there are no functions`, inner)
}

// References lists every reference in v in a stable order. Faulty ones are an error.
func References(v any) ([]Reference, error) { return references(v, "") }

func references(v any, at string) ([]Reference, error) {
	var out []Reference
	add := func(v any, at string) error {
		inner, err := references(v, at)
		out = append(out, inner...)
		return err
	}
	switch v := v.(type) {
	case string:
		parts, err := splitText(v)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			if p.path != nil {
				out = append(out, Reference{Text: p.text, Path: p.path, At: at})
			}
		}
	case []any:
		for i, one := range v {
			if err := add(one, index(at, i)); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if err := add(v[k], join(at, k)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// Truth resolves a step's when: nil is true; null, false, "", 0, and empty
// lists and maps are false; text "false", "no", "off" and "0" too.
func Truth(when any, s Scope) (bool, error) {
	if when == nil {
		return true, nil
	}
	v, err := Resolve(when, s)
	if err != nil {
		return false, err
	}
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		return !contains([]string{"", "false", "no", "off", "0"}, strings.ToLower(v)), nil
	case []any:
		return len(v) > 0, nil
	case map[string]any:
		return len(v) > 0, nil
	}
	text, err := render(v)
	if err != nil {
		return false, err
	}
	f, err := strconv.ParseFloat(text, 64)
	return err != nil || f != 0, nil
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
