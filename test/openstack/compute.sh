#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The second compute host: libvirt and qemu without KVM, in namespaces of its
# own, so that bridges, taps, guests and their traffic stay in there and end
# together. The control services are reached through unix sockets. Sourced by
# bench.sh; run with `inner`, it is PID 1 of that host.

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -u
  . "$(dirname "$0")/lib.sh"
fi
COMPUTE_SERVICES=compute-host
RELAYED="$P_AMQP $P_KEYSTONE $P_PLACEMENT $P_NEUTRON $P_GLANCE $P_NOVA"
for port in $RELAYED; do COMPUTE_SERVICES+=" relay-$port"; done

config_compute() {
  mkdir -p "$ETC/compute" "$ETC/libvirt" "$VAR/compute/instances" "$VAR/compute/lock" /etc/libvirt
  # libvirtd reads the driver's settings from /etc alone
  cat >/etc/libvirt/qemu.conf <<C
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
max_core = 0
C
  printf 'unix_sock_group = "root"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\nlog_outputs = "3:stderr"\n' >"$ETC/libvirt/libvirtd.conf"
  local other=(-e "s/^host = .*/host = $QEMU_HOST/" -e '/^\[database\]/,/^connection/d' -e '/^\[api_database\]/,/^connection/d')
  sed "${other[@]}" -e 's/^compute_driver = .*/compute_driver = libvirt.LibvirtDriver/' -e "s#$VAR/nova#$VAR/compute#" \
    -e "s#^lock_path = .*#lock_path = $VAR/compute/lock#" "$ETC/nova/nova.conf" >"$ETC/compute/nova.conf"
  local section
  for section in vif_plug_linux_bridge_privileged nova_sys_admin privsep_osbrick; do
    printf '[%s]\nhelper_command = /usr/bin/privsep-helper --config-file %s/compute/nova.conf\n' $section "$ETC"
  done >>"$ETC/compute/nova.conf"
  sed "${other[@]}" -e "s#$VAR/neutron#/run/murano-bench#" -e "s#$ETC/neutron/#$ETC/compute/#" \
    -e "s#^lock_path = .*#lock_path = $VAR/compute/lock#" "$ETC/neutron/neutron.conf" >"$ETC/compute/neutron.conf"
  sed 's/^bridge_mappings = .*/physical_interface_mappings = physnet1:mb1/' "$ETC/neutron/ml2.ini" >"$ETC/compute/ml2.ini"
  printf '[DEFAULT]\ninterface_driver = linuxbridge\nenable_isolated_metadata = false\ndhcp_driver = neutron.agent.linux.dhcp.Dnsmasq\nresync_interval = 5\n' >"$ETC/compute/dhcp.ini"
  printf '[DEFAULT]\ninterface_driver = linuxbridge\nagent_mode = legacy\nenable_metadata_proxy = false\nhandle_internal_only_routers = true\n' >"$ETC/compute/l3.ini"
}

up_compute() {
  alive compute-host && return 0
  config_compute
  if ! ip netns list | grep -qw $NETNS; then
    ip netns add $NETNS
    ip -n $NETNS link set lo up
    # mb1 is the external network's port; mb0, its other end, has the gateway's
    # address. The agent also takes its id from the MAC of one of them.
    ip -n $NETNS link add mb0 type veth peer name mb1
    ip -n $NETNS link set mb0 up; ip -n $NETNS link set mb1 up
    ip -n $NETNS addr add $PUBLIC.1/24 dev mb0
  fi
  # libvirt's qemu driver does not load without this user, whatever qemu.conf says (libvirt 9.0.0)
  getent group libvirt-qemu >/dev/null || groupadd -r libvirt-qemu
  getent passwd libvirt-qemu >/dev/null || useradd -r -g libvirt-qemu -d /var/lib/libvirt -s /usr/sbin/nologin libvirt-qemu
  local port
  for port in $RELAYED; do start "relay-$port" socat "UNIX-LISTEN:$RUN/p$port.sock,fork,unlink-early" "TCP:$LOOP:$port"; done
  start compute-host ip netns exec $NETNS unshare --uts --pid --fork --kill-child --mount-proc bash "$HERE/compute.sh" inner
  logged wait-qemu api wait $QEMU_HOST 3
  logged discover nova-manage --config-file "$ETC/nova/nova.conf" cell_v2 discover_hosts
  say "compute host $QEMU_HOST up"
}

stop_compute() {
  local name
  # KILL: the PID namespace takes everything in it along
  if alive compute-host; then kill -9 "$(descend "$(cat "$RUN/compute-host.pid")" | awk '{print $2 ? $2 : $1}')" 2>/dev/null || true; fi
  # shellcheck disable=SC2086
  end $COMPUTE_SERVICES
  for name in $RELAYED; do rm -f "$RUN/p$name.sock"; done
  ip netns del $NETNS 2>/dev/null || true
}

inner() {
  local port dir nova="--config-file $ETC/compute/nova.conf" neutron="--config-file $ETC/compute/neutron.conf"
  hostname $QEMU_HOST
  # murano-bench is Neutron's: dnsmasq reads its files again after it has become
  # another user, who would not get into root's home
  for dir in netns libvirt murano-bench; do
    mkdir -p /run/$dir
    mount -t tmpfs -o mode=755 tmpfs /run/$dir
  done
  run() { local name=compute-$1; shift; (cd "$VAR" && exec "$@" </dev/null >>"$LOG/$name.log" 2>&1) & }
  for port in $RELAYED; do run "relay-$port" socat "TCP-LISTEN:$port,bind=$LOOP,reuseaddr,fork" "UNIX-CONNECT:$RUN/p$port.sock"; done
  run relay-guests socat "TCP-LISTEN:5672,bind=$PUBLIC.1,reuseaddr,fork" "UNIX-CONNECT:$RUN/p$P_AMQP.sock"
  run libvirtd libvirtd -f "$ETC/libvirt/libvirtd.conf" -p "$RUN/libvirtd-own.pid"
  # shellcheck disable=SC2086
  {
    run linuxbridge neutron-linuxbridge-agent $neutron --config-file "$ETC/compute/ml2.ini"
    run dhcp neutron-dhcp-agent $neutron --config-file "$ETC/compute/dhcp.ini"
    run l3 neutron-l3-agent $neutron --config-file "$ETC/compute/l3.ini"
    for _ in $(seq 150); do [ -S /run/libvirt/libvirt-sock ] && break; sleep 0.2; done
    run nova /usr/bin/python3 -c 'import sys; from nova.cmd.compute import main; sys.argv[0] = "nova-compute"; main()' $nova
  }
  trap 'exit 0' TERM
  while :; do wait -n || true; sleep 1; done
}

if [ "${BASH_SOURCE[0]}" = "$0" ] && [ "${1:-}" = inner ]; then inner; fi
