# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The bench's Debian 12 packages. Sourced by bench.sh and image.sh.

# Code and tools, not the daemon packages: those bring units, database
# questions and services we start ourselves.
PACKAGES_CONTROL="rabbitmq-server mariadb-server-core mariadb-client-core python3-pymysql
  uwsgi-core uwsgi-plugin-python3 python3-keystone python3-heat heat-common
  python3-nova nova-common python3-neutron neutron-common neutron-linuxbridge-agent
  python3-glance glance-common python3-placement iproute2 procps curl ca-certificates"
PACKAGES_COMPUTE="python3-libvirt libvirt-daemon libvirt-daemon-driver-qemu socat genisoimage
  qemu-utils qemu-system-x86 neutron-dhcp-agent neutron-l3-agent openssh-client"
PACKAGES_IMAGE="mmdebstrap busybox-static cpio e2fsprogs kmod dpkg-dev"

# install_packages NAME...: those that are missing; nothing prompts and nothing is started.
install_packages() {
  local name missing="" made=""
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=" $name"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || die "these packages are missing and only root can install them:$missing"
  say "apt-get install$missing"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    made=1
  fi
  local ok=1
  # shellcheck disable=SC2086
  { apt_install $missing || { apt-get -q update && apt_install $missing; }; } >>"$LOG/apt.log" 2>&1 </dev/null || ok=""
  [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
  [ -n "$ok" ] || die "apt-get install; see $LOG/apt.log"
  say "packages installed"
}

apt_install() {
  apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=900 -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Options::=--force-confold install "$@"
}
