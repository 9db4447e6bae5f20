// SPDX-License-Identifier: Apache-2.0

package body

import (
	"context"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseRefusesWhatIsOutsideTheSubsetByLineColumnAndConstruct(t *testing.T) {
	for _, c := range []struct{ name, body, construct, want string }{
		{"a class", "x = 1\n\nclass A:\n  pass", "class definition", "line 3, column 1: class definitions are not part of a Body; use a script"},
		{"a class inside an if, with tabs", "if 1:\n\tclass A:\n\t\tpass", "class definition", "line 2, column 2: class definitions are not part of a Body; use a script"},
		{"a class in an indented Body", "    x = 1\n    class A: pass", "class definition", "line 2, column 5: class definitions are not part of a Body; use a script"},
		{"a generator", "def f():\n  yield 1", "yield", "line 2, column 3: generators are not part of a Body; return a list"},
		{"yield as a value", "x = yield", "yield", "line 1, column 5: generators are not part of a Body; return a list"},
		{"await", "return await f()", "await", "line 1, column 8: await is not part of a Body; use a script"},
		{"async def", "async def f(): pass", "async", "line 1, column 1: async statements are not part of a Body; use a script"},
		{"a decorator", "@x\ndef f(): pass", "decorator", "line 1, column 1: decorators are not part of a Body; use a script"},
		{"match", "match args.x:\n  case 1:\n    pass", "match statement", "line 1, column 1: match statements are not part of a Body; use if and elif"},
		{"another module", "return 1\nimport subprocess", "import of subprocess", "line 2, column 8: module subprocess is not part of a Body, which may import base64, json, os.path, sys, time and uuid; use a script"},
		{"from another module", "from shutil import copy", "import of shutil", "line 1, column 6: module shutil is not part of a Body, which may import base64, json, os.path, sys, time and uuid; use a script"},
		{"yaml", "import yaml", "import of yaml", "line 1, column 8: module yaml is not part of a Body, which may import base64, json, os.path, sys, time and uuid; use a script"},
		{"os beyond os.path", "import os\ndeploy()\nreturn os.getcwd()", "os.getcwd", "line 3, column 8: os.getcwd is not part of a Body; use a script"},
		{"os under another name", "import os as o\nreturn o.environ", "os.environ", "line 2, column 8: os.environ is not part of a Body; use a script"},
		{"a member of a module we lack", "import json\njson.JSONEncoder()", "json.JSONEncoder", "line 2, column 1: json.JSONEncoder is not part of a Body; use a script"},
		{"from os import system", "from os import system", "os.system", "line 1, column 16: os.system is not part of a Body; use a script"},
		{"assignment to an attribute", "args.x = 1", "assignment to an attribute", "line 1, column 1: assignment to an attribute is not part of a Body; use x['name'] = value"},
		{"augmented assignment to an attribute", "args.x += 1", "assignment to an attribute", "line 1, column 1: assignment to an attribute is not part of a Body; use x['name'] = value"},
		{"deletion of an attribute", "del args.x", "deletion of an attribute", "line 1, column 5: deletion of an attribute is not part of a Body; use del x['name']"},
		{"a complex number", "return 1 + 2j", "complex number", "line 1, column 12: complex numbers are not part of a Body; use float"},
		{"except*", "try:\n  pass\nexcept* ValueError:\n  pass", "except*", "line 3, column 1: except* is not part of a Body; use except"},
		{"a named character", `return "\N{BULLET}"`, `\N escape`, `line 1, column 8: \N{...} escapes are not part of a Body; write the character or \u`},
		{"inside an f-string", "x = 1\nreturn f'{await x}'", "await", "line 2, column 8: await is not part of a Body; use a script"},
		{"columns count characters", "x = 'ошибка'; class A: pass", "", "line 1, column 15: invalid syntax"},
		{"not Python", "return (", "", "line 1, column 8: '(' was never closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.body)
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("got %v, want a SyntaxError", err)
			}
			if se.Error() != c.want || se.Construct != c.construct {
				t.Errorf("\n got %s (%q)\nwant %s (%q)", se, se.Construct, c.want, c.construct)
			}
		})
	}
}

func TestABuiltinOutsideTheSubsetIsRefusedBeforeAnythingRuns(t *testing.T) {
	ran := false
	scope := Scope{Scripts: map[string]Script{"deploy": func(context.Context, []Value, *Dict) (Value, error) {
		ran = true
		return nil, nil
	}}}
	p, err := Parse("deploy()\nreturn eval('1')")
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Run(t.Context(), scope)
	if want := "line 2, column 8: eval is not part of a Body; use a script"; err == nil || err.Error() != want || ran {
		t.Errorf("got %v, script ran %t; want %s", err, ran, want)
	}
	scope.Scripts["eval"] = func(context.Context, []Value, *Dict) (Value, error) { return "mine", nil }
	if v, err := p.Run(t.Context(), scope); v != "mine" || err != nil {
		t.Errorf("a script named eval gave %v, %v", v, err)
	}
}

func TestANameTheBodyBindsIsItsOwn(t *testing.T) {
	for _, body := range []string{
		"return [id for id in [1]]", "return [(lambda input: input)(1)]", "def f(dir): return dir\nreturn [f(1)]", "hash = 1\nreturn [hash]",
	} {
		p, err := Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := p.Run(t.Context(), Scope{}); err != nil || reprText(v) != "[1]" {
			t.Errorf("%q gave %v, %v", body, v, err)
		}
	}
}

func TestARunIsBounded(t *testing.T) {
	for _, c := range []struct{ name, body, what string }{
		{"an endless loop", "while True: pass", "steps"},
		{"an endless loop that catches", "while True:\n  try:\n    1/0\n  except:\n    pass", "steps"},
		{"a text repeated", "return 'a' * 10**9", "bytes"},
		{"a text repeated past 64 bits", "return 'ab' * (2**62)", "bytes"},
		{"a list repeated", "return [0] * 10**9", "bytes"},
		{"a list that grows", "l = [1]\nwhile True: l += l", ""},
		{"a text that doubles", "s = 'a'\nwhile True: s += s", "bytes"},
		{"width of a format", "return '{:1000000000}'.format(1)", "bytes"},
		{"width of a percent format", "return '%1000000000d' % 1", "bytes"},
		{"precision of a float", "return '%.1000000000f' % 1.5", "bytes"},
		{"width of an f-string", "return f'{1:{10**9}}'", "bytes"},
		{"ljust", "return 'a'.ljust(10**10)", "bytes"},
		{"zfill", "return 'a'.zfill(10**10)", "bytes"},
		{"expandtabs", "return '\\t'.expandtabs(10**10)", "bytes"},
		{"replace", "return ('a' * 10**6).replace('a', 'b' * 10**6)", "bytes"},
		{"join", "return ('b' * 10**6).join('a' * 10**6)", "bytes"},
		{"bytes of zero", "return bytes(10**10)", "bytes"},
		{"list of a range", "return list(range(10**12))", ""},
		{"sum of a range", "return sum(range(10**12))", "steps"},
		{"in a range of floats", "return 0.5 in range(10**12)", "steps"},
		{"a power", "return 2 ** (10**9)", "integer"},
		{"a power of powers", "return 10**10**10", "integer"},
		{"a shift", "return 1 << 10**9", "integer"},
		{"squares", "x = 3\nwhile True: x *= x", "integer"},
		{"a hexadecimal text", "return int('f' * 10**7, 16)", "integer"},
		{"pow with a modulus", "return pow(3, 10**4000, 10**4000 + 1)", "integer"},
		{"recursion", "def f(): return f()\nf()", "depth"},
		{"recursion in sorted", "def f(x): return sorted([1], key=f)\nf(1)", "depth"},
		{"generators in generators", "g = iter([1])\nfor i in range(300): g = (x for x in g)\nreturn list(g)", "depth"},
		{"maps in maps", "g = iter([1])\nfor i in range(300): g = map(lambda v: v, g)\nreturn list(g)", "any"},
		{"json of a big value", "import json\nl = ['a' * 1000]\nfor i in range(30): l = [l, l]\nreturn len(json.dumps(l))", "bytes"},
		{"repr of a big value", "l = ['a' * 1000]\nfor i in range(30): l = [l, l]\nreturn len(str(l))", "bytes"},
		{"equality of big values", "a = []\nb = []\nfor i in range(60):\n  a = [a, a]\n  b = [b, b]\nreturn a == b", "steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse(c.body)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = p.Run(t.Context(), Scope{Limits: Limits{Steps: 2_000_000, Bytes: 64 << 20}})
			var limit *LimitError
			switch {
			case c.what == "any":
			case !errors.As(err, &limit) || c.what != "" && limit.What != c.what:
				t.Errorf("got %v, want a LimitError of %s", err, c.what)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func TestDeepValuesAreExceptionsNotCrashes(t *testing.T) {
	for _, body := range []string{
		"t = ()\nfor i in range(100000): t = (t,)\nreturn {t: 1}",
		"t = ()\nu = ()\nfor i in range(100000):\n  t = (t,)\n  u = (u,)\nreturn t == u",
		"t = []\nu = []\nfor i in range(100000):\n  t = [t]\n  u = [u]\nreturn t < u",
		"t = []\nfor i in range(100000): t = [t]\nreturn str(t)",
		"t = []\nfor i in range(100000): t = [t]\nreturn t",
		"import json\nt = []\nfor i in range(100000): t = [t]\nreturn json.dumps(t)",
		"import json\nreturn json.loads('[' * 100000)",
		"t = int\nfor i in range(100000): t = (t,)\nreturn isinstance('a', t)",
		"l = []\nl.append(l)\nm = []\nm.append(m)\nreturn l == m",
		"g = (1,)\nfor i in range(100000): g = zip(g)\nreturn list(g)",
		"g = [1]\nfor i in range(100000): g = enumerate(g)\nreturn list(g)",
		"return " + strings.Repeat("(", 150) + "1" + strings.Repeat(")", 150),
		"return " + strings.Repeat("-", 100000) + "1",
		"return " + strings.Repeat("not ", 100000) + "1",
		"return " + strings.Repeat("1 + ", 100000) + "1",
		"return a" + strings.Repeat(".a", 100000),
		"return " + strings.Repeat("[", 100000),
		"return " + strings.Repeat("lambda: ", 100000) + "1",
		"return " + strings.Repeat("1 if 1 else ", 100000) + "1",
		"return " + strings.Repeat("2 ** ", 100000) + "1",
		"return " + strings.Repeat("f'{", 1000) + "1" + strings.Repeat("}'", 1000),
	} {
		p, err := Parse(body)
		if err != nil {
			continue
		}
		v, err := p.Run(t.Context(), Scope{})
		if err == nil {
			_, err = EncodeJSON(v)
		}
		if err == nil && !strings.HasPrefix(body, "return (") {
			t.Errorf("%.60q ran through", body)
		}
	}
}

func TestTheEndOfTheContextEndsARunAndNoExceptCatchesIt(t *testing.T) {
	p, err := Parse("import time\nwhile True:\n  try:\n    time.sleep(30)\n  except:\n    pass")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err = p.Run(ctx, Scope{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if time.Since(start) > 5*time.Second {
		t.Error("the sleep went on")
	}
}

type codeError struct{ code int }

func (e *codeError) Error() string { return "Script deploy returned error code" }

func TestTheErrorOfAScriptComesOutAsItIsUnlessTheBodyCatchesIt(t *testing.T) {
	scope := Scope{Scripts: map[string]Script{"deploy": func(context.Context, []Value, *Dict) (Value, error) {
		return nil, &codeError{7}
	}}}
	for body, want := range map[string]any{
		"return deploy()": 7,
		"try:\n  deploy()\nexcept Exception:\n  raise":              7,
		"try:\n  deploy()\nfinally:\n  x = 1":                       7,
		"try:\n  deploy()\nexcept Exception as e:\n  raise e":       7,
		"try:\n  deploy()\nexcept KeyError:\n  pass":                7,
		"try:\n  deploy()\nexcept Exception as e:\n  return str(e)": "Script deploy returned error code",
	} {
		p, err := Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Run(t.Context(), scope)
		var ce *codeError
		if errors.As(err, &ce) {
			v = ce.code
		}
		if v != want {
			t.Errorf("%q gave %v, %v; want %v", body, v, err, want)
		}
	}
}

func TestFilesAreRefusedWithoutAPolicy(t *testing.T) {
	for _, body := range []string{"open('/etc/passwd')", "open('/tmp/x', 'w')"} {
		p, err := Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		var e *Exception
		if _, err := p.Run(t.Context(), Scope{}); !errors.As(err, &e) || e.Class != "PermissionError" {
			t.Errorf("%s gave %v", body, err)
		}
	}
	p, _ := Parse("f = open('x', 'w')\nf.write('left open')")
	dir := t.TempDir()
	if _, err := p.Run(t.Context(), Scope{Files: tempFiles(dir)}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(dir + "/x"); string(b) != "left open" {
		t.Errorf("%q, %v", b, err)
	}
	if err := osError("n", fs.ErrNotExist); err.Error() != "[Errno 2] No such file or directory: 'n'" {
		t.Error(err)
	}
}

func TestJSONKeepsOrderNumbersAndSurrogates(t *testing.T) {
	for in, want := range map[string]string{
		`{"b": 1, "a": [1.0, 1e400, -0]}`:             "Out of range float values are not JSON compliant",
		`{"b":1,"a":{"z":null,"y":true}}`:             `{"b": 1, "a": {"z": null, "y": true}}`,
		`[123456789012345678901234567890, 1.50, 1E5]`: `[123456789012345678901234567890, 1.5, 100000.0]`,
		`"\ud83d\ude00\ud800x\u007f"`:                 `"\ud83d\ude00\ud800x\u007f"`,
		`{"a":1,"b":2,"a":3}`:                         `{"a": 3, "b": 2}`,
		`NaN`:                                         "Out of range float values are not JSON compliant",
		`[1,]`:                                        "Expecting value: line 1 column 4 (char 3)",
		"\xff":                                        "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
		"\ufeff1":                                     "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
		``:                                            "Expecting value: line 1 column 1 (char 0)",
	} {
		v, err := DecodeJSON([]byte(in))
		var out []byte
		if err == nil {
			out, err = EncodeJSON(v)
		}
		got := string(out)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	if _, err := EncodeJSON(Bytes("abc")); err == nil || err.Error() != "Object of type bytes is not JSON serializable" {
		t.Error(err)
	}
}

func TestADictKeepsTheOrderOfItsKeysAndFindsEqualOnes(t *testing.T) {
	d := NewDict("b", int64(1), "a", int64(2))
	d.Set("b", int64(3))
	d.Set(1.0, "one")
	d.Set(true, "true")
	d.Set(new(big.Int).Lsh(big.NewInt(1), 70), "big")
	if got := reprText(d); got != "{'b': 3, 'a': 2, 1.0: 'true', 1180591620717411303424: 'big'}" {
		t.Error(got)
	}
	if v, ok := d.Get(int64(1)); v != "true" || !ok {
		t.Error(v, ok)
	}
	if !d.Delete("b") || d.Delete("b") || d.Len() != 3 || len(d.Keys()) != 3 {
		t.Error(reprText(d))
	}
	if _, ok := d.Get(NewList()); ok {
		t.Error("a list was a key")
	}
	var none *Dict
	if _, ok := none.Get("x"); ok || none.Len() != 0 || len(none.Keys()) != 0 {
		t.Error("a nil Dict has keys")
	}
	for i := range 1000 {
		d.Set(int64(i), nil)
		d.Delete(int64(i))
	}
	if len(d.entries) > 200 {
		t.Errorf("%d entries of deleted keys stay", len(d.entries))
	}
}

func TestAScriptResultReadsAsMuranoGivesIt(t *testing.T) {
	out := "a\xffb"
	b, err := EncodeJSON(NewScriptResult(3, &out, nil))
	if want := `{"exitCode": 3, "stdout": "a\ufffdb", "stderr": null}`; string(b) != want || err != nil {
		t.Errorf("%s, %v", b, err)
	}
}

func BenchmarkRunOneLine(b *testing.B) {
	p, err := Parse("return deploy('{0} {1}'.format(args.x, args.y)).stdout")
	if err != nil {
		b.Fatal(err)
	}
	out := "done"
	scope := Scope{
		Args: NewDict("x", "aa", "y", int64(5)),
		Scripts: map[string]Script{"deploy": func(context.Context, []Value, *Dict) (Value, error) {
			return NewScriptResult(0, &out, nil), nil
		}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := p.Run(b.Context(), scope); v != out || err != nil {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkParseOneLine(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("return deploy('{0} {1}'.format(args.x, args.y)).stdout"); err != nil {
			b.Fatal(err)
		}
	}
}
