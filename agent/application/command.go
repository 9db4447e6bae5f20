// SPDX-License-Identifier: Apache-2.0

package application

import "strings"

// gate is what a shell does first that waits to be let go: one line from
// descriptor 3. If the agent gives none, dead or because the script must not
// run, it ends. 125 is what env(1) and its like use for their own failures.
const gate = "read -r MURANO_GATE <&3 || exit 125; exec 3<&-; unset MURANO_GATE; "

// hidden is the command of a shell whose command line must not show in its
// arguments: the line is in its environment, which its own user alone can read
// (proc(5), /proc/pid/environ), and in nobody's who is started from there.
const hidden = `eval "unset MURANO_COMMAND; $MURANO_COMMAND"`

// commandLine is the text the shell gets. The umask goes first, on the same
// line, because a child's cannot be set otherwise without changing the agent's;
// line numbers in the shell's messages stay as they are.
func commandLine(name, text string) string {
	return "umask 0022; ./" + quote(name) + " " + text
}

// quote makes one word of s for the shell, whatever is in it.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// windowsCommand is the program that runs a file on Windows, by the ending of
// its name, and the command line it gets: text is appended as it is, since
// every program there takes its line apart by itself. powershell is the path of
// one. Other files are programs and run by themselves.
func windowsCommand(entry, text, powershell, cmd string) (program, line string) {
	if text != "" {
		text = " " + text
	}
	name := strings.ToLower(entry)
	switch {
	case strings.HasSuffix(name, ".ps1"):
		return powershell, quoteWindows(powershell) + " -NoProfile -NonInteractive -ExecutionPolicy Bypass -File " + quoteWindows(entry) + text
	case strings.HasSuffix(name, ".bat"), strings.HasSuffix(name, ".cmd"):
		// /s takes away the outer quotes and leaves the rest alone (cmd /?).
		return cmd, quoteWindows(cmd) + ` /d /s /c "` + quoteWindows(entry) + text + `"`
	}
	return entry, quoteWindows(entry) + text
}

// quoteWindows makes one word of a path, in which Windows allows no quote.
func quoteWindows(path string) string { return `"` + path + `"` }
