#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Written by murano-controller: starts the agent of this guest; fetches it where the image has none.
url=@URL@
sha256=@SHA256@
kind=@KIND@

say() {
	echo "murano-agent: $*"
	# The console is what the controller can read of a guest whose agent is silent.
	[ ! -w /dev/console ] || echo "murano-agent: $*" >/dev/console 2>/dev/null || true
}
die() {
	say "NOT STARTED: $*"
	exit 1
}

fetch() { # fetch FILE
	if command -v curl >/dev/null 2>&1; then
		curl -fsSL --connect-timeout 15 --speed-limit 1 --speed-time 30 -o "$1" "$url"
	elif command -v wget >/dev/null 2>&1; then
		wget -q -T 30 -t 1 -O "$1" "$url"
	elif command -v python3 >/dev/null 2>&1; then # cloud-init brings it
		python3 -c 'import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=30) as r, open(sys.argv[2], "wb") as f:
    shutil.copyfileobj(r, f)' "$url" "$1"
	else
		die "no curl, wget or python3 to fetch $url with"
	fi
}

bring() {
	[ -n "$url" ] || die "the image has no murano-agent and the controller names no source; bake the agent into the image or set agent.source"
	dir=$(mktemp -d) || die "no temporary directory"
	trap 'rm -rf "$dir"' EXIT
	file=$dir/murano-agent.$kind
	try=1
	until fetch "$file"; do
		[ "$try" -lt 5 ] || die "cannot fetch $url after $try tries; is it reachable from this subnet?"
		sleep $((try * 3))
		try=$((try + 1))
	done
	is=$(sha256sum "$file") || die "no sha256sum"
	[ "${is%% *}" = "$sha256" ] || die "$url has SHA-256 ${is%% *}, expected $sha256"
	case $kind in
	deb)
		# The image's own updates may hold dpkg's lock at first boot.
		try=1
		until dpkg -i "$file"; do
			[ "$try" -lt 5 ] || die "dpkg -i refused $url; /var/log/cloud-init-output.log says why"
			sleep $((try * 10))
			try=$((try + 1))
		done
		;;
	rpm) rpm -U --replacepkgs "$file" || die "rpm refused $url" ;;
	binary)
		install -d -m 0700 /var/murano || die "cannot make /var/murano"
		if [ -d /run/systemd/system ]; then
			cat >/etc/systemd/system/murano-agent.service <<'UNIT' || die "cannot write /etc/systemd/system/murano-agent.service"
@UNIT@
UNIT
		fi
		# The program comes last and in one step: its existence says that all is there.
		{ install -m 0755 "$file" /usr/bin/murano-agent.new && mv -f /usr/bin/murano-agent.new /usr/bin/murano-agent; } ||
			die "cannot write /usr/bin/murano-agent"
		ln -sf murano-agent /usr/bin/muranoagent
		;;
	esac
	say "installed from $url"
}

command -v murano-agent >/dev/null 2>&1 || bring

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl enable murano-agent.service >/dev/null 2>&1 || true
	# --no-block: the agent may wait for its broker; boot must not.
	systemctl start --no-block murano-agent.service || die "systemctl start murano-agent failed"
elif ! { [ -e /run/murano-agent.pid ] && kill -0 "$(cat /run/murano-agent.pid)" 2>/dev/null; }; then
	umask 077
	setsid murano-agent run --config-dir /etc/murano </dev/null >>/var/log/murano-agent.log 2>&1 &
	echo $! >/run/murano-agent.pid
fi
