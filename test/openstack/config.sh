# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Writes the configuration of every service under $ETC. The packages' own
# /etc files are read for paste pipelines and rootwrap filters only. Sourced
# by bench.sh.

write_all_config() {
  mkdir -p "$VAR/lock"
  config_rabbitmq; config_keystone; config_heat
  config_glance; config_placement; config_neutron; config_nova
}

# service_login SECTION USER [MORE LINES...]
service_login() {
  printf '[%s]\nauth_url = http://%s:%s\nauth_type = password\nproject_domain_name = Default\nuser_domain_name = Default\n' "$1" $LOOP $P_KEYSTONE
  printf 'project_name = service\nusername = %s\npassword = %s\nregion_name = RegionOne\n' "$2" "$SECRET"
  shift 2
  [ $# = 0 ] || printf '%s\n' "$@"
}
token_check() {
  service_login keystone_authtoken "$1" "www_authenticate_uri = http://$LOOP:$P_KEYSTONE" \
    'service_token_roles = service' 'service_token_roles_required = true'
}


config_rabbitmq() {
  mkdir -p "$VAR/rabbitmq" "$LOG/rabbitmq"
  : >"$ETC/rabbitmq-env.conf"
  echo '[].' >"$ETC/enabled_plugins"
  cat >"$ETC/rabbitmq.conf" <<C
listeners.tcp.default = $LOOP:$P_AMQP
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
C
}

config_keystone() {
  mkdir -p "$ETC/keystone" "$VAR/fernet" "$VAR/credential"
  cat >"$ETC/keystone/keystone.conf" <<C
[database]
connection = $(db keystone)
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $VAR/fernet
[fernet_receipts]
key_repository = $VAR/fernet
[credential]
key_repository = $VAR/credential
[identity]
# the lowest cost there is: a login takes milliseconds
password_hash_rounds = 4
[oslo_messaging_notifications]
driver = noop
C
}

config_heat() {
  mkdir -p "$ETC/heat"
  # action_retry_limit is 5 by default: a server without a valid host is then
  # made again five times, 93 s until CREATE_FAILED (Heat 19.0.0 measured).
  cat >"$ETC/heat/heat.conf" <<C
[DEFAULT]
transport_url = $AMQP_URL
num_engine_workers = 1
auth_encryption_key = 0123456789abcdef0123456789abcdef
region_name_for_services = RegionOne
stack_user_domain_name = heat
stack_domain_admin = heat_domain_admin
stack_domain_admin_password = $SECRET
max_stacks_per_tenant = 500
action_retry_limit = 0
environment_dir = /etc/heat/environment.d
template_dir = /etc/heat/templates
[database]
connection = $(db heat)
max_pool_size = 20
max_overflow = 40
[paste_deploy]
api_paste_config = /etc/heat/api-paste.ini
[heat_api]
bind_host = $LOOP
bind_port = $P_HEAT
workers = 1
[clients_keystone]
auth_uri = http://$LOOP:$P_KEYSTONE
[oslo_messaging_notifications]
driver = noop
$(token_check heat)
$(service_login trustee heat | grep -v -e project_ -e region_)
C
}

config_glance() {
  mkdir -p "$ETC/glance" "$VAR/images" "$VAR/staging"
  cat >"$ETC/glance/glance-api.conf" <<C
[DEFAULT]
bind_host = $LOOP
bind_port = $P_GLANCE
workers = 1
enabled_import_methods = []
node_staging_uri = file://$VAR/staging
[database]
connection = $(db glance)
[glance_store]
stores = file
default_store = file
filesystem_store_datadir = $VAR/images
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
[oslo_concurrency]
lock_path = $VAR/lock
[oslo_messaging_notifications]
driver = noop
$(token_check glance)
C
}

config_placement() {
  mkdir -p "$ETC/placement"
  cat >"$ETC/placement/placement.conf" <<C
[placement_database]
connection = $(db placement)
sync_on_startup = false
[api]
auth_strategy = keystone
$(token_check placement)
C
}

config_neutron() {
  mkdir -p "$ETC/neutron" "$VAR/neutron"
  cat >"$ETC/neutron/neutron.conf" <<C
[DEFAULT]
bind_host = $LOOP
bind_port = $P_NEUTRON
host = $FAKE_HOST
transport_url = $AMQP_URL
core_plugin = ml2
service_plugins = router
api_paste_config = /etc/neutron/api-paste.ini
state_path = $VAR/neutron
api_workers = 1
rpc_workers = 1
rpc_state_report_workers = 0
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
global_physnet_mtu = 1500
[experimental]
linuxbridge = true
[quotas]
$(printf 'quota_%s = -1\n' network subnet port router floatingip security_group security_group_rule)
[database]
connection = $(db neutron)
[oslo_concurrency]
lock_path = $VAR/lock
[agent]
root_helper =
report_interval = 15
[privsep]
helper_command = /usr/bin/privsep-helper --config-file $ETC/neutron/neutron.conf
[oslo_messaging_notifications]
driver = noop
$(token_check neutron)
C
  # The real linuxbridge agent binds the ports of the fake servers; the bridge
  # of the external network is empty there.
  cat >"$ETC/neutron/ml2.ini" <<C
[ml2]
type_drivers = local,flat,vlan,vxlan
tenant_network_types = local
mechanism_drivers = linuxbridge
extension_drivers = port_security,dns
[securitygroup]
enable_security_group = true
firewall_driver = noop
enable_ipset = false
[ml2_type_flat]
flat_networks = physnet1
[linux_bridge]
bridge_mappings = physnet1:brmbench
[vxlan]
enable_vxlan = false
C
}

config_nova() {
  mkdir -p "$ETC/nova" "$VAR/nova/instances"
  cat >"$ETC/nova/nova.conf" <<C
[DEFAULT]
transport_url = $AMQP_URL
my_ip = $LOOP
host = $FAKE_HOST
compute_driver = fake.FakeDriver
enabled_apis = osapi_compute
osapi_compute_listen = $LOOP
osapi_compute_listen_port = $P_NOVA
osapi_compute_workers = 1
state_path = $VAR/nova
instances_path = $VAR/nova/instances
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
force_raw_images = false
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = /etc/nova/api-paste.ini
[api_database]
connection = $(db nova_api)
[database]
connection = $(db nova)
[quota]
instances = -1
cores = 100
ram = -1
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 60
[glance]
api_servers = http://$LOOP:$P_GLANCE
[vnc]
enabled = false
[libvirt]
virt_type = qemu
cpu_mode = none
disk_cachemodes = file=unsafe
[key_manager]
backend = barbican
[oslo_concurrency]
lock_path = $VAR/lock
[oslo_messaging_notifications]
driver = noop
[workarounds]
skip_cpu_compare_on_dest = true
$(token_check nova)
$(service_login placement nova)
$(service_login neutron nova)
$(service_login service_user nova 'send_service_user_token = true')
C
}

# Clouds for clients: environment variables and clouds.yaml.
config_clients() {
  cat >"$BENCH/openrc" <<C
export OS_AUTH_URL=http://$LOOP:$P_KEYSTONE/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne OS_INTERFACE=public
export OS_USERNAME=demo OS_PASSWORD=$SECRET OS_PROJECT_NAME=demo
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
export MURANO_BENCH_NETNS=$NETNS MURANO_BENCH_LOG=$LOG
# one account a side, in the virtual host murano; see broker_accounts
export MURANO_TEST_AMQP=amqp://murano-controller:$SECRET@$LOOP:$P_AMQP/murano
export MURANO_TEST_GUEST_AMQP=amqp://murano-agent:$SECRET@$PUBLIC.1:5672/murano
C
  sed -e 's/OS_USERNAME=demo/OS_USERNAME=admin/' -e 's/OS_PROJECT_NAME=demo/OS_PROJECT_NAME=admin/' "$BENCH/openrc" >"$BENCH/openrc-admin"
  local name
  {
    echo clouds:
    for name in demo admin; do
      printf '  bench-%s:\n    region_name: RegionOne\n    auth: {auth_url: "http://%s:%s/v3", username: %s, password: "%s", project_name: %s, user_domain_name: Default, project_domain_name: Default}\n' \
        $name $LOOP $P_KEYSTONE $name "$SECRET" $name
    done
  } >"$BENCH/clouds.yaml"
  chmod 600 "$BENCH"/openrc* "$BENCH/clouds.yaml"
}
