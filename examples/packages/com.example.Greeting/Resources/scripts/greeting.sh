#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# greeting.sh write NAME | read | remove
#
# Keeps a greeting in a file. In the dev mode MURANO_GUEST_DIR is the folder
# that stands for the guest.
set -eu

state=${MURANO_GUEST_DIR:-/var/lib}/greeting
file=$state/greeting.txt

case $1 in
write)
	mkdir -p "$state"
	printf 'Hello, %s! This is %s.\n' "$2" "$(uname -s)" >"$file.new"
	mv "$file.new" "$file"
	printf '%s\n' "$file"
	;;
read)
	cat "$file"
	;;
remove)
	rm -rf "$state"
	;;
*)
	echo "greeting.sh: want write, read or remove, not '$1'" >&2
	exit 2
	;;
esac
