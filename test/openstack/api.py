#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""OpenStack calls of the bench, by the standard library: a run of the
openstack client costs seconds each.

api.py AUTH_URL PASSWORD identity HEAT GLANCE PLACEMENT NOVA NEUTRON   users, roles, endpoints (arguments: ports)
                         seed PREFIX                                   flavors, image, external network
                         wait HOST AGENTS                              until HOST's nova-compute and AGENTS network agents are up
                         image NAME FILE FORMAT CONTAINER [KEY=VALUE...]  replaces an image, prints its id
                         image-id NAME KEY=VALUE...                    prints the id of the active image with these properties
"""
import json
import os
import sys
import time
import urllib.request


class Cloud:
    def __init__(self, auth, password):
        self.auth, self.password = auth, password
        user = {'name': 'admin', 'domain': {'id': 'default'}, 'password': password}
        scope = {'project': {'name': 'admin', 'domain': {'id': 'default'}}}
        request = {'auth': {'identity': {'methods': ['password'], 'password': {'user': user}}, 'scope': scope}}
        answer, headers = self.send('POST', auth + '/auth/tokens', json.dumps(request).encode())
        self.token = headers['X-Subject-Token']
        self.urls = {s['type']: e['url'] for s in answer['token']['catalog']
                     for e in s['endpoints'] if e['interface'] == 'public'}

    def send(self, method, url, body, content_type='application/json'):
        r = urllib.request.Request(url, method=method, data=body)
        r.add_header('Content-Type', content_type)
        if hasattr(self, 'token'):
            r.add_header('X-Auth-Token', self.token)
        with urllib.request.urlopen(r, timeout=300) as f:
            b = f.read()
            return (json.loads(b) if b else None), f.headers

    def call(self, service, method, path, body=None):
        url = self.auth if service == 'identity' else self.urls[service] + {'network': '/v2.0', 'image': '/v2'}.get(service, '')
        return self.send(method, url + path, None if body is None else json.dumps(body).encode())[0]

    def ensure(self, kind, name, **fields):
        for o in self.call('identity', 'GET', '/%ss?name=%s' % (kind, name))[kind + 's']:
            if o.get('domain_id') == fields.get('domain_id', o.get('domain_id')):
                return o['id']
        return self.call('identity', 'POST', '/%ss' % kind, {kind: dict(name=name, **fields)})[kind]['id']

    def grant(self, project, user, role):
        self.call('identity', 'PUT', '/projects/%s/users/%s/roles/%s' % (project, user, role))

    def endpoints(self, kind, url):
        service = self.call('identity', 'POST', '/services', {'service': {'name': kind, 'type': kind}})['service']['id']
        for interface in ('public', 'internal', 'admin'):
            self.call('identity', 'POST', '/endpoints', {'endpoint': {
                'interface': interface, 'region_id': 'RegionOne', 'service_id': service, 'url': url}})


def identity(c, heat, glance, placement, nova, neutron):
    admin, service, member = (c.ensure('role', r) for r in ('admin', 'service', 'member'))
    c.ensure('role', 'heat_stack_user')
    services = c.ensure('project', 'service', domain_id='default')
    for name in ('heat', 'glance', 'placement', 'nova', 'neutron'):
        user = c.ensure('user', name, domain_id='default', password=c.password)
        c.grant(services, user, admin)
        c.grant(services, user, service)
    domain = c.ensure('domain', 'heat')
    user = c.ensure('user', 'heat_domain_admin', domain_id=domain, password=c.password)
    c.call('identity', 'PUT', '/domains/%s/users/%s/roles/%s' % (domain, user, admin))
    demo = c.ensure('project', 'demo', domain_id='default')
    c.grant(demo, c.ensure('user', 'demo', domain_id='default', password=c.password), member)
    have = {s['type'] for s in c.call('identity', 'GET', '/services')['services']}
    for kind, port, path in (('orchestration', heat, '/v1/%(tenant_id)s'), ('image', glance, ''), ('placement', placement, ''),
                             ('compute', nova, '/v2.1'), ('network', neutron, '')):
        if kind not in have:
            c.endpoints(kind, 'http://127.0.0.1:%s%s' % (port, path))


def seed(c, prefix):
    have = {f['name'] for f in c.call('compute', 'GET', '/flavors')['flavors']}
    # m1.huge fits no host: "No valid host"
    for name, ram, disk, cpus in (('m1.nano', 64, 1, 1), ('m1.small', 512, 2, 1), ('m1.huge', 64, 900000, 1), ('m1.many', 64, 1, 101)):
        if name not in have:
            c.call('compute', 'POST', '/flavors', {'flavor': {'name': name, 'ram': ram, 'disk': disk, 'vcpus': cpus}})
    if not c.call('image', 'GET', '/images?name=tiny')['images']:
        open('/tmp/.murano-bench-tiny', 'wb').write(b'\0' * 65536)
        image(c, 'tiny', '/tmp/.murano-bench-tiny', 'raw', 'bare', 'img_hv_type=fake')
        os.remove('/tmp/.murano-bench-tiny')
    if not c.call('network', 'GET', '/networks?name=public')['networks']:
        n = c.call('network', 'POST', '/networks', {'network': {
            'name': 'public', 'router:external': True,
            'provider:network_type': 'flat', 'provider:physical_network': 'physnet1'}})['network']['id']
        c.call('network', 'POST', '/subnets', {'subnet': {
            'name': 'public', 'network_id': n, 'ip_version': 4, 'cidr': prefix + '.0/24', 'gateway_ip': prefix + '.1',
            'enable_dhcp': False, 'allocation_pools': [{'start': prefix + '.10', 'end': prefix + '.250'}]}})


def wait(c, host, agents):
    end = time.time() + 120
    while time.time() < end:
        computes = [s['state'] for s in c.call('compute', 'GET', '/os-services?binary=nova-compute&host=' + host)['services']]
        alive = sorted(a['binary'] for a in c.call('network', 'GET', '/agents?host=' + host)['agents'] if a['alive'])
        if 'up' in computes and len(alive) >= int(agents):
            return
        time.sleep(0.5)
    sys.exit('%s after 120 s: nova-compute %s, network agents alive %s' % (host, computes, alive))


def image(c, name, path, disk_format, container, *properties):
    for i in c.call('image', 'GET', '/images?name=' + name)['images']:
        c.call('image', 'DELETE', '/images/' + i['id'])
    fields = dict(p.split('=', 1) for p in properties)
    i = c.call('image', 'POST', '/images', dict(
        name=name, disk_format=disk_format, container_format=container, visibility='public', **fields))['id']
    with open(path, 'rb') as f:
        c.send('PUT', c.urls['image'] + '/v2/images/%s/file' % i, f, 'application/octet-stream')
    print(i)


def image_id(c, name, *properties):
    for i in c.call('image', 'GET', '/images?name=' + name)['images']:
        if i['status'] == 'active' and all(i.get(k) == v for k, v in (p.split('=', 1) for p in properties)):
            print(i['id'])
            return
    sys.exit(1)


if __name__ == '__main__':
    what = {'identity': identity, 'seed': seed, 'wait': wait, 'image': image, 'image-id': image_id}
    if len(sys.argv) < 4 or sys.argv[3] not in what:
        sys.exit(__doc__)
    what[sys.argv[3]](Cloud(sys.argv[1], sys.argv[2]), *sys.argv[4:])
