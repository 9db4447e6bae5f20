// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openmurano/murano/plans/body"
)

// longString is where the recorder cut: characters.
const longString = 20000

// Judge says what is wrong with the answers that the message of that index
// got; empty means nothing is. Each got is a decoded result with the queue it
// came to, its placeholders put back.
func (c Case) Judge(send int, got []Got) []string {
	var wrong []string
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	recorded := c.recorded(send)
	if recorded == nil && c.Want == nil {
		if len(got) > 0 {
			fault("%d answers, and the old agent gave none", len(got))
		}
		return wrong
	}
	if len(got) != 1 {
		fault("%d answers, want exactly one", len(got))
		return wrong
	}
	g := got[0]
	if c.Want != nil {
		c.Want.judge(g, fault)
		return wrong
	}
	if g.Queue != recorded.Key {
		fault("answered to %s, want %s", g.Queue, recorded.Key)
	}
	code, want := number(g.Body, "ErrorCode"), number(recorded.Body, "ErrorCode")
	if code != want {
		fault("ErrorCode %d, want %d", code, want)
	}
	gotBody, _ := g.Body.Get("Body")
	wantBody, _ := recorded.Body.Get("Body")
	switch c.Match {
	case "exact":
		if a, b := canonical(shorten(gotBody, wantBody)), canonical(wantBody); a != b {
			fault("Body %s\nwant %s", clip(a), clip(b))
		}
	case "python-text":
		if want != 0 && strings.TrimSpace(message(g.Body)) == "" {
			fault("the message is empty; the old agent said %q", message(recorded.Body))
		}
	}
	return wrong
}

// A Got is a result that came.
type Got struct {
	Queue string // as a placeholder
	Body  *body.Dict
}

func (w *Want) judge(g Got, fault func(string, ...any)) {
	if code := number(g.Body, "ErrorCode"); len(w.ErrorCodes) > 0 && !slices.Contains(w.ErrorCodes, code) {
		fault("ErrorCode %d (%s), want %d: %s", code, clip(message(g.Body)), w.ErrorCodes, w.Rule)
	}
	gotBody, ok := g.Body.Get("Body")
	if !ok {
		fault("no Body")
	}
	if w.HasBody {
		if a, b := canonical(shorten(gotBody, w.Body)), canonical(w.Body); a != b {
			fault("Body %s\nwant %s: %s", clip(a), clip(b), w.Rule)
		}
	}
	for _, part := range w.Contains {
		if !strings.Contains(message(g.Body), part) {
			fault("%q is not in the message %q: %s", part, message(g.Body), w.Rule)
		}
	}
}

// message is the Message of a failure; empty when there is none.
func message(result *body.Dict) string { return text(dict(result, "Body"), "Message") }

// shorten replaces the long strings of v that the recorder replaced in its own.
func shorten(v, recorded body.Value) body.Value {
	switch r := recorded.(type) {
	case *body.Dict:
		if long := dict(r, "$long_string"); long != nil {
			s, ok := v.(string)
			if !ok || utf8.RuneCountInString(s) <= longString {
				return v
			}
			sum := sha256.Sum256([]byte(s))
			head := []rune(s)[:utf8.RuneCountInString(text(long, "head"))]
			return body.NewDict("$long_string", body.NewDict(
				"len", int64(utf8.RuneCountInString(s)), "sha256", hex.EncodeToString(sum[:]), "head", string(head)))
		}
		if d, ok := v.(*body.Dict); ok {
			out := &body.Dict{}
			for k, item := range d.All() {
				other, _ := r.Get(k)
				out.Set(k, shorten(item, other))
			}
			return out
		}
	case *body.List:
		if l, ok := v.(*body.List); ok && len(l.Items) == len(r.Items) {
			out := &body.List{}
			for i := range l.Items {
				out.Items = append(out.Items, shorten(l.Items[i], r.Items[i]))
			}
			return out
		}
	}
	return v
}

// canonical is v as JSON with sorted keys: what two values compare by. Numbers
// keep their form, 1 is not 1.0.
func canonical(v body.Value) string {
	b, err := body.EncodeJSON(sorted(v))
	if err != nil {
		return fmt.Sprintf("%#v", v)
	}
	return string(b)
}

func sorted(v body.Value) body.Value {
	switch v := v.(type) {
	case *body.Dict:
		keys := v.Keys()
		slices.SortFunc(keys, func(a, b body.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		out := &body.Dict{}
		for _, k := range keys {
			item, _ := v.Get(k)
			out.Set(k, sorted(item))
		}
		return out
	case *body.List:
		out := &body.List{}
		for _, item := range v.Items {
			out.Items = append(out.Items, sorted(item))
		}
		return out
	}
	return v
}

func clip(s string) string {
	const most = 1500
	if len(s) > most {
		return s[:most] + fmt.Sprintf("... (%d bytes)", len(s))
	}
	return s
}
