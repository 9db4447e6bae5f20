// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openmurano/murano/plans"
)

// explain writes WHY.txt, which people read and nothing depends on.
func (d *Dir) explain(r *record, result plans.Result) {
	text := why(r.state, result)
	if text == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(d.path, r.key, whyName), []byte(text), d.fileMode()); err != nil {
		d.o.Log.Warn("WHY.txt was not written", "plan", r.state.ID, "error", err)
	}
}

// why is WHY.txt, in English and in Chinese: empty for a plan that succeeded.
func why(s state, r plans.Result) string {
	if r.State() == plans.StateSucceeded {
		return ""
	}
	facts := factsOf(s, r)
	return english().write(facts) + "\n" + strings.Repeat("-", 72) + "\n\n" + chinese().write(facts)
}

// facts are what WHY.txt tells, in no language.
type facts struct {
	id, name, state string
	code            int
	time            time.Time
	cause           plans.Cause
	text            plans.CauseText // of the cause's code; empty for one that is none of ours
	scripts         []plans.ScriptReport
	longest         plans.Phase // the one that took longest, a script's own apart; without a name, none
}

func factsOf(s state, r plans.Result) facts {
	f := facts{id: s.ID, name: s.Name, state: r.State(), code: r.ErrorCode, time: r.Time}
	if r.Report == nil {
		return f
	}
	f.scripts = r.Report.Scripts
	if c := r.Report.Cause; c != nil {
		f.cause = *c
		all := plans.Causes()
		if i := slices.IndexFunc(all, func(t plans.CauseText) bool { return t.Code == c.Code }); i >= 0 {
			f.text = all[i]
		}
	}
	for _, p := range r.Report.Phases {
		if p.Seconds > f.longest.Seconds && p.Name != plans.PhaseBody {
			f.longest = p
		}
	}
	return f
}

// A language is the words of WHY.txt. Its formats take, in order, what their
// comments say.
type language struct {
	heading  string            // ID, name in brackets or nothing, state, ErrorCode, time
	brackets string            // name
	states   map[string]string // by plans.State...; absent means as it is
	owners   map[string]string
	labels   [5]string // what happened, what it means, whose turn, what to do, cause code
	meaning  func(plans.CauseText) string
	longest  string // phase, seconds
	script   string // name, attempt, exit code, seconds
	logs     string // ID
}

func english() language {
	return language{
		heading: "Plan %s%s: %s, ErrorCode %d, %s\n", brackets: " (%s)",
		owners: map[string]string{
			plans.OwnerGuest: "guest: whoever looks after this machine", plans.OwnerNetwork: "network: whoever looks after name resolution, routes and mirrors",
			plans.OwnerPackage: "package: whoever wrote the plan", plans.OwnerController: "controller: whoever sends the plans",
		},
		labels:  [5]string{"What happened: ", "What it means: ", "Whose turn it is: ", "What to do: ", "Cause code: "},
		meaning: func(t plans.CauseText) string { return t.EN },
		longest: "Longest phase: %s, %.1f s\n",
		script:  "script %s, attempt %d: exit code %d after %.1f s\n",
		logs:    "What they wrote is in the .log files beside this one: murano-agent plans logs %s\n",
	}
}

func chinese() language {
	return language{
		heading: "执行计划 %s%s：%s，ErrorCode %d，%s\n", brackets: "（%s）",
		states: map[string]string{
			plans.StateFailed: "失败", plans.StateCancelled: "已取消", plans.StateExpired: "超时",
			plans.StateInterrupted: "被中断", plans.StateRejected: "被拒绝",
		},
		owners: map[string]string{
			plans.OwnerGuest: "虚拟机管理员", plans.OwnerNetwork: "网络管理员（域名解析、路由、镜像）",
			plans.OwnerPackage: "应用包作者", plans.OwnerController: "控制器管理员",
		},
		labels:  [5]string{"发生了什么：", "含义：", "由谁处理：", "怎么做：", "原因代码："},
		meaning: func(t plans.CauseText) string { return t.ZH },
		longest: "用时最长的阶段：%s，%.1f 秒\n",
		script:  "脚本 %s，第 %d 次尝试：退出码 %d，用时 %.1f 秒\n",
		logs:    "脚本的输出在本文件旁的 .log 文件中：murano-agent plans logs %s\n",
	}
}

func (l language) write(f facts) string {
	var b strings.Builder
	name := ""
	if f.name != "" {
		name = fmt.Sprintf(l.brackets, f.name)
	}
	fmt.Fprintf(&b, l.heading, f.id, name, word(l.states, f.state), f.code, f.time.UTC().Format(time.RFC3339))
	if f.cause.Code != "" {
		b.WriteByte('\n')
		for i, text := range []string{f.cause.Text, l.meaning(f.text), word(l.owners, f.cause.Owner), f.cause.Hint, f.cause.Code} {
			if text != "" {
				b.WriteString(l.labels[i] + text + "\n")
			}
		}
	}
	if f.longest.Name == "" && len(f.scripts) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	if f.longest.Name != "" {
		fmt.Fprintf(&b, l.longest, f.longest.Name, f.longest.Seconds)
	}
	for _, run := range f.scripts {
		fmt.Fprintf(&b, l.script, run.Script, run.Attempt, run.ExitCode, run.Seconds)
	}
	if len(f.scripts) > 0 {
		fmt.Fprintf(&b, l.logs, f.id)
	}
	return b.String()
}

// word is the word for key, or key where there is none.
func word(words map[string]string, key string) string {
	if w := words[key]; w != "" {
		return w
	}
	return key
}
