// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strings"

	"github.com/openmurano/murano/controller"
	"github.com/openmurano/murano/plans"
	"github.com/openmurano/murano/plans/body"
)

// A Problem is something Lint found.
type Problem struct {
	controller.Fault
	Warning bool `json:"warning"` // the package can be deployed all the same
}

// Lint checks a package directory or zip thoroughly: beyond what NewPackage
// refuses, it makes every step's plan with stand-ins for its values, parses its
// Body, and looks at the scripts. The order is that of files and lines. The
// error says that the path could not be read at all.
func Lint(path string) ([]Problem, error) {
	zipped, err := read(path)
	if err != nil {
		return nil, err
	}
	p, err := FromZip(zipped)
	var faults controller.Faults
	var foreign *controller.FormatError
	switch {
	case errors.As(err, &faults):
		return problems(faults), nil
	case errors.As(err, &foreign):
		return problems(controller.Faults{{File: "manifest.yaml", Path: "Format", What: foreign.Format + ": " + foreign.What, Do: foreign.Do}}), nil
	case err != nil:
		return nil, err
	}
	l := &lint{pkg: p, named: map[string]bool{}, sent: map[string]bool{}}
	l.steps("deploy", p.Spec.Deploy)
	for _, a := range p.Spec.Actions {
		l.steps("actions."+a.Name+".steps", a.Steps)
	}
	l.steps("destroy", p.Spec.Destroy)
	if err := l.files(); err != nil {
		return nil, fmt.Errorf("lint %s: %w", path, err)
	}
	sort.SliceStable(l.found, func(i, j int) bool {
		a, b := l.found[i], l.found[j]
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Line < b.Line
	})
	return l.found, nil
}

func problems(faults controller.Faults) []Problem {
	out := make([]Problem, len(faults))
	for i, f := range faults {
		out[i].Fault = f
	}
	return out
}

type lint struct {
	pkg     *controller.Package
	found   []Problem
	named   map[string]bool // templates that a step names
	sent    map[string]bool // scripts that a plan sends, by content
	fetches string          // a script that brings something from the network
}

func (l *lint) report(p Problem) {
	for _, before := range l.found {
		if before == p {
			return
		}
	}
	l.found = append(l.found, p)
}

func (l *lint) warn(file string, line int, at, what, do string) {
	l.report(Problem{Warning: true, Fault: controller.Fault{File: file, Line: line, Path: at, What: what, Do: do}})
}

func (l *lint) steps(at string, steps []controller.Step) {
	for i, s := range steps {
		step := fmt.Sprintf("%s[%d]", at, i)
		l.named[s.Plan] = true
		r, err := l.pkg.Rehearse(s)
		var faults controller.Faults
		if errors.As(err, &faults) {
			for _, p := range problems(faults) {
				l.report(p)
			}
			continue
		}
		if err != nil {
			l.report(Problem{Fault: controller.Fault{File: "application.yaml", Path: step + ".plan", What: err.Error()}})
			continue
		}
		for _, name := range r.Unused {
			l.warn("application.yaml", 0, step+".with."+name, "Resources/"+s.Plan+" does not use it", "bind $"+name+" in the template, or take it out")
		}
		l.plan(s, r.Plan)
	}
}

func (l *lint) plan(s controller.Step, p plans.Plan) {
	for _, f := range p.Files {
		l.sent[f.Name] = true
	}
	if _, err := body.Parse(p.Body); err != nil {
		fault := controller.Fault{File: path.Join("Resources", s.Plan), Path: "Body", What: err.Error(), Do: "correct the Body"}
		var wrong *body.SyntaxError
		if errors.As(err, &wrong) {
			fault.Line = l.bodyLine(s.Plan, wrong.Line)
		}
		l.report(Problem{Fault: fault})
	}
}

// bodyLine says where in the template a line of the Body is.
func (l *lint) bodyLine(template string, line int) int {
	text, err := fs.ReadFile(l.pkg.Files, path.Join("Resources", template))
	if err != nil {
		return 0
	}
	for i, one := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(one, "Body:"); ok {
			if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "|") || strings.HasPrefix(rest, ">") {
				return i + 1 + max(line, 1)
			}
			return i + 1
		}
	}
	return 0
}

// files looks at everything under Resources.
func (l *lint) files() error {
	err := fs.WalkDir(l.pkg.Files, "Resources", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inner, isScript := strings.CutPrefix(name, "Resources/scripts/")
		switch {
		case isScript:
			return l.script(name, inner)
		case strings.HasSuffix(name, ".template") && !l.named[strings.TrimPrefix(name, "Resources/")]:
			l.warn(name, 0, "", "no step uses it", "name it in a step's plan, or take it out")
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && l.fetches != "" && l.pkg.Spec.Bundle == nil {
		l.warn("application.yaml", 0, "bundle", "is missing, though "+l.fetches+" brings something from the network", "say what the package needs, so that it can be deployed without the internet, as in bundle: {apt: {packages: [apache2]}}")
	}
	return err
}

var fetching = regexp.MustCompile(`(?m)^[^#\n]*\b(apt-get|apt|yum|dnf|zypper|pip3?|gem|npm|curl|wget|git\s+clone|docker\s+pull)\b`)

func (l *lint) script(name, inner string) error {
	b, err := fs.ReadFile(l.pkg.Files, name)
	if err != nil {
		return err
	}
	if !l.sent[inner] && !l.sent[path.Base(inner)] {
		l.warn(name, 0, "", "no plan sends it", "name it as EntryPoint or in Files of a template, or take it out")
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return nil
	}
	if i := bytes.Index(b, []byte("\r\n")); i >= 0 {
		l.warn(name, 1+bytes.Count(b[:i], []byte("\n")), "", "has line ends of Windows (CR LF), which a shell takes for part of the text", "convert it, for instance with dos2unix")
	}
	if isShell := strings.HasSuffix(inner, ".sh") || strings.HasSuffix(inner, ".py") || strings.HasSuffix(inner, ".pl"); isShell && !bytes.HasPrefix(b, []byte("#!")) {
		l.warn(name, 1, "", "has no first line #!, so what runs it depends on the guest's shell", "begin it with #!/bin/sh, or what it is written for")
	}
	if fetching.Match(b) && l.fetches == "" {
		l.fetches = name
	}
	return nil
}
