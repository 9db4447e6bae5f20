# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Git descriptions and their versions, oldest first. Sourced by test.sh.

previous=''
while read -r description commits want; do
  got=$(packaging/version.sh "$description" "$commits")
  same "$got" "$want" "version of $description"
  same "$(packaging/version.sh "$got" 0)" "$want" "version of the version $got"
  if [ -n "$previous" ]; then
    dpkg --compare-versions "$previous" lt "$got" || fail "dpkg takes $got to be older than $previous"
    if command -v rpm >/dev/null; then
      same "$(rpm --eval "%{lua: print(rpm.vercmp('$previous', '$got'))}")" -1 "rpm's order of $previous and $got"
    fi
  fi
  previous=$got
done <<'V'
ffe12ab 9 0.0.0~9.gffe12ab
1a2b3c4 57 0.0.0~57.g1a2b3c4
1a2b3c4-dirty 57 0.0.0~57.g1a2b3c4.dirty
v0.1.0-rc1 60 0.1.0~rc1
v0.1.0-rc1-3-gabc1234 63 0.1.0~rc1+3.gabc1234
v0.1.0-rc1-12-g0bc1234 72 0.1.0~rc1+12.g0bc1234
v0.1.0-rc2 80 0.1.0~rc2
v0.1.0 81 0.1.0
v0.1.0-4-g5d6e7f8 85 0.1.0+4.g5d6e7f8
v0.1.0-10-g1d6e7f8-dirty 91 0.1.0+10.g1d6e7f8.dirty
v0.1.1 92 0.1.1
v0.10.0 200 0.10.0
V
