# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What rpm makes of the packages: its scripts get counts where dpkg's get words. Sourced by test.sh.

# The tree is Debian's: rpm's database knows nothing of what is installed there.
rpm_does() { rpm --root "$root" --nodeps --force-debian "$@" >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log"; fail "rpm $*"; }; }

begin 'rpm takes the packages of both architectures'
layer rpm
for file in "$work"/dist/*.rpm; do
  rpm -qlp "$file" >"$work/list"
  rpm_does -i --test --ignorearch "$file"
done
same "$(rpm -qp --qf '%{NAME} %{VERSION} %{LICENSE}' "$(rpm_of dist murano-agent)" 2>/dev/null)" 'murano-agent 1.2.0~rc1 Apache-2.0' 'the header'
same "$(rpm -qpc "$(rpm_of dist murano-controller)" 2>/dev/null)" /etc/murano/controller.yaml 'configuration files'
for name in murano-agent murano-controller; do
  # The same files as in the .deb, but for Debian's own.
  rpm -qlp "$(rpm_of dist $name)" 2>/dev/null | LC_ALL=C sort >"$work/list"
  same "$(cat "$work/list")" "$(awk '{print $3}' "$here/testdata/$name.deb.txt" | sed -e 's#/$##; /lintian/d; /changelog.Debian/d; s#vendor-completions#site-functions#' | LC_ALL=C sort)" "$name"
done

begin 'the agent from an .rpm: enabled, disabled for good, its plans kept'
enabled() { inside systemctl is-enabled "$1" 2>/dev/null || true; }
rpm_does -i "$(rpm_of dist murano-agent)"
same "$(enabled murano-agent.service)" enabled 'the unit'
same "$(owner /var/murano)" '750 root:murano' /var/murano
inside muranoagent --help >/dev/null
inside systemctl disable murano-agent.service 2>/dev/null
mkdir -p "$root/var/murano/plans/1"
rpm_does -U "$(rpm_of next murano-agent)"
same "$(inside murano-agent --version)" 'murano-agent 1.2.0' 'the version'
same "$(enabled murano-agent.service)" disabled 'the unit after an upgrade'
inside systemctl enable murano-agent.service 2>/dev/null
rpm_does -e murano-agent
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/murano-agent.service" ] || fail 'the unit is still enabled'
[ -d "$root/var/murano/plans/1" ] || fail 'the plans are gone'

begin 'the controller from an .rpm: its edited configuration kept'
rpm_does -i "$(rpm_of dist murano-controller)"
same "$(owner /etc/murano/controller.yaml)" '640 root:murano-controller' controller.yaml
echo '# edited' >>"$root/etc/murano/controller.yaml"
mkdir -p "$root/var/lib/murano-controller"
rpm_does -U "$(rpm_of next murano-controller)"
same "$(tail -n 1 "$root/etc/murano/controller.yaml")" '# edited' controller.yaml
same "$(owner /etc/murano/controller.yaml)" '640 root:murano-controller' controller.yaml
rpm_does -e murano-controller
same "$(tail -n 1 "$root/etc/murano/controller.yaml.rpmsave")" '# edited' controller.yaml.rpmsave
[ -d "$root/var/lib/murano-controller" ] || fail 'the database is gone'
