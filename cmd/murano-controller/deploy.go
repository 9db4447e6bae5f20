// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/catalog"
)

// quick is a quick deploy: one package, its environment written from flags.
type quick struct {
	name, network, subnet, external, cidr string
	image, flavor, keypair                string
	dns, set, setFile, server             []string
}

func newDeploy() *cobra.Command {
	var q quick
	cmd := &cobra.Command{
		Use:   "deploy PACKAGE",
		Short: "Deploy one package into an environment of its own",
		Long: `Deploy sends the package, a directory or a .zip, to the controller and deploys it
as the only application of an environment. It shows each step as it happens and
the outputs at the end.

A secret parameter belongs into a file: --set-file adminPassword=FILE. What is
given to --set can be seen by other users of this machine.`,
		Example: `  murano-controller deploy examples/packages/com.example.Greeting --set name=World
  murano-controller deploy ./io.murano.apps.apache.ApacheHttpServer --name web \
      --set enablePHP=true --server web.count=2 --server web.floatingIP=true \
      --dns 10.0.0.2 --external public --image debian-12-murano --flavor m1.small`,
		Args: arguments("PACKAGE"),
	}
	conn := connect(cmd)
	output := outputFlag(cmd)
	wait := cmd.Flags().Bool("wait", true, "show progress and wait for the end")
	f := cmd.Flags()
	f.StringVar(&q.name, "name", "", "name of the environment (default: the last part of the package's name)")
	f.StringArrayVar(&q.set, "set", nil, "parameter=value; the value is YAML (repeatable)")
	f.StringArrayVar(&q.setFile, "set-file", nil, "parameter=FILE: the value is the file's text (repeatable)")
	f.StringArrayVar(&q.server, "server", nil, "group.count=2, group.flavor=…, group.image=…, group.keypair=…, group.floatingIP=true (repeatable)")
	f.StringVar(&q.image, "image", "", "image of the servers")
	f.StringVar(&q.flavor, "flavor", "", "flavor of the servers")
	f.StringVar(&q.keypair, "keypair", "", "keypair of the servers")
	f.StringArrayVar(&q.dns, "dns", nil, "nameserver of the new network (repeatable)")
	f.StringVar(&q.external, "external", "", "external network for the router and floating IPs")
	f.StringVar(&q.cidr, "cidr", "", "prefix of the new network (default: chosen)")
	f.StringVar(&q.network, "network", "", "use this network instead of a new one")
	f.StringVar(&q.subnet, "subnet", "", "and this subnet of it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pkg, zip, err := catalog.Open(args[0])
		if err != nil {
			return err
		}
		spec, err := q.environment(pkg)
		if err != nil {
			return err
		}
		if err := fits(pkg, spec); err != nil {
			return err
		}
		client, err := conn.client()
		if err != nil {
			return err
		}
		if _, err := client.PutPackage(cmd.Context(), zip); err != nil {
			return err
		}
		return deploy(cmd.Context(), client, spec, *wait, *output, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// fits tells before anything is sent what of an environment its package does not know.
func fits(p *controller.Package, spec []byte) error {
	e, err := controller.ParseEnvironment(spec)
	if err != nil {
		return err
	}
	// What the flags leave open the controller fills in, or refuses.
	e, err = e.Complete(controller.Settings{
		DNS: []string{"0.0.0.0"}, External: "default", Defaults: controller.Defaults{Image: "default", Flavor: "default"},
	})
	if err != nil {
		return err
	}
	for _, a := range e.Applications {
		_, serversErr := p.Servers(e, a)
		if err := errors.Join(p.CheckParameters(a.Parameters), serversErr); err != nil {
			return err
		}
	}
	return nil
}

// deploy sends an environment, watches its deployment and shows the outcome.
func deploy(ctx context.Context, client *api.Client, spec []byte, wait bool, output format, stdout, stderr io.Writer) error {
	d, err := client.Deploy(ctx, spec)
	if err != nil {
		return err
	}
	if !wait {
		return print(stdout, output, d, func(w io.Writer) {
			fmt.Fprintf(w, "deployment %s of %s has begun; see: murano-controller env show %s\n", d.ID, d.Environment, d.Environment)
		})
	}
	d, err = follow(ctx, client, d, stderr)
	if err != nil {
		return err
	}
	e, err := client.Environment(ctx, d.Environment)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr)
	if err := print(stdout, output, e, func(w io.Writer) { showEnvironment(w, e) }); err != nil {
		return err
	}
	return outcome(d)
}

// outcome is the error of a deployment that did not succeed.
func outcome(d controller.Deployment) error {
	switch d.State {
	case controller.Succeeded:
		return nil
	case controller.Cancelled:
		return &failure{fmt.Errorf("the %s of %s was cancelled by a later one", d.Wish, d.Environment)}
	}
	cause, _, more := strings.Cut(d.Cause, "\n")
	if more {
		cause += " ..."
	}
	return &failure{fmt.Errorf("the %s of %s failed: %s", d.Wish, d.Environment, cause)}
}

// environment writes the environment that the flags describe. What they do not
// say is left to the controller's own defaults.
func (q quick) environment(p *controller.Package) ([]byte, error) {
	name := p.Manifest.FullName
	name = strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	app := map[string]any{"package": p.Manifest.FullName}
	parameters, err := q.parameters()
	if err != nil {
		return nil, err
	}
	if len(parameters) > 0 {
		app["parameters"] = parameters
	}
	servers, err := q.servers()
	if err != nil {
		return nil, err
	}
	if len(servers) > 0 {
		app["servers"] = servers
	}
	doc := map[string]any{"name": name, "applications": map[string]any{name: app}}
	if q.name != "" {
		doc["name"] = q.name
	}
	if defaults := given("image", q.image, "flavor", q.flavor, "keypair", q.keypair); len(defaults) > 0 {
		doc["defaults"] = defaults
	}
	if q.network != "" {
		doc["network"] = map[string]any{"use": given("network", q.network, "subnet", q.subnet, "external", q.external)}
	} else if create := given("cidr", q.cidr, "external", q.external); len(create) > 0 || len(q.dns) > 0 {
		if len(q.dns) > 0 {
			create["dns"] = q.dns
		}
		doc["network"] = map[string]any{"create": create}
	}
	return yaml.Marshal(doc)
}

// given is a map of those pairs whose value is not empty.
func given(pairs ...string) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

func (q quick) parameters() (map[string]any, error) {
	m := map[string]any{}
	for _, s := range q.set {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("--set %q: write parameter=value", s)
		}
		var value any
		if err := yaml.Unmarshal([]byte(v), &value); err != nil {
			value = v // no YAML is a text
		}
		if value == nil && v != "null" && v != "~" {
			value = v
		}
		m[k] = value
	}
	for _, s := range q.setFile {
		k, file, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("--set-file %q: write parameter=FILE", s)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--set-file %s: %w", k, err)
		}
		m[k] = strings.TrimSuffix(string(b), "\n")
	}
	return m, nil
}

func (q quick) servers() (map[string]map[string]any, error) {
	m := map[string]map[string]any{}
	for _, s := range q.server {
		path, v, ok := strings.Cut(s, "=")
		group, key, dotted := strings.Cut(path, ".")
		if !ok || !dotted || group == "" {
			return nil, fmt.Errorf("--server %q: write group.count=2, or another of flavor, image, keypair, floatingIP", s)
		}
		var value any = v
		switch key {
		case "count":
			n, err := strconv.Atoi(v)
			if err != nil {
				return nil, fmt.Errorf("--server %s: %q is no number", path, v)
			}
			value = n
		case "floatingIP":
			b, err := strconv.ParseBool(v)
			if err != nil {
				return nil, fmt.Errorf("--server %s: %q is neither true nor false", path, v)
			}
			value = b
		case "flavor", "image", "keypair":
		default:
			return nil, fmt.Errorf("--server %s: there are count, flavor, image, keypair and floatingIP; volumes belong into an environment's file", path)
		}
		if m[group] == nil {
			m[group] = map[string]any{}
		}
		m[group][key] = value
	}
	return m, nil
}
