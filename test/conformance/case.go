// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/openmurano/murano/plans/body"
)

// A Case is one file of the corpus. Its parts that hold placeholders are kept
// as they are in the file; see Fill.
type Case struct {
	ID, Why      string
	Class        string // result, silent, flood, agent-died: what the old agent did
	Match        string // exact, python-text, none
	Precondition string // victim, git, fakebin or empty
	Config       *body.Dict
	Env          *body.Dict // agent_env; nil means none
	Sent         []Sent
	Answered     []Answer
	Want         *Want // nil means: as the old agent
}

// A Sent is a message to the agent.
type Sent struct {
	Properties, Headers *body.Dict
	Body                string // with placeholders
}

// An Answer is a recorded result.
type Answer struct {
	Key     string // routing key, with placeholders
	ForSend int
	Body    *body.Dict
}

// A Want says what is demanded where the recorded answer is a defect.
type Want struct {
	ErrorCodes []int64
	HasBody    bool
	Body       body.Value // if HasBody
	Contains   []string   // of the Message
	Rule       string
}

// Load reads the cases of a directory, in the order of their names.
func Load(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no case: no *.json", dir)
	}
	slices.Sort(files)
	cases := make([]Case, 0, len(files))
	for _, file := range files {
		c, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// read uses the JSON of package body, since the recorder was Python: NaN, lone
// surrogates and the order of keys are to be kept.
func read(file string) (c Case, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	v, err := body.DecodeJSON(b)
	if err != nil {
		return c, err
	}
	d, ok := v.(*body.Dict)
	if !ok {
		return c, fmt.Errorf("not an object")
	}
	c = Case{
		ID: text(d, "id"), Why: text(d, "why"), Class: text(d, "class"), Match: text(d, "match"),
		Precondition: text(d, "precondition"), Config: dict(d, "config"), Env: dict(d, "agent_env"),
	}
	if c.ID == "" || c.Config == nil {
		return c, fmt.Errorf("not a case: id or config is missing")
	}
	for _, v := range list(d, "sent") {
		m, ok := v.(*body.Dict)
		if !ok {
			return c, fmt.Errorf("sent: not an object")
		}
		s := Sent{Properties: dict(m, "properties"), Headers: dict(m, "headers")}
		if plan, ok := m.Get("plan"); ok {
			b, err := body.EncodeJSON(plan)
			if err != nil {
				return c, err
			}
			s.Body = string(b)
		} else {
			s.Body = text(m, "raw_body")
		}
		c.Sent = append(c.Sent, s)
	}
	for _, v := range list(d, "answered") {
		m, ok := v.(*body.Dict)
		if !ok || dict(m, "body") == nil {
			return c, fmt.Errorf("answered: not a result")
		}
		c.Answered = append(c.Answered, Answer{Key: text(m, "routing_key"), ForSend: int(number(m, "for_send")), Body: dict(m, "body")})
	}
	if w := dict(d, "want"); w != nil {
		c.Want = readWant(w)
	}
	return c, nil
}

func readWant(d *body.Dict) *Want {
	w := &Want{Rule: text(d, "rule")}
	switch v, _ := d.Get("ErrorCode"); v := v.(type) {
	case int64:
		w.ErrorCodes = []int64{v}
	case *body.List:
		for _, n := range v.Items {
			if n, ok := n.(int64); ok {
				w.ErrorCodes = append(w.ErrorCodes, n)
			}
		}
	}
	if null, _ := d.Get("Body_null"); null == true {
		w.HasBody = true
	}
	if v, ok := d.Get("Body"); ok {
		w.HasBody, w.Body = true, v
	}
	switch v, _ := d.Get("message_contains"); v := v.(type) {
	case string:
		w.Contains = []string{v}
	case *body.List:
		for _, s := range v.Items {
			if s, ok := s.(string); ok {
				w.Contains = append(w.Contains, s)
			}
		}
	}
	return w
}

// recorded is the old agent's answer to the message of that index; nil means
// that there was none.
func (c Case) recorded(send int) *Answer {
	for i, a := range c.Answered {
		if a.ForSend == send {
			return &c.Answered[i]
		}
	}
	return nil
}

func text(d *body.Dict, key string) string {
	v, _ := d.Get(key)
	s, _ := v.(string)
	return s
}

func number(d *body.Dict, key string) int64 {
	v, _ := d.Get(key)
	n, _ := v.(int64)
	return n
}

func dict(d *body.Dict, key string) *body.Dict {
	v, _ := d.Get(key)
	m, _ := v.(*body.Dict)
	return m
}

func list(d *body.Dict, key string) []body.Value {
	v, _ := d.Get(key)
	if l, ok := v.(*body.List); ok {
		return l.Items
	}
	return nil
}
