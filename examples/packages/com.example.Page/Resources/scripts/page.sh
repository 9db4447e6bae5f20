#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# page.sh start PORT TEXT | stop
#
# Starts and stops httpd.pl, which serves TEXT. start prints the port. In the
# dev mode MURANO_GUEST_DIR is the folder that stands for the guest, and only
# this machine can reach the page.
set -eu

state=${MURANO_GUEST_DIR:-/var/lib}/page
address=0.0.0.0
if [ -n "${MURANO_GUEST_DIR:-}" ]; then
	address=127.0.0.1
fi

# running tells whether the process that httpd.pid names is our server: its
# number may have gone to another one since.
running() {
	[ -f "$state/httpd.pid" ] || return 1
	pid=$(cat "$state/httpd.pid")
	tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$state/httpd.pl"
}

# within waits up to ten seconds for a command to succeed.
within() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ "$tries" -ge 100 ]; then
			return 1
		fi
		sleep 0.1
	done
}

gone() { ! running; }

stop() {
	if running; then
		kill "$pid"
		if ! within gone; then
			kill -9 "$pid"
			within gone
		fi
	fi
	rm -f "$state/httpd.pid" "$state/httpd.port"
}

case $1 in
start)
	stop
	mkdir -p "$state"
	printf '%s\n' "$3" >"$state/page.txt"
	cp "$(dirname "$0")/httpd.pl" "$state/httpd.pl"
	perl "$state/httpd.pl" "$address" "$2" "$state"
	cat "$state/httpd.port"
	;;
stop)
	stop
	rm -rf "$state"
	;;
*)
	echo "page.sh: want start or stop, not '$1'" >&2
	exit 2
	;;
esac
