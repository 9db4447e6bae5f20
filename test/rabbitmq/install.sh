#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs Debian's rabbitmq-server for the tests and starts nothing: the
# tests run brokers of their own, as child processes (package rabbitmq beside
# this file). Does nothing where the server is there already.
set -eu

server=/usr/lib/rabbitmq/bin/rabbitmq-server
policy=/usr/sbin/policy-rc.d

say() { printf 'install.sh: %s\n' "$*"; }

if [ -x "$server" ]; then
	say "$server is there; nothing to do"
	exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
	say "no apt-get on this system: install RabbitMQ 3.10 or newer yourself so that $server exists," \
		"or set MURANO_TEST_AMQP_URL=amqp://user:password@host:5672/vhost to a broker for the tests" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	say "installing packages needs root: run 'sudo $0'," \
		"or set MURANO_TEST_AMQP_URL=amqp://user:password@host:5672/vhost to a broker for the tests" >&2
	exit 1
fi

# The package's scripts ask policy-rc.d whether they may start the service and
# enable epmd. 101 means no. What was there before comes back, however we end.
saved=
restore() {
	rm -f "$policy"
	if [ -n "$saved" ]; then
		mv "$saved" "$policy"
	fi
}
if [ -e "$policy" ] || [ -L "$policy" ]; then
	saved=$(mktemp "$policy.XXXXXX")
	mv -f "$policy" "$saved"
fi
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 0755 "$policy"

export DEBIAN_FRONTEND=noninteractive
install_server() {
	apt-get install -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=600 rabbitmq-server
}
# An old package list names versions the mirror no longer has: refresh it only then.
if ! install_server; then
	apt-get update -q -o DPkg::Lock::Timeout=600
	install_server
fi

# No systemd service, even on a machine that has systemd as PID 1: a broker
# that starts at the next boot is not what the tests asked for.
if [ -d /run/systemd/system ]; then
	systemctl disable --now rabbitmq-server.service >/dev/null 2>&1 || true
fi
say "installed $(dpkg-query -W -f '${Package} ${Version}' rabbitmq-server); no service was started"
