#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on a real OpenStack: brings up the bench, makes the guest image with the agent's .deb, deploys Apache into a
# booted server, looks, deletes, and looks for leftovers. Root; binaries and packages come from make. KEEP=1 leaves the bench up.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo 'needs root, for namespaces and packages' >&2; exit 1; }

deb=$(find dist -maxdepth 1 -name "murano-agent_*_$(dpkg --print-architecture).deb" -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
[ -n "$deb" ] || { echo 'no agent package in dist/; run make package-deb' >&2; exit 1; }
bin=$PWD/bin/murano-controller
[ -x "$bin" ] || { echo 'no bin/murano-controller; run make build' >&2; exit 1; }

bench=${MURANO_BENCH:-${XDG_CACHE_HOME:-$HOME/.cache}/murano-bench}
[ -n "${KEEP:-}" ] || trap 'test/openstack/bench.sh stop' EXIT
start=$SECONDS
test/openstack/bench.sh packages
packages=$((SECONDS - start))
start=$SECONDS
# What an interrupted run left is not trusted; the cache is kept.
[ -n "${KEEP:-}" ] || test/openstack/bench.sh wipe
test/openstack/bench.sh up
up=$((SECONDS - start))
start=$SECONDS
AGENT_DEB=$PWD/$deb test/openstack/image.sh upload
image=$((SECONDS - start))

. "$bench/openrc"
mkdir -p .cache
start=$SECONDS
MURANO_TEST_OPENSTACK=1 go test -count=1 -timeout 20m ./controller/heat
heat=$((SECONDS - start))
go test -c -o .cache/openstack.test ./test/openstack
log=.cache/e2e-openstack.log
(cd test/openstack && MURANO_E2E_BIN=$bin ../../.cache/openstack.test -test.v -test.timeout 30m) 2>&1 | tee "$log"
! grep -q -- '--- SKIP' "$log" || { echo 'the test was skipped' >&2; exit 1; }
echo
printf '%-28s %6.1f s\n' 'Debian packages' $packages 'OpenStack up' $up 'guest image' $image 'tests of controller/heat' $heat
sed -n '/^controller started /,/^all  /p' "$log"
