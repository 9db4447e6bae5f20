#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the packages of the agent and the controller into OUT, by default dist/: build.sh deb|rpm...
# Or only what is generated for them, into OUT/texts: build.sh texts
# NFPM names the nfpm program, VERSION the version (a git description is made fit for packages), ARCH the architectures
# (amd64 arm64; default: this machine's), PACKAGES the packages. The same commit gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '3,7s/^# //p' "$0"; exit 2; }
out=${OUT:-dist}
read -ra archs <<<"${ARCH:-$(go env GOHOSTARCH)}"
read -ra packages <<<"${PACKAGES:-murano-agent murano-controller}"
VERSION=$(packaging/version.sh "${VERSION:-dev}" "$(git rev-list --count HEAD 2>/dev/null || echo 0)")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export VERSION SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
mtime=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
umask 022

program() { # program NAME ARCH DIRECTORY
  GOOS=linux GOARCH=$2 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o "$3/" "./cmd/$1"
}

# texts NAME PROGRAM DIRECTORY: what the program says of itself. PROGRAM runs on this machine.
texts() {
  local name=$1 program=$2 dir=$3
  mkdir -p "$dir"
  "$program" completion bash >"$dir/completion.bash"
  "$program" completion zsh >"$dir/completion.zsh"
  "$program" completion fish >"$dir/completion.fish"
  case $name in
  murano-agent) # it writes a page for each of its commands itself
    rm -rf "$dir/man"
    "$program" man "$dir/man"
    gzip -9n "$dir"/man/*.1
    ;;
  *) packaging/man.sh "$program" "${mtime%T*}" | gzip -9n >"$dir/$name.1.gz" ;;
  esac
  packaging/notices.sh "./cmd/$name" >"$dir/copyright"
  # The package's own changelog has one entry; the project's history is CHANGELOG.md.
  cat >"$dir/changelog.yaml" <<C
- semver: "$VERSION"
  date: $mtime
  packager: OpenMurano maintainers <maintainers@openmurano.example>
  deb: {urgency: medium, distributions: [unstable]}
  changes: [{note: "Built from the sources of this version; see CHANGELOG.md."}]
C
}

native=$(go env GOHOSTARCH)
for name in "${packages[@]}"; do
  program "$name" "$native" "$out/linux-$native"
  texts "$name" "$out/linux-$native/$name" "$out/texts/$name"
  [ "$*" != texts ] || continue
  for arch in "${archs[@]}"; do
    [ "$arch" = "$native" ] || program "$name" "$arch" "$out/linux-$arch"
    for kind in "$@"; do
      case $kind in deb) zsh=vendor-completions ;; *) zsh=site-functions ;; esac
      config=$out/texts/$name/$arch.$kind.yaml
      sed -e "s/@VERSION@/$VERSION/g; s/@ARCH@/$arch/g; s/@MTIME@/$mtime/g; s/@ZSH@/$zsh/g; s#@OUT@#$out#g" "packaging/$name.nfpm.yaml" >"$config"
      "${NFPM:-nfpm}" package --config "$config" --packager "$kind" --target "$out/"
    done
  done
done
