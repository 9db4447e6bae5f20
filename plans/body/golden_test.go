// SPDX-License-Identifier: Apache-2.0

package body

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A goldenCase is one Body and what CPython made of it; testdata/generate.py
// writes them.
type goldenCase struct {
	body   string
	args   *Dict
	calls  string
	result string // json.dumps text
	class  string // of the exception
	text   string
	syntax bool
	line   int
}

func readGolden(t *testing.T, b []byte) []goldenCase {
	t.Helper()
	v, err := DecodeJSON(b)
	if err != nil {
		t.Fatalf("read the golden cases: %v", err)
	}
	var list []goldenCase
	shared := field(v, "args")
	for _, c := range field(v, "cases").(*List).Items {
		g := goldenCase{body: field(c, "body").(string)}
		args := field(c, "args")
		if args == nil {
			args = shared
		}
		// Each run may change its arguments.
		own, err := EncodeJSON(args)
		if err != nil {
			t.Fatal(err)
		}
		fresh, _ := DecodeJSON(own)
		g.args = fresh.(*Dict)
		if calls := field(c, "calls"); calls != nil {
			text, err := EncodeJSON(calls)
			if err != nil {
				t.Fatal(err)
			}
			g.calls = string(text)
		}
		switch {
		case field(c, "syntax") != nil:
			g.syntax = true
			g.text = field(field(c, "syntax"), "text").(string)
			g.line = int(field(field(c, "syntax"), "line").(int64))
		case field(c, "error") != nil:
			g.class = field(field(c, "error"), "type").(string)
			g.text = field(field(c, "error"), "text").(string)
		default:
			g.result = field(c, "result").(string)
		}
		list = append(list, g)
	}
	return list
}

func field(v Value, name string) Value {
	x, _ := v.(*Dict).Get(name)
	return x
}

// tempFiles is a file policy of one directory.
func tempFiles(dir string) OpenPolicy {
	in := func(name string) string { return filepath.Join(dir, name) }
	return OpenPolicy{
		Read: func(name string) ([]byte, error) { return os.ReadFile(in(name)) },
		Write: func(name string, flag int) (io.WriteCloser, error) {
			return os.OpenFile(in(name), flag, 0o600)
		},
		Stat: func(name string) (fs.FileInfo, error) { return os.Stat(in(name)) },
	}
}

// outcome runs a Body with the scripts of the oracle and writes down what it did.
func outcome(t *testing.T, c goldenCase) goldenCase {
	got := goldenCase{}
	p, err := Parse(c.body)
	if err != nil {
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Fatalf("Parse returned a %T", err)
		}
		got.syntax, got.text, got.line = true, se.Reason, se.Line
		return got
	}
	calls := &List{Items: []Value{}}
	scripts := map[string]Script{}
	for _, name := range []string{"deploy", "silent", "broken", "str2"} {
		scripts[name] = func(_ context.Context, args []Value, kwargs *Dict) (Value, error) {
			texts, named := &List{}, &Dict{}
			for _, a := range args {
				texts.Items = append(texts.Items, strText(a))
			}
			for k, v := range kwargs.All() {
				named.Set(k, strText(v))
			}
			calls.Items = append(calls.Items, NewList(name, texts, named))
			switch name {
			case "broken":
				return nil, errors.New("Script broken returned error code")
			case "silent":
				return NewScriptResult(0, nil, nil), nil
			}
			out := "out of " + name
			return NewScriptResult(len(calls.Items)-1, &out, nil), nil
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	scope := Scope{Args: c.args, Scripts: scripts}
	if strings.Contains(c.body, "open(") {
		scope.Files = tempFiles(t.TempDir())
	}
	v, err := p.Run(ctx, scope)
	var text []byte
	if err == nil {
		text, err = EncodeJSON(v)
	}
	got.result = string(text)
	var e *Exception
	if errors.As(err, &e) {
		got.class, got.text = e.Class, e.Error()
	} else if err != nil {
		got.class, got.text = "CustomException", err.Error()
		var limit *LimitError
		var se *SyntaxError
		if errors.As(err, &limit) {
			got.class = "LimitError"
		} else if errors.As(err, &se) {
			got.syntax, got.class, got.line = true, "", se.Line
		}
	}
	log, lerr := EncodeJSON(calls)
	if lerr != nil {
		t.Fatal(lerr)
	}
	got.calls = string(log)
	return got
}

func (c goldenCase) String() string {
	switch {
	case c.syntax:
		return fmt.Sprintf("syntax error in line %d: %s", c.line, c.text)
	case c.class != "":
		return fmt.Sprintf("%s: %s, calls %s", c.class, c.text, c.calls)
	}
	return fmt.Sprintf("%s, calls %s", c.result, c.calls)
}

func TestGoldenCasesEqualCPython(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	list := readGolden(t, b)
	if len(list) < 600 {
		t.Fatalf("only %d golden cases", len(list))
	}
	for i, c := range list {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			got := outcome(t, c)
			if got.String() != c.String() {
				t.Errorf("Body %q\n got %s\nwant %s", c.body, got, c)
			}
		})
	}
}

// TestNewSeedEqualsCPython asks the machine's own CPython about Bodies nobody
// has seen before. BODY_SEED repeats a run, BODY_COUNT makes it longer.
func TestNewSeedEqualsCPython(t *testing.T) {
	python := findPython(t)
	seed := time.Now().UnixNano() % 1e9
	if s := os.Getenv("BODY_SEED"); s != "" {
		seed, _ = strconv.ParseInt(s, 10, 64)
	}
	count := "600"
	if s := os.Getenv("BODY_COUNT"); s != "" {
		count = s
	}
	t.Logf("BODY_SEED=%d BODY_COUNT=%s", seed, count)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "testdata/generate.py", "random", "--seed", strconv.FormatInt(seed, 10), "--count", count)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v", cmd, err)
	}
	for i, c := range readGolden(t, out) {
		if c.class == "MemoryError" || c.class == "RecursionError" || c.text == "" && c.class == "OverflowError" {
			continue
		}
		got := outcome(t, c)
		if got.class == "LimitError" {
			continue
		}
		if got.String() != c.String() {
			t.Errorf("seed %d, case %d, Body\n%s\nargs %s\n got %s\nwant %s", seed, i, c.body, reprText(c.args), got, c)
		}
	}
}

// findPython finds CPython 3.11, whose words the package speaks; others word
// their errors differently.
func findPython(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"python3.11", "python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(t.Context(), path, "-c", "import sys; print(sys.version_info[:2])").Output()
		if err == nil && strings.TrimSpace(string(out)) == "(3, 11)" {
			return path
		}
	}
	t.Skip("no CPython 3.11 on PATH")
	return ""
}
