// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package agent_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/application"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

type object = map[string]any

// document is a plan of one script, deploy, whose entry file is script; more
// overrides its keys.
func document(script, body string, more object) object {
	p := object{
		"FormatVersion": "2.2.0", "ID": "0123456789abcdef", "Name": "case", "Body": body, "Parameters": object{},
		"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{}, "Options": object{}}},
		"Files":   object{"f1": object{"Name": "deploy.sh", "BodyType": "Text", "Body": script}},
	}
	for k, v := range more {
		p[k] = v
	}
	return p
}

func encoded(t testing.TB, p any) []byte {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newRunner(t testing.TB) *agent.Runner {
	x := &application.Executor{}
	t.Cleanup(func() { x.Close() })
	return &agent.Runner{
		Executors: map[string]agent.Executor{"Application": x}, Workspaces: filepath.Join(t.TempDir(), "files"),
		Grace: 200 * time.Millisecond, Files: body.HostFiles(),
	}
}

func answer(t testing.TB, r *agent.Runner, p any) plans.Result {
	t.Helper()
	b, ok := p.([]byte)
	if !ok {
		b = encoded(t, p)
	}
	result := r.Answer(t.Context(), agent.Entry{Message: plans.Message{ID: "message", Body: b}, Dir: t.TempDir(), Received: time.Now()})
	if _, err := result.Encode(); err != nil {
		t.Errorf("the result cannot be sent: %v", err)
	}
	if left, _ := os.ReadDir(r.Workspaces); len(left) > 0 {
		t.Errorf("workspaces left: %v", left)
	}
	return result
}

// failure is the Message and AdditionalInfo of a result.
func failure(t testing.TB, r plans.Result) (message, info string) {
	t.Helper()
	var f struct {
		Message        string
		AdditionalInfo json.RawMessage
	}
	if err := json.Unmarshal(r.Body, &f); err != nil {
		t.Fatalf("Body %s: %v", r.Body, err)
	}
	return f.Message, string(f.AdditionalInfo)
}

func options(o object) object {
	return object{"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{}, "Options": o}}}
}

func files(f object, ids ...any) object {
	return object{"Files": f, "Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "f1", "Files": ids, "Options": object{}}}}
}

func textFile(name, text string) object {
	return object{"Name": name, "BodyType": "Text", "Body": text}
}

func base64File(name, text string) object {
	return object{"Name": name, "BodyType": "Base64", "Body": text}
}

// Numbers in parentheses are cases of test/conformance.
func TestAnswersAreThoseOfMuranoAgent(t *testing.T) {
	sh := "#!/bin/sh\n"
	tests := []struct {
		name string
		plan any
		code int
		body string // JSON of the Body; of a failure: its Message, or a part of it
		info string // AdditionalInfo
	}{
		{name: "a script's output (001)", plan: document(sh+"echo hello", "return deploy().stdout", nil), body: `"hello"`},
		{name: "the engine's probe without Files (003)", plan: []byte(`{"Body":"return","FormatVersion":"2.0.0","Scripts":{}}`), body: `null`},
		{name: "no JSON (023)", plan: []byte("this is not json"), code: plans.CodeFormat},
		{name: "an empty message (024)", plan: []byte{}, code: plans.CodeFormat},
		{name: "a format that is too new (054)", plan: document("", "return", object{"FormatVersion": "3.0.0"}), code: plans.CodeVersion, body: "Unsupported format version 3.0.0 (I support versions <=2.3.0)"},
		{name: "Scripts is a list (069)", plan: document("", "return", object{"Scripts": []any{}}), code: plans.CodeFormat, body: "Scripts is not a dictionary"},
		{name: "NaN is no JSON (124)", plan: document("", `return float("nan")`, nil), code: plans.CodeOther, body: "not JSON compliant"},
		{name: "bytes are no JSON (126)", plan: document("", `return b"abc"`, nil), code: plans.CodeOther, body: "Object of type bytes is not JSON serializable"},
		{name: "a syntax error (138)", plan: document("", "return (", nil), code: plans.CodeOther},
		{name: "an exception (139)", plan: document("", `raise Exception("boom")`, nil), code: plans.CodeOther, body: "boom"},
		{name: "an exception without a text (141)", plan: document("", "raise ValueError()", nil), code: plans.CodeOther, body: ""},
		{name: "the end of the process (148)", plan: document("", "import sys\nsys.exit(3)", nil), code: plans.CodeOther},
		{name: "a loop over calls (160)", plan: document(sh+`echo "n=$1"`, "r = []\nfor i in range(3):\n    r.append(deploy(str(i)).stdout)\nreturn r", nil), body: `["n=0", "n=1", "n=2"]`},
		{name: "a number as argument (183)", plan: document(sh+`echo "$1"`, "return deploy(5).stdout", nil), body: `"5"`},
		{name: "None as argument (184)", plan: document(sh+`echo "$1"`, "return deploy(None).stdout", nil), body: `"None"`},
		{name: "a list as argument", plan: document(sh+`echo "$1$2"`, "return deploy([1, 'a']).stdout", nil), body: `"[1,a]"`},
		{name: "three arguments (187)", plan: document(sh, `return deploy("a", None, "c").stdout`, nil), code: plans.CodeOther, body: "3 arguments were given"},
		{name: "the whole result of a script (190)", plan: document(sh+"echo out; echo err >&2", "return deploy()", nil), body: `{"exitCode": 0, "stdout": "out", "stderr": "err"}`},
		{name: "an exit code is a failure (195)", plan: document(sh+"echo out; exit 3", "return deploy()", nil), code: plans.CodeScript,
			body: "Script deploy returned error code", info: `{"exitCode": 3, "stdout": "out", "stderr": null}`},
		{name: "an exit code is no failure without verifyExitcode (197)", plan: document(sh+"exit 255", "return deploy()", options(object{"verifyExitcode": false})), body: `{"exitCode": 255, "stdout": null, "stderr": null}`},
		{name: "a caught failure is none", plan: document(sh+"exit 3", "try:\n    deploy()\nexcept Exception as e:\n    return str(e)", nil), body: `"Script deploy returned error code"`},
		{name: "a failure raised again keeps its code", plan: document(sh+"exit 3", "try:\n    deploy()\nexcept Exception:\n    raise", nil), code: plans.CodeScript,
			body: "Script deploy returned error code", info: `{"exitCode": 3, "stdout": null, "stderr": null}`},
		{name: "captureStdout false (200)", plan: document(sh+"echo out; echo err >&2", "return deploy()", options(object{"captureStdout": false})), body: `{"exitCode": 0, "stdout": null, "stderr": "err"}`},
		{name: "output that is not UTF-8 (209)", plan: document(sh+`printf "a\377\376b"`, "return deploy()", nil), body: `{"exitCode": 0, "stdout": "a\ufffd\ufffdb", "stderr": null}`},
		{name: "a nested entry file (233)", plan: document("", `return deploy().stdout`, files(object{"f1": textFile("a/b/run.sh", sh+`pwd | sed 's,.*/files/[^/]*,,'; echo "$0"; cd ../..; find . | sort`)})),
			body: `"/deploy/a/b\n./run.sh\n.\n./a\n./a/b\n./a/b/run.sh"`},
		{name: "files beside the entry file (234)", plan: document("", "return deploy().stdout", files(object{
			"f1": textFile("run.sh", sh+`find . | sort; cat conf/app.conf; cat b64.txt; stat -L -c "%a %n" conf/app.conf b64.txt`),
			"f2": textFile("conf/app.conf", "key=1\n"), "f3": base64File("b64.txt", "YmFzZTY0IHRleHQgw6kK\n"), "f4": textFile("lib/x/y.py", "")}, "f2", "f3", "f4")),
			body: `".\n./b64.txt\n./conf\n./conf/app.conf\n./lib\n./lib/x\n./lib/x/y.py\n./run.sh\nkey=1\nbase64 text \u00e9\n644 conf/app.conf\n644 b64.txt"`},
		{name: "a binary file (238)", plan: document("", "return deploy().stdout", files(object{"f1": textFile("run.sh", sh+"od -An -tx1 x.bin"), "f2": base64File("x.bin", "iVBORw0KGgoA/w==\n")}, "f2")),
			body: `"89 50 4e 47 0d 0a 1a 0a 00 ff"`},
		{name: "garbage in Base64 (241)", plan: document("", "return deploy().stdout", files(object{"f1": base64File("run.sh", "!!IyEvYmluL3NoCmVjaG8gZwo= %%\n")})), body: `"g"`},
		{name: "Base64 without its padding", plan: document("", "return deploy().stdout", files(object{"f1": base64File("run.sh", "IyEvYmluL3NoCmVjaG8gZwo")})), code: plans.CodeOther, body: "Incorrect padding"},
		{name: "a file with a dollar in its name (245)", plan: document("", "return deploy().stdout", files(object{"f1": textFile("a$HOME.sh", sh+`echo "$0"`)})), body: `"./a$HOME.sh"`},
		{name: "a file ID with a slash (251)", plan: document("", "return deploy().stdout", object{"Files": object{"a/b": textFile("run.sh", sh+"echo x")},
			"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "a/b", "Files": []any{}, "Options": object{}}}}), body: `"x"`},
		{name: "a file ID equal to the script's name (253)", plan: document("", "return deploy().stdout", object{"Files": object{"deploy": textFile("run.sh", sh+"echo x")},
			"Scripts": object{"deploy": object{"Type": "Application", "EntryPoint": "deploy", "Files": []any{}, "Options": object{}}}}), body: `"x"`},
		{name: "two files with one name: the first wins (254)", plan: document("", "return deploy().stdout", files(object{"f1": textFile("run.sh", sh+"cat x"), "f2": textFile("x", "two"), "f3": textFile("x", "three")}, "f2", "f3")), body: `"two"`},
		{name: "a file with the name of the entry file is run", plan: document("", "return deploy().stdout", files(object{"f1": textFile("run.sh", sh+"echo entry"), "f2": textFile("run.sh", sh+"echo file")}, "f2")), body: `"file"`},
		{name: "one file of two scripts (255)", plan: document("", "return [one().stdout, two().stdout]", object{
			"Files": object{"f1": textFile("run.sh", sh+"cat x; pwd | sed s,.*/,,"), "f2": textFile("x", "shared ")},
			"Scripts": object{"one": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{"f2"}, "Options": object{}},
				"two": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{"f2"}, "Options": object{}}}}), body: `["shared one", "shared two"]`},
		{name: "a second call finds what the first left", plan: document(sh+"cat left; echo x >>left", "deploy()\nreturn deploy().stdout", options(object{"verifyExitcode": false})), body: `"x"`},
		{name: "a script named like a path has a folder of its own", plan: document("", "return 1", object{"Scripts": object{"../../x": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{}, "Options": object{}}}}), body: `1`},
		{name: "an executor that is not there", plan: document("", "return 1", object{"Scripts": object{"deploy": object{"Type": "Chef", "EntryPoint": "a::b", "Files": []any{}, "Options": object{}}}}), code: plans.CodeOther, body: `Scripts["deploy"].Type "Chef"`},
	}
	r := newRunner(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := answer(t, r, tt.plan)
			if got.ErrorCode != tt.code {
				t.Fatalf("ErrorCode %d, want %d: %s", got.ErrorCode, tt.code, got.Body)
			}
			if tt.code == plans.CodeOK {
				if string(got.Body) != tt.body {
					t.Errorf("Body %s\nwant %s", got.Body, tt.body)
				}
				return
			}
			message, info := failure(t, got)
			if !strings.Contains(message, tt.body) {
				t.Errorf("Message %q, want %q", message, tt.body)
			}
			if tt.info != "" && info != tt.info || tt.info == "" && info != "null" {
				t.Errorf("AdditionalInfo %s, want %s", info, tt.info)
			}
			if c := got.Report.Cause; c == nil || c.Code == "" || c.Owner == "" || c.Hint == "" {
				t.Errorf("Cause %+v", c)
			}
		})
	}
}

func TestNoPathOfAPlanLeavesItsDirectory(t *testing.T) {
	outside := t.TempDir()
	for _, name := range []string{"../../../../planted", outside + "/planted", "a/../../planted", "link/planted"} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			// A script that ran before made the link; the next one's file is to go through it.
			p := document("", "one()\nreturn two().stdout", object{
				"Files": object{"f1": textFile("run.sh", "#!/bin/sh\nln -s "+outside+" ../two/link; mkdir -p ../two; ln -s "+outside+" ../two/link; true"), "f2": textFile(name, "x")},
				"Scripts": object{"one": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{}, "Options": object{}},
					"two": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{"f2"}, "Options": object{}}}})
			if got := answer(t, r, p); got.ErrorCode == plans.CodeOK {
				t.Errorf("the plan succeeded: %s", got.Body)
			}
			filepath.WalkDir(filepath.Dir(outside), func(path string, d os.DirEntry, err error) error {
				if d != nil && d.Name() == "planted" {
					t.Errorf("%s was written", path)
				}
				return nil
			})
		})
	}
}

func TestTheWorkspaceIsClosedToOthersAndItsScriptFolderIsNot(t *testing.T) {
	r := newRunner(t)
	p := document("#!/bin/sh\nstat -c %a . .. ../.. deploy.sh", "return deploy().stdout", nil)
	if got := answer(t, r, p); string(got.Body) != `"755\n700\n700\n500"` {
		t.Errorf("modes %s", got.Body)
	}
}

func TestDownloadsAreLinkedAsFoldersAndFetchedOnce(t *testing.T) {
	r := newRunner(t)
	f := &fetcher{}
	r.Fetcher = f
	p := document("", "one()\nreturn [one().stdout, two().stdout]", object{
		"Files": object{"f1": textFile("run.sh", "#!/bin/sh\nfind -L . | sort; cat dl/hello.txt"),
			"d": object{"Name": "dl", "Type": "Downloadable", "URL": "http://x/hello.txt"}, "e": object{"Name": "hello.sh", "Type": "Downloadable", "URL": "http://x/hello.sh"}},
		"Scripts": object{"one": object{"Type": "Application", "EntryPoint": "f1", "Files": []any{"d"}, "Options": object{}},
			"two": object{"Type": "Application", "EntryPoint": "e", "Files": []any{"d"}, "Options": object{}}}})
	got := answer(t, r, p)
	if want := `[".\n./dl\n./dl/hello.txt\n./run.sh\n#!/bin/sh\necho fetched $0", "fetched ./hello.sh"]`; string(got.Body) != want {
		t.Errorf("Body %s\nwant %s", got.Body, want)
	}
	if want := []string{"http://x/hello.txt", "http://x/hello.sh"}; !slices.Equal(f.urls, want) {
		t.Errorf("fetched %v, want %v", f.urls, want)
	}
	f.err = errors.New("GET http://x/hello.txt: 404 Not Found")
	got = answer(t, r, p)
	if message, _ := failure(t, got); got.ErrorCode != plans.CodeOther || !strings.Contains(message, "404") || got.Report.Cause.Owner != plans.OwnerNetwork {
		t.Errorf("got %d %s, cause %+v", got.ErrorCode, message, got.Report.Cause)
	}
}

// fetcher writes the same script for every URL.
type fetcher struct {
	urls []string
	err  error
}

func (f *fetcher) Fetch(ctx context.Context, file plans.File, dir string) (string, error) {
	f.urls = append(f.urls, file.URL)
	if f.err != nil {
		return "", f.err
	}
	path := filepath.Join(dir, file.URL[strings.LastIndexByte(file.URL, '/')+1:])
	return path, os.WriteFile(path, []byte("#!/bin/sh\necho fetched $0\n"), 0o644)
}

func TestScriptsAreTriedAgainAsTheirRetrySays(t *testing.T) {
	// The nth run exits with the nth of its arguments, the last one for ever.
	counter := "#!/bin/sh\nn=$(($(cat n 2>/dev/null) + 1)); echo $n >n; i=0; for c in $1; do i=$((i+1)); last=$c; [ $i = $n ] && break; done; echo $2 >&2; exit $last\n"
	tests := []struct {
		name  string
		retry object
		codes string
		says  string
		runs  int
		code  int
	}{
		{"until it succeeds", object{"attempts": 5, "delay": "1ms"}, "1 2 0", "", 3, 0},
		{"as often as attempts say", object{"attempts": 3, "delay": "1ms"}, "7", "", 3, 100},
		{"not at all without retry", nil, "1 0", "", 1, 100},
		{"on the codes that are named", object{"attempts": 5, "delay": "1ms", "on": []any{75}}, "75 75 3 0", "", 3, 100},
		{"on the class that is named", object{"attempts": 2, "delay": "1ms", "class": []any{"lock"}}, "100 0", "E: Could not get lock /var/lib/dpkg/lock-frontend", 2, 0},
		{"not on another class", object{"attempts": 2, "delay": "1ms", "class": []any{"lock"}}, "100 0", "Temporary failure resolving archive.example", 1, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := object{}
			if tt.retry != nil {
				o["retry"] = tt.retry
			}
			p := document(counter, fmt.Sprintf("return deploy('\"%s\" \"%s\"').exitCode", tt.codes, tt.says), options(o))
			p["FormatVersion"] = "2.3.0"
			got := answer(t, newRunner(t), p)
			if got.ErrorCode != tt.code || len(got.Report.Scripts) != tt.runs {
				t.Errorf("ErrorCode %d after %+v, want %d after %d runs: %s", got.ErrorCode, got.Report.Scripts, tt.code, tt.runs, got.Body)
			}
			for n, s := range got.Report.Scripts {
				if s.Attempt != n+1 {
					t.Errorf("attempt %d of %+v", n+1, s)
				}
			}
		})
	}
}

func TestDeadlinesEndScriptAndPlan(t *testing.T) {
	const sleeper = "#!/bin/sh\necho begun; exec sleep 60\n"
	t.Run("of a script: its failure, with what it had written", func(t *testing.T) {
		p := document(sleeper, "return deploy()", options(object{"timeout": "300ms"}))
		p["FormatVersion"] = "2.3.0"
		got := answer(t, newRunner(t), p)
		message, info := failure(t, got)
		if got.ErrorCode != plans.CodeScript || message != "Script deploy timed out after 300ms" || info != `{"exitCode": 143, "stdout": "begun", "stderr": null}` {
			t.Errorf("got %d %s %s", got.ErrorCode, message, info)
		}
		if got.Report.State != plans.StateFailed || got.Report.Cause.Code != plans.CauseScriptTimeout {
			t.Errorf("report %+v, cause %+v", got.Report, got.Report.Cause)
		}
	})
	t.Run("of a script: an exception that the Body can catch", func(t *testing.T) {
		p := document(sleeper, "try:\n    deploy()\nexcept Exception as e:\n    return str(e)", options(object{"timeout": "100ms"}))
		p["FormatVersion"] = "2.3.0"
		if got := answer(t, newRunner(t), p); string(got.Body) != `"Script deploy timed out after 100ms"` {
			t.Errorf("got %d %s", got.ErrorCode, got.Body)
		}
	})
	t.Run("of the plan: expired, and the phase is named", func(t *testing.T) {
		p := document(sleeper, "try:\n    deploy()\nexcept Exception:\n    return 1", object{"FormatVersion": "2.3.0", "Options": object{"timeout": "300ms"}})
		got := answer(t, newRunner(t), p)
		message, _ := failure(t, got)
		if got.ErrorCode != plans.CodeOther || message != "the plan timed out after 300ms in phase script deploy" || got.Report.State != plans.StateExpired {
			t.Errorf("got %d %s, state %s", got.ErrorCode, message, got.Report.State)
		}
	})
	t.Run("of the plan: a Body that loops ends too", func(t *testing.T) {
		p := document("", "while True:\n    pass", object{"FormatVersion": "2.3.0", "Options": object{"timeout": "100ms"}})
		if got := answer(t, newRunner(t), p); got.ErrorCode != plans.CodeOther || got.Report.State != plans.StateExpired && got.Report.Cause.Code != plans.CauseBodyLimit {
			t.Errorf("got %d %s, state %s", got.ErrorCode, got.Body, got.Report.State)
		}
	})
}

func TestLogsOfEveryAttemptStayAndAreAsOpenAsTheirDirectory(t *testing.T) {
	p := document("#!/bin/sh\necho out $1; echo err >&2; [ -e again ] || { touch again; exit 1; }", "deploy('a')\nreturn 1",
		options(object{"captureStderr": false, "retry": object{"attempts": 2, "delay": "1ms"}}))
	p["FormatVersion"] = "2.3.0"
	want := map[string]string{
		"001-deploy.stdout.log": "out a\n", "001-deploy.stderr.log": "err\n",
		"002-deploy-attempt2.stdout.log": "out a\n", "002-deploy-attempt2.stderr.log": "err\n",
	}
	for mode, logs := range map[os.FileMode]os.FileMode{0o700: 0o600, 0o750: 0o640} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		got := newRunner(t).Answer(t.Context(), agent.Entry{Message: plans.Message{Body: encoded(t, p)}, Dir: dir})
		if got.ErrorCode != 0 {
			t.Fatalf("%s", got.Body)
		}
		found := 0
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			b, _ := os.ReadFile(filepath.Join(dir, e.Name()))
			st, _ := e.Info()
			if e.Name() == "journal.jsonl" {
				if st.Mode().Perm() != 0o600 {
					t.Errorf("the journal is %s", st.Mode())
				}
				continue
			}
			found++
			if want[e.Name()] != string(b) || st.Mode().Perm() != logs {
				t.Errorf("%s (%s): %q", e.Name(), st.Mode(), b)
			}
		}
		if found != len(want) {
			t.Errorf("%d logs, want %d", found, len(want))
		}
	}
}

func TestTheReportTellsThePhases(t *testing.T) {
	got := answer(t, newRunner(t), document("#!/bin/sh\nexit 0", "deploy()\nreturn 1", nil))
	var names []string
	for _, p := range got.Report.Phases {
		names = append(names, p.Name)
		if p.Seconds < 0 || p.Start.IsZero() {
			t.Errorf("phase %+v", p)
		}
	}
	if want := []string{"queued", "files", "files", "script deploy", "body", "cleanup"}; !slices.Equal(names, want) {
		t.Errorf("phases %v, want %v", names, want)
	}
	if got.Report.State != plans.StateSucceeded || got.Report.Attempts != 1 || got.Report.Cause != nil {
		t.Errorf("report %+v", got.Report)
	}
}

func TestPlansWithoutAValidSignatureDoNotRun(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(t.TempDir(), "ran")
	m := plans.Message{ID: "m", Body: encoded(t, document("#!/bin/sh\ntouch "+marker, "deploy()\nreturn 1", nil))}
	r := newRunner(t)
	r.Key, r.Queue = public, "q"
	other, err := plans.Sign(private, "another queue", m.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name, signature := range map[string][]byte{"none": nil, "garbage": []byte("AAAA"), "for another queue": other} {
		m.Signature = signature
		got := r.Answer(t.Context(), agent.Entry{Message: m})
		if got.ErrorCode != plans.CodeOther || got.Report.State != plans.StateRejected || got.Report.Cause.Code != plans.CausePlanSignature {
			t.Errorf("%s: got %d, %+v", name, got.ErrorCode, got.Report)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Fatalf("%s: the script ran", name)
		}
	}
	if m.Signature, err = plans.Sign(private, "q", m.Body); err != nil {
		t.Fatal(err)
	}
	if got := r.Answer(t.Context(), agent.Entry{Message: m}); got.ErrorCode != 0 {
		t.Errorf("got %d %s", got.ErrorCode, got.Body)
	}
}

func TestAPlanThatWaitsToTryAgainSaysSo(t *testing.T) {
	p := document("#!/bin/sh\nexit 1", "deploy()", options(object{"retry": object{"attempts": 2, "delay": "1h"}}))
	p["FormatVersion"] = "2.3.0"
	p["Options"] = object{"timeout": "300ms"}
	got := answer(t, newRunner(t), p)
	if message, info := failure(t, got); message != "the plan timed out after 300ms in phase retry deploy" || got.State() != plans.StateExpired {
		t.Errorf("got %s %s, state %s", message, info, got.State())
	}
	if n := len(got.Report.Phases); n < 3 || got.Report.Phases[n-3].Name != "retry deploy" {
		t.Errorf("phases %+v", got.Report.Phases)
	}
}
