// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"strings"
	"testing"

	"github.com/openmurano/murano/plans/body"
)

func result(queue string, code int64, v body.Value) Got {
	return Got{Queue: queue, Body: body.NewDict("ErrorCode", code, "Body", v)}
}

func failure(m string) body.Value { return body.NewDict("Message", m, "AdditionalInfo", nil) }

// TestTheJudgeFindsFault is what makes a count of passed cases worth something.
func TestTheJudgeFindsFault(t *testing.T) {
	long := body.NewDict("$long_string", body.NewDict("len", int64(20001), "sha256", "x", "head", "a"))
	recorded := func(match string, code int64, v body.Value) Case {
		return Case{Match: match, Answered: []Answer{{Key: "r", Body: body.NewDict("ErrorCode", code, "Body", v)}}}
	}
	wants := func(w Want) Case { return Case{Match: "exact", Want: &w} }
	for name, tt := range map[string]struct {
		c    Case
		got  []Got
		want string // part of the fault; empty means none
	}{
		"an equal answer":                      {recorded("exact", 0, int64(1)), []Got{result("r", 0, int64(1))}, ""},
		"keys in another order":                {recorded("exact", 0, body.NewDict("a", nil, "b", nil)), []Got{result("r", 0, body.NewDict("b", nil, "a", nil))}, ""},
		"no answer":                            {recorded("exact", 0, int64(1)), nil, "0 answers"},
		"two answers":                          {recorded("exact", 0, int64(1)), []Got{result("r", 0, int64(1)), result("r", 0, int64(1))}, "2 answers"},
		"an answer where none was":             {Case{Match: "none"}, []Got{result("r", 0, nil)}, "gave none"},
		"silence where silence was":            {Case{Match: "none"}, nil, ""},
		"another queue":                        {recorded("exact", 0, int64(1)), []Got{result("q", 0, int64(1))}, "answered to q"},
		"another code":                         {recorded("exact", 0, int64(1)), []Got{result("r", 1, int64(1))}, "ErrorCode 1"},
		"another body":                         {recorded("exact", 0, "a"), []Got{result("r", 0, "b")}, "Body"},
		"a whole float for an int":             {recorded("exact", 0, int64(1)), []Got{result("r", 0, float64(1))}, "Body"},
		"null for nothing":                     {recorded("exact", 0, ""), []Got{result("r", 0, nil)}, "Body"},
		"another wording of Python's":          {recorded("python-text", 1, failure("x")), []Got{result("r", 1, failure("y"))}, ""},
		"no wording at all":                    {recorded("python-text", 1, failure("x")), []Got{result("r", 1, failure(""))}, "empty"},
		"another code with Python's wording":   {recorded("python-text", 1, failure("x")), []Got{result("r", 2, failure("x"))}, "ErrorCode 2"},
		"a long string that differs":           {recorded("exact", 0, long), []Got{result("r", 0, strings.Repeat("a", 20001))}, "Body"},
		"what is wanted instead":               {wants(Want{ErrorCodes: []int64{0, 2}}), []Got{result("any", 2, failure("x"))}, ""},
		"a code that is not wanted":            {wants(Want{ErrorCodes: []int64{0, 2}}), []Got{result("r", 1, failure("x"))}, "ErrorCode 1"},
		"a wanted null":                        {wants(Want{ErrorCodes: []int64{0}, HasBody: true}), []Got{result("r", 0, "x")}, "Body"},
		"a message without the wanted word":    {wants(Want{ErrorCodes: []int64{1}, Contains: []string{"refused"}}), []Got{result("r", 1, failure("x"))}, `"refused" is not in`},
		"a message with it":                    {wants(Want{ErrorCodes: []int64{1}, Contains: []string{"refused"}}), []Got{result("r", 1, failure("was refused"))}, ""},
		"a wanted answer that does not come":   {wants(Want{ErrorCodes: []int64{2}}), nil, "0 answers"},
		"a wanted answer that comes too often": {wants(Want{ErrorCodes: []int64{2}}), []Got{result("r", 2, nil), result("r", 2, nil)}, "2 answers"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(tt.c.Judge(0, tt.got), "\n")
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPathsOfTheAgentsOwnArePutBack(t *testing.T) {
	s := &Stage{Storage: "/s", Work: "/w", HTTP: "http://h", In: "in", Result: "res", Reply: "rep", ids: []string{"abc"}}
	for from, want := range map[string]string{
		"/s/files/17954422286073-case/deploy":                 "${STORAGE}/files/${ID}/deploy",
		"/s/files/17954422286073-case/deploy/.run":            "${WORK}/cwd",
		"/s/files/17954422286073-case/deploy/.run\nERROR":     "${WORK}/cwd\nERROR",
		"/s/files/17954422286073-case/deploy/berks-cookbooks": "${STORAGE}/files/${ID}/deploy/berks-cookbooks",
		"/s/plans/1": "${STORAGE}/plans/1",
		"abc":        "${ID}",
	} {
		if got := s.normalise(from); got != want {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
	}
}

func TestEveryCaseCanBeRead(t *testing.T) {
	for _, dir := range []string{"testdata/corpus", "testdata/own"} {
		cases, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			if len(c.Sent) == 0 || c.Match == "" || (c.Want == nil && len(c.Answered) == 0) {
				t.Errorf("%s says nothing to send, or nothing to judge by", c.ID)
			}
		}
	}
}
