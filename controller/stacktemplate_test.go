// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (write it anew with -update):\n%s", path, d)
	}
}

func networkInput() NetworkInput {
	return NetworkInput{Environment: "shop", CIDR: netip.MustParsePrefix("10.20.30.0/24"), DNS: []string{"10.0.0.2", "10.0.0.3"}, External: "public"}
}

func stackInput(t *testing.T) StackInput {
	t.Helper()
	p := goodPackage(t, nil)
	e := Environment{
		Name:     "shop",
		Network:  Network{Create: &NetworkCreate{CIDR: "auto", External: "public"}},
		Defaults: Defaults{Image: "debian-12", Flavor: "m1.small", Keypair: "ops"},
	}
	a := Application{Name: "web", Servers: map[string]ServerOverrides{"web": {FloatingIP: true, Flavor: "m1.medium"}, "db": {Volumes: []Volume{}}}}
	servers, err := p.Servers(e, a)
	if err != nil {
		t.Fatal(err)
	}
	for i := range servers {
		servers[i].UserData = []byte("#cloud-config\nhostname: <" + servers[i].Hostname + ">\n")
	}
	return StackInput{Environment: "shop", Application: "web", Network: "net-id", Subnet: "subnet-id", External: "public", Servers: servers}
}

func TestTheNetworkTemplateIsAsItWas(t *testing.T) {
	b, err := NetworkTemplate(networkInput())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/network.want.json", b)
	checkHOT(t, b)
}

func TestTheApplicationTemplateIsAsItWas(t *testing.T) {
	in := stackInput(t)
	b, err := ApplicationTemplate(in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/application.want.json", b)
	checkHOT(t, b)
	again, err := ApplicationTemplate(stackInput(t))
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same input gave other bytes (%v)", err)
	}
}

// checkHOT looks that every resource and output refers to resources that are there.
func checkHOT(t *testing.T, b []byte) {
	t.Helper()
	var hot struct {
		Resources, Outputs map[string]any
	}
	if err := json.Unmarshal(b, &hot); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				name, _ := inner.(string)
				if list, ok := inner.([]any); ok && key == "get_attr" {
					name, _ = list[0].(string)
				}
				if (key == "get_resource" || key == "get_attr") && hot.Resources[name] == nil {
					t.Errorf("%s of %q, which is not there", key, name)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(hot.Resources)
	walk(hot.Outputs)
}

func TestATemplateThatCannotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*StackInput)
		want   string
	}{
		"no network":        {func(in *StackInput) { in.Network = "" }, "server shop-web-web-0: no network to be on; set network.create or network.use"},
		"no image":          {func(in *StackInput) { in.Servers[0].Image = "" }, "server shop-web-web-0: no image or no flavor; set them in the environment's defaults"},
		"no external":       {func(in *StackInput) { in.External = "" }, "server shop-web-web-0: a floating IP is wanted and no external network is named; set network.create.external"},
		"binary user data":  {func(in *StackInput) { in.Servers[0].UserData = []byte{0x1f, 0x8b} }, "server shop-web-web-0: the user data is not UTF-8 text, which is all a Heat template can carry; encode its parts as base64"},
		"large user data":   {func(in *StackInput) { in.Servers[0].UserData = make([]byte, 50000) }, "server shop-web-web-0: the user data has 66668 bytes in base64, Nova takes 65535; make it smaller"},
		"very large in all": {func(in *StackInput) { in.Servers = many(in.Servers[0], 12, 48000) }, "the template has "},
	} {
		t.Run(name, func(t *testing.T) {
			in := stackInput(t)
			c.change(&in)
			_, err := ApplicationTemplate(in)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	in := networkInput()
	in.DNS = nil
	if _, err := NetworkTemplate(in); err == nil || !strings.Contains(err.Error(), "set network.create.dns") {
		t.Errorf("no nameserver: %v", err)
	}
}

func many(s ServerSpec, n, userData int) []ServerSpec {
	out := make([]ServerSpec, n)
	for i := range out {
		out[i] = s
		out[i].Index = i
		out[i].UserData = []byte(strings.Repeat("x", userData))
	}
	return out
}

func TestServersAreReadBackFromOutputs(t *testing.T) {
	in := stackInput(t)
	outputs := map[string]any{
		"server_web_0_id": "i0", "server_web_0_address": "10.0.0.5", "server_web_0_floating": "192.0.2.5",
		"server_web_1_id": "i1", "server_web_1_address": "10.0.0.6", "server_web_1_floating": "192.0.2.6",
		"server_db_0_id": "i2", "server_db_0_address": "10.0.0.7",
	}
	got, err := StackServers(in, outputs)
	if err != nil {
		t.Fatal(err)
	}
	want := []Server{
		{"web", 0, "shop-web-web-0", "i0", "10.0.0.5", "192.0.2.5"},
		{"web", 1, "shop-web-web-1", "i1", "10.0.0.6", "192.0.2.6"},
		{"db", 0, "shop-web-db-0", "i2", "10.0.0.7", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if all := (Target{"web", -1}).Select(got); len(all) != 2 {
		t.Errorf("web selects %v", all)
	}
	if one := (Target{"web", 1}).Select(got); len(one) != 1 || one[0].ID != "i1" {
		t.Errorf("web[1] selects %v", one)
	}
	delete(outputs, "server_web_1_floating")
	if _, err := StackServers(in, outputs); err == nil || !strings.Contains(err.Error(), "server_web_1_floating") {
		t.Errorf("an output is missing: %v", err)
	}
}

func TestAHostnameFitsADNSLabelAndStaysUnique(t *testing.T) {
	if got := Hostname("shop", "web", "front", 3); got != "shop-web-front-3" {
		t.Error(got)
	}
	long := EnvironmentName(strings.Repeat("e", 63))
	a, b := Hostname(long, "web", "front", 0), Hostname(long, "web", "front", 1)
	if a == b || len(a) > 63 || len(b) > 63 || strings.Contains(a, "--") {
		t.Errorf("%s and %s", a, b)
	}
}
