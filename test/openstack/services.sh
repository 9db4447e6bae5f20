# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Databases, RabbitMQ and the control services, with Nova's fake driver as
# the first compute host. Sourced by bench.sh.

SERVICES="neutron-linuxbridge-agent nova-compute nova-scheduler nova-api nova-conductor neutron-server
  glance-api placement heat-api heat-engine keystone rabbitmq epmd mariadb"
DATABASES="keystone heat glance placement nova_api nova_cell0 nova neutron"

sql() { mariadb --no-defaults -S "$SOCK" -u root "$@"; }

up_mariadb() {
  local kept; kept=$(databases_path)
  if [ ! -d "$VAR/mysql/mysql" ] && [ -s "$kept" ]; then
    tar -C "$VAR" -xzf "$kept"
    : >"$VAR/.done-migrated"
  fi
  if [ ! -d "$VAR/mysql/mysql" ]; then
    logged mariadb-install mariadb-install-db --no-defaults --user=root --datadir="$VAR/mysql" --skip-test-db \
      --skip-name-resolve --auth-root-authentication-method=normal
  fi
  # no network, and none of the writes that only matter when the machine dies
  start mariadb mariadbd --no-defaults --user=root --datadir="$VAR/mysql" --socket="$SOCK" \
    --pid-file="$RUN/mariadbd.pid" --skip-networking --skip-log-bin --max-connections=1000 \
    --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci \
    --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 \
    --innodb-buffer-pool-size=192M --innodb-log-file-size=96M --innodb-stats-persistent=0
  local name
  for _ in $(seq 150); do
    sql -e 'select 1' >/dev/null 2>&1 && break
    alive mariadb || die "mariadb ended; see $LOG/mariadb.log"
    sleep 0.2
  done
  sql -e "$(for name in $DATABASES; do echo "create database if not exists $name;"; done)"
}

rabbitmqctl() {
  env HOME="$VAR/rabbitmq" RABBITMQ_NODENAME=murano-bench@localhost RABBITMQ_CONF_ENV_FILE="$ETC/rabbitmq-env.conf" \
    /usr/lib/rabbitmq/bin/rabbitmqctl "$@"
}

start_rabbitmq() {
  # an epmd of our own: the machine's may belong to somebody else's broker
  start epmd epmd -port $P_EPMD -address $LOOP
  start rabbitmq env HOME="$VAR/rabbitmq" RABBITMQ_NODENAME=murano-bench@localhost \
    RABBITMQ_CONF_ENV_FILE="$ETC/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$ETC/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$ETC/enabled_plugins" RABBITMQ_MNESIA_BASE="$VAR/rabbitmq/mnesia" \
    RABBITMQ_LOG_BASE="$LOG/rabbitmq" RABBITMQ_DIST_PORT=$P_AMQP_DIST \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
    /usr/lib/rabbitmq/bin/rabbitmq-server
}

# Accounts: one for OpenStack; one for the controller, for its own queues and the agents' in vhost murano;
# one for the agents, which may read agents' queues and publish through the default
# exchange, and may declare nothing.
broker_accounts() {
  rabbitmqctl await_startup --timeout 60
  rabbitmqctl add_user openstack "$SECRET"
  rabbitmqctl set_permissions openstack '.*' '.*' '.*'
  rabbitmqctl delete_user guest
  rabbitmqctl add_vhost murano
  rabbitmqctl add_user murano-controller "$SECRET"
  rabbitmqctl set_permissions -p murano murano-controller '^(e[0-9a-f]+-h[0-9a-f]+|murano-.*)$' '^amq\.default$' '^(e[0-9a-f]+-h[0-9a-f]+|murano-.*)$'
  rabbitmqctl add_user murano-agent "$SECRET"
  rabbitmqctl set_permissions -p murano murano-agent '^$' '^amq\.default$' '^e[0-9a-f]+-h[0-9a-f]+$'
}

sync_keystone_keys() {
  local c="--config-file $ETC/keystone/keystone.conf"
  # shellcheck disable=SC2086
  keystone-manage $c fernet_setup --keystone-user root --keystone-group root
  # shellcheck disable=SC2086
  keystone-manage $c credential_setup --keystone-user root --keystone-group root
}
sync_keystone() {
  keystone-manage --config-file "$ETC/keystone/keystone.conf" db_sync
  local url=http://$LOOP:$P_KEYSTONE/v3
  keystone-manage --config-file "$ETC/keystone/keystone.conf" bootstrap --bootstrap-password "$SECRET" \
    --bootstrap-region-id RegionOne --bootstrap-public-url $url --bootstrap-internal-url $url --bootstrap-admin-url $url
}
sync_heat() { heat-manage --config-file "$ETC/heat/heat.conf" db_sync; }
sync_glance() { glance-manage --config-file "$ETC/glance/glance-api.conf" db_sync; }
sync_placement() { placement-manage --config-file "$ETC/placement/placement.conf" db sync; }
sync_neutron() { neutron-db-manage --config-file "$ETC/neutron/neutron.conf" --config-file "$ETC/neutron/ml2.ini" upgrade heads; }
sync_nova() {
  local c="--config-file $ETC/nova/nova.conf"
  # shellcheck disable=SC2086
  {
    nova-manage $c api_db sync
    nova-manage $c cell_v2 map_cell0 --database_connection "$(db nova_cell0)"
    nova-manage $c cell_v2 create_cell --name cell1 --database_connection "$(db nova)" --transport-url "$AMQP_URL"
    nova-manage $c db sync
  }
}

# Migrations take half a minute; MariaDB's folder after them is kept, by what it depends on.
databases_path() {
  echo "$CACHE/databases-$({ dpkg-query -W python3-keystone python3-heat python3-nova python3-neutron python3-glance python3-placement mariadb-server-core
    echo "$SOCK $AMQP_URL $P_KEYSTONE $SECRET"; declare -f sync_keystone sync_nova; } | sha256sum | cut -c1-16).tar.gz"
}
migrate_databases() {
  local kept name pids=()
  for name in keystone heat glance placement neutron nova; do logged "sync-$name" "sync_$name" & pids+=($!); done
  wait_all "${pids[@]}"
  kept=$(databases_path)
  end mariadb
  tar -C "$VAR" -cSzf "$kept.new" mysql && mv "$kept.new" "$kept"
  up_mariadb
}

# start_wsgi NAME PORT FILE PROCESSES VARIABLE=VALUE
start_wsgi() {
  start "$1" env "$5" uwsgi_python3 --http-socket "$LOOP:$2" --wsgi-file "$3" --master --die-on-term --lazy-apps \
    --enable-threads --processes "$4" --threads 1 --buffer-size 65535 --no-orphans --add-header 'Connection: close' \
    --so-keepalive --disable-logging --listen 100
}

up_control() {
  local nova="--config-file $ETC/nova/nova.conf"
  local neutron="--config-file $ETC/neutron/neutron.conf --config-file $ETC/neutron/ml2.ini"
  write_all_config; config_clients
  start_rabbitmq
  up_mariadb; say "mariadb up"
  once keys logged keystone-keys sync_keystone_keys
  once migrated migrate_databases
  say "databases ready"
  start_wsgi keystone $P_KEYSTONE /usr/bin/keystone-wsgi-public 2 OS_KEYSTONE_CONFIG_DIR="$ETC/keystone"
  start_wsgi placement $P_PLACEMENT /usr/bin/placement-api 1 OS_PLACEMENT_CONFIG_DIR="$ETC/placement"
  wait_port $P_AMQP rabbitmq
  once broker logged broker-accounts broker_accounts
  say "rabbitmq up"
  wait_port $P_KEYSTONE keystone
  once identity logged identity api identity $P_HEAT $P_GLANCE $P_PLACEMENT $P_NOVA $P_NEUTRON
  say "keystone up"
  # shellcheck disable=SC2086
  {
    start neutron-server neutron-server $neutron
    start_python heat-engine heat.cmd.engine --config-file "$ETC/heat/heat.conf"
    start_python heat-api heat.cmd.api --config-file "$ETC/heat/heat.conf"
    start_python glance-api glance.cmd.api --config-file "$ETC/glance/glance-api.conf"
    start_python nova-conductor nova.cmd.conductor $nova
    wait_port $P_PLACEMENT placement
    start_python nova-compute nova.cmd.compute $nova
    start_python nova-scheduler nova.cmd.scheduler $nova
    start_python nova-api nova.cmd.api_os_compute $nova
    wait_port $P_NEUTRON neutron-server 120
    ip link show brmbench >/dev/null 2>&1 || ip link add brmbench type bridge
    start neutron-linuxbridge-agent neutron-linuxbridge-agent $neutron
  }
  wait_port $P_HEAT heat-api; wait_port $P_NOVA nova-api; wait_port $P_GLANCE glance-api
  once seed logged seed api seed "$PUBLIC"
  logged wait-fake api wait $FAKE_HOST 1
  # shellcheck disable=SC2086
  once discover logged discover nova-manage $nova cell_v2 discover_hosts
  say "control services and compute host $FAKE_HOST up"
}
