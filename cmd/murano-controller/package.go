// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/catalog"
)

func newPackage() *cobra.Command {
	cmd := &cobra.Command{Use: "package", Short: "Check and add application packages"}
	conn := connect(cmd)
	cmd.AddCommand(newPackageLint(), newPackageAdd(conn), newPackageList(conn))
	return cmd
}

func newPackageLint() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lint PACKAGE...",
		Short: "Find what is wrong in packages, without a controller",
		Long: `Lint reads the package, its plan templates and their Bodies, and names each
problem with file, line and what to do. Exit code 1 when there is an error.`,
		Example: "  murano-controller package lint examples/packages/com.example.Page",
		Args:    arguments("PACKAGE..."),
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		found := map[string][]catalog.Problem{}
		errors := 0
		for _, arg := range args {
			problems, err := catalog.Lint(arg)
			if err != nil {
				return err
			}
			found[arg] = problems
			for _, p := range problems {
				if !p.Warning {
					errors++
				}
			}
		}
		err := print(cmd.OutOrStdout(), *output, found, func(w io.Writer) {
			for _, arg := range args {
				for _, p := range found[arg] {
					fmt.Fprintf(w, "%s: %v\n", arg, p)
				}
				if len(found[arg]) == 0 {
					fmt.Fprintf(w, "%s: nothing to complain about\n", arg)
				}
			}
		})
		if err == nil && errors > 0 {
			return &failure{fmt.Errorf("errors found: %d", errors)}
		}
		return err
	}
	return cmd
}

func newPackageAdd(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "add PACKAGE...",
		Aliases: []string{"put", "import"},
		Short:   "Send packages to the controller",
		Args:    arguments("PACKAGE..."),
		Example: "  murano-controller package add examples/packages",
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := conn.client()
		if err != nil {
			return err
		}
		added := []api.PackageSummary{}
		for _, arg := range args {
			paths, err := packagePaths(arg)
			if err != nil {
				return err
			}
			for _, path := range paths {
				_, zip, err := catalog.Open(path)
				if err != nil {
					return err
				}
				s, err := client.PutPackage(cmd.Context(), zip)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				added = append(added, s)
			}
		}
		return print(cmd.OutOrStdout(), *output, added, func(w io.Writer) {
			for _, s := range added {
				fmt.Fprintf(w, "%s\t%.12s\n", s.Name, s.Digest)
			}
		})
	}
	return cmd
}

func newPackageList(conn *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the controller's packages", Args: cobra.NoArgs}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := conn.client()
		if err != nil {
			return err
		}
		all, err := client.Packages(cmd.Context())
		if err != nil {
			return err
		}
		return print(cmd.OutOrStdout(), *output, all, func(w io.Writer) {
			fmt.Fprintln(w, "NAME\tTITLE\tADDED\tDIGEST")
			for _, p := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%.12s\n", p.Name, p.Title, p.Added.Local().Format(time.DateTime), p.Digest)
			}
		})
	}
	return cmd
}
