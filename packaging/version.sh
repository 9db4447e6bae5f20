#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the package version of a git description: version.sh DESCRIPTION [COMMITS]
# Both dpkg and rpm sort it as the history went: 0.1.0~rc1 < 0.1.0~rc1+3.g1a2b3c < 0.1.0 < 0.1.0+4.g5d6e7f.
# Before the first tag there is only a hash; COMMITS, their number, then makes the order: 0.0.0~57.g1a2b3c.
set -euo pipefail
description=${1:?a git description}
commits=${2:-0}
dirty=''
case $description in
*-dirty) dirty=.dirty description=${description%-dirty} ;;
esac
case $description in
v[0-9]*.[0-9]* | [0-9]*.[0-9]*) ;;
*)
  [[ $description =~ ^[0-9a-f]{7,}$ ]] && description=g$description
  printf '0.0.0~%s.%s%s\n' "$commits" "${description//[^0-9A-Za-z]/.}" "$dirty"
  exit
  ;;
esac
version=${description#v}
since=''
if [[ $version =~ ^(.+)-([0-9]+)-(g[0-9a-f]+)$ ]]; then
  version=${BASH_REMATCH[1]} since=+${BASH_REMATCH[2]}.${BASH_REMATCH[3]}
fi
release=${version%%-*} pre=''
[ "$release" = "$version" ] || pre=${version#*-}
# Fit for packages already, as this script itself prints them.
pre=${pre//-/.}
if [ -n "$dirty" ] && [ -z "$since" ]; then dirty=+${dirty#.}; fi
printf '%s%s%s%s\n' "$release" "${pre:+~$pre}" "$since" "$dirty"
