#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The packages, as dpkg, rpm, diskimage-builder and cloud-init meet them, in trees of Debian 12. Root.
# NFPM names the nfpm program. UPDATE=1 writes the lists of testdata anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top"
[ "$(id -u)" = 0 ] || { echo 'needs root, for chroots and mounts' >&2; exit 1; }
. "$here/lib.sh"
mkdir -p "$CACHE"
work=$(mktemp -d "$CACHE/try.XXXXXX")
trap finish EXIT
chmod 755 "$work"
arch=$(go env GOHOSTARCH)
case $arch in amd64) rpmarch=x86_64 ;; arm64) rpmarch=aarch64 ;; *) fail "no packages for $arch" ;; esac

begin 'versions sort as the history went'
. "$here/versions.sh"

begin 'two builds of a commit are the same bytes'
NFPM=${NFPM:-$top/.cache/tools/nfpm}
export NFPM SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
# Copies, in folders of different names; what is not committed yet is tested too.
mkdir "$work/sources" "$work/other-sources"
git ls-files -coz --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$work/sources"
cp -a "$work/sources/." "$work/other-sources"
build() { # build SOURCES OUT VERSION ARCHITECTURES KIND...
  (cd "$work/$1" && OUT=$work/$2 VERSION=$3 ARCH=$4 && export OUT VERSION ARCH && shift 4 && packaging/build.sh "$@") >"$work/log" 2>&1 || { cat "$work/log"; fail 'packaging/build.sh'; }
}
build sources dist v1.2.0-rc1 'amd64 arm64' deb rpm
(umask 077; export TZ=Asia/Tokyo LC_ALL=C; build other-sources again v1.2.0-rc1 'arm64 amd64' rpm deb)
count=0
for file in "$work"/dist/*.deb "$work"/dist/*.rpm; do
  cmp "$file" "$work/again/${file##*/}"
  count=$((count + 1))
done
same "$count" 8 'packages built'
rm -rf "$work/again" "$work/other-sources"
build sources next v1.2.0 "$arch" deb rpm
deb() { echo "$work/$1/$2_${3}_$arch.deb"; }
agent_deb=$(deb dist murano-agent '1.2.0~rc1') agent_next=$(deb next murano-agent 1.2.0)
controller_deb=$(deb dist murano-controller '1.2.0~rc1') controller_next=$(deb next murano-controller 1.2.0)
rpm_of() { find "$work/$1" -name "$2-*.$rpmarch.rpm"; }

begin 'each package holds the listed files'
for name in murano-agent murano-controller; do
  for a in amd64 arm64; do
    list=$(dpkg-deb -c "$work/dist/${name}_1.2.0~rc1_$a.deb" | awk '$1 !~ /^d/ || $6 ~ /murano\/$/ {sub(/^\.\//, "/", $6); print $1, $2, $6, $7, $8}' |
      sed -e 's# 0/0 # root/root #; s/ *$//' | LC_ALL=C sort -k3)
    [ -z "${UPDATE:-}" ] || printf '%s\n' "$list" >"$here/testdata/$name.deb.txt"
    same "$list" "$(cat "$here/testdata/$name.deb.txt")" "$name for $a"
  done
done
if command -v lintian >/dev/null; then
  same "$(lintian --allow-root "$work"/dist/*_"$arch".deb)" '' lintian
fi
for shell in bash zsh fish; do
  if ! command -v $shell >/dev/null; then continue; fi
  for name in murano-agent murano-controller; do $shell -n "$work/dist/texts/$name/completion.$shell"; done
done
page=$work/dist/texts/murano-controller/murano-controller.1.gz
zgrep -q '^\.TH MURANO-CONTROLLER 1 ' "$page" || fail 'murano-controller.1 has no title'
# The test of the page is a command's own flag, which the root's help does not have.
zgrep -q -e '^\.SS .* version$' "$page" || fail 'murano-controller.1 has not every command'
for page in murano-agent murano-agent-run murano-agent-plans-list murano-agent-service-install; do
  zgrep -q '^\.TH MURANO' "$work/dist/texts/murano-agent/man/$page.1.gz" || fail "$page.1 has no title"
done

apt mmdebstrap rpm
begin 'a small Debian is there'
tree=$(tree)
. "$here/deb.sh"
. "$here/rpm.sh"
. "$here/element.sh"

begin 'cloud-init brings the agent'
MURANO_TEST_TREE=$tree MURANO_TEST_DEB=$agent_deb MURANO_TEST_BINARY=$work/dist/linux-$arch/murano-agent \
  go test -count=1 -timeout 5m -run TestBootstrap ./cloudinit >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
begin ''
printf '\nall passed in %d s\n' "$SECONDS"
