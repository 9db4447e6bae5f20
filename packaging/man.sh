#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the manual page of a program from its own help, which knows best: man.sh PROGRAM DATE
# PROGRAM's --help is cobra's: a text, "Available Commands:", flags. Hidden commands stay hidden.
set -euo pipefail
program=${1:?program} date=${2:?date}
name=$(basename "$program")

# Backslashes, and the dots and quotes that begin a line, mean something to roff.
literal() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

commands() { "$program" "$@" --help | awk '/^Available Commands:/ {on=1; next} NF == 0 {on=0} on {print $1}'; }

section() { # section COMMAND...
  printf '.SS %s\n.nf\n' "$name${*:+ $*}"
  "$program" "$@" --help | literal
  printf '.fi\n'
  local sub
  for sub in $(commands "$@"); do
    case $sub in completion | help) continue ;; esac
    section "$@" "$sub"
  done
}

short=$("$program" --help)
short=${short%%$'\n'*}
printf '.\\" SPDX-License-Identifier: Apache-2.0\n'
printf '.TH %s 1 "%s" "OpenMurano"\n' "${name^^}" "$date"
printf '.SH NAME\n%s \\- %s\n' "$name" "$(printf '%s\n' "${short#"$name "}" | sed 's/\.$//' | literal)"
printf '.SH SYNOPSIS\n.B %s\n[\\fIcommand\\fR] [\\fIflags\\fR]\n.SH COMMANDS\n' "$name"
section
