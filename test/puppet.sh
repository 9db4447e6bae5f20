#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the test of agent/puppet with the real puppet, in a Debian tree of their own: on the machine itself it would be
# found by the plans of other tests. Root; the first run takes 60 MB of packages and two minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MURANO_TEST_CACHE:-$here/../.cache}
root=$cache/puppet
if ! command -v mmdebstrap >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y --no-install-recommends install mmdebstrap </dev/null >/dev/null
fi
if [ ! -x "$root/usr/bin/puppet" ]; then
  mkdir -p "$cache"
  chmod 755 "$cache"
  rm -rf "$root" "$root.new"
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include=puppet-agent \
    bookworm "$root.new" "$("$here/archive.sh")" >&2
  mv "$root.new" "$root"
fi
cd "$here/.."
CGO_ENABLED=0 go test -c -o "$root/puppet.test" ./agent/puppet
# A process and mount namespace, so that nothing outlives the run; no network but loopback.
# shellcheck disable=SC2016  # $1 is the inner shell's
exec unshare --net --mount --pid --fork --kill-child sh -c '
  mount --make-rprivate / && mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/tmp" && ip link set lo up
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root MURANO_TEST_REQUIRE_PUPPET=1 chroot "$1" /puppet.test -test.v -test.run RealPuppet -test.timeout 10m' sh "$root"
