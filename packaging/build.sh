#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the packages of the agent and the controller: build.sh deb|rpm
# NFPM names the nfpm program, VERSION the version (a git description is made fit for packages), ARCH amd64 or arm64.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?deb or rpm}
arch=${ARCH:-$(go env GOARCH)}
version=${VERSION:-dev}
# Package versions start with a digit and have no dash: 0.0.0~g1a2b3c, 1.2.0+3.g1a2b3c.
case $version in
v[0-9]*) version=${version#v} ;;
[0-9]*.[0-9]*) ;;
*) version="0.0.0~g$version" ;;
esac
export VERSION=${version//-/+} ARCH=$arch
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
MTIME=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
export SOURCE_DATE_EPOCH MTIME

out=dist/linux-$arch
mkdir -p "$out" dist
GOOS=linux GOARCH=$arch CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o "$out/" ./cmd/...
# The two names Murano's images know.
for name in murano-agent murano-controller; do
  sed -e "s/@VERSION@/$VERSION/; s/@ARCH@/$arch/; s/@MTIME@/$MTIME/" "packaging/$name.nfpm.yaml" >"dist/$name.nfpm.yaml"
  "$NFPM" package --config "dist/$name.nfpm.yaml" --packager "$kind" --target dist/
done
