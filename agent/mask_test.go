// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

func maskOf(secrets ...string) *mask {
	p := plans.Plan{Parameters: &body.Dict{}}
	for i, s := range secrets {
		name := fmt.Sprint(i)
		p.Parameters.Set(name, s)
		p.Options.Secrets = append(p.Options.Secrets, name)
	}
	return newMask(p)
}

func TestASecretIsMaskedWhereverAStreamIsCutInto(t *testing.T) {
	tests := []struct {
		name, text, want string
		secrets          []string
	}{
		{"one", "user root, password hunter2.\n", "user root, password ***.\n", []string{"hunter2"}},
		{"again and again", "hunter2hunter2 hunter", "****** hunter", []string{"hunter2"}},
		{"one that begins with another", "abc abcd ab", "*** *** ab", []string{"abc", "abcd"}},
		{"one whose beginning comes twice", "aaab aab", "a*** ***", []string{"aab"}},
		{"one of many lines", "-----\nkey-key\nmore-more\n-----\n", "-----\n***\n-----\n", []string{"key-key\nmore-more"}},
		{"a line of it alone", "x more-more", "x ***", []string{"key-key\nmore-more"}},
		{"as JSON spells it", `{"p": "a\"b\\c"}`, `{"p": "***"}`, []string{`a"b\c`}},
		{"at the end", "hunter2", "***", []string{"hunter2"}},
		{"only begun at the end", "hunter", "hunter", []string{"hunter2"}},
		{"text of many bytes a character", "пароль привет", "*** привет", []string{"пароль"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := maskOf(tt.secrets...)
			if got := m.text(tt.text); got != tt.want {
				t.Errorf("whole: %q, want %q", got, tt.want)
			}
			for range 200 {
				var got strings.Builder
				w := &maskedWriter{w: &got, mask: m}
				for rest := tt.text; rest != ""; {
					n := 1 + rand.IntN(len(rest))
					w.Write([]byte(rest[:n]))
					rest = rest[n:]
				}
				w.flush()
				if got.String() != tt.want {
					t.Fatalf("in parts: %q, want %q", got.String(), tt.want)
				}
			}
		})
	}
}

func TestWhatACutLeavesOfASecretIsMasked(t *testing.T) {
	text := "begin hun" + "\n[... 1234 bytes cut: the whole output is in the log of the script, on the guest ...]\n" + "ter2 end"
	out := maskOf("hunter2").output(Output{Stdout: &text, Truncated: true})
	if strings.Contains(*out.Stdout, "hun") || strings.Contains(*out.Stdout, "ter2") || !strings.HasPrefix(*out.Stdout, "begin ") || !strings.HasSuffix(*out.Stdout, " end") {
		t.Errorf("got %q", *out.Stdout)
	}
}

func TestWhatABodyReturnsIsMaskedAndNotChanged(t *testing.T) {
	v := body.NewDict("text", "it is hunter2", "list", body.NewList("hunter2", int64(42), int64(4), 1.5), "hunter2", &body.Tuple{Items: []body.Value{true, nil}})
	m := maskOf("hunter2", "42")
	masked, err := body.EncodeJSON(m.value(v))
	if want := `{"text": "it is ***", "list": ["***", "***", 4, 1.5], "***": [true, null]}`; err != nil || string(masked) != want {
		t.Errorf("got %s, %v", masked, err)
	}
	if whole, _ := body.EncodeJSON(v); !strings.Contains(string(whole), "hunter2") {
		t.Errorf("the value itself was changed: %s", whole)
	}
	v.Set("self", v) // no end to walk to, and no JSON either
	if _, err := body.EncodeJSON(m.value(v)); err == nil {
		t.Error("a value in itself has a form")
	}
}

func BenchmarkMaskedWriter(b *testing.B) {
	w := &maskedWriter{w: discard{}, mask: maskOf("correct horse battery staple", "xyzzy")}
	line := []byte(strings.Repeat("Setting up libssl-dev:amd64 (3.0.15-1~deb12u1) ...\n", 640))
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		w.Write(line)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
