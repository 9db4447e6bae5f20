// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/fetch"
	"github.com/openmurano/murano/plans"
)

// do runs a program that must succeed.
func do(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", program, args, err, out)
	}
}

// gitRepository makes a bare one, repo.git, with a.txt "two" on its main
// branch, and "one" at tag v1.
func gitRepository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	tree, repo := t.TempDir(), filepath.Join(t.TempDir(), "repo.git")
	do(t, "git", "init", "-q", tree)
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(tree, "a.txt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		do(t, "git", "-C", tree, "add", "a.txt")
		do(t, "git", "-C", tree, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", text)
		if text == "one" {
			do(t, "git", "-C", tree, "tag", "v1")
		}
	}
	do(t, "git", "clone", "-q", "--bare", tree, repo)
	do(t, "git", "-C", repo, "update-server-info")
	return repo
}

// spy puts a program into PATH that notes its arguments in the file it
// returns, one call a line, and runs the real one.
func spy(t *testing.T, program string) string {
	t.Helper()
	real, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("no %s here", program)
	}
	bin := t.TempDir()
	notes := filepath.Join(bin, "notes")
	text := "#!/bin/sh\necho \"$*\" >>" + notes + "\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, program), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return notes
}

func TestAGitRepositoryBecomesItsWorkTree(t *testing.T) {
	repo := gitRepository(t)
	web := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(repo))))
	t.Cleanup(web.Close)
	for name, tt := range map[string]struct{ url, want string }{
		"a local one":         {"file://" + repo, "two"},
		"over http":           {web.URL + "/repo.git", "two"},
		"over git+http":       {"git+" + web.URL + "/repo.git", "two"},
		"over git+file":       {"git+file://" + repo, "two"},
		"a tag of it":         {"git+file://" + repo + "#v1", "one"},
		"a tag of it by http": {"git+" + web.URL + "/repo.git#v1", "one"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path, err := fetch.New(fetch.Options{}).Fetch(t.Context(), plans.File{URL: tt.url}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(path, "a.txt")); path != dir || err != nil || string(b) != tt.want {
				t.Errorf("path %s, content %q, %v", path, b, err)
			}
			if list, _ := os.ReadDir(filepath.Dir(dir)); len(list) != 1 {
				t.Errorf("%s was left beside it", list[0].Name())
			}
		})
	}
}

func TestALoginReachesTheRepositoryAndNobodyElse(t *testing.T) {
	repo := gitRepository(t)
	notes := spy(t, "git")
	files := http.FileServer(http.Dir(filepath.Dir(repo)))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "m'e" || password != "hunter2'/$x" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	c := fetch.New(fetch.Options{Attempts: 1})
	dir := t.TempDir()
	if _, err := c.Fetch(t.Context(), plans.File{URL: strings.Replace(web.URL, "//", "//m%27e:hunter2%27%2F%24x@", 1) + "/repo.git"}, dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "a.txt")); err != nil || string(b) != "two" {
		t.Errorf("content %q, %v", b, err)
	}
	if b, err := os.ReadFile(notes); err != nil || !strings.Contains(string(b), "clone") || strings.Contains(string(b), "hunter2") {
		t.Errorf("the arguments of git: %s, %v", b, err)
	}
	for name, tt := range map[string]struct{ login, want string }{
		"a wrong one": {"me:hunter2@", "Authentication failed"},
		"none":        {"", "Authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Fetch(t.Context(), plans.File{URL: strings.Replace(web.URL, "//", "//"+tt.login, 1) + "/repo.git"}, t.TempDir())
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARepositoryThatFailsSaysWhy(t *testing.T) {
	repo := gitRepository(t)
	closed := refusing(t)
	for name, tt := range map[string]struct {
		file plans.File
		want []string
	}{
		"nobody listens":        {plans.File{URL: "git://" + closed + "/x.git"}, []string{"clone the git repository git://" + closed, "refused"}},
		"nobody listens, http":  {plans.File{URL: "http://" + closed + "/x.git"}, []string{"clone the git repository http://" + closed, "connect to"}},
		"nobody listens, ssh":   {plans.File{URL: "git+ssh://someone@" + closed + "/x.git"}, []string{"clone the git repository git+ssh://someone@" + closed, "refused"}},
		"a name nobody knows":   {plans.File{URL: "git+http://nowhere.invalid/x.git"}, []string{"Could not resolve host: nowhere.invalid"}},
		"a helper that runs":    {plans.File{URL: "ext::touch%20x.git"}, []string{"not allowed"}},
		"a checksum asked of":   {plans.File{URL: "file://" + repo, SHA256: sumOf("")}, []string{"cannot be checked of a repository"}},
		"no such repository":    {plans.File{URL: "file://" + repo + "/gone.git"}, []string{"does not appear to be a git repository"}},
		"no such tag":           {plans.File{URL: "git+file://" + repo + "#v9"}, []string{"v9"}},
		"a tag that is none":    {plans.File{URL: "git+file://" + repo + "#--help"}, []string{`"--help" is no name of a branch`}},
		"svn, nobody listens":   {plans.File{URL: "svn://" + closed + "/x"}, []string{"check out the Subversion repository svn://" + closed, "refused"}},
		"svn of a name unknown": {plans.File{URL: "http://nowhere.invalid/svn/x"}, []string{"check out the Subversion repository http://nowhere.invalid/svn/x", "nowhere.invalid"}},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "svn") {
				spy(t, "svn") // skips without
			}
			if strings.Contains(name, "ssh") {
				spy(t, "ssh")
			}
			_, err := fetch.New(fetch.Options{Attempts: 2, RetryDelay: time.Millisecond}).Fetch(t.Context(), tt.file, t.TempDir())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestAPasswordThatTheClientCannotUseIsNotInItsArguments(t *testing.T) {
	for program, url := range map[string]string{"git": "git+ssh://me:hunter2@127.0.0.1:1/x.git", "svn": "svn+ssh://me:hunter2@127.0.0.1:1/x"} {
		t.Run(program, func(t *testing.T) {
			notes := spy(t, program)
			spy(t, "ssh")
			_, err := fetch.New(fetch.Options{Attempts: 1}).Fetch(t.Context(), plans.File{URL: url}, t.TempDir())
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
			if b, err := os.ReadFile(notes); err != nil || !strings.Contains(string(b), "//me@") || strings.Contains(string(b), "hunter2") {
				t.Errorf("the arguments of %s: %s, %v", program, b, err)
			}
		})
	}
}

func TestAnotherURLIsTakenAfterARepositoryThatFailed(t *testing.T) {
	repo, s := gitRepository(t), server(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "svn"), []byte("#!/bin/sh\necho half >a.txt; mkdir .svn; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for next, want := range map[string]string{"file://" + repo: "a.txt", s.URL + "/hello.txt": "hello.txt"} {
		dir := t.TempDir()
		if _, err := fetch.New(fetch.Options{}).Fetch(t.Context(), plans.File{URL: "svn://h/x", URLs: []string{next}}, dir); err != nil {
			t.Fatal(err)
		}
		if list, _ := filepath.Glob(filepath.Join(dir, "[^.]*")); len(list) != 1 || filepath.Base(list[0]) != want {
			t.Errorf("after %s: %q, want %s", next, list, want)
		}
		if _, err := os.Stat(filepath.Join(dir, ".svn")); err == nil {
			t.Errorf("after %s: what svn left is still there", next)
		}
	}
}

func TestACloneIsTriedAgainOnlyWhereTheNetworkFailed(t *testing.T) {
	repo := gitRepository(t)
	for name, tt := range map[string]struct {
		url   string
		calls int
	}{
		"nobody listens":     {"git://" + refusing(t) + "/x.git", 3},
		"no such repository": {"file://" + repo + "/gone.git", 1},
	} {
		t.Run(name, func(t *testing.T) {
			notes := spy(t, "git")
			if _, err := fetch.New(fetch.Options{Attempts: 3, RetryDelay: time.Millisecond}).Fetch(t.Context(), plans.File{URL: tt.url}, t.TempDir()); err == nil {
				t.Fatal("no error")
			}
			if b, _ := os.ReadFile(notes); strings.Count(string(b), "\n") != tt.calls {
				t.Errorf("git was called %d times, want %d:\n%s", strings.Count(string(b), "\n"), tt.calls, b)
			}
		})
	}
}

func TestASubversionRepositoryBecomesItsWorkTree(t *testing.T) {
	for _, program := range []string{"svn", "svnadmin", "svnserve"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here", program)
		}
	}
	root, tree := t.TempDir(), t.TempDir()
	repo := filepath.Join(root, "repo")
	do(t, "svnadmin", "create", repo)
	if err := os.WriteFile(filepath.Join(tree, "a.txt"), []byte("svn-content"), 0o644); err != nil {
		t.Fatal(err)
	}
	do(t, "svn", "import", "-q", "-m", "a", tree, "file://"+repo)
	for name, text := range map[string]string{
		"conf/svnserve.conf": "[general]\nanon-access = none\nauth-access = read\npassword-db = passwd\n",
		"conf/passwd":        "[users]\nme = hunter2\n",
	} {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host, port, _ := strings.Cut(refusing(t), ":")
	serve := exec.CommandContext(t.Context(), "svnserve", "--daemon", "--foreground", "--root", root, "--listen-host", host, "--listen-port", port)
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { serve.Process.Kill(); serve.Wait() })
	notes := spy(t, "svn")
	dir := t.TempDir()
	// svnserve needs a moment until it listens: the retries bridge it.
	path, err := fetch.New(fetch.Options{Attempts: 8, RetryDelay: 50 * time.Millisecond}).Fetch(t.Context(), plans.File{URL: "svn://me:hunter2@" + host + ":" + port + "/repo"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(path, "a.txt")); path != dir || err != nil || string(b) != "svn-content" {
		t.Errorf("path %s, content %q, %v", path, b, err)
	}
	if b, err := os.ReadFile(notes); err != nil || !strings.Contains(string(b), "checkout") || strings.Contains(string(b), "hunter2") {
		t.Errorf("the arguments of svn: %s, %v", b, err)
	}
	_, err = fetch.New(fetch.Options{Attempts: 1}).Fetch(t.Context(), plans.File{URL: "svn://me:hunter3@" + host + ":" + port + "/repo"}, t.TempDir())
	if err == nil || strings.Contains(err.Error(), "hunter3") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestAClientThatIsNotInstalledIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for address, want := range map[string]string{
		"git://h/x.git":    "there is no git in this guest; install the package git",
		"http://h/svn/x":   "there is no svn in this guest; install the package subversion",
		"svn://h/x":        "there is no svn",
		"http://h/cat.git": "there is no git",
	} {
		if _, err := fetch.New(fetch.Options{}).Fetch(t.Context(), plans.File{URL: address}, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAClientThatHangsEndsWithAllItStarted(t *testing.T) {
	bin := t.TempDir()
	noted := filepath.Join(bin, "pid")
	text := "#!/bin/sh\nsh -c 'trap : TERM; echo $$ >" + noted + "; while :; do sleep 0.1; done' &\nwait\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	start := time.Now()
	_, err := fetch.New(fetch.Options{Timeout: 500 * time.Millisecond}).Fetch(t.Context(), plans.File{URL: "git://h/x"}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "not finished after 500ms; raise fetch.timeout") {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
	pid, err := os.ReadFile(noted)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %s goes on", pid)
		}
	}
}
