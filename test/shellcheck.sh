#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ShellCheck over every shell file of the project; SC1091: sourced files are checked by themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v shellcheck >/dev/null || { echo "shellcheck is missing; run: make setup" >&2; exit 1; }
git ls-files -co --exclude-standard | while read -r f; do
  [ -f "$f" ] || continue
  case $f in
  */testdata/*) continue ;;
  *.sh | .ci/run | packaging/scripts/* | packaging/elements/*/*.d/*) echo "$f" ;;
  esac
done | xargs -r shellcheck -e SC1091
