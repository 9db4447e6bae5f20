#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the copyright file of a package: the project's, then what the modules linked into the program ask
# to be reproduced with a binary. notices.sh ./cmd/PROGRAM
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?package}
cat <<'H'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: murano
Upstream-Contact: OpenMurano maintainers <maintainers@openmurano.example>
Source: https://github.com/openmurano/murano

Files: *
Copyright: OpenMurano contributors
License: Apache-2.0

License: Apache-2.0
 Licensed under the Apache License, Version 2.0: you may not use this file
 except in compliance with the License, a copy of which is at
 https://www.apache.org/licenses/LICENSE-2.0 and, on Debian systems, in
 /usr/share/common-licenses/Apache-2.0. Distributed on an "AS IS" basis,
 without warranties or conditions of any kind.

Comment: The program is one static file. The licenses of the Go modules in it,
 and of Go itself, follow as their authors wrote them.
H
module() { # module NAME VERSION DIRECTORY
  local file
  for file in "$3"/LICENSE* "$3"/LICENCE* "$3"/COPYING* "$3"/NOTICE*; do
    [ -f "$file" ] || continue
    printf '\n==== %s %s, %s\n\n' "$1" "$2" "$(basename "$file")"
    cat "$file"
  done
}
list=$(GOOS=linux CGO_ENABLED=0 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' "$target" | sed '/^$/d' | LC_ALL=C sort -u)
module Go "$(go env GOVERSION)" "$(go env GOROOT)"
while read -r name version dir; do
  text=$(module "$name" "$version" "$dir")
  [ -n "$text" ] || { echo "$name $version has no license file; a package may not be built with it" >&2; exit 1; }
  printf '%s\n' "$text"
done <<<"$list"
