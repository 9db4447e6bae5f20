#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests talk to, from Debian's packages. Idempotent; starts no service.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MURANO_TEST_CACHE:-$here/../.cache}
export DEBIAN_FRONTEND=noninteractive

"$here/rabbitmq/install.sh"

missing() {
  local p
  for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
  done
}
# python3: the oracle of plan bodies. git, subversion, openssh-client: what downloads are tested with. The rest: cloud-init's own libraries,
# ShellCheck, systemd-analyze. cc: the race detector needs cgo.
mapfile -t want < <(missing python3 git subversion openssh-client gcc libc6-dev shellcheck systemd procps python3-yaml python3-jinja2 python3-jsonschema \
  python3-requests python3-configobj python3-oauthlib python3-jsonpatch python3-netifaces)
if [ ${#want[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "missing: ${want[*]}; run 'make setup' as root or with sudo" >&2
    exit 1
  fi
  apt-get -o DPkg::Lock::Timeout=600 -qq update
  apt-get -o DPkg::Lock::Timeout=600 -qq -y --no-install-recommends install "${want[@]}" </dev/null >/dev/null
fi

# cloud-init is unpacked, not installed: installed, it would configure this machine at its next boot.
if [ ! -e "$cache/cloud-init/usr/bin/cloud-init" ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  chmod 755 "$tmp"
  # The lists of packages may be missing, or so old that the file is gone.
  (cd "$tmp" && { apt-get -qq download cloud-init 2>/dev/null || { apt-get -qq update && apt-get -qq download cloud-init; }; })
  mkdir -p "$cache"
  dpkg -x "$tmp"/cloud-init_*.deb "$tmp/tree"
  rm -rf "$cache/cloud-init"
  mv "$tmp/tree" "$cache/cloud-init"
  chmod -R a+rX "$cache/cloud-init"
fi
