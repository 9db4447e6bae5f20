// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"strings"
)

// An assignment is one `key = value` of an oslo file.
type assignment struct {
	section, key string
	value        string // lines joined with \n
	line         int    // of the key
}

// parseINI reads the grammar of oslo.config (oslo_config/iniparser.py), which
// is not that of other INI files, and a password may depend on it: a comment
// is a whole line that begins with # or ;, never the rest of one; % and $ mean
// themselves (oslo would look for an option after a $); the first of = and :
// ends the key; one pair of equal quotes around a value is taken off; a line
// that begins with white space continues the value above it, an empty line
// ends it.
func parseINI(file string, b []byte) ([]assignment, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var (
		all     []assignment
		open    bool // all's last may be continued
		section string
	)
	fault := func(line int, reason, next string) error {
		return &Error{File: file, Line: line, Reason: reason, Next: next}
	}
	for i, line := range strings.Split(string(b), "\n") {
		n := i + 1
		line = strings.TrimRight(line, " \t\r\f\v")
		switch {
		case line == "":
			open = false
		case line[0] == ' ' || line[0] == '\t':
			if !open {
				return nil, fault(n, "this line begins with a space, but there is no value above it to continue", "remove the space, or the empty line before it")
			}
			last := &all[len(all)-1]
			last.value += "\n" + strings.TrimLeft(line, " \t")
		case line[0] == '#' || line[0] == ';':
			open = false
		case line[0] == '[':
			open = false
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok || name == "" {
				return nil, fault(n, fmt.Sprintf("%q is not the head of a section", line), "write [DEFAULT] or [rabbitmq]")
			}
			section = sectionName(name)
		default:
			at := strings.IndexAny(line, "=:")
			if at < 0 {
				return nil, fault(n, "there is no = in this line", "write key = value, or # before a comment")
			}
			key := strings.TrimSpace(line[:at])
			if key == "" {
				return nil, fault(n, "there is no key before the =", "write key = value")
			}
			if section == "" {
				return nil, fault(n, fmt.Sprintf("key %q stands before the first section", key), "write [DEFAULT] above it")
			}
			all = append(all, assignment{section: section, key: strings.ReplaceAll(key, "-", "_"), value: unquote(strings.TrimSpace(line[at+1:])), line: n})
			open = true
		}
	}
	for i := range all {
		all[i].value = strings.TrimPrefix(all[i].value, "\n") // engine_key = and the key below it
	}
	return all, nil
}

// sectionName is as oslo.config normalises a group: only DEFAULT keeps its case.
func sectionName(s string) string {
	if strings.EqualFold(s, "DEFAULT") {
		return "DEFAULT"
	}
	return strings.ToLower(s)
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') {
		return s[1 : len(s)-1]
	}
	return s
}

// readINI puts what an oslo file says into c. Keys it does not know become
// warnings: oslo ignores them too, and the file may serve other programs.
func readINI(c *Config, file string, b []byte) error {
	all, err := parseINI(file, b)
	if err != nil {
		return err
	}
	known := make(map[string]option)
	var names []string
	for _, o := range options() {
		if o.ini != "" {
			known[o.ini] = o
			names = append(names, o.ini)
		}
	}
	silent := silentINI()
	for _, a := range all {
		name := a.section + "." + a.key
		o, ok := known[name]
		switch {
		case ok:
		case silent[name]:
			continue
		default:
			c.Warnings = append(c.Warnings, unknownINI(file, a, names))
			continue
		}
		if next, err := set(o.at(c), a.value); err != nil {
			return &Error{File: file, Line: a.line, Key: fmt.Sprintf("[%s] %s", a.section, a.key), Reason: err.Error(), Next: next}
		}
		if o.ini == "rabbitmq.input_queue" {
			c.queueFromINI = true
		}
	}
	return nil
}

func unknownINI(file string, a assignment, names []string) string {
	s := fmt.Sprintf("%s:%d: [%s] %s is not an option of the agent and is ignored", file, a.line, a.section, a.key)
	for _, n := range names {
		section, key, _ := strings.Cut(n, ".")
		if key == a.key {
			return s + fmt.Sprintf("; it belongs under [%s]", section)
		}
	}
	if n := nearest(a.section+"."+a.key, names); n != "" {
		section, key, _ := strings.Cut(n, ".")
		s += fmt.Sprintf("; did you mean [%s] %s?", section, key)
	}
	return s
}
