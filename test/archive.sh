#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the file of apt sources that trees for tests are built from: the archive this machine itself installs from.
set -euo pipefail
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  if [ -s "$file" ]; then
    echo "$file"
    exit 0
  fi
done
echo 'archive.sh: neither /etc/apt/sources.list.d/debian.sources nor /etc/apt/sources.list names an archive of Debian 12' >&2
exit 1
