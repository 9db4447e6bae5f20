// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// A Head is what a message says of its plan at first sight.
type Head struct {
	ID      string // that of the body, else message_id
	Stamp   int64  // 0 where there is none
	Name    string // empty where there is none
	ReplyTo string // the plan's own word, else the message's reply_to
	// Cancel is set on a message that asks for the end of a plan and is none
	// itself: its Action says so, and it has neither Body nor Scripts. See ParseCancel.
	Cancel bool
}

// ReadHead finds out which plan m is, without reading it whole. It is lenient
// and never fails, so that what is no plan can still be answered. It does not
// decode values other than these, whatever their size. An ID that is no string
// is given as it is spelt; null and a body that is not one whole JSON object
// count as having none.
func ReadHead(m Message) Head {
	s := scanner{b: bytes.TrimPrefix(m.Body, []byte("\ufeff"))}
	raw := map[string][]byte{"ID": nil, "Stamp": nil, "Name": nil, "ReplyTo": nil, "Action": nil, "Body": nil, "Scripts": nil}
	whole := s.object(func(key string, value []byte) {
		if _, wanted := raw[key]; wanted {
			raw[key] = value
		}
	})
	h := Head{ID: m.ID, ReplyTo: m.ReplyTo}
	if !whole {
		return h
	}
	if id := raw["ID"]; len(id) > 0 && string(id) != "null" {
		h.ID = lenientText(json.RawMessage(id))
	}
	if n, err := strconv.ParseInt(string(raw["Stamp"]), 10, 64); err == nil && n > 0 {
		h.Stamp = n
	}
	if name := raw["Name"]; bytes.HasPrefix(name, []byte{'"'}) {
		h.Name = lenientText(json.RawMessage(name))
	}
	if to := raw["ReplyTo"]; bytes.HasPrefix(to, []byte{'"'}) && len(to) > len(`""`) {
		h.ReplyTo = lenientText(json.RawMessage(to))
	}
	h.Cancel = raw["Body"] == nil && raw["Scripts"] == nil && lenientText(raw["Action"]) == cancelAction
	return h
}

// Identify gives the ID and the Stamp of m's Head.
func Identify(m Message) (id string, stamp int64) {
	h := ReadHead(m)
	return h.ID, h.Stamp
}

// A scanner walks over JSON without decoding it. It takes more than JSON is.
type scanner struct {
	b []byte
	i int
}

// object calls found with each key of the outermost object and its value as
// spelt. It tells whether the object was whole and nothing came after it.
func (s *scanner) object(found func(key string, value []byte)) bool {
	if s.next() != '{' {
		return false
	}
	s.i++
	if s.next() == '}' {
		s.i++
		return s.next() == 0
	}
	for {
		key := s.value()
		if len(key) < 2 || key[0] != '"' || s.next() != ':' {
			return false
		}
		s.i++
		value := s.value()
		if value == nil {
			return false
		}
		if len(key) < 64 {
			found(lenientText(json.RawMessage(key)), value)
		}
		c := s.next()
		s.i++
		switch c {
		case ',':
		case '}':
			return s.next() == 0
		default:
			return false
		}
	}
}

// next skips white space and gives the byte there, 0 at the end.
func (s *scanner) next() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// value steps over one value and gives it as spelt; nil where there is none.
func (s *scanner) value() []byte {
	c := s.next()
	start, depth := s.i, 0
	if c == 0 {
		return nil
	}
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			if !s.text() {
				return nil
			}
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			if depth == 0 {
				return s.since(start)
			}
			depth--
			s.i++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return s.since(start)
			}
			s.i++
			continue
		default:
			s.i++
			continue
		}
		if depth == 0 {
			return s.since(start)
		}
	}
	if depth > 0 {
		return nil
	}
	return s.since(start)
}

func (s *scanner) since(start int) []byte {
	if start == s.i {
		return nil
	}
	return s.b[start:s.i]
}

// text steps over a string and tells whether it ends.
func (s *scanner) text() bool {
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			s.i++
		case '"':
			s.i++
			return true
		}
	}
	return false
}
