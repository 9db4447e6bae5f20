# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The element, run by diskimage-builder's own functions in place of a whole image. Sourced by test.sh.

# Unpacked, not installed: only its shell is wanted.
dib=$CACHE/diskimage-builder
if [ ! -d "$dib" ]; then
  (
    mkdir "$work/dib" && cd "$work/dib" && chmod 755 .
    [ -n "$(apt-cache policy python3-diskimage-builder | sed -n 's/.*Candidate: //p')" ] || apt-get -qq update
    apt-get -qq download python3-diskimage-builder 2>/dev/null
    dpkg -x python3-diskimage-builder_*.deb tree
    mv tree/usr/lib/python3/dist-packages/diskimage_builder "$dib"
  )
fi

build_image() { "$here/image.sh" "$dib/lib" "$root" "$1" >"$work/dib.log" 2>&1; }

for kind in deb binary; do
  begin "diskimage-builder's element bakes in a $kind"
  layer "element-$kind"
  case $kind in
    deb) package=$agent_deb storage='750 root:murano' ;;
    *) package=$work/dist/linux-$arch/murano-agent storage='700 root:root' ;; # the agent opens it where there is a group
  esac
  build_image "$package" || { cat "$work/dib.log"; fail 'the element failed'; }
  same "$(inside systemctl is-enabled murano-agent.service)" enabled 'the unit'
  same "$(inside muranoagent --version)" 'murano-agent 1.2.0~rc1' 'the version'
  same "$(owner /var/murano)" "$storage" /var/murano
  same "$(owner /etc/murano)" '755 root:root' /etc/murano
  unit=$(find "$root/usr/lib/systemd/system" "$root/etc/systemd/system" -maxdepth 1 -name murano-agent.service)
  cmp "$unit" packaging/systemd/murano-agent.service
  # Ordered after cloud-init where there is one; it needs none.
  if grep -E '^(Requires|Requisite|BindsTo|Wants)=.*cloud-init' "$unit"; then fail 'the unit needs cloud-init'; fi
  same "$(inside systemd-analyze verify --man=no "${unit#"$root"}" 2>&1 | grep murano || true)" '' 'the unit, without cloud-init'
done

begin "diskimage-builder's element names a package that is not there"
layer element-none
if build_image "$work/none.deb"; then cat "$work/dib.log"; fail 'an image was built without an agent'; fi
grep -q "MURANO_AGENT_PACKAGE: there is no file $work/none.deb" "$work/dib.log" || { cat "$work/dib.log"; fail 'the file is not named'; }
