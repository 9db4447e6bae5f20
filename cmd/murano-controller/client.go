// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/controller/api"
)

// defaultListen is where serve and dev listen and clients look.
const defaultListen = "127.0.0.1:8082"

// systemState is the state directory of the packaged unit.
const systemState = "/var/lib/murano-controller"

// devState is where dev keeps its token and its guests while it runs.
func devState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "murano", "dev")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, ".local", "state", "murano", "dev")
}

// A connection is how a client command reaches the controller.
type connection struct{ url, tokenFile string }

// connect adds the flags of a connection to a command.
func connect(cmd *cobra.Command) *connection {
	c := new(connection)
	cmd.PersistentFlags().StringVar(&c.url, "url", "", "the controller's URL (MURANO_URL, http://"+defaultListen+")")
	cmd.PersistentFlags().StringVar(&c.tokenFile, "token-file", "", "file with the controller's token (MURANO_TOKEN_FILE; else dev's, or serve's on this machine)")
	return c
}

// client makes the API client. The token comes from a file, never from argv.
func (c *connection) client() (*api.Client, error) {
	url := c.url
	if url == "" {
		url = os.Getenv("MURANO_URL")
	}
	if url == "" {
		url = "http://" + defaultListen
	}
	if !strings.Contains(url, "://") {
		return nil, fmt.Errorf("--url %s: name the scheme too, as in http://%s", url, url)
	}
	candidates := []string{c.tokenFile}
	if c.tokenFile == "" {
		candidates = []string{os.Getenv("MURANO_TOKEN_FILE")}
	}
	if candidates[0] == "" {
		candidates = []string{filepath.Join(devState(), "token"), filepath.Join(systemState, "token")}
	}
	for _, file := range candidates {
		token, err := os.ReadFile(file)
		if err == nil {
			return &api.Client{URL: url, Token: strings.TrimSpace(string(token))}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || len(candidates) == 1 {
			return nil, fmt.Errorf("read the controller's token: %w; name the file with --token-file", err)
		}
	}
	return nil, &unreachable{fmt.Errorf("no controller's token in %s; start murano-controller dev, or name the token's file with --token-file", strings.Join(candidates, " or "))}
}

// environments completes the name of an environment. It is silent where no
// controller answers soon.
func (c *connection) environments(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client, err := c.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	all, err := client.Environments(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	out := make([]cobra.Completion, len(all))
	for i, e := range all {
		out[i] = cobra.CompletionWithDesc(string(e.Name), string(e.State))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// unreachable is a controller that is not there: exit code 3.
type unreachable struct{ err error }

func (u *unreachable) Error() string   { return u.err.Error() }
func (u *unreachable) Is(e error) bool { return e == api.ErrUnreachable }
