#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# deployApache.sh PORT PHP TITLE TEXT
#
# Installs Apache where it is absent, has it serve one page, and starts it. The
# last line of its output is Apache's version. It may run again at any time.
set -eu

port=$1
php=$2
title=$3
text=$4
here=$(dirname "$0")

export DEBIAN_FRONTEND=noninteractive

# An image may bring Apache along: then nothing is fetched.
install() {
	missing=
	for package in "$@"; do
		if ! dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$'; then
			missing="$missing $package"
		fi
	done
	[ -n "$missing" ] || return 0
	apt-get -q -o DPkg::Lock::Timeout=300 update
	# shellcheck disable=SC2086 # a list of names
	apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install $missing
}

# escape writes text so that HTML shows it as it is.
escape() {
	printf '%s' "$1" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g'
}

install apache2
if [ "$php" = true ]; then
	install libapache2-mod-php
fi

# Debian's ports.conf is a configuration file of the package: a line is added to
# our own file, and the package's is only told not to listen on port 80 itself.
if [ "$port" != 80 ]; then
	sed -i -e 's/^Listen 80$/# Listen 80 (moved by Murano)/' /etc/apache2/ports.conf
	printf 'Listen %s\n' "$port" >/etc/apache2/conf-available/murano.conf
	sed -i -e "s/<VirtualHost \\*:[0-9]*>/<VirtualHost *:$port>/" /etc/apache2/sites-available/000-default.conf
else
	sed -i -e 's/^# Listen 80 (moved by Murano)$/Listen 80/' /etc/apache2/ports.conf
	printf '# Listens on 80, as ports.conf says.\n' >/etc/apache2/conf-available/murano.conf
	sed -i -e 's/<VirtualHost \*:[0-9]*>/<VirtualHost *:80>/' /etc/apache2/sites-available/000-default.conf
fi
printf 'ServerName %s\n' "$(hostname)" >>/etc/apache2/conf-available/murano.conf
a2enconf -q murano

mkdir -p /var/www/html
{
	printf '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"><title>%s</title></head>\n' "$(escape "$title")"
	printf '<body>\n<h1>%s</h1>\n<p>%s</p>\n</body>\n</html>\n' "$(escape "$title")" "$(escape "$text")"
} >/var/www/html/index.html.new
mv /var/www/html/index.html.new /var/www/html/index.html

if [ "$php" = true ]; then
	# shellcheck disable=SC2016 # PHP, not shell
	printf '<?php echo "PHP ", phpversion(), "\\n";\n' >/var/www/html/version.php
fi

apachectl configtest
sh "$here/serviceApache.sh" restart

apachectl -v | sed -n -e 's/^Server version: //p'
