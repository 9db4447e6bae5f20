// SPDX-License-Identifier: Apache-2.0

package body

import (
	"fmt"
	"iter"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// A Dict is a dict: it keeps the order in which its keys came. The zero value
// is an empty one. It is not safe for use by several goroutines.
type Dict struct {
	index   map[any]int // hash key to place in entries
	entries []entry
	dead    int  // entries that were deleted
	bunch   bool // keys are attributes too, as murano-agent's Bunch has it
}

type entry struct {
	key, value Value
	hash       any
	live       bool
}

// NewDict makes a dict of pairs: key, value, key, value.
func NewDict(pairs ...Value) *Dict {
	d := &Dict{}
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Set(pairs[i], pairs[i+1])
	}
	return d
}

// Len returns the number of keys. It is 0 for a nil Dict.
func (d *Dict) Len() int {
	if d == nil {
		return 0
	}
	return len(d.entries) - d.dead
}

// Get returns the value of key. A nil Dict has no keys; neither has any Dict a
// key that cannot be one.
func (d *Dict) Get(key Value) (Value, bool) {
	if d == nil {
		return nil, false
	}
	h, err := hashKey(key)
	if err != nil {
		return nil, false
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	return d.entries[i].value, true
}

// Set gives key a value; a new key comes last. Key must be hashable (None,
// bool, int, float, str, bytes or a tuple of such): it panics otherwise, for
// only a mistake in Go code gets here with another.
func (d *Dict) Set(key, value Value) {
	if err := d.put(key, value); err != nil {
		panic("body: " + err.Error())
	}
}

// Delete removes key and tells whether it was there.
func (d *Dict) Delete(key Value) bool {
	h, err := hashKey(key)
	if err != nil {
		return false
	}
	return d.remove(h)
}

// Keys returns the keys in order.
func (d *Dict) Keys() []Value {
	keys := make([]Value, 0, d.Len())
	for k := range d.All() {
		keys = append(keys, k)
	}
	return keys
}

// All yields keys and values in order.
func (d *Dict) All() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if d == nil {
			return
		}
		for _, e := range d.entries {
			if e.live && !yield(e.key, e.value) {
				return
			}
		}
	}
}

func (d *Dict) put(key, value Value) error {
	h, err := hashKey(key)
	if err != nil {
		return err
	}
	if i, ok := d.index[h]; ok {
		d.entries[i].value = value
		return nil
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	d.index[h] = len(d.entries)
	d.entries = append(d.entries, entry{key, value, h, true})
	return nil
}

func (d *Dict) remove(h any) bool {
	i, ok := d.index[h]
	if !ok {
		return false
	}
	delete(d.index, h)
	d.entries[i] = entry{}
	d.dead++
	if d.dead > 32 && d.dead > len(d.entries)/2 {
		d.compact()
	}
	return true
}

func (d *Dict) compact() {
	kept := make([]entry, 0, d.Len())
	for _, e := range d.entries {
		if e.live {
			d.index[e.hash] = len(kept)
			kept = append(kept, e)
		}
	}
	d.entries, d.dead = kept, 0
}

func (d *Dict) clear() { d.index, d.entries, d.dead = nil, nil, 0 }

func (d *Dict) copy() *Dict {
	c := &Dict{}
	for k, v := range d.All() {
		c.Set(k, v)
	}
	return c
}

// A Set is a set or frozenset. CPython orders a set by hashes, which differ
// from run to run for strings; this one keeps the order of insertion.
type Set struct {
	d      Dict
	frozen bool
}

func (s *Set) len() int          { return s.d.Len() }
func (s *Set) add(v Value) error { return s.d.put(v, nil) }
func (s *Set) has(v Value) bool  { _, ok := s.d.Get(v); return ok }
func (s *Set) items() []Value    { return s.d.Keys() }
func (s *Set) subsetOf(o *Set) bool {
	for k := range s.d.All() {
		if !o.has(k) {
			return false
		}
	}
	return true
}

type (
	hashNone struct{}
	hashBig  string
	hashNaN  struct{ bits uint64 }
	hashTup  string
	hashSet  string
)

// hashKey returns a comparable Go value that is equal for values that are equal
// in Python (1, 1.0 and True), or a TypeError for what has no hash.
func hashKey(v Value) (any, error) {
	switch v := v.(type) {
	case nil:
		return hashNone{}, nil
	case string, Bytes, int64:
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case *big.Int:
		return hashBig(v.Text(16)), nil
	case float64:
		return hashFloat(v), nil
	case *Tuple:
		return hashTuple(v)
	case *Set:
		if v.frozen {
			return hashFrozen(v)
		}
	case *Range:
		return *v, nil
	case *List, *Dict, *dictView:
	default:
		return v, nil
	}
	return nil, typeError("unhashable type: '%s'", typeName(v))
}

func hashFloat(f float64) any {
	switch {
	case math.IsNaN(f):
		return hashNaN{math.Float64bits(f)}
	case f == math.Trunc(f) && math.Abs(f) < 1<<62:
		return int64(f)
	case f == math.Trunc(f) && !math.IsInf(f, 0):
		n, _ := big.NewFloat(f).Int(nil)
		if n.IsInt64() {
			return n.Int64()
		}
		return hashBig(n.Text(16))
	}
	return f
}

// A hasher writes the hash of a container as text: two are equal only if their
// texts are.
type hasher struct {
	b     strings.Builder
	depth int
}

// maxHash bounds the text of one hash in bytes.
const maxHash = 1 << 20

func hashTuple(t *Tuple) (any, error) {
	var h hasher
	if err := h.write(t); err != nil {
		return nil, err
	}
	return hashTup(h.b.String()), nil
}

func hashFrozen(s *Set) (any, error) {
	var h hasher
	if err := h.write(s); err != nil {
		return nil, err
	}
	return hashSet(h.b.String()), nil
}

func (h *hasher) write(v Value) error {
	if h.depth++; h.depth > maxNesting {
		return raise("RecursionError", "maximum recursion depth exceeded")
	}
	defer func() { h.depth-- }()
	if h.b.Len() > maxHash {
		return &LimitError{"bytes", maxHash}
	}
	switch v := v.(type) {
	case *Tuple:
		fmt.Fprintf(&h.b, "(%d:", len(v.Items))
		for _, item := range v.Items {
			if err := h.write(item); err != nil {
				return err
			}
		}
		return nil
	case *Set:
		if !v.frozen {
			break
		}
		texts := make([]string, 0, v.len())
		for k := range v.d.All() {
			one := hasher{depth: h.depth}
			if err := one.write(k); err != nil {
				return err
			}
			texts = append(texts, one.b.String())
		}
		sortStrings(texts)
		fmt.Fprintf(&h.b, "{%d:%s", len(texts), strings.Join(texts, ""))
		return nil
	}
	key, err := hashKey(v)
	if err != nil {
		return err
	}
	writeHash(&h.b, key)
	return nil
}

// writeHash writes h so that two hashes have one text only if they are equal.
func writeHash(b *strings.Builder, h any) {
	text := ""
	switch h := h.(type) {
	case string:
		text = h
	case Bytes:
		text = string(h)
	case int64:
		text = strconv.FormatInt(h, 10)
	case hashBig:
		text = string(h)
	case float64:
		text = strconv.FormatUint(math.Float64bits(h), 16)
	case Range:
		text = fmt.Sprint(h)
	case hashNone, hashNaN:
	default:
		text = fmt.Sprintf("%p", h)
	}
	fmt.Fprintf(b, "%T:%d:%s", h, len(text), text)
}
