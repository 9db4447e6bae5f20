// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/openmurano/murano/plans"
)

const (
	resourcesDir = "Resources/"
	scriptsDir   = resourcesDir + "scripts"
)

// Plan makes an execution plan from Resources/<template>, as Murano's engine
// does: $names are bound from with (see binder), then the files its scripts
// name are put in from Resources/scripts. A name alone goes as text, <name> as
// Base64, {name: URL} is downloaded by the agent. File IDs are derived from
// names, so the same input gives an equal plan. ID, Stamp and ReplyTo are left
// to the dispatcher. with holds values, no references any more.
func (p *Package) Plan(template string, with map[string]any) (plans.Plan, error) {
	plan, _, err := p.plan(template, with)
	return plan, err
}

// StepPlan is Plan for a step whose with is resolved. Plan parameters that got
// a secret parameter of the package are named in the plan's secrets, and a
// plan without a name gets the step's.
func (p *Package) StepPlan(s Step, with map[string]any) (plans.Plan, error) {
	plan, made, err := p.plan(s.Plan, with)
	if err != nil {
		return plans.Plan{}, err
	}
	if plan.Name == "" {
		plan.Name = s.Name
	}
	secret := p.secretNames(s)
	for _, parameter := range sortedKeys(made.bound) {
		for name := range made.bound[parameter] {
			if secret[name] && !contains(plan.Options.Secrets, parameter) {
				plan.Options.Secrets = append(plan.Options.Secrets, parameter)
			}
		}
	}
	return plan, nil
}

// secretNames says which names of a step's with carry a secret.
func (p *Package) secretNames(s Step) map[string]bool {
	out := map[string]bool{}
	for name, v := range s.With {
		refs, _ := References(v)
		for _, r := range refs {
			if r.Path[0] == "parameters" && (len(r.Path) == 1 && len(p.Secrets()) > 0 || len(r.Path) > 1 && contains(p.Secrets(), r.Path[1])) {
				out[name] = true
			}
		}
	}
	return out
}

// A Rehearsal is a step's plan made with stand-ins for the values that are only
// known on deployment: a parameter's default, or a value of its type.
type Rehearsal struct {
	Plan   plans.Plan
	Unused []string // names of with that the template does not bind
}

// Rehearse makes a step's plan before anything is deployed. It finds what is
// wrong in the template; it may also refuse a stand-in where the template is
// choosy about the value.
func (p *Package) Rehearse(s Step) (Rehearsal, error) {
	with := p.standIns(s)
	plan, made, err := p.plan(s.Plan, with)
	r := Rehearsal{Plan: plan}
	for _, name := range sortedKeys(with) {
		if err == nil && !made.used[name] {
			r.Unused = append(r.Unused, name)
		}
	}
	return r, err
}

// A building is a template on its way to a plan.
type building struct {
	top   *yaml.Node
	plan  ordered
	bound map[string]map[string]bool // for each of the plan's Parameters, the names bound in it
	used  map[string]bool            // all names bound
}

func (p *Package) plan(template string, with map[string]any) (plans.Plan, building, error) {
	made, err := p.build(template, with)
	if err != nil {
		return plans.Plan{}, made, err
	}
	file := resourcesDir + template
	b, err := compactJSON(made.plan)
	if err != nil {
		return plans.Plan{}, made, fmt.Errorf("%s: %w", file, err)
	}
	plan, err := plans.Parse(b)
	var broken *plans.FormatError
	switch {
	case errors.As(err, &broken):
		return plans.Plan{}, made, Faults{{File: file, Line: locate(made.top, broken.Path).Line, Path: broken.Path, What: broken.Reason, Do: broken.Next}}
	case err != nil:
		return plans.Plan{}, made, Faults{{File: file, Path: "FormatVersion", What: err.Error(), Do: "use a format up to " + plans.MaxVersion().String()}}
	}
	return plan, made, nil
}

// build makes the plan's document, as far as it does not depend on the rules of plans.
func (p *Package) build(template string, with map[string]any) (building, error) {
	file := resourcesDir + template
	text, err := p.resource(file)
	if err != nil {
		return building{}, Faults{{File: file, What: err.Error(), Do: "put the template there, or correct the step's plan; " + p.listing("Resources", ".template")}}
	}
	b := &binder{document: document{file: file}, with: with, used: map[string]bool{}}
	top := b.root(text)
	if top != nil && top.Kind != yaml.MappingNode {
		b.fault(top, "", "a plan template is a mapping, not "+describe(top), "begin it with FormatVersion: 2.0.0")
	}
	if len(b.faults) > 0 {
		return building{}, b.faults
	}
	made := building{top: top, plan: b.object(top, ""), bound: b.perParameter(top), used: b.used}
	if len(b.faults) == 0 {
		a := &assembly{document: &b.document, pkg: p, top: top}
		made.plan = a.run(made.plan)
	}
	return made, b.faults.Err()
}

// perParameter says which names are bound in each of the plan's Parameters.
func (b *binder) perParameter(top *yaml.Node) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	parameters := locate(top, "Parameters")
	if parameters == top || parameters.Kind != yaml.MappingNode {
		return out
	}
	for i := 0; i+1 < len(parameters.Content); i += 2 {
		inner := &binder{with: b.with, used: map[string]bool{}}
		inner.value(parameters.Content[i+1], "")
		out[b.follow(parameters.Content[i]).Value] = inner.used
	}
	return out
}

// resource reads a file of the package.
func (p *Package) resource(name string) ([]byte, error) {
	if !fs.ValidPath(name) || !strings.HasPrefix(name, "Resources/") {
		return nil, errors.New("is not a path inside Resources/")
	}
	b, err := fs.ReadFile(p.Files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file in the package")
	}
	return b, err
}

// listing says what files a directory has.
func (p *Package) listing(dir, suffix string) string {
	entries, _ := fs.ReadDir(p.Files, dir)
	var found []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), suffix) {
			found = append(found, e.Name())
		}
	}
	if len(found) == 0 {
		return dir + " has none"
	}
	return dir + " has " + strings.Join(found, ", ")
}

// An assembly puts files into a bound template (murano 17,
// engine/system/agent.py, _build_v2_execution_plan).
type assembly struct {
	*document
	pkg   *Package
	top   *yaml.Node // for line numbers
	files ordered    // file ID to its description
	named map[string]string
}

func (a *assembly) wrong(at, what, do string) { a.fault(locate(a.top, at), at, what, do) }

func (a *assembly) run(plan ordered) ordered {
	version, _ := plan.get("FormatVersion")
	switch v, ok := version.(string); {
	case version == nil:
		a.wrong("FormatVersion", "is missing", "write FormatVersion: 2.0.0; plans of Murano's format 1 (Commands) are not run")
		return plan
	case !ok:
		a.wrong("FormatVersion", "is a number", "write all three parts, as in FormatVersion: 2.0.0")
		return plan
	case strings.HasPrefix(v, "1."):
		a.wrong("FormatVersion", "plans of Murano's format 1 (Commands) are not run", "rewrite it with FormatVersion: 2.0.0, Body and Scripts")
		return plan
	}
	if _, ok := plan.get("Action"); !ok {
		plan = plan.set("Action", "Execute")
	}
	a.named = map[string]string{}
	given, _ := plan.get("Files")
	a.files = a.object(given, "Files")
	for _, f := range a.files {
		name, _ := a.object(f.value, join("Files", f.key)).get("Name")
		if text, ok := name.(string); ok {
			a.named[text] = f.key
		} else {
			a.wrong(join("Files", f.key), "has no Name", "give the name the file has on the guest")
		}
	}
	scripts, _ := plan.get("Scripts")
	list := a.object(scripts, "Scripts")
	for i, s := range list {
		list[i].value = a.script(a.object(s.value, join("Scripts", s.key)), join("Scripts", s.key))
	}
	return plan.set("Scripts", list).set("Files", a.files)
}

// object takes a mapping that was read or bound; null is an empty one.
func (a *assembly) object(v any, at string) ordered {
	switch v := v.(type) {
	case nil:
	case ordered:
		return v
	case map[string]any:
		out := ordered{}
		for _, k := range sortedKeys(v) {
			out = append(out, pair{k, v[k]})
		}
		return out
	default:
		a.wrong(at, "must be a mapping", "")
	}
	return ordered{}
}

func (a *assembly) script(s ordered, at string) ordered {
	entry, ok := s.get("EntryPoint")
	if !ok {
		a.wrong(at, "has no EntryPoint", "name a file of "+scriptsDir)
		return s
	}
	if kind, _ := s.get("Type"); kind == "Application" {
		s = s.set("EntryPoint", a.fileID(entry, at+".EntryPoint"))
	}
	files, ok := s.get("Files")
	if !ok {
		return s
	}
	list, ok := files.([]any)
	if !ok {
		a.wrong(at+".Files", "must be a list", "put each file on a line of its own that begins with a dash")
		return s
	}
	ids := make([]any, len(list))
	for i, f := range list {
		ids[i] = a.fileID(f, index(at+".Files", i))
	}
	return s.set("Files", ids)
}

// fileID gives the ID of a file that a script names, and places the file where
// it is not there yet.
func (a *assembly) fileID(file any, at string) string {
	name, source := "", ""
	switch f := file.(type) {
	case string:
		name, source = f, f
	case ordered, map[string]any:
		o := a.object(f, at)
		if len(o) != 1 {
			a.wrong(at, fmt.Sprintf("a mapping of %d keys does not name a file", len(o)), "write name, <name>, or name: URL")
			return ""
		}
		name = o[0].key
		source, _ = o[0].value.(string)
	}
	if id, ok := a.named[name]; ok && name == source {
		return id
	}
	if isURL(name) {
		name = name[strings.LastIndexByte(name, '/')+1:]
	} else if isBinary(name) {
		name = name[1 : len(name)-1]
	}
	if name == "" || source == "" {
		a.wrong(at, "does not name a file", "write the name of a file in "+scriptsDir+", <name> for a binary one, or name: URL")
		return ""
	}
	sum := sha256.Sum256([]byte(name + "\x00" + source))
	id := hex.EncodeToString(sum[:16])
	if _, ok := a.files.get(id); ok {
		return id
	}
	if before, ok := a.named[name]; ok && strings.Contains(at, ".Files[") {
		return before
	}
	a.named[name] = id
	a.files = append(a.files, pair{id, a.describeFile(name, source, at)})
	return id
}

func (a *assembly) describeFile(name, source, at string) ordered {
	if isURL(source) {
		return ordered{{"Name", name}, {"URL", source}, {"Type", "Downloadable"}}
	}
	binary := isBinary(source)
	if binary {
		source = source[1 : len(source)-1]
	}
	file := path.Join(scriptsDir, source)
	b, err := a.pkg.resource(file)
	if err == nil && !strings.HasPrefix(file, scriptsDir+"/") {
		err = errors.New("is outside " + scriptsDir)
	}
	if err != nil {
		a.wrong(at, file+": "+err.Error(), "add the file or correct the name; "+a.pkg.listing(scriptsDir, ""))
		return nil
	}
	if binary {
		return ordered{{"Name", name}, {"BodyType", "Base64"}, {"Body", base64.StdEncoding.EncodeToString(b) + "\n"}}
	}
	if !utf8.Valid(b) {
		a.wrong(at, file+" is not UTF-8 text", "write <"+source+"> to send it as it is")
		return nil
	}
	// Murano reads text with universal newlines.
	text := strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\r", "\n")
	return ordered{{"Name", name}, {"BodyType", "Text"}, {"Body", text}}
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}

func isBinary(s string) bool {
	return len(s) > 2 && strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">")
}

// locate finds the node at a path such as deploy[0].with.x, or the deepest one
// there is on the way to it.
func locate(top *yaml.Node, at string) *yaml.Node {
	segments, err := splitPath(at)
	if err != nil {
		segments = strings.Split(at, ".")
	}
	n := top
	for _, s := range segments {
		next := child(n, s)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, segment string) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == segment {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}
