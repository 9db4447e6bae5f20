# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Trees to install packages in, and how to speak of them. Sourced by the other scripts of this folder.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/murano-bench/cache
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mounted=()
case=''

finish() {
  local rc=$? m
  for m in "${mounted[@]}"; do umount -R "$m" || true; done
  rm -rf "${work:?}"
  [ $rc = 0 ] || [ -z "$case" ] || echo "--- FAIL: $case" >&2
  exit $rc
}

# begin WORDS: what is tested from here on.
begin() {
  [ -z "$case" ] || printf '%4d s  ok  %s\n' "$SECONDS" "$case"
  case=$*
}

fail() { echo "$*" >&2; exit 1; }

# same GOT WANT WHAT
same() { [ "$1" = "$2" ] || fail "$3: $(diff -u --label want --label got <(printf '%s\n' "$2") <(printf '%s\n' "$1") | sed 1,3d)"; }

# apt PACKAGE...: those that are missing.
apt() {
  local p want=()
  for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || want+=("$p")
  done
  [ ${#want[@]} = 0 ] || {
    apt-get -o DPkg::Lock::Timeout=600 -qq update
    apt-get -o DPkg::Lock::Timeout=600 -qq -y --no-install-recommends install "${want[@]}" </dev/null >/dev/null
  }
}

# tree: the path of a small Debian with systemd and three ways to fetch a file.
tree() {
  local include=systemd,curl,wget,python3 root
  root=$CACHE/packaging-$(printf '%s' "$include" | sha256sum | cut -c1-16)
  if [ ! -d "$root" ]; then
    mkdir -p "$CACHE"
    find "$CACHE" -maxdepth 1 -name 'packaging-*' -exec rm -rf {} +
    mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include=$include \
      --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
      bookworm "$root.new" "$(test/archive.sh)" >&2
    mv "$root.new" "$root"
  fi
  echo "$root"
}

# layer NAME: sets $root to a fresh tree to write in.
layer() {
  root=$work/$1.root
  mkdir -p "$root" "$work/$1.upper" "$work/$1.work"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/$1.upper,workdir=$work/$1.work" "$root"
  mounted=("$root" "${mounted[@]}")
}

# inside COMMAND...: in $root, with the environment of a boot.
inside() { chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

# systemd_runs: from here on $root takes itself for booted; what systemctl is asked for is in $root/asked.
systemd_runs() {
  mkdir -p "$root/run/systemd/system"
  printf '#!/bin/sh\necho "$*" >>/asked\n' >"$root/usr/local/bin/systemctl"
  chmod 755 "$root/usr/local/bin/systemctl"
  : >"$root/asked"
}

asked() { cat "$root/asked"; : >"$root/asked"; }

# Names and groups are those of $root.
owner() { inside stat -c '%a %U:%G' "$1"; }

# files: what is in $root, without what a package manager keeps for itself.
files() {
  (cd "$root" && find . \( -path ./var/lib/dpkg -o -path ./var/lib/rpm -o -path ./var/cache -o -path ./var/log -o -path ./run -o -path ./proc -o -path ./dev \) -prune -o -print | LC_ALL=C sort)
}
