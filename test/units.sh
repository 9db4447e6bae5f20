#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# systemd-analyze over the shipped units, with their programs in place of the installed ones.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is missing; run: make setup" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
for unit in packaging/systemd/*.service; do
  name=$(basename "$unit" .service)
  # Only the existence of the program is checked; the manual pages come with the package.
  sed -e "s#/usr/bin/$name#/bin/true#" -e '/^Documentation=/d' "$unit" >"$root/$name.service"
  out=$(systemd-analyze verify --man=no "$root/$name.service" 2>&1) || { echo "$out"; exit 1; }
  if grep -F "$name.service" <<<"$out"; then exit 1; fi
done
# The copies: a bare binary brings its unit along, by user data or in an image.
for copy in cloudinit/murano-agent.service packaging/elements/murano-agent/murano-agent.service; do
  cmp packaging/systemd/murano-agent.service "$copy" || { echo "cp packaging/systemd/murano-agent.service $copy"; exit 1; }
done
