// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const goodEnvironment = `name: shop
network:
  create: {cidr: auto, dns: [10.0.0.2], external: public}
defaults: {image: debian-12, flavor: m1.small, keypair: ops}
applications:
  db:
    package: com.example.Postgres
    parameters: {size: 3, ratio: 1.0, big: 123456789012345678901234567890, list: [a, {b: true}], none: null, date: 2026-01-02}
  web:
    package: com.example.Shop
    parameters:
      title: "db at ${applications.db.outputs.host}"
    servers: {web: {count: 2, flavor: m1.medium, floatingIP: true, volumes: [{size: 5}]}}
    after: [cache]
  cache: {package: com.example.Redis}
`

func count(n int) *int { return &n }

func TestAnEnvironmentIsReadWhole(t *testing.T) {
	got, err := ParseEnvironment([]byte(goodEnvironment))
	if err != nil {
		t.Fatal(err)
	}
	want := Environment{
		Name:     "shop",
		Network:  Network{Create: &NetworkCreate{CIDR: "auto", DNS: []string{"10.0.0.2"}, External: "public"}},
		Defaults: Defaults{Image: "debian-12", Flavor: "m1.small", Keypair: "ops"},
		Applications: []Application{
			{Name: "db", Package: "com.example.Postgres", Parameters: map[string]any{
				"size": 3, "ratio": json.Number("1.0"), "big": json.Number("123456789012345678901234567890"),
				"list": []any{"a", map[string]any{"b": true}}, "none": nil, "date": "2026-01-02",
			}},
			{
				Name: "web", Package: "com.example.Shop", Parameters: map[string]any{"title": "db at ${applications.db.outputs.host}"},
				Servers: map[string]ServerOverrides{"web": {Count: count(2), Flavor: "m1.medium", FloatingIP: true, Volumes: []Volume{{Size: 5}}}},
				After:   []ApplicationName{"cache"},
			},
			{Name: "cache", Package: "com.example.Redis"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	needs, err := got.Dependencies()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[ApplicationName][]ApplicationName{"db": {}, "cache": {}, "web": {"cache", "db"}}, needs); d != "" {
		t.Error(d)
	}
}

func TestAnEncodedEnvironmentReadsBackEqual(t *testing.T) {
	odd := []string{"", "yes", "1", "0x1f", "0o17", "1e3", "~", "null", "2026-01-02", "a: b", "- a", "#", "line\nline", " x ", "${applications.db.outputs.host}", "é\u2028", "<<", "1:30", ".inf", "*a", "'", `"`, "\t"}
	text := rapid.OneOf(rapid.SampledFrom(odd), rapid.StringMatching(`[ -~]{0,12}`))
	value := rapid.OneOf(text.AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(), rapid.Just(any(nil)),
		rapid.Custom(func(t *rapid.T) any { return floatNumber(rapid.Float64Range(-1e20, 1e20).Draw(t, "f")) }))
	rapid.Check(t, func(t *rapid.T) {
		e := Environment{Name: "shop", Network: Network{Create: &NetworkCreate{CIDR: "auto"}}}
		e.Applications = []Application{{Name: "db", Package: "x"}}
		if rapid.Bool().Draw(t, "use") {
			e.Network = Network{Use: &NetworkUse{Network: "net", Subnet: rapid.SampledFrom([]string{"", "123"}).Draw(t, "subnet")}}
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "applications") {
			a := Application{Name: ApplicationName(fmt.Sprintf("app-%d", i)), Package: "com.example.X", Parameters: map[string]any{}}
			for k, v := range rapid.MapOf(text.Filter(func(s string) bool { return !strings.Contains(s, "$") }), value).Draw(t, "parameters") {
				if s, ok := v.(string); ok && strings.Contains(s, "$") && s != odd[14] {
					continue
				}
				a.Parameters[k] = []any{v, map[string]any{"inner": v}}
			}
			e.Applications = append(e.Applications, a)
		}
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseEnvironment(b)
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Fatalf("%s in\n%s", d, b)
		}
		j, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON Environment
		if err := json.Unmarshal(j, &fromJSON); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, fromJSON); d != "" {
			t.Fatal(d)
		}
	})
}

func TestABadEnvironmentIsRefusedWithPlaceReasonAndNextStep(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"empty":              {goodEnvironment, "", "the document is empty; see the examples directory for its form"},
		"a list":             {goodEnvironment, "- name: x", "line 1: want a mapping of keys to values, not a list"},
		"no name":            {"name: shop\n", "", "line 1: name: is missing; name the environment, as in name: shop"},
		"capital letters":    {"name: shop", "name: Shop", `line 1: name: "Shop" is not a name; use 1 to 63 of a-z, 0-9 and -, not beginning or ending with -`},
		"long name":          {"name: shop", "name: " + strings.Repeat("x", 64), `line 1: name: "` + strings.Repeat("x", 57) + `..." is not a name; use 1 to 63 of a-z, 0-9 and -, not beginning or ending with -`},
		"name is a boolean":  {"name: shop", "name: true", `line 1: name: want text, not true; put it in quotes if it is meant as text`},
		"misspelt key":       {"defaults:", "default:", `line 4: default: unknown key "default"; did you mean "defaults"?`},
		"key of a network":   {"cidr: auto", "subnet: auto", `line 3: network.create.subnet: unknown key "subnet"; use one of cidr, dns, external`},
		"cidr":               {"cidr: auto", "cidr: 10.0.0.0", `line 3: network.create.cidr: "10.0.0.0" is not an IPv4 prefix; write auto, or a prefix such as 10.20.0.0/24`},
		"cidr with host":     {"cidr: auto", "cidr: 10.0.0.7/24", `line 3: network.create.cidr: 10.0.0.7/24 has address bits beyond its length; write 10.0.0.0/24`},
		"cidr too small":     {"cidr: auto", "cidr: 10.0.0.0/30", `line 3: network.create.cidr: 10.0.0.0/30 is too small for a gateway, a DHCP port and servers; use a /29 or larger`},
		"DNS by name":        {"10.0.0.2", "dns.example.com", `line 3: network.create.dns[0]: "dns.example.com" is not an IP address; write the address of a nameserver, such as 10.0.0.2; a name cannot be resolved before there is a nameserver`},
		"DNS on loopback":    {"10.0.0.2", "127.0.0.53", `line 3: network.create.dns[0]: 127.0.0.53 means the guest itself, where no nameserver runs; write the address of a nameserver that guests can reach`},
		"DNS is no list":     {"[10.0.0.2]", "10.0.0.2", `line 3: network.create.dns: want a list, not the text "10.0.0.2"; put each entry on a line of its own that begins with a dash`},
		"create and use":     {"defaults:", "  use: {network: net}\ndefaults:", `line 3: network: both create and use are set; keep create to have a network made, or use to name one that is there`},
		"use without name":   {"  create: {cidr: auto, dns: [10.0.0.2], external: public}", "  use: {subnet: sub}", `line 3: network.use.network: is missing; give the name or ID of the network to use`},
		"no applications":    {"\n  cache: {package: com.example.Redis}", "\n  cache:", `line 15: applications.cache.package: is missing; name the package to deploy`},
		"application name":   {"  cache:", "  my_cache:", `line 15: applications.my_cache: "my_cache" is not a name; use 1 to 63 of a-z, 0-9 and -, not beginning or ending with -`},
		"application twice":  {"  cache:", "  db:", `line 15: applications.db: the key stands twice, first in line 6; keep one of the two`},
		"package by path":    {"com.example.Redis", "./redis.zip", `line 15: applications.cache.package: "./redis.zip" is not the full name of a package; write the FullName of its manifest, such as io.murano.apps.apache.ApacheHttpServer`},
		"key of application": {"parameters:\n", "parameter:\n", `line 11: applications.web.parameter: unknown key "parameter"; did you mean "parameters"?`},
		"count is negative":  {"count: 2", "count: -1", `line 13: applications.web.servers.web.count: -1 is out of range; use 0 to 100`},
		"floating IP":        {"floatingIP: true", "floatingIP: yes please", `line 13: applications.web.servers.web.floatingIP: want true or false, not the text "yes please"; write true or false without quotes`},
		"key of a server":    {"floatingIP", "floatingip", `line 13: applications.web.servers.web.floatingip: unknown key "floatingip"; did you mean "floatingIP"?`},
		"volume as a number": {"volumes: [{size: 5}]", "volumes: 5", `line 13: applications.web.servers.web.volumes: want a list, not 5; put each entry on a line of its own that begins with a dash`},
		"after a stranger":   {"after: [cache]", "after: [cahce]", `line 9: applications.web: waits for the application "cahce", which is not in this environment; did you mean "cache"?`},
		"reference to a stranger": {"applications.db.outputs", "applications.bd.outputs",
			`line 9: applications.web: waits for the application "bd", which is not in this environment; did you mean "db"?`},
		"reference into the air": {"${applications.db.outputs.host}", "${applications.db.host}",
			`line 12: applications.web.parameters.title: ${applications.db.host} does not name a value of an application; write ${applications.<name>.outputs.<output>} or ${applications.<name>.servers.<group>[0].address}`},
		"reference to a parameter": {"${applications.db.outputs.host}", "${parameters.x}",
			`line 12: applications.web.parameters.title: ${parameters.x}: an environment can refer to its applications only; write ${applications.<name>.outputs.<output>}`},
		"a circle": {"cache: {package: com.example.Redis}", `cache: {package: com.example.Redis, parameters: {x: "${applications.web.outputs.url}"}}`,
			`line 9: applications.web: applications wait for each other in a circle: web -> cache -> web; take one reference or one entry of after away`},
		"itself":       {"after: [cache]", "after: [web]", `line 9: applications.web: applications wait for each other in a circle: web -> web; take one reference or one entry of after away`},
		"not a number": {"ratio: 1.0", "ratio: .nan", `line 8: applications.db.parameters.ratio: ".nan" is a number that JSON cannot hold; put it in quotes if it is meant as text`},
		"a YAML tag":   {"size: 3", "size: !!binary aGk=", `line 8: applications.db.parameters.size: the YAML tag !!binary is not used here; put it in quotes if it is meant as text`},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(goodEnvironment, c.before) != 1 {
				t.Fatalf("the good environment holds %q %d times", c.before, strings.Count(goodEnvironment, c.before))
			}
			_, err := ParseEnvironment([]byte(strings.Replace(goodEnvironment, c.before, c.after, 1)))
			if err == nil {
				t.Fatalf("no error, want %s", c.want)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestAnEnvironmentWithoutANameserverIsRefused(t *testing.T) {
	e, err := ParseEnvironment([]byte("name: x\napplications: {a: {package: p}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Complete(Settings{})
	const want = "network.create.dns: names no nameserver, so the guests would start without name resolution; set dns: [address, ...] there, to nameservers that guests can reach, or set one for all environments in the controller's configuration"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	full, err := e.Complete(Settings{DNS: []string{"192.0.2.1"}, External: "public", Defaults: Defaults{Image: "i", Flavor: "f"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&NetworkCreate{CIDR: "auto", DNS: []string{"192.0.2.1"}, External: "public"}, full.Network.Create); d != "" {
		t.Error(d)
	}
	if full.Defaults != (Defaults{Image: "i", Flavor: "f"}) || e.Network.Create.External != "" {
		t.Errorf("completed %+v, the environment itself now %+v", full.Defaults, e.Network.Create)
	}
	e.Network = Network{Use: &NetworkUse{Network: "n"}}
	if full, err = e.Complete(Settings{External: "public"}); err != nil || full.Network.Use.External != "public" {
		t.Errorf("a network that is there: %+v, %v", full.Network.Use, err)
	}
}

func TestAnAutomaticPrefixIsSteadyAndOverlapsNothing(t *testing.T) {
	e := Environment{Name: "shop", Network: Network{Create: &NetworkCreate{CIDR: "auto", DNS: []string{"10.0.0.2"}}}}
	one, err := e.ChooseCIDR(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := e.ChooseCIDR(nil)
	if one != again || one.Bits() != 24 {
		t.Errorf("%s and then %s", one, again)
	}
	other, err := e.ChooseCIDR([]netip.Prefix{one})
	if err != nil || other.Overlaps(one) {
		t.Errorf("%s overlaps %s (%v)", other, one, err)
	}
	e.Network.Create.DNS = []string{one.Addr().Next().String()}
	if p, err := e.ChooseCIDR(nil); err != nil || p.Overlaps(one) {
		t.Errorf("%s holds the nameserver of %s (%v)", p, one, err)
	}
	if _, err := e.ChooseCIDR([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}); err == nil {
		t.Error("no error though all is taken")
	}
	e.Network.Create.CIDR = "192.0.2.0/24"
	if p, err := e.ChooseCIDR(nil); err != nil || p.String() != "192.0.2.0/24" {
		t.Errorf("a prefix that was named: %s, %v", p, err)
	}
}

func TestAnEnvironmentIsCheckedAgainstItsPackages(t *testing.T) {
	shop := goodPackage(t, nil)
	const good = "name: x\ndefaults: {image: i, flavor: f}\napplications:\n" +
		"  a: {package: com.example.Shop, parameters: {title: abc, password: longenough}}\n" +
		"  b: {package: com.example.Shop, parameters: {title: \"${applications.a.outputs.url}\", password: longenough}}\n"
	for name, c := range map[string]struct{ before, after, want string }{
		"good":                {"name: x", "name: x", ""},
		"unknown package":     {"b: {package: com.example.Shop", "b: {package: com.example.Shp", `applications.b.package: there is no such package; add it with murano-controller package add (or --packages), or correct its name`},
		"parameter missing":   {"title: abc, ", "", `applications.a.parameters.title: is missing; give a value of type string`},
		"parameter unknown":   {"title: abc", "tilte: abc, title: abc", `applications.a.parameters.tilte: com.example.Shop has no such parameter; did you mean "title"?`},
		"parameter too short": {"title: abc", "title: a", `applications.a.parameters.title: minLength: got 1, want 3; give a value of type string`},
		"parameter's place":   {"title: abc", "title: abc, sizes: [1, x]", `applications.a.parameters.sizes[1]: got string, want integer; give a value of type array`},
		"a secret stays so":   {"{title: abc, password: longenough}", "{title: abc, password: short}", `applications.a.parameters.password: does not fit its schema (minLength); give a value of type string`},
		"output unknown":      {"outputs.url", "outputs.ulr", `applications.b.parameters.title: ${applications.a.outputs.ulr}: com.example.Shop has no output "ulr"; did you mean "url"?`},
		"group unknown":       {"{title: abc, password: longenough}", "{title: abc, password: longenough}, servers: {wbe: {}}", `applications.a.servers.wbe: com.example.Shop has no such server group; did you mean "web"?`},
		"count below a step":  {"{title: abc, password: longenough}", "{title: abc, password: longenough}, servers: {web: {count: 0}}", `applications.a.servers.web.count: 0 is too few: the step "Install" runs on web[0]; set it to 1 or more`},
		"floating IP":         {"{title: abc, password: longenough}", "{title: abc, password: longenough}, servers: {web: {floatingIP: true}}", `applications.a.servers.web.floatingIP: there is no external network to take a floating IP from; set network.create.external or network.use.external to its name`},
		"no image": {"image: i, ", "", `applications.a.servers.web.image: no image is named; set it there or in defaults.image, to an image with the agent or with cloud-init
applications.a.servers.db.image: no image is named; set it there or in defaults.image, to an image with the agent or with cloud-init
applications.b.servers.web.image: no image is named; set it there or in defaults.image, to an image with the agent or with cloud-init
applications.b.servers.db.image: no image is named; set it there or in defaults.image, to an image with the agent or with cloud-init`},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ParseEnvironment([]byte(strings.Replace(good, c.before, c.after, 1)))
			if err != nil {
				t.Fatal(err)
			}
			err = e.CheckPackages(func(name string) (*Package, error) {
				if name != shop.Manifest.FullName {
					return nil, errors.New("there is no such package")
				}
				return shop, nil
			})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
