// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	goodManifest = `Format: Agent/1.0
Type: Application
FullName: com.example.Shop
Name: Shop
Version: 1.0.0
`
	goodApplication = `parameters:
  title: {type: string, minLength: 3}
  password: {type: string, minLength: 8, secret: true}
  port: {type: integer, default: 80}
  sizes: {type: array, items: {type: integer}, default: []}
  note: {type: string, required: false}
servers:
  web: {count: 2, ports: [80, {port: 8000, to: 8010, protocol: udp, from: 10.0.0.0/8}], volumes: [{size: 10, type: ssd}], requires: {memory: 512M, disk: 1.5G, vcpus: 2}}
  db: {}
deploy:
  - name: Install
    on: web[0]
    plan: Install.template
    with: {title: "${parameters.title}", password: "pw ${parameters.password}", port: "${parameters.port}"}
    timeout: 20m
    retry: {attempts: 3, delay: 10s, maxDelay: 1m, on: [75], class: [network]}
  - name: Check
    on: web
    plan: Check.template
    when: "${steps.Install.result}"
actions:
  restart: {title: Restart it, steps: [{on: web, plan: Check.template}]}
destroy: [{on: db, plan: Check.template}]
outputs:
  url: "http://${servers.web[0].address}/"
bundle: {apt: {packages: [apache2]}}
`
	goodTemplate = `FormatVersion: 2.0.0
Version: 1.0.0
Name: Install
Parameters:
  title: $title
  secretText: $password
  port: $port
Body: return install(args.title).stdout
Scripts:
  install:
    Type: Application
    Version: 1.0.0
    EntryPoint: install.sh
    Files: [<data.bin>]
    Options: {captureStdout: true, captureStderr: true}
`
	checkTemplate = `FormatVersion: 2.0.0
Version: 1.0.0
Name: Check
Body: return
Scripts: {}
`
)

// files gives a good package with changes: a text replaces the file, an empty
// one removes it, and "old => new" edits it.
func files(t *testing.T, changes map[string]string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for name, text := range map[string]string{
		"manifest.yaml": goodManifest, "application.yaml": goodApplication,
		"Resources/Install.template": goodTemplate, "Resources/Check.template": checkTemplate,
		"Resources/scripts/install.sh": "#!/bin/sh\r\ntrue\r\n", "Resources/scripts/data.bin": "\x00\xff",
	} {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, change := range changes {
		before, after, edit := strings.Cut(change, " => ")
		switch {
		case edit:
			text := string(out[name].Data)
			if strings.Count(text, before) != 1 {
				t.Fatalf("%s holds %q %d times, want once", name, before, strings.Count(text, before))
			}
			out[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, before, after, 1))}
		case change == "":
			delete(out, name)
		default:
			out[name] = &fstest.MapFile{Data: []byte(change)}
		}
	}
	return out
}

func goodPackage(t *testing.T, changes map[string]string) *Package {
	t.Helper()
	p, err := NewPackage(files(t, changes))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAGoodPackageIsReadWhole(t *testing.T) {
	p := goodPackage(t, nil)
	s := p.Spec
	if got, want := p.Manifest.FullName+" "+p.Manifest.Version, "com.example.Shop 1.0.0"; got != want {
		t.Errorf("manifest: %s, want %s", got, want)
	}
	if len(s.Parameters) != 5 || s.Parameters[0].Name != "title" || !s.Parameters[0].Required || s.Parameters[2].Required || s.Parameters[4].Required {
		t.Errorf("parameters: %+v", s.Parameters)
	}
	if got := strings.Join(p.Secrets(), " "); got != "password" {
		t.Errorf("secrets: %s", got)
	}
	web := s.Servers[0]
	if web.Name != "web" || web.Count != 2 || len(web.Ports) != 2 || web.Ports[0] != (Port{Port: 80, Protocol: "tcp"}) ||
		web.Ports[1] != (Port{Port: 8000, To: 8010, Protocol: "udp", From: "10.0.0.0/8"}) || web.Volumes[0] != (Volume{10, "ssd"}) ||
		web.Requires != (Requires{512 << 20, 3 << 29, 2}) {
		t.Errorf("servers: %+v", web)
	}
	if s.Servers[1].Count != 1 {
		t.Errorf("count of a group that says nothing: %d, want 1", s.Servers[1].Count)
	}
	install := s.Deploy[0]
	if install.On != (Target{"web", 0}) || install.Timeout.Minutes() != 20 || install.Retry.Attempts != 3 || install.Retry.MaxDelay.Seconds() != 60 || install.Retry.On[0] != 75 {
		t.Errorf("step: %+v", install)
	}
	if s.Deploy[1].On != (Target{"web", -1}) || s.Deploy[1].When != "${steps.Install.result}" {
		t.Errorf("step: %+v", s.Deploy[1])
	}
	if a, ok := p.Action("restart"); !ok || a.Title != "Restart it" || len(a.Steps) != 1 || a.Steps[0].Name != "Check.template" {
		t.Errorf("action: %+v", a)
	}
	if len(s.Destroy) != 1 || s.Outputs[0].Name != "url" || s.Bundle["apt"] == nil {
		t.Errorf("rest: %+v", s)
	}
}

func TestTheDigestFollowsNamesAndContentsOnly(t *testing.T) {
	one, same := goodPackage(t, nil), goodPackage(t, nil)
	if one.Digest != same.Digest || len(one.Digest) != 64 {
		t.Errorf("digests %s and %s", one.Digest, same.Digest)
	}
	for name, changes := range map[string]map[string]string{
		"content": {"Resources/scripts/install.sh": "#!/bin/sh\nfalse\n"},
		"name":    {"README.md": "x"},
	} {
		if other := goodPackage(t, changes); other.Digest == one.Digest {
			t.Errorf("another %s, the same digest", name)
		}
	}
}

func TestABadPackageIsRefusedWithPlaceReasonAndNextStep(t *testing.T) {
	const m, a, tpl = "manifest.yaml", "application.yaml", "Resources/Install.template"
	for name, c := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"no manifest":        {map[string]string{m: ""}, `manifest.yaml: is missing; put one at the top of the package, with Format, Type, FullName, Name and Version`},
		"no application":     {map[string]string{a: ""}, `application.yaml: is missing; put one beside manifest.yaml, with servers and deploy`},
		"empty application":  {map[string]string{a: "# nothing\n"}, `application.yaml: the document is empty; see the examples directory for its form`},
		"broken YAML":        {map[string]string{a: "servers:\n\t- x\n"}, `application.yaml:2: is not YAML: found character that cannot start any token; check indentation, quotes and tabs near that line`},
		"two documents":      {map[string]string{m: goodManifest + "---\na: 1\n"}, `manifest.yaml: holds more than one YAML document; keep only the first, without further --- lines`},
		"manifest is a list": {map[string]string{m: "- Format\n"}, `manifest.yaml:1: want a mapping of keys to values, not a list`},
		"misspelt key":       {map[string]string{m: "Version: => version:"}, `manifest.yaml:5: version: unknown key "version"; did you mean "Version"?`},
		"key twice":          {map[string]string{m: "Name: Shop\n => Name: Shop\nType: Application\n"}, `manifest.yaml:5: Type: the key stands twice, first in line 2; keep one of the two`},
		"no full name":       {map[string]string{m: "FullName: com.example.Shop\n => "}, `manifest.yaml:1: FullName: is missing; give the package a name of its own, such as com.example.Greeting`},
		"bad full name":      {map[string]string{m: "FullName: com.example.Shop => FullName: com/example"}, `manifest.yaml:3: FullName: "com/example" is not a full name; join words of letters, digits, _ and - by dots, such as com.example.Greeting`},
		"library":            {map[string]string{m: "Type: Application => Type: Library"}, `manifest.yaml:2: Type: "Library" cannot be deployed; write Type: Application`},
		"bad version":        {map[string]string{m: "Version: 1.0.0 => Version: newest"}, `manifest.yaml:5: Version: "newest" is not a version; write one to three numbers joined by dots, such as 1.0.0`},
		"logo absent":        {map[string]string{m: "Version: 1.0.0 => Version: 1.0.0\nLogo: logo.png"}, `manifest.yaml:6: Logo: there is no file "logo.png" in the package; add it, or take Logo out`},
		"unknown section":    {map[string]string{a: "outputs: => output:"}, `application.yaml:24: output: unknown key "output"; did you mean "outputs"?`},
		"no servers": {map[string]string{a: "deploy: [{on: web, plan: Install.template}]\n"},
			`application.yaml:1: servers: there are none; add a group, as in servers: {web: {count: 1}}`},
		"no steps": {map[string]string{a: "servers: {web: {}}\n"},
			`application.yaml:1: deploy: there are no steps; add one, as in deploy: [{name: Install, on: web, plan: Install.template}]`},
		"schema of a wrong type": {map[string]string{a: "title: {type: string, minLength: 3} => title: {type: text}"},
			`application.yaml:2: parameters.title: is not a JSON Schema: type: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'; see json-schema.org, draft 2020-12`},
		"schema keyword misspelt": {map[string]string{a: "minLength: 3 => minlength: 3"}, `application.yaml:2: parameters.title.minlength: "minlength" is not a keyword of JSON Schema; did you mean "minLength"?`},
		"default beside schema":   {map[string]string{a: "default: 80 => default: eighty"}, `application.yaml:4: parameters.port.default: got string, want integer; make the default fit the schema`},
		"parameter name":          {map[string]string{a: "title: {type => page-title: {type"}, `application.yaml:2: parameters.page-title: "page-title" is not a name; use letters, digits and _, not beginning with a digit`},
		"count is text":           {map[string]string{a: "count: 2 => count: two"}, `application.yaml:8: servers.web.count: want a whole number, not the text "two"`},
		"count too large":         {map[string]string{a: "count: 2 => count: 1000"}, `application.yaml:8: servers.web.count: 1000 is out of range; use 0 to 100`},
		"port too large":          {map[string]string{a: "ports: [80, => ports: [80000,"}, `application.yaml:8: servers.web.ports[0]: 80000 is out of range; use 1 to 65535`},
		"range backwards":         {map[string]string{a: "to: 8010 => to: 7000"}, `application.yaml:8: servers.web.ports[1].to: the range ends at 7000 before it begins at 8000; make to the greater one`},
		"protocol":                {map[string]string{a: "protocol: udp => protocol: sctp"}, `application.yaml:8: servers.web.ports[1].protocol: "sctp" is not a protocol a security group opens; use tcp, udp or icmp`},
		"volume without size":     {map[string]string{a: "size: 10, type => type"}, `application.yaml:8: servers.web.volumes[0].size: is missing; give the volume's size in GiB, as in {size: 10}`},
		"size":                    {map[string]string{a: "memory: 512M => memory: plenty"}, `application.yaml:8: servers.web.requires.memory: want a size, not the text "plenty"; write it as 512M or 5G`},
		"duration":                {map[string]string{a: "timeout: 20m => timeout: soon"}, `application.yaml:15: deploy[0].timeout: want a duration, not the text "soon"; write it as 90s, 20m or 1h30m`},
		"group of a step":         {map[string]string{a: "on: web[0] => on: wbe[0]"}, `application.yaml:12: deploy[0].on: there is no server group "wbe"; did you mean "web"?`},
		"index of a step":         {map[string]string{a: "on: web[0] => on: web[2]"}, `application.yaml:12: deploy[0].on: web[2] is beyond the 2 servers of the group; count from 0, or raise servers.web.count`},
		"target":                  {map[string]string{a: "on: web[0] => on: web and db"}, `application.yaml:12: deploy[0].on: "web and db" does not name servers; write web for all of a group, or web[0] for one`},
		"step without a plan":     {map[string]string{a: "    plan: Install.template\n => "}, `application.yaml:11: deploy[0].plan: is missing; name a plan template in Resources/`},
		"two steps of one name":   {map[string]string{a: "name: Check => name: Install"}, `application.yaml:17: deploy[1].name: "Install" is the name of deploy[0] too; give each step of a list a name of its own`},
		"template absent": {map[string]string{a: "plan: Install.template => plan: Instal.template"},
			`application.yaml:13: deploy[0].plan: Resources/Instal.template: there is no such file in the package; put the template there, or correct the step's plan; Resources has Check.template, Install.template`},
		"template outside":  {map[string]string{a: "plan: Install.template => plan: ../manifest.yaml"}, `application.yaml:13: deploy[0].plan: Resources/../manifest.yaml: is not a path inside Resources/; put the template there, or correct the step's plan; Resources has Check.template, Install.template`},
		"parameter absent":  {map[string]string{a: `title: "${parameters.title}" => title: "${parameters.titel}"`}, `application.yaml:14: deploy[0].with.title: ${parameters.titel}: there is no parameter "titel"; did you mean "title"?`},
		"a later step":      {map[string]string{a: "${steps.Install.result} => ${steps.Check.result}"}, `application.yaml:20: deploy[1].when: ${steps.Check.result}: no step "Check" comes before; name an earlier step; use one of Install`},
		"part of a step":    {map[string]string{a: "${steps.Install.result} => ${steps.Install.stdout}"}, `application.yaml:20: deploy[1].when: ${steps.Install.stdout}: a step has no "stdout"; use one of result, results, skipped`},
		"function":          {map[string]string{a: "${servers.web[0].address} => ${first(servers.web)}"}, `application.yaml:25: outputs.url: ${first(servers.web)} is not a path; write names joined by dots, [0] for a place in a list and ["..."] for a name with other characters; there are no functions`},
		"unclosed":          {map[string]string{a: "${servers.web[0].address}/ => ${servers.web[0].address/"}, `application.yaml:25: outputs.url: ${servers.web[0].address/ has no closing }; close it, or write $${ for a literal ${`},
		"part of a server":  {map[string]string{a: "${servers.web[0].address} => ${servers.web[0].adress}"}, `application.yaml:25: outputs.url: ${servers.web[0].adress}: a server has no "adress"; did you mean "address"?`},
		"other application": {map[string]string{a: "${servers.web[0].address} => ${applications.db.outputs.host}"}, `application.yaml:25: outputs.url: ${applications.db.outputs.host}: a package does not know the other applications of its environment; declare a parameter, and let the environment give it the reference`},
		"unbound name":      {map[string]string{tpl: "title: $title => title: $titel"}, `Resources/Install.template:5: Parameters.title: $titel has no value; add it to the step's with; with gives password, port, title`},
		"script absent":     {map[string]string{tpl: "EntryPoint: install.sh => EntryPoint: instal.sh"}, `Resources/Install.template:13: Scripts.install.EntryPoint: Resources/scripts/instal.sh: there is no such file in the package; add the file or correct the name; Resources/scripts has data.bin, install.sh`},
		"binary as text":    {map[string]string{tpl: "<data.bin> => data.bin"}, `Resources/Install.template:14: Scripts.install.Files[0]: Resources/scripts/data.bin is not UTF-8 text; write <data.bin> to send it as it is`},
		"script outside":    {map[string]string{tpl: "EntryPoint: install.sh => EntryPoint: ../Check.template"}, `Resources/Install.template:13: Scripts.install.EntryPoint: Resources/Check.template: is outside Resources/scripts; add the file or correct the name; Resources/scripts has data.bin, install.sh`},
		"no entry point":    {map[string]string{tpl: "    EntryPoint: install.sh\n => "}, `Resources/Install.template:11: Scripts.install: has no EntryPoint; name a file of Resources/scripts`},
		"format 1 plan":     {map[string]string{tpl: "FormatVersion: 2.0.0\n => "}, `Resources/Install.template:1: FormatVersion: is missing; write FormatVersion: 2.0.0; plans of Murano's format 1 (Commands) are not run`},
		"format 2.0":        {map[string]string{tpl: "FormatVersion: 2.0.0 => FormatVersion: 2.0"}, `Resources/Install.template:1: FormatVersion: is a number; write all three parts, as in FormatVersion: 2.0.0`},
		"MuranoPL":          {map[string]string{m: "Format: 1.3\nType: Application\nClasses: {x: y.yaml}\n"}, `manifest.yaml: Format 1.3: this is a MuranoPL package, whose workflow is a program that this controller does not run; keep Resources/ as it is, set Format: Agent/1.0, take Classes and UI out, and write the deploy method's calls as steps of an application.yaml`},
		"MuranoPL, old":     {map[string]string{m: "Type: Application\nClasses: {x: y.yaml}\n"}, `manifest.yaml: Format MuranoPL (Classes): this is a MuranoPL package, whose workflow is a program that this controller does not run; keep Resources/ as it is, set Format: Agent/1.0, take Classes and UI out, and write the deploy method's calls as steps of an application.yaml`},
		"HOT":               {map[string]string{m: "Format: Heat.HOT/1.0\n"}, `manifest.yaml: Format Heat.HOT/1.0: packages around a Heat template cannot be deployed yet; deploy the template with OpenStack's own client, or write an application.yaml with Format: Agent/1.0`},
		"unknown format":    {map[string]string{m: "Format: Agent/1.0 => Format: Agent/9"}, `manifest.yaml: Format Agent/9: this controller does not know the format; use Format: Agent/1.0`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPackage(files(t, c.changes))
			if err == nil {
				t.Fatalf("no error, want %s", c.want)
			}
			if err.Error() != c.want {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestAllFaultsOfAPackageAreToldAtOnce(t *testing.T) {
	_, err := NewPackage(files(t, map[string]string{
		"manifest.yaml":    "Version: 1.0.0 => Version: x",
		"application.yaml": "count: 2 => count: two",
	}))
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 2 || faults[0].File != "manifest.yaml" || faults[1].File != "application.yaml" {
		t.Errorf("got %v", err)
	}
}

func TestAnAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("bundle:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		n := string(rune('0' + i))
		p := "*a" + string(rune('0'+i-1))
		b.WriteString("  a" + n + ": &a" + n + " [" + strings.Repeat(p+", ", 9) + p + "]\n")
	}
	_, err := NewPackage(files(t, map[string]string{"application.yaml": b.String()}))
	if err == nil || !strings.Contains(err.Error(), "aliases unfold to more than 100000 values; write the values out") {
		t.Errorf("got %v", err)
	}
}

func TestAnAliasOfItselfAndDeepNestingAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"bundle: &a {x: *a}": "application.yaml:1: an alias stands inside what it is an alias of; write the values out, in fewer levels",
		"bundle: {x: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}": "application.yaml:1: values are nested more than 100 deep; write the values out, in fewer levels",
	} {
		_, err := NewPackage(files(t, map[string]string{"application.yaml": text}))
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
