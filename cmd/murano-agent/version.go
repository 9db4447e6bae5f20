// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/plans"
)

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of the agent and of the plans it takes",
		Long: `version prints the version of the agent, the newest format of plans it takes, and
what it was built with and for.

Exit codes: 0 done; 2 the call is wrong.`,
		Example: "  murano-agent version -o json",
		Args:    positional,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v := struct {
			Version          string `json:"version"`
			MaxFormatVersion string `json:"maxFormatVersion"`
			Go               string `json:"go"`
			Platform         string `json:"platform"`
		}{version, plans.MaxVersion().String(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
		if *output == "json" {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(v)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "murano-agent %s, plans up to format %s, %s on %s\n", v.Version, v.MaxFormatVersion, v.Go, v.Platform)
		return err
	}
	return cmd
}
