// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/openmurano/murano/plans"
)

func TestWhyTellsAPlanThatFailed(t *testing.T) {
	at := time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC)
	got := why(state{ID: "4f0c", Name: "deploy apache"}, plans.Result{
		ErrorCode: plans.CodeScript, Time: at,
		Report: &plans.Report{
			State:   plans.StateFailed,
			Phases:  []plans.Phase{{Name: "files", Seconds: 1}, {Name: "body", Seconds: 3}, {Name: "script deploy", Seconds: 2.04}},
			Scripts: []plans.ScriptReport{{Script: "deploy", Attempt: 1, ExitCode: 1, Seconds: 0.5}, {Script: "deploy", Attempt: 2, ExitCode: 3, Seconds: 1.5}},
			Cause:   &plans.Cause{Code: plans.CauseScriptExit, Text: "Script deploy returned error code 3: disk on fire", Owner: plans.OwnerPackage, Hint: "read the script's log"},
		},
	})
	want := `Plan 4f0c (deploy apache): failed, ErrorCode 100, 2026-01-31T18:00:00Z

What happened: Script deploy returned error code 3: disk on fire
What it means: A script ended with an exit code other than 0. Its output is in the result and in the plan's directory on the guest.
Whose turn it is: package: whoever wrote the plan
What to do: read the script's log
Cause code: script.exit

Longest phase: script deploy, 2.0 s
script deploy, attempt 1: exit code 1 after 0.5 s
script deploy, attempt 2: exit code 3 after 1.5 s
What they wrote is in the .log files beside this one: murano-agent plans logs 4f0c

------------------------------------------------------------------------

执行计划 4f0c（deploy apache）：失败，ErrorCode 100，2026-01-31T18:00:00Z

发生了什么：Script deploy returned error code 3: disk on fire
含义：脚本以非零退出码结束。其输出在结果中，也在虚拟机上的计划目录中。
由谁处理：应用包作者
怎么做：read the script's log
原因代码：script.exit

用时最长的阶段：script deploy，2.0 秒
脚本 deploy，第 1 次尝试：退出码 1，用时 0.5 秒
脚本 deploy，第 2 次尝试：退出码 3，用时 1.5 秒
脚本的输出在本文件旁的 .log 文件中：murano-agent plans logs 4f0c
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhyIsInBothLanguagesForEveryCauseAndState(t *testing.T) {
	for _, c := range plans.Causes() {
		for _, s := range []string{plans.StateFailed, plans.StateCancelled, plans.StateExpired, plans.StateInterrupted, plans.StateRejected} {
			t.Run(c.Code+" and "+s, func(t *testing.T) {
				text := why(state{ID: "x"}, plans.Result{ErrorCode: 1, Report: &plans.Report{State: s, Cause: &plans.Cause{Code: c.Code, Text: "what", Owner: c.Owner}}})
				english, chinese, ok := strings.Cut(text, "\n---")
				if !ok || !strings.Contains(english, c.EN) || !strings.Contains(chinese, c.ZH) {
					t.Errorf("a paragraph is missing:\n%s", text)
				}
				for _, r := range english {
					if unicode.Is(unicode.Han, r) {
						t.Errorf("%c in the English half", r)
						break
					}
				}
				for _, word := range []string{": " + s, "由谁处理：" + c.Owner, "What", "：" + s} {
					if strings.Contains(chinese, word) {
						t.Errorf("%q in the Chinese half:\n%s", word, chinese)
					}
				}
			})
		}
	}
}

func TestNothingIsSaidOfAPlanThatSucceeded(t *testing.T) {
	if got := why(state{ID: "x"}, plans.Result{}); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestWhyDoesWithoutAReport(t *testing.T) {
	got := why(state{ID: "x"}, plans.Result{ErrorCode: 2})
	if !strings.HasPrefix(got, "Plan x: rejected, ErrorCode 2, ") || !strings.Contains(got, "执行计划 x：被拒绝") {
		t.Errorf("got %q", got)
	}
}
