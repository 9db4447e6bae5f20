// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/controller/api"
	"github.com/openmurano/murano/controller/catalog"
)

func newEnv() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "env",
		Aliases: []string{"environment"},
		Short:   "Deploy, watch and delete environments",
	}
	conn := connect(cmd)
	cmd.AddCommand(newEnvDeploy(conn), newEnvShow(conn), newEnvList(conn), newEnvEvents(conn), newEnvDelete(conn))
	return cmd
}

func newEnvDeploy(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy -f FILE",
		Short: "Make an environment, or change it to what the file says",
		Long: `Deploy sends the environment's file to the controller, shows each step as it
happens and the outputs at the end. An environment that is there is changed:
what is equal is not touched.

With --packages, the packages the file names are sent first, from a directory
that is a package or holds packages.`,
		Example: `  murano-controller env deploy -f shop.yaml
  murano-controller env deploy -f examples/environments/demo.yaml --packages examples/packages
  murano-controller env deploy -f - -o json < shop.yaml`,
		Args: cobra.NoArgs,
	}
	file := cmd.Flags().StringP("file", "f", "", "the environment's file; - is standard input")
	packages := cmd.Flags().StringArray("packages", nil, "a package, or a directory of packages (repeatable)")
	wait := cmd.Flags().Bool("wait", true, "show progress and wait for the end")
	output := outputFlag(cmd)
	_ = cmd.MarkFlagRequired("file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		spec, err := readFile(*file, cmd.InOrStdin())
		if err != nil {
			return err
		}
		e, err := controller.ParseEnvironment(spec)
		if err != nil {
			return fmt.Errorf("%s: %w", *file, err)
		}
		client, err := conn.client()
		if err != nil {
			return err
		}
		if err := sendPackages(cmd, client, e, *packages); err != nil {
			return err
		}
		return deploy(cmd.Context(), client, spec, *wait, *output, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func readFile(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// sendPackages sends those packages that e names and that dirs hold.
func sendPackages(cmd *cobra.Command, client *api.Client, e controller.Environment, dirs []string) error {
	named := map[string]bool{}
	for _, a := range e.Applications {
		named[a.Package] = true
	}
	for _, dir := range dirs {
		paths, err := packagePaths(dir)
		if err != nil {
			return err
		}
		for _, path := range paths {
			p, zip, err := catalog.Open(path)
			if err != nil {
				return err
			}
			if !named[p.Manifest.FullName] {
				continue
			}
			if _, err := client.PutPackage(cmd.Context(), zip); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return nil
}

// packagePaths is path itself if it is a package, else the packages in it.
func packagePaths(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	if _, err := os.Stat(filepath.Join(path, "manifest.yaml")); !errors.Is(err, fs.ErrNotExist) {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		p := filepath.Join(path, e.Name())
		if strings.HasSuffix(e.Name(), ".zip") {
			out = append(out, p)
		} else if _, err := os.Stat(filepath.Join(p, "manifest.yaml")); err == nil {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: there is no package in it: no manifest.yaml, no .zip", path)
	}
	return out, nil
}

func newEnvShow(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show an environment: applications, servers, steps, outputs",
		Example: "  murano-controller env show shop\n  murano-controller env show shop -o json",
		Args:    arguments("NAME"),
	}
	cmd.ValidArgsFunction = conn.environments
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := conn.client()
		if err != nil {
			return err
		}
		e, err := client.Environment(cmd.Context(), controller.EnvironmentName(args[0]))
		if err != nil {
			return missing(err)
		}
		return print(cmd.OutOrStdout(), *output, e, func(w io.Writer) { showEnvironment(w, e) })
	}
	return cmd
}

func newEnvList(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the environments",
		Args:    cobra.NoArgs,
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := conn.client()
		if err != nil {
			return err
		}
		all, err := client.Environments(cmd.Context())
		if err != nil {
			return err
		}
		return print(cmd.OutOrStdout(), *output, all, func(w io.Writer) {
			fmt.Fprintln(w, "NAME\tSTATE\tUPDATED")
			for _, e := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.State, e.Updated.Local().Format(time.DateTime))
			}
		})
	}
	return cmd
}

func newEnvEvents(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "events NAME",
		Short:   "Show the timeline of an environment",
		Example: "  murano-controller env events shop --follow",
		Args:    arguments("NAME"),
	}
	cmd.ValidArgsFunction = conn.environments
	output := outputFlag(cmd)
	follows := cmd.Flags().Bool("follow", false, "wait for more until interrupted")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := conn.client()
		if err != nil {
			return err
		}
		name := controller.EnvironmentName(args[0])
		if *follows && *output != "table" {
			return errors.New("--follow prints lines; leave -o out")
		}
		wait := time.Duration(0)
		if *follows {
			wait = 30 * time.Second
		}
		all, after := []controller.Event{}, int64(0)
		var lines *timeline
		for {
			events, err := client.Events(cmd.Context(), name, after, wait)
			if err != nil {
				return missing(err)
			}
			for _, e := range events {
				after = e.Seq
				if *output != "table" {
					all = append(all, e)
					continue
				}
				if lines == nil {
					lines = newTimeline(e.Time)
				}
				fmt.Fprintln(cmd.OutOrStdout(), lines.line(e))
			}
			if len(events) == 0 && !*follows {
				break
			}
		}
		if *output == "table" {
			return nil
		}
		return print(cmd.OutOrStdout(), *output, all, nil)
	}
	return cmd
}

func newEnvDelete(conn *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an environment and everything that was made for it",
		Long: `Delete runs the applications' destroy steps, deletes their stacks and the network,
and then looks in Nova, Neutron and Cinder for what is still there. Leftovers are
listed, with what removes them, and the exit code is 1.`,
		Example: "  murano-controller env delete shop\n  murano-controller env delete shop --yes -o json",
		Args:    arguments("NAME"),
	}
	cmd.ValidArgsFunction = conn.environments
	output := outputFlag(cmd)
	yes := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	wait := cmd.Flags().Bool("wait", true, "show progress and wait for the end")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !*yes {
			if err := confirm(cmd, args[0]); err != nil {
				return err
			}
		}
		client, err := conn.client()
		if err != nil {
			return err
		}
		d, err := client.Delete(cmd.Context(), controller.EnvironmentName(args[0]))
		if err != nil {
			return missing(err)
		}
		if *wait {
			if d, err = follow(cmd.Context(), client, d, cmd.ErrOrStderr()); err != nil {
				return err
			}
		}
		if err := print(cmd.OutOrStdout(), *output, d, func(w io.Writer) { showDeletion(w, d) }); err != nil {
			return err
		}
		if len(d.Leftovers) > 0 {
			return &failure{fmt.Errorf("%d resources of %s are left over", len(d.Leftovers), d.Environment)}
		}
		if !*wait {
			return nil
		}
		return outcome(d)
	}
	return cmd
}

func showDeletion(w io.Writer, d controller.Deployment) {
	switch {
	case d.State == controller.Running:
		fmt.Fprintf(w, "the deletion of %s has begun\n", d.Environment)
	case d.State == controller.Succeeded && len(d.Leftovers) == 0:
		fmt.Fprintf(w, "%s is deleted; nothing is left\n", d.Environment)
	}
	for _, l := range d.Leftovers {
		fmt.Fprintf(w, "left over\t%s\t%s\t%s\t%s\n", l.Type, l.ID, l.Name, l.Hint)
	}
}

// confirm asks the person at the terminal. Nobody there means --yes is needed.
func confirm(cmd *cobra.Command, name string) error {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return fmt.Errorf("deleting %s needs --yes where nobody can be asked", name)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Delete %s and everything in it? Type its name: ", name)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != name {
		return errors.New("not deleted")
	}
	return nil
}

// missing says how to find the name of an environment that there is, when that is what was wrong.
func missing(err error) error {
	var refused *api.Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return fmt.Errorf("%w; murano-controller env list shows those there are", err)
	}
	return err
}
