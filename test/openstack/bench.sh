#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real single-node OpenStack (Zed, Debian 12's packages) on loopback, without
# systemd, for the project's tests. README.md beside this file tells how.
#
#   bench.sh up [control]     bring up, or up again what ended: Keystone, Heat, Glance, Placement, Nova, Neutron,
#                             RabbitMQ and a fake compute host; without `control` also a qemu compute host
#   bench.sh status           what runs
#   bench.sh restart NAME...  end and start services
#   bench.sh stop             end everything; the state stays
#   bench.sh wipe             stop, and forget everything but the cache
#   bench.sh packages         only install the Debian packages
#   bench.sh rabbitmqctl ...  ask the bench's broker
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in lib packages config services compute; do . "$HERE/$part.sh"; done

up() {
  # shellcheck disable=SC2086
  if [ "${1:-}" = control ]; then install_packages $PACKAGES_CONTROL; else install_packages $PACKAGES_CONTROL $PACKAGES_COMPUTE; fi
  up_control
  [ "${1:-}" = control ] || up_compute
  say "bench up; . $BENCH/openrc"
}

status() {
  local name pids down=0
  for name in $SERVICES $COMPUTE_SERVICES; do
    if alive "$name"; then
      pids=$(descend "$(cat "$RUN/$name.pid")")
      printf '%-28s pid %-7s rss %5d MiB\n' "$name" "$(cat "$RUN/$name.pid")" \
        "$(ps -o rss= --pid "$(tr -s ' ' , <<<"${pids% }")" | awk '{s += $1} END {print int(s / 1024)}')"
    else
      printf '%-28s down\n' "$name"; down=1
    fi
  done
  return $down
}

stop() {
  stop_compute
  # shellcheck disable=SC2086
  end $SERVICES
}

restart() {
  local compute=""
  alive compute-host && compute=1
  end "$@"
  up_control
  [ -z "$compute" ] || up_compute
}

# One at a time; status may look on.
locked() { exec 9>"$RUN/lock"; flock 9; }

case ${1:-} in
  up) locked; up "${2:-}" ;;
  status) status ;;
  restart) shift; locked; restart "$@" ;;
  stop) locked; stop ;;
  wipe)
    locked; stop
    ip link del brmbench 2>/dev/null || true
    rm -rf "$VAR" "$ETC" "$LOG" "$RUN" "$BENCH"/openrc* "$BENCH/clouds.yaml" ;;
  rabbitmqctl) shift; rabbitmqctl -q "$@" ;;
  packages) # shellcheck disable=SC2086
    install_packages $PACKAGES_CONTROL $PACKAGES_COMPUTE $PACKAGES_IMAGE ;;
  *) sed -n '3,14s/^# \?//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
