# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Settings of the bench and the little it needs to run programs without
# systemd. Sourced by the other scripts of this folder.

# Everything the bench writes is under $BENCH: etc, run, log, var are made
# anew by `wipe`; cache survives it.
BENCH=${MURANO_BENCH:-${XDG_CACHE_HOME:-$HOME/.cache}/murano-bench}
ETC=$BENCH/etc RUN=$BENCH/run LOG=$BENCH/log VAR=$BENCH/var CACHE=$BENCH/cache
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
unset PYTHONPATH PYTHONHOME PYENV_VERSION
mkdir -p "$ETC" "$RUN" "$LOG" "$VAR" "$CACHE"

LOOP=127.0.0.1
# Ports of our own, so that a RabbitMQ or a web server of the machine is no obstacle;
# below the ephemeral range, so that no outgoing connection takes them.
P_KEYSTONE=15000 P_HEAT=18004 P_GLANCE=19292 P_PLACEMENT=18778 P_NOVA=18774 P_NEUTRON=19696
P_AMQP=16672 P_AMQP_DIST=16673 P_EPMD=16674
SECRET=${MURANO_BENCH_PASSWORD:-secret}   # of every account; all of them are on loopback
FAKE_HOST=bench-fake QEMU_HOST=bench-qemu # the two compute hosts
NETNS=murano-bench                        # the second one's network
PUBLIC=172.24.4                           # /24 of the external network; .1 is where guests find RabbitMQ
SOCK=$RUN/mysql.sock
AMQP_URL="rabbit://openstack:$SECRET@$LOOP:$P_AMQP/"
export ERL_EPMD_PORT=$P_EPMD ERL_EPMD_ADDRESS=$LOOP

say() { printf '%4d s  %s\n' "$SECONDS" "$*" | tee -a "$LOG/bench.log" >&2; }
die() { say "FAILED: $*"; exit 1; }
db() { echo "mysql+pymysql://root@localhost/$1?unix_socket=$SOCK&charset=utf8"; }

# born PID: when it was started, in ticks since boot (proc(5), stat, field 22); nothing when it is gone
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# alive NAME: by pid and birth, for a pid of an earlier boot may be somebody else's by now
alive() {
  [ -s "$RUN/$1.pid" ] && [ -s "$RUN/$1.born" ] && [ "$(born "$(cat "$RUN/$1.pid")")" = "$(cat "$RUN/$1.born")" ]
}

# start NAME COMMAND...: runs COMMAND in a session of its own, unless it runs.
start() {
  local name=$1; shift
  alive "$name" && return 0
  (cd "$VAR" && exec setsid "$@" </dev/null >>"$LOG/$name.log" 2>&1 9>&-) &
  echo $! >"$RUN/$name.pid"
  born $! >"$RUN/$name.born" || true # it has ended already: the port it should listen on will say so
}

# start_python NAME MODULE ARGUMENTS...: MODULE's main(), for programs whose
# Debian package would bring a service with database questions of its own.
start_python() {
  local name=$1 module=$2; shift 2
  start "$name" /usr/bin/python3 -c "import sys; from $module import main; sys.argv[0] = '$name'; main()" "$@"
}

# descend PID: PID and all its children, space separated.
descend() {
  local child
  printf '%s ' "$1"
  for child in $(pgrep -P "$1"); do descend "$child"; done
}

# end NAME...: TERM to the programs and their children, KILL after 5 s.
end() {
  local name pids=""
  for name in "$@"; do
    if alive "$name"; then pids+=$(descend "$(cat "$RUN/$name.pid")"); fi
  done
  # shellcheck disable=SC2086
  if [ -n "$pids" ]; then
    kill $pids 2>/dev/null || true
    for _ in $(seq 25); do kill -0 $pids 2>/dev/null || break; sleep 0.2; done
    kill -9 $pids 2>/dev/null || true
  fi
  for name in "$@"; do rm -f "$RUN/$name.pid" "$RUN/$name.born"; done
}

# wait_port PORT NAME [SECONDS]
wait_port() {
  local until=$((SECONDS + ${3:-90}))
  until (exec 3<>"/dev/tcp/$LOOP/$1") 2>/dev/null; do
    alive "$2" || die "$2 ended; see $LOG/$2.log"
    [ $SECONDS -lt $until ] || die "$2 does not listen on port $1 after ${3:-90} s; see $LOG/$2.log"
    sleep 0.2
  done
}

# once STEP COMMAND...: COMMAND, unless it already succeeded since the last wipe.
# Here and in logged, plain commands: after || or && a function would go on past its failures.
once() {
  local mark=$VAR/.done-$1; shift
  [ ! -e "$mark" ] || return 0
  "$@"
  : >"$mark"
}

# logged NAME COMMAND...: output to a log; a failure ends the script and names it.
logged() {
  local name=$1 failed; shift
  set +e
  (set -e; "$@") >>"$LOG/$name.log" 2>&1 </dev/null
  failed=$?
  set -e
  [ $failed = 0 ] || { tail -n 5 "$LOG/$name.log" >&2; die "$name; see $LOG/$name.log"; }
}

# wait_all PID...: fails when one of them failed.
wait_all() { local pid; for pid in "$@"; do wait "$pid" || die "a step that ran beside others failed"; done; }

api() { /usr/bin/python3 "$HERE/api.py" "http://$LOOP:$P_KEYSTONE/v3" "$SECRET" "$@"; }
