// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openmurano/murano/plans/body"
)

// A Stage is where one case is played: its folders, its queues, and what the
// placeholders stand for there.
type Stage struct {
	Storage, Work string
	HTTP          string
	In, Result    string // queues
	Reply         string

	ids []string // given to the messages so far
}

// stamps rises with every message of every case.
var stamps atomic.Int64

// NewStage makes the folders of a case below dir.
func NewStage(dir, http string) (*Stage, error) {
	s := &Stage{Storage: filepath.Join(dir, "storage"), Work: filepath.Join(dir, "work"), HTTP: http}
	unique := newID()[:12]
	s.In, s.Result, s.Reply = "e"+unique+"-h1", "-execution-results-"+unique, "reply-"+unique
	for _, d := range []string{s.Storage, s.Work, s.Cwd()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Cwd is the working directory of the agent.
func (s *Stage) Cwd() string { return filepath.Join(s.Work, "cwd") }

// victim is a file that must survive.
func (s *Stage) victim() string { return filepath.Join(s.Work, "victim", "precious") }

// Prepare makes what the case needs to be there.
func (s *Stage) Prepare(precondition, fixtures string) error {
	switch precondition {
	case "":
		return nil
	case "victim":
		if err := os.MkdirAll(filepath.Dir(s.victim()), 0o755); err != nil {
			return err
		}
		return os.WriteFile(s.victim(), []byte("precious"), 0o644)
	case "git":
		return s.makeRepository()
	case "fakebin":
		fake, err := os.ReadFile(filepath.Join(fixtures, "fakebin.sh"))
		if err != nil {
			return err
		}
		bin := filepath.Join(s.Work, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return err
		}
		for _, name := range []string{"puppet", "chef-solo", "berks"} {
			if err := os.WriteFile(filepath.Join(bin, name), fake, 0o755); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("precondition %q is not known here", precondition)
}

func (s *Stage) makeRepository() error {
	tree := filepath.Join(s.Work, ".tree")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, "a.txt"), []byte("git-content"), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "-q", "."}, {"add", "a.txt"},
		{"-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "a"},
		{"clone", "-q", "--bare", ".", filepath.Join(s.Work, "repo.git")},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = tree
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %v: %w: %s", args, err, out)
		}
	}
	return os.RemoveAll(tree)
}

// newID is a UUID, version 4, in hex.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return hex.EncodeToString(b)
}

// Fill replaces the placeholders of one message by what they stand for.
func (s *Stage) Fill(id, stamp string) func(string) string {
	s.ids = append(s.ids, id)
	r := strings.NewReplacer(`"${STAMP}"`, stamp, "${STAMP}", stamp, "${ID}", id, "${STORAGE}", s.Storage, "${WORK}", s.Work,
		"${HTTP}", s.HTTP, "${REPLY}", s.Reply, "${IN_QUEUE}", s.In, "${RESULT_QUEUE}", s.Result)
	return r.Replace
}

func nextStamp() string {
	now := time.Now().UnixMicro() / 100
	for {
		last := stamps.Load()
		if next := max(now, last+1); stamps.CompareAndSwap(last, next) {
			return strconv.FormatInt(next, 10)
		}
	}
}

// Normalise is the inverse of Fill, for an answer. Beyond the placeholders it
// knows two paths that are each agent's own: the folder of a plan's files,
// which the old agent called ${STORAGE}/files/${ID}, and the folder that chef
// and puppet start in, which was the old agent's working directory.
func (s *Stage) Normalise(v body.Value) body.Value {
	switch v := v.(type) {
	case string:
		return s.normalise(v)
	case *body.List:
		l := &body.List{}
		for _, item := range v.Items {
			l.Items = append(l.Items, s.Normalise(item))
		}
		return l
	case *body.Dict:
		d := &body.Dict{}
		for k, item := range v.All() {
			d.Set(s.Normalise(k), s.Normalise(item))
		}
		return d
	}
	return v
}

func (s *Stage) normalise(t string) string {
	pairs := []string{s.Storage, "${STORAGE}", s.Work, "${WORK}", s.HTTP, "${HTTP}",
		s.Reply, "${REPLY}", s.In, "${IN_QUEUE}", s.Result, "${RESULT_QUEUE}"}
	for _, id := range s.ids {
		pairs = append(pairs, id, "${ID}")
	}
	t = strings.NewReplacer(pairs...).Replace(t)
	t = regexp.MustCompile(`\$\{STORAGE\}/files/[0-9]+(-[^/\s"']*)?`).ReplaceAllLiteralString(t, "${STORAGE}/files/${ID}")
	return regexp.MustCompile(`\$\{STORAGE\}/files/\$\{ID\}/[^/\s]+/\.run\b`).ReplaceAllLiteralString(t, "${WORK}/cwd")
}
