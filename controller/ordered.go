// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"encoding/json"
)

// ordered is a JSON object whose keys keep their order.
type ordered []pair

type pair struct {
	key   string
	value any
}

// with adds a key where it is wanted.
func (o ordered) with(key string, wanted bool, value any) ordered {
	if !wanted {
		return o
	}
	return append(o, pair{key, value})
}

// get finds a key.
func (o ordered) get(key string) (any, bool) {
	for _, p := range o {
		if p.key == key {
			return p.value, true
		}
	}
	return nil, false
}

// set gives key a value; a new key comes last.
func (o ordered) set(key string, value any) ordered {
	for i, p := range o {
		if p.key == key {
			o[i].value = value
			return o
		}
	}
	return append(o, pair{key, value})
}

// MarshalJSON writes the keys in order, and <, > and & as they are.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, v := range []any{p.key, p.value} {
			if j == 1 {
				b.WriteByte(':')
			}
			text, err := compactJSON(v)
			if err != nil {
				return nil, err
			}
			b.Write(text)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func compactJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
