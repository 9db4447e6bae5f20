// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

// Each file is what a real program printed, in a network namespace without a
// route, without a name server, against a closed port or a bad server, with a
// lock held or a disk full. Its first line says which program it was, in which
// version and locale, with which exit code and by which command.
func TestWhatRealProgramsPrintedIsUnderstood(t *testing.T) {
	codes := map[string]string{
		"network": plans.CauseScriptNetwork, "lock": plans.CauseScriptLock,
		"disk": plans.CauseDiskFull, "exit": plans.CauseScriptExit,
	}
	for class, want := range codes {
		files, err := filepath.Glob(filepath.Join("testdata", "signs", class, "*.txt"))
		if err != nil || len(files) < 8 {
			t.Fatalf("%d files of class %s, %v", len(files), class, err)
		}
		for _, file := range files {
			t.Run(class+" "+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				head, text, _ := strings.Cut(string(b), "\n")
				exit := regexp.MustCompile(`^# \S.*, exit (\d+): \S`).FindStringSubmatch(head)
				if exit == nil {
					t.Fatalf("the first line says nothing of the program: %s", head)
				}
				o := Output{}
				if o.ExitCode, err = strconv.Atoi(exit[1]); err != nil || o.ExitCode == 0 {
					t.Fatalf("exit %s", exit[1])
				}
				if text = strings.TrimSpace(text); text != "" {
					o.Stderr = &text
				}
				if got, _, _ := classify(&o); got != want {
					t.Errorf("%s, want %s:\n%s", got, want, text)
				}
				o.Stdout, o.Stderr = o.Stderr, nil // 2>&1
				if got, _, _ := classify(&o); got != want && o.Stdout != nil {
					t.Errorf("on stdout %s, want %s", got, want)
				}
			})
		}
	}
}

func TestWhatIsNoFailureOfNetworkLockOrDiskIsNotTakenForOne(t *testing.T) {
	for name, tt := range map[string]struct {
		out  Output
		want string
	}{
		"nothing was printed":            {Output{ExitCode: 1}, plans.CauseScriptExit},
		"a word in a sentence":           {said(1, "the test connection refused to become green"), plans.CauseScriptExit},
		"the name of a file":             {said(1, "cat: connection-refused.txt: No such file or directory"), plans.CauseScriptExit},
		"a unit that did not start":      {said(1, "Job for nginx.service failed because the control process exited with error code."), plans.CauseScriptExit},
		"curl's code, of another":        {said(7, "assertion failed"), plans.CauseScriptExit},
		"wget's code, of another":        {said(4, "4 tests failed"), plans.CauseScriptExit},
		"a program that is not there":    {said(127, "/bin/sh: 1: no-such: not found"), plans.CauseScriptExit},
		"a recipe's that is not there":   {said(127, "/bin/sh: 1: chef-solo: not found"), plans.CauseScriptStart},
		"the same words of a script":     {said(1, "/bin/sh: 1: chef-solo: not found"), plans.CauseScriptExit},
		"a number of another error":      {said(1, "OSError: [Errno 13] Permission denied: '/x'"), plans.CauseScriptExit},
		"a count that looks like one":    {said(1, "2 of 3 failed (111: lines)"), plans.CauseScriptNetwork}, // the price of reading apt in every language
		"a lock is told before the rest": {said(100, "E: Could not get lock /x\nconnect (111: Connection refused)"), plans.CauseScriptLock},
		"a disk is told before a fetch":  {said(100, "E: Failed to fetch http://h/x  Write error - write (28: No space left on device)"), plans.CauseDiskFull},
		"a fetch of what is not there":   {said(100, "E: Failed to fetch http://h/x.deb  404  Not Found [IP: 127.0.0.1 80]"), plans.CauseScriptExit},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, hint := classify(&tt.out); got != tt.want || hint == "" {
				t.Errorf("got %s (%s), want %s", got, hint, tt.want)
			}
		})
	}
	if got, _, _ := classify(nil); got != plans.CauseScriptExit {
		t.Errorf("without output: %s", got)
	}
}

func said(exit int, stderr string) Output { return Output{ExitCode: exit, Stderr: &stderr} }

func TestAScriptThatSucceededIsNotRunAgainForWhatItPrinted(t *testing.T) {
	out := said(0, "curl: (7) Failed to connect: Connection refused")
	if again(plans.Retry{Attempts: 3, Class: []string{"network"}}, out, nil) {
		t.Error("it is run again")
	}
}
