// SPDX-License-Identifier: Apache-2.0

package heat

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"gopkg.in/yaml.v3"
)

// access reads who we are and where the cloud is: from clouds.yaml when a cloud
// is named, else from the environment.
func (o Options) access() (gophercloud.AuthOptions, gophercloud.EndpointOpts, *tls.Config, error) {
	name := first(o.Cloud, os.Getenv("OS_CLOUD"))
	options := []clouds.ParseOption{clouds.WithCloudName(name)}
	if name != "" && o.CloudsFile != "" {
		options = append(options, clouds.WithLocations(o.CloudsFile))
	}
	if name == "" {
		name = "of the environment"
		text, err := fromEnvironment(name)
		if err != nil {
			return gophercloud.AuthOptions{}, gophercloud.EndpointOpts{}, nil, err
		}
		options = []clouds.ParseOption{clouds.WithCloudName(name), clouds.WithCloudsYAML(bytes.NewReader(text))}
	}
	auth, where, trust, err := clouds.Parse(options...)
	if err != nil {
		return auth, where, nil, fmt.Errorf("cloud %q: %w", name, err)
	}
	return auth, where, trust, nil
}

// fromEnvironment writes the variables of an openrc file as clouds.yaml: both
// then mean the same. (gophercloud's own reading knows no OS_USER_DOMAIN_NAME,
// which every openrc of Keystone v3 sets.)
func fromEnvironment(name string) ([]byte, error) {
	if os.Getenv("OS_AUTH_URL") == "" {
		return nil, fmt.Errorf("no cloud is named and OS_AUTH_URL is not set; name a cloud of clouds.yaml (OS_CLOUD), or set the OS_ variables (source openrc)")
	}
	auth, cloud := map[string]any{}, map[string]any{}
	for _, key := range []string{
		"auth_url", "token", "username", "user_id", "password", "project_name", "project_id", "system_scope", "trust_id",
		"application_credential_id", "application_credential_name", "application_credential_secret",
		"user_domain_name", "user_domain_id", "project_domain_name", "project_domain_id", "domain_name", "domain_id",
	} {
		if v := os.Getenv("OS_" + strings.ToUpper(key)); v != "" {
			auth[key] = v
		}
	}
	for _, key := range []string{"region_name", "interface", "cacert", "cert", "key"} {
		if v := os.Getenv("OS_" + strings.ToUpper(key)); v != "" {
			cloud[key] = v
		}
	}
	switch v := strings.ToLower(os.Getenv("OS_INSECURE")); v {
	case "", "0", "false", "no":
	case "1", "true", "yes":
		cloud["verify"] = false
	default:
		return nil, fmt.Errorf("OS_INSECURE: %q is neither true nor false", v)
	}
	cloud["auth"] = auth
	return yaml.Marshal(map[string]any{"clouds": map[string]any{name: cloud}})
}
