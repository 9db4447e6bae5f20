#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job over a real RabbitMQ and a booted systemd guest, without OpenStack: the agent's .deb in the guest, user data
# by cloud-init, Apache deployed, fetched, deleted. Root; binaries and packages come from make.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo 'needs root, for namespaces and mounts' >&2; exit 1; }

start=$SECONDS
test/rabbitmq/install.sh
if ! command -v systemd-nspawn >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y --no-install-recommends install systemd-container </dev/null >/dev/null
fi
root=$(test/openstack/image.sh root)
prepared=$((SECONDS - start))

deb=$(find dist -maxdepth 1 -name "murano-agent_*_$(dpkg --print-architecture).deb" -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
[ -n "$deb" ] || { echo 'no agent package in dist/; run make package-deb' >&2; exit 1; }
mkdir -p .cache
go test -c -o .cache/guest.test ./test/guest
log=.cache/e2e.log
rc=0
(cd test/guest && MURANO_E2E_ROOT=$root MURANO_E2E_DEB=$PWD/../../$deb MURANO_E2E_BIN=$PWD/../../bin/murano-controller \
  ../../.cache/guest.test -test.v -test.timeout 15m -test.run TestApache) 2>&1 | tee "$log" || rc=$?
[ $rc = 0 ] || exit $rc
! grep -q -- '--- SKIP' "$log" || { echo 'the test was skipped' >&2; exit 1; }
printf '\n%-28s %6.1f s\n' 'bench and guest tree' "$prepared"
sed -n '/^RabbitMQ  /,/^all  /p' "$log"
