// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"regexp"

	"github.com/openmurano/murano/plans"
)

// A sign is what a kind of failure looks like in the output of a program.
type sign struct {
	code, owner, hint string
	pattern           string
}

// signs are in the order in which they count. They were read from the output of
// real programs, in English and in Chinese, which is in testdata/signs; those of
// yum 3, of dnf while it waits and of programs in Go are from their sources.
// Numbers and codes of errors are the same in every language.
func signs() []sign {
	return []sign{
		{plans.CauseScriptLock, plans.OwnerGuest, "wait until the package manager is free, or set retry with class: [lock]",
			// apt, dpkg, debconf
			`could not get lock|unable to lock directory|unable to acquire the dpkg frontend lock|(is|was) locked by another process` +
				`|无法获得锁|无法对目录.*加锁|无法获取 dpkg 前端锁|已被另一个 pid 为 \d+ 的进程加锁` +
				// dnf, yum, rpm, zypper
				`|already locked by \d+|waiting for process with pid \d+|another app is currently holding the yum lock` +
				`|can't create transaction lock|system management is locked by` +
				// useradd and its like
				`|cannot lock \S+; try again later|无法锁定.*请稍后再试`},
		{plans.CauseDiskFull, plans.OwnerGuest, "free space on the guest's disk, or use a flavor with a larger one",
			`no space left on device|设备上没有空间|disk quota exceeded|超出磁盘限额|\benospc\b|\(28: |\[errno 28\]` +
				`|you don't have enough free space in|tar: .*wrote only \d+ of \d+ bytes|tar: .*只写入了 \d+ 个中的 \d+ 个字节`},
		{plans.CauseScriptNetwork, plans.OwnerNetwork, "see that the guest resolves names and reaches its sources, or set retry with class: [network]",
			// The C library's words, behind what they are said of: code may hold them too.
			`[:=(\])：（] ?(connection refused|network is unreachable|no route to host|(connection|operation|read|i/o) (timed out|timeout)|connection reset by peer` +
				`|temporary failure in name resolution|name or service not known|拒绝连接|网络不可达|没有到主机的路由|连接超时|连接被对方重设|域名解析暂时失败|未知的名称或服务)` +
				// The same as numbers, as apt, Python and svn print them, and as names, as node and Ruby do.
				`|\((101|104|110|111|113): |\[errno (-2|-3|101|104|110|111|113)\]|\be(000101|000104|000110|000111|000113|670002|670003):` +
				`|\b(eai_again|enotfound|econnrefused|econnreset|etimedout|enetunreach|ehostunreach)\b` +
				// apt
				`|temporary failure resolving|could not resolve '|connection failed \[ip|暂时不能解析域名|无法解析域名|无法连接上` +
				// curl and what is built on it: git, dnf, rpm, zypper
				`|could(n't| not) resolve (host|proxy)|couldn't connect to server|empty reply from server|transfer closed with|ssl connect error` +
				`|rpc failed; curl|early eof` +
				// wget, pip, programs in Go
				`|unable to resolve host|no data received|无法解析主机|没有接收到数据|read timed out|connect timeout|tls handshake timeout|dial tcp: lookup .*(no such host|server misbehaving)` +
				// a server or a proxy that is there and cannot serve now
				`|\b(429|502|503|504):? +(too many requests|bad gateway|service unavailable|gateway time-?out|server error)|returned error: (429|502|503|504)|too many 50[234] error responses`},
	}
}

// classify reads from what a script left behind what a retry or a person should
// know. A script that succeeded is never asked. An exit code alone is no sign:
// the 7 of a curl that was told to be silent is also that of any other script.
func classify(o *Output) (code, owner, hint string) {
	code, owner, hint = plans.CauseScriptExit, plans.OwnerPackage, "read the script's log in the plan's directory on the guest"
	if o == nil {
		return code, owner, hint
	}
	text := tail(o.Stderr, 16<<10) + "\n" + tail(o.Stdout, 16<<10)
	for _, s := range signs() {
		if regexp.MustCompile(`(?i)` + s.pattern).MatchString(text) {
			return s.code, s.owner, s.hint
		}
	}
	if hint := lacking(o); hint != "" {
		return plans.CauseScriptStart, plans.OwnerGuest, hint
	}
	return code, owner, hint
}

// lacking is what to do where the program of a recipe or a class is not there,
// as agent/recipe says it; empty where that is not the case.
func lacking(o *Output) string {
	if o.ExitCode != 127 {
		return ""
	}
	said := regexp.MustCompile(`/bin/sh: 1: (chef-solo|berks|puppet): not found$`).FindStringSubmatch(tail(o.Stderr, 200))
	if said == nil {
		return ""
	}
	from := map[string]string{
		"chef-solo": "Chef or Cinc, which has cinc-solo",
		"berks":     "Berkshelf, which is in Chef Workstation and Cinc Workstation",
		"puppet":    "Puppet, the package puppet-agent or puppet",
	}
	return "put " + from[said[1]] + ", into the image, or install it by a script of the plan before this one"
}

// SaysNetwork tells whether what a program said reads as if it had not reached
// something.
func SaysNetwork(text string) bool {
	code, _, _ := classify(&Output{Stderr: &text})
	return code == plans.CauseScriptNetwork
}
