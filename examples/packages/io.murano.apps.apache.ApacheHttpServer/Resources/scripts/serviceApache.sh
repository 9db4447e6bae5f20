#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# serviceApache.sh restart|stop
#
# Tells Apache through systemd where that runs, else through the init script.
set -eu

action=$1

if [ -d /run/systemd/system ]; then
	if [ "$action" = restart ]; then
		systemctl --quiet enable apache2
	fi
	systemctl "$action" apache2
else
	service apache2 "$action"
fi
