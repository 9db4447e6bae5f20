// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// masked stands where a secret was.
const masked = "***"

// shortest is the length from which a secret is looked for inside other text.
// A shorter one would mask half of every sentence and still be guessed.
const shortest = 4

// A mask hides the values of secret parameters. The zero value hides nothing.
// It may be used by several goroutines.
type mask struct {
	mu      sync.Mutex
	secrets map[string]bool
}

// add makes the mask hide every string and number in v. A string is hidden in
// the forms it takes inside JSON and quoted text too, and one of several lines,
// such as a key, line by line as well: scripts print it so.
func (m *mask) add(v any) {
	switch v := v.(type) {
	case nil, bool: // guessed at the first try
	case string:
		forms := []string{v, escaped(v), strings.Trim(strconv.Quote(v), `"`)}
		if strings.Contains(v, "\n") {
			for line := range strings.Lines(v) {
				if line = strings.TrimSpace(line); len(line) >= shortest && !strings.HasPrefix(line, "-----") {
					forms = append(forms, line)
				}
			}
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.secrets == nil {
			m.secrets = make(map[string]bool)
		}
		for _, form := range forms {
			if form != "" {
				m.secrets[form] = true
			}
		}
	case []any:
		for _, item := range v {
			m.add(item)
		}
	case map[string]any:
		for _, item := range v {
			m.add(item)
		}
	default:
		m.add(number(v))
	}
}

// escaped is s as JSON has it, without the quotes.
func escaped(s string) string {
	b, err := compactJSON(s)
	if err != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(b), `"`), `"`)
}

// number is how a plain JSON number reads.
func number(v any) string {
	b, err := compactJSON(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// addParameters makes the mask hide the package's secrets among values.
func (m *mask) addParameters(p *Package, values map[string]any) {
	for _, name := range p.Secrets() {
		m.add(values[name])
	}
}

// text gives s with every secret replaced.
func (m *mask) text(s string) string {
	m.mu.Lock()
	secrets := slices.Collect(maps.Keys(m.secrets))
	m.mu.Unlock()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may hold another
	for _, secret := range secrets {
		if s == secret {
			return masked
		}
		if len(secret) >= shortest {
			s = strings.ReplaceAll(s, secret, masked)
		}
	}
	return s
}

// value gives v, plain JSON values, with every secret in it replaced. v is not changed.
func (m *mask) value(v any) any {
	switch v := v.(type) {
	case string:
		return m.text(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = m.value(item)
		}
		return out
	case map[string]any:
		return m.values(v)
	case nil, bool:
		return v
	}
	if text := number(v); m.text(text) == masked { // a part of another number is no secret
		return masked
	}
	return v
}

func (m *mask) values(v map[string]any) map[string]any {
	if v == nil {
		return nil
	}
	out := make(map[string]any, len(v))
	for k, item := range v {
		out[k] = m.value(item)
	}
	return out
}

// holds tells whether v holds a secret.
func (m *mask) holds(v any) bool {
	switch v := v.(type) {
	case string:
		return m.text(v) != v
	case []any:
		return slices.ContainsFunc(v, m.holds)
	case map[string]any:
		for _, item := range v {
			if m.holds(item) {
				return true
			}
		}
	case nil, bool:
	default:
		return m.text(number(v)) == masked
	}
	return false
}

// masks are those of the environments whose deployments are being carried out,
// by environment ID: they know secrets that are not yet recorded. The zero
// value is ready.
type masks struct {
	mu   sync.Mutex
	byID map[string]*mask
}

// use makes m the environment's mask until done is called.
func (m *masks) use(environmentID string, one *mask) (done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID == nil {
		m.byID = make(map[string]*mask)
	}
	m.byID[environmentID] = one
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.byID, environmentID)
	}
}

// of gives the mask in use, or nil.
func (m *masks) of(environmentID string) *mask {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byID[environmentID]
}
