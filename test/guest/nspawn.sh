#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One booted guest in a container with a network of its own.
#   nspawn.sh run DIR NAME N LOWER   boot and stay; ends when the guest powers off
#   nspawn.sh clean DIR NAME N       end what is left of it; remove mount, network and cgroups
# DIR holds upper/, work/, root/ and console.log; LOWER is overlayfs's lowerdir. The guest is 10.99.N.2, this machine 10.99.N.1.
set -euo pipefail
verb=$1 dir=$2 name=$3 n=$4

cgroups=()
for c in systemd unified memory cpu cpuacct pids; do # on a machine of v1, a hierarchy each
  [ ! -f "/sys/fs/cgroup/$c/cgroup.procs" ] || cgroups+=("/sys/fs/cgroup/$c/$name")
done
[ ! -f /sys/fs/cgroup/cgroup.controllers ] || cgroups=(/sys/fs/cgroup/"$name") # a pure v2 machine

case $verb in
run)
  lower=$5
  "$0" clean "$dir" "$name" "$n" # what a killed test left
  mkdir -p "$dir"/upper "$dir"/work "$dir"/root
  mount -t overlay overlay -o "volatile,lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
  ip netns add "$name"
  ip link add "mur$n" type veth peer name host0 netns "$name"
  ip addr add "10.99.$n.1/24" dev "mur$n"
  ip link set "mur$n" up
  ip -n "$name" link set lo up
  for c in "${cgroups[@]}"; do
    mkdir -p "$c"
    echo $$ >"$c/cgroup.procs"
  done
  mkdir -p /run/systemd/nspawn
  # A tmpfs of its own where nspawn makes its sockets: it refuses a /run that is on disk.
  # shellcheck disable=SC2016
  exec unshare -m --propagation slave bash -c '
    mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
    dir=$0 name=$1
    while :; do
      rc=0
      systemd-nspawn -q -D "$dir/root" --machine="$name" --boot --keep-unit --register=no --console=read-only \
        --network-namespace-path="/run/netns/$name" --capability=CAP_NET_ADMIN --resolv-conf=off --timezone=off \
        --link-journal=no </dev/null >>"$dir/console.log" 2>>"$dir/nspawn.log" || rc=$?
      [ $rc = 133 ] || exit $rc # 133: the guest reboots
    done' "$dir" "$name"
  ;;
clean)
  # A guest whose nspawn was killed may live on, and would be taken for the next one of its name.
  for round in 1 2 3 4 5; do
    left=$(find "${cgroups[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u) || true
    [ -n "$left" ] || break
    [ "$round" = 1 ] || sleep 0.2
    for pid in $left; do
      [ "$pid" = $$ ] || kill -KILL "$pid" 2>/dev/null || true
    done
  done
  umount "$dir/root" 2>/dev/null || umount -l "$dir/root" 2>/dev/null || true
  ip netns del "$name" 2>/dev/null || true
  ip link del "mur$n" 2>/dev/null || true
  for c in "${cgroups[@]}"; do
    [ ! -d "$c" ] || find "$c" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
  ;;
*)
  sed -n 3,6p "$0"
  exit 2
  ;;
esac
