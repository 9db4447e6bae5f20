// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// A level is one step down a path: what it holds by name. kind names what its keys are, for messages.
type level struct {
	kind string
	keys map[string]any // values are levels or plain JSON values
	rest any            // the plain value of the whole level, for a path that ends here; nil means it cannot end here
}

// tree lays the scope out as paths see it.
func (s Scope) tree() level {
	roots := map[string]any{}
	if s.Parameters != nil {
		roots["parameters"] = level{kind: "parameter", keys: s.Parameters, rest: s.Parameters}
	}
	if s.Servers != nil {
		roots["servers"] = serverLevel(s.Servers)
	}
	if s.Applications != nil {
		keys := make(map[string]any, len(s.Applications))
		for name, a := range s.Applications {
			part := map[string]any{"outputs": level{kind: "output", keys: a.Outputs, rest: orEmpty(a.Outputs)}}
			if a.Servers != nil {
				part["servers"] = serverLevel(a.Servers)
			}
			keys[string(name)] = level{kind: "part of an application", keys: part}
		}
		roots["applications"] = level{kind: "application", keys: keys}
	}
	if s.Steps != nil {
		keys := make(map[string]any, len(s.Steps))
		for name, r := range s.Steps {
			keys[name] = r.level()
		}
		roots["steps"] = level{kind: "step", keys: keys}
	}
	if s.Environment != "" {
		roots["environment"] = level{kind: "part of an environment", keys: map[string]any{"name": string(s.Environment)}}
	}
	if s.Application != "" {
		roots["application"] = level{kind: "part of an application", keys: map[string]any{"name": string(s.Application)}}
	}
	return level{kind: "part of the scope", keys: roots}
}

func orEmpty(m map[string]any) any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func (r StepResult) level() level {
	results := append([]any{}, r.Results...)
	var first any
	if len(results) > 0 {
		first = results[0]
	}
	return level{kind: "part of a step", keys: map[string]any{"result": first, "results": results, "skipped": r.Skipped}}
}

func serverLevel(servers []Server) level {
	byGroup := map[string][]Server{}
	for _, s := range servers {
		byGroup[s.Group] = append(byGroup[s.Group], s)
	}
	keys := make(map[string]any, len(byGroup))
	for group, list := range byGroup {
		sort.SliceStable(list, func(i, j int) bool { return list[i].Index < list[j].Index })
		values := make([]any, len(list))
		for i, s := range list {
			values[i] = s.value()
		}
		keys[group] = values
	}
	return level{kind: "server group", keys: keys}
}

func (s Server) value() map[string]any {
	v := map[string]any{
		"address": s.Reachable(), "fixedAddress": s.Address, "floatingAddress": nil,
		"hostname": s.Hostname, "id": s.ID, "index": s.Index, "group": s.Group,
	}
	if s.Floating != "" {
		v["floatingAddress"] = s.Floating
	}
	return v
}

// lookUp walks a reference's path down from root.
func lookUp(root level, p part) (any, error) {
	var v any = root
	for i, segment := range p.path {
		next, err := descend(v, segment)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %s: %w", p.text, where(p.path[:i]), err)
		}
		v = next
	}
	l, ok := v.(level)
	if !ok {
		return v, nil
	}
	if l.rest == nil {
		return nil, fmt.Errorf("${%s} stops above any value; go on with one of: %s", p.text, names(l.keys))
	}
	return l.rest, nil
}

func where(path []string) string {
	if len(path) == 0 {
		return "at the top"
	}
	return "in " + strings.Join(path, ".")
}

func descend(v any, segment string) (any, error) {
	switch v := v.(type) {
	case level:
		if next, ok := v.keys[segment]; ok {
			return next, nil
		}
		return nil, fmt.Errorf("there is no %s %q; there is: %s", v.kind, segment, names(v.keys))
	case map[string]any:
		if next, ok := v[segment]; ok {
			return next, nil
		}
		return nil, fmt.Errorf("there is no %q; there is: %s", segment, names(v))
	case []any:
		i, err := strconv.Atoi(segment)
		if err != nil {
			return nil, fmt.Errorf("a list has no %q; name a place in it, as in [0]", segment)
		}
		if i < 0 || i >= len(v) {
			return nil, fmt.Errorf("there is no place %d; the list has %d, counted from 0", i, len(v))
		}
		return v[i], nil
	}
	if plain, ok := plainValue(v); ok {
		return descend(plain, segment)
	}
	return nil, fmt.Errorf("%s is not a list or a mapping and has no %q", kindOf(v), segment)
}

// plainValue turns typed lists and maps, as Go callers may give them, into
// plain JSON values.
func plainValue(v any) (any, bool) {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Map, reflect.Slice, reflect.Struct:
	default:
		return nil, false
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var out any
	if dec.Decode(&out) != nil {
		return nil, false
	}
	switch out.(type) {
	case []any, map[string]any:
		return out, true
	}
	return nil, false
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "true or false"
	}
	return "a number"
}

func names(m map[string]any) string {
	if len(m) == 0 {
		return "nothing"
	}
	return strings.Join(sortedKeys(m), ", ")
}
