// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openmurano/murano/plans/body"
)

// masked stands where a secret stood.
const masked = "***"

// A parameter is one of a plan's, as JSON spells it, a secret masked.
type parameter struct {
	Name   string          `json:"name"`
	Value  json.RawMessage `json:"value"`
	Secret bool            `json:"secret,omitempty"`
}

// An export is a plan without its secrets.
type export struct {
	Document []byte
	Secrets  []string // names of the parameters that were taken out, in the order of the document
	Again    []string // where the value of one of them stands a second time
}

func newPlansExport(at *place) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "export PLAN",
		Short: "Print a plan as JSON, without its secrets, to be run elsewhere",
		Long: `export prints the plan as it was received, as JSON, with *** for each parameter
that it names in Options.secrets. The names of these are told on standard error:
murano-agent exec runs the plan on another machine when they are given to it.

All else is in it as it was: what the plan does not name as a secret, the bodies
of its files above all. Where the value of a secret stands there too, that is
told. Read it before you pass it on.

Only who may read the plan itself can export it, root as a rule.

Exit codes: 0 done; 1 there is no such plan, it may not be read, or it is no JSON;
2 the call is wrong.`,
		Example: `  sudo murano-agent plans export deploy-apache -o plan.json
  murano-agent exec plan.json --set-file password=- < secret.txt`,
		Args:              positional,
		ValidArgsFunction: at.complete,
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write, made anew and readable to you alone (default standard output)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v, p, err := at.plan(args[0], cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		document, err := v.Document(p)
		if err != nil {
			return &exit{exitFailed, err}
		}
		x, err := exportPlan(document)
		if err != nil {
			return &exit{exitFailed, fmt.Errorf("plan %s: %w; it is in %s as it came", nameOf(p), err, p.Dir)}
		}
		if err := x.write(file, cmd.OutOrStdout()); err != nil {
			return &exit{exitFailed, err}
		}
		x.tell(cmd.ErrOrStderr(), file)
		return nil
	}
	return cmd
}

// exportPlan takes the secrets out of a plan.
func exportPlan(document []byte) (export, error) {
	d, secrets, err := secretsOf(document)
	if err != nil {
		return export{}, err
	}
	var x export
	parameters, _ := d.Get("Parameters")
	if all, ok := parameters.(*body.Dict); ok {
		texts := secretTexts(all, secrets)
		for _, k := range all.Keys() {
			if name, ok := k.(string); ok && slices.Contains(secrets, name) {
				x.Secrets = append(x.Secrets, name)
				all.Set(name, masked)
			}
		}
		for k, v := range d.All() {
			x.Again = append(x.Again, repeated(fmt.Sprint(k), v, texts)...)
		}
	}
	encoded, err := body.EncodeJSON(d)
	if err != nil {
		return export{}, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, encoded, "", "  "); err != nil {
		return export{}, err
	}
	b.WriteByte('\n')
	x.Document = b.Bytes()
	return x, nil
}

// leftOut names a secret that exportPlan took out of a plan and nobody has put
// in again; empty means none.
func leftOut(document []byte) string {
	d, secrets, err := secretsOf(document)
	if err != nil {
		return "" // who runs the plan says it better
	}
	v, _ := d.Get("Parameters")
	parameters, ok := v.(*body.Dict)
	if !ok {
		return ""
	}
	for _, name := range secrets {
		if v, _ := parameters.Get(name); v == masked {
			return name
		}
	}
	return ""
}

func (x export) write(file string, stdout io.Writer) error {
	if file == "" || file == "-" {
		_, err := stdout.Write(x.Document)
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: is there already; remove it, or name another file", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(x.Document)
	return errors.Join(err, f.Close())
}

// tell says what is, and what is not, in the export.
func (x export) tell(stderr io.Writer, file string) {
	fmt.Fprintln(stderr, "murano-agent: bodies of files, and parameters that are not named in Options.secrets, are in it as they were; read it before you pass it on")
	for _, where := range x.Again {
		fmt.Fprintf(stderr, "murano-agent: the value of a secret stands in %s too, and was left there\n", printable(where))
	}
	if len(x.Secrets) == 0 {
		return
	}
	if file == "" || file == "-" {
		file = "PLAN"
	}
	fmt.Fprintf(stderr, "murano-agent: secrets taken out: %s; to run it: murano-agent exec %s", printable(strings.Join(x.Secrets, ", ")), file)
	for _, name := range x.Secrets {
		fmt.Fprintf(stderr, " --set-file %s=FILE", printable(name))
	}
	fmt.Fprintln(stderr)
}

// parametersOf are the parameters of a plan, with its secrets masked wherever
// they stand.
func parametersOf(document []byte) ([]parameter, error) {
	d, secrets, err := secretsOf(document)
	if err != nil {
		return nil, err
	}
	v, _ := d.Get("Parameters")
	all, ok := v.(*body.Dict)
	if !ok {
		return nil, nil
	}
	texts := secretTexts(all, secrets)
	var found []parameter
	for k, v := range all.All() {
		p := parameter{Name: fmt.Sprint(k)}
		if p.Secret = slices.Contains(secrets, p.Name); p.Secret {
			v = masked
		}
		b, err := body.EncodeJSON(hide(v, texts))
		if err != nil {
			return nil, err
		}
		p.Value = b
		found = append(found, p)
	}
	return found, nil
}

// secretsOf reads a plan, be it in order or not, and the names that it, or a
// script of it, gives as those of secrets.
func secretsOf(document []byte) (*body.Dict, []string, error) {
	v, err := body.DecodeJSON(document)
	if err != nil {
		return nil, nil, fmt.Errorf("it is no JSON: %w", err)
	}
	d, ok := v.(*body.Dict)
	if !ok {
		return nil, nil, errors.New("it is no JSON object")
	}
	named := namesIn(d)
	v, _ = d.Get("Scripts")
	if scripts, ok := v.(*body.Dict); ok {
		for _, s := range scripts.All() {
			if s, ok := s.(*body.Dict); ok {
				named = append(named, namesIn(s)...)
			}
		}
	}
	return d, named, nil
}

// namesIn are the secrets that d's Options name.
func namesIn(d *body.Dict) []string {
	v, _ := d.Get("Options")
	options, ok := v.(*body.Dict)
	if !ok {
		return nil
	}
	v, _ = options.Get("secrets")
	list, ok := v.(*body.List)
	if !ok {
		return nil
	}
	var names []string
	for _, item := range list.Items {
		if name, ok := item.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// secretTexts are the texts in the values of the parameters that are secret,
// long enough to be told from a chance, the longest first.
func secretTexts(parameters *body.Dict, secrets []string) []string {
	const shortest = 4
	var texts []string
	for _, name := range secrets {
		v, _ := parameters.Get(name)
		walk("", v, func(_, text string) {
			if len(text) >= shortest {
				texts = append(texts, text)
			}
		})
	}
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	return texts
}

// repeated names the places in v, at path, where one of texts stands.
func repeated(path string, v body.Value, texts []string) []string {
	var places []string
	walk(path, v, func(path, text string) {
		if slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(text, t) }) {
			places = append(places, path)
		}
	})
	return places
}

// walk calls each with every text in v, and its path.
func walk(path string, v body.Value, each func(path, text string)) {
	switch v := v.(type) {
	case string:
		each(path, v)
	case *body.List:
		for i, item := range v.Items {
			walk(fmt.Sprintf("%s[%d]", path, i), item, each)
		}
	case *body.Dict:
		for k, item := range v.All() {
			walk(fmt.Sprintf("%s[%q]", path, k), item, each)
		}
	}
}

// hide gives v with *** for each of texts.
func hide(v body.Value, texts []string) body.Value {
	switch v := v.(type) {
	case string:
		for _, t := range texts {
			v = strings.ReplaceAll(v, t, masked)
		}
		return v
	case *body.List:
		items := make([]body.Value, len(v.Items))
		for i, item := range v.Items {
			items[i] = hide(item, texts)
		}
		return body.NewList(items...)
	case *body.Dict:
		d := new(body.Dict)
		for k, item := range v.All() {
			d.Set(k, hide(item, texts))
		}
		return d
	}
	return v
}
