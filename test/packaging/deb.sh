# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What dpkg makes of the packages. Sourced by test.sh.

install_deb() { # install_deb FILE
  cp "$1" "$root/tmp/x.deb"
  inside dpkg --force-confdef --force-confold -i /tmp/x.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "dpkg -i $1"; }
  rm "$root/tmp/x.deb"
}
dpkg_does() { inside dpkg "$@" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "dpkg $*"; }; }
enabled() { inside systemctl is-enabled "$1" 2>/dev/null || true; }

begin 'the agent from a .deb is enabled and speaks by both names'
layer agent
files >"$work/before"
install_deb "$agent_deb"
same "$(enabled murano-agent.service)" enabled 'the unit'
same "$(inside murano-agent --version)" 'murano-agent 1.2.0~rc1' 'the version'
inside muranoagent --help >"$work/help"
grep -q 'Usage:' "$work/help" || fail 'muranoagent --help says nothing'
same "$(owner /etc/murano)" '755 root:root' /etc/murano
same "$(owner /var/murano)" '750 root:murano' /var/murano
inside murano-agent service install --config-dir /etc/murano >"$work/refused" 2>&1 && fail 'service install beside the package'
grep -q 'systemctl enable --now murano-agent uses it' "$work/refused" || { cat "$work/refused"; fail 'the refusal says nothing of the unit'; }
same "$(inside systemd-analyze verify --man=no /usr/lib/systemd/system/murano-agent.service 2>&1 | grep murano || true)" '' 'the unit'

begin 'an upgrade of the agent keeps plans, configuration and what the admin disabled'
mkdir -p "$root/var/murano/plans/1"
echo 'inputQueue: e1-h1' >"$root/etc/murano/agent.yaml"
inside systemctl disable murano-agent.service 2>/dev/null
install_deb "$agent_deb"
install_deb "$agent_next"
same "$(inside murano-agent --version)" 'murano-agent 1.2.0' 'the version'
same "$(enabled murano-agent.service)" disabled 'the unit'
same "$(cat "$root/etc/murano/agent.yaml")" 'inputQueue: e1-h1' agent.yaml
[ -d "$root/var/murano/plans/1" ] || fail 'the plans are gone'

begin 'the agent removed leaves plans and configuration; purged it leaves nothing'
inside systemctl enable murano-agent.service 2>/dev/null
dpkg_does -r murano-agent
[ ! -e "$root/usr/bin/murano-agent" ] || fail 'the program is still there'
[ -d "$root/var/murano/plans/1" ] || fail 'the plans are gone'
[ -e "$root/etc/murano/agent.yaml" ] || fail 'the configuration is gone'
install_deb "$agent_deb"
same "$(enabled murano-agent.service)" enabled 'the unit, installed again'
dpkg_does -P murano-agent
same "$(files | LC_ALL=C comm -13 "$work/before" - | grep -v '^\./etc/.*-$')" '' 'left behind, but for the group'

begin 'the agent goes into a tree without systemd'
layer bare
rm "$root/usr/bin/systemctl"
install_deb "$agent_deb"
inside murano-agent --version >/dev/null
dpkg_does -P murano-agent

begin 'a bare program makes itself a service of System V'
files >"$work/before"
cp "$work/dist/linux-$arch/murano-agent" "$root/opt/murano-agent"
mkdir -p "$root/etc/murano"
printf 'inputQueue: q\nresultRoutingKey: r\nrabbitmq: {hosts: ["127.0.0.1:9"]}\n' >"$root/etc/murano/agent.yaml"
chmod 600 "$root/etc/murano/agent.yaml"
mount --bind /proc "$root/proc"
mounted=("$root/proc" "${mounted[@]}")
status() { inside /opt/murano-agent service status || true; }
same "$(status)" 'murano-agent: not installed (unix-systemv)' 'before'
inside /opt/murano-agent service install >/dev/null
same "$(owner /etc/init.d/murano-agent)" '755 root:root' 'the script'
same "$(cd "$root/etc" && echo rc?.d/*murano-agent)" 'rc0.d/K02murano-agent rc1.d/K02murano-agent rc2.d/S50murano-agent rc3.d/S50murano-agent rc4.d/S50murano-agent rc5.d/S50murano-agent rc6.d/K02murano-agent' 'its links'
same "$(status)" 'murano-agent: stopped (unix-systemv)' 'after install'
inside /opt/murano-agent service start >/dev/null
same "$(status)" 'murano-agent: running (unix-systemv)' 'after start'
for _ in $(seq 50); do [ -S "$root/var/murano/agent.sock" ] && break; sleep 0.2; done
inside /opt/murano-agent status >"$work/status" 2>&1 || true # it is not well: there is no broker
grep -q 127.0.0.1:9 "$work/status" || { cat "$work/status"; fail 'the agent that was started does not answer'; }
inside /opt/murano-agent service restart >/dev/null
same "$(status)" 'murano-agent: running (unix-systemv)' 'after restart'
inside /opt/murano-agent service uninstall >/dev/null
same "$(status)" 'murano-agent: not installed (unix-systemv)' 'after uninstall'
[ ! -e "$root/var/murano/agent.sock" ] || fail 'the agent still runs'
rm -r "$root/opt/murano-agent" "$root/etc/murano" "$root/var/murano"
same "$(files | LC_ALL=C comm -13 "$work/before" -)" '' 'left behind'

begin 'a bare program in an image with systemd is enabled, and taken out again'
layer image
files >"$work/before"
cp "$work/dist/linux-$arch/murano-agent" "$root/usr/bin/murano-agent"
inside murano-agent service install >/dev/null
same "$(enabled murano-agent.service)" enabled 'the unit'
cmp packaging/systemd/murano-agent.service "$root/etc/systemd/system/murano-agent.service"
inside murano-agent service uninstall >/dev/null
rm "$root/usr/bin/murano-agent"
same "$(files | LC_ALL=C comm -13 "$work/before" -)" '' 'left behind'

begin 'a running agent is restarted by an upgrade, and not by one of its own plans'
layer running
install_deb "$agent_deb"
systemd_runs
install_deb "$agent_next"
same "$(asked)" $'daemon-reload\ntry-restart --no-block murano-agent.service' 'asked of systemd'
mkdir -p "$root/proc/self"
for group in /system.slice/murano-agent.service '/murano.slice/murano-20260131T120000-4f0c-1.scope'; do
  echo "0::$group" >"$root/proc/self/cgroup"
  install_deb "$agent_next"
  same "$(asked)" daemon-reload "asked of systemd by a plan in $group"
done
dpkg_does -r murano-agent
same "$(asked)" daemon-reload 'asked of systemd by a plan that removes the agent'
rm -r "$root/proc/self"
install_deb "$agent_deb"
asked >/dev/null
dpkg_does -r murano-agent
same "$(asked)" $'stop murano-agent.service\ndaemon-reload' 'asked of systemd by a removal'

begin 'the controller has an account, and a configuration only it can read'
layer controller
files >"$work/before"
install_deb "$controller_deb"
same "$(owner /etc/murano/controller.yaml)" '640 root:murano-controller' controller.yaml
same "$(inside getent passwd murano-controller | cut -d: -f6,7)" /var/lib/murano-controller:/usr/sbin/nologin 'the account'
same "$(enabled murano-controller.service)" disabled 'the unit'
same "$(inside murano-controller --version)" 'murano-controller version 1.2.0~rc1' 'the version'
same "$(inside systemd-analyze verify --man=no /usr/lib/systemd/system/murano-controller.service 2>&1 | grep murano || true)" '' 'the unit'

begin 'an upgrade of the controller keeps the edited configuration and its owner'
echo '# edited' >>"$root/etc/murano/controller.yaml"
inside chown murano-controller:adm /etc/murano/controller.yaml
inside chmod 600 /etc/murano/controller.yaml
install_deb "$controller_deb"
install_deb "$controller_next"
same "$(tail -n 1 "$root/etc/murano/controller.yaml")" '# edited' controller.yaml
same "$(owner /etc/murano/controller.yaml)" '600 murano-controller:adm' controller.yaml
rm "$root/etc/murano/controller.yaml"
install_deb "$controller_next"
[ ! -e "$root/etc/murano/controller.yaml" ] || fail 'a configuration that was deleted is back'

begin 'the controller removed leaves its database; purged it leaves nothing but the account'
mkdir "$root/var/lib/murano-controller"
dpkg_does -r murano-controller
[ -d "$root/var/lib/murano-controller" ] || fail 'the database is gone'
dpkg_does -P murano-controller
same "$(files | LC_ALL=C comm -13 "$work/before" - | grep -v '^\./etc/.*-$')" '' 'left behind'
