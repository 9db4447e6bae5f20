#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Over a real RabbitMQ, without OpenStack, the agent's .deb in the guest:
#   e2e.sh          the main job in a booted systemd guest: Apache deployed by the controller, fetched, deleted
#   e2e.sh agent    the agent in booted guests: watchdog, reboots, stops, journal, group, and in a VM limits and power cuts
# Root; binaries and packages come from make.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo 'needs root, for namespaces and mounts' >&2; exit 1; }

install_missing() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y --no-install-recommends install "$2" </dev/null >/dev/null
}

case ${1:-} in
'') pattern=TestApache ;;
agent) pattern='^Test(Agent|VM)' ;;
*) sed -n '3,6s/^# \?//p' "$0" >&2; exit 2 ;;
esac

start=$SECONDS
test/rabbitmq/install.sh
install_missing systemd-nspawn systemd-container
[ "${1:-}" != agent ] || install_missing qemu-system-x86_64 qemu-system-x86
root=$(test/openstack/image.sh root)
prepared=$((SECONDS - start))

deb=$(find dist -maxdepth 1 -name "murano-agent_*_$(dpkg --print-architecture).deb" -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
[ -n "$deb" ] || { echo 'no agent package in dist/; run make package-deb' >&2; exit 1; }
mkdir -p .cache
go test -c -o .cache/guest.test ./test/guest
CGO_ENABLED=0 go test -c -o .cache/application.test ./agent/application
log=.cache/e2e.log
rc=0
(cd test/guest && MURANO_E2E_ROOT=$root MURANO_E2E_DEB=$PWD/../../$deb MURANO_E2E_BIN=$PWD/../../bin/murano-controller \
  MURANO_E2E_APPLICATION=$PWD/../../.cache/application.test \
  ../../.cache/guest.test -test.v -test.timeout 30m -test.run "$pattern") 2>&1 | tee "$log" || rc=$?
[ $rc = 0 ] || exit $rc
! grep -q -- '--- SKIP' "$log" || { echo 'a test was skipped' >&2; exit 1; }
printf '\n%-28s %6.1f s\n' 'bench and guest tree' "$prepared"
sed -n '/^RabbitMQ  /,/^all  /p; /^power cuts /p; s/^ *\(--- PASS: .*\)/\1/p' "$log"
