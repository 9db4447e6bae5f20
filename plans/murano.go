// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"fmt"
	"strings"

	"github.com/openmurano/murano/plans/body"
)

// checkMurano checks the plan by the rules of murano-agent 12.0.0
// (validation.py), in its order and with its words. Where it would go on to die
// of an exception in Python, the fault is ours and so are the words.
func (r *reader) checkMurano() error {
	if err := r.checkVersion(); err != nil {
		return err
	}
	if err := r.checkV1(); err != nil {
		return err
	}
	if _, ok := r.doc.Get("Scripts"); !ok {
		return &FormatError{Path: "Scripts", Reason: "missing", Next: "add it; {} is enough for a Body that calls none", Wire: "Scripts is not in the execution plan"}
	}
	for _, key := range []string{"Scripts", "Files", "Options"} {
		v, ok := r.doc.Get(key)
		if _, isDict := v.(*body.Dict); ok && !isDict {
			return &FormatError{Path: key, Reason: kindOf(v) + " where an object is expected", Next: "make it an object by name, or {}", Wire: key + " is not a dictionary"}
		}
	}
	for name, script := range r.dict("Scripts").All() {
		if err := r.checkScript(name.(string), script); err != nil {
			return err
		}
	}
	for id, file := range r.dict("Files").All() {
		if err := r.checkFile(id.(string), file); err != nil {
			return err
		}
	}
	return nil
}

// dict gives the object under key; nil, which is an empty one, where there is none.
func (r *reader) dict(key string) *body.Dict {
	v, _ := r.doc.Get(key)
	d, _ := v.(*body.Dict)
	return d
}

func (r *reader) checkVersion() error {
	const next = `write a format this agent knows, such as "2.2.0"`
	v, ok := r.doc.Get("FormatVersion")
	if !ok {
		r.format = Version{Major: 1} // murano-agent's default
		return nil
	}
	s, isText := v.(string)
	if !isText {
		return &FormatError{Path: "FormatVersion", Reason: kindOf(v) + " where a version in quotes is expected", Next: next}
	}
	format, err := ParseVersion(s)
	if err != nil {
		return &FormatError{Path: "FormatVersion", Reason: err.Error(), Next: next, Code: versionCode(s)}
	}
	r.format = format
	if format.Compare(r.Max) > 0 {
		return &UnsupportedError{Version: format, Max: r.Max, text: s}
	}
	return nil
}

// versionCode keeps murano-agent's ErrorCode where three numbers are there but
// spelt in another way (v2.0.0, 2.00.0), and for no text at all.
func versionCode(s string) int {
	numbers, _, _ := strings.Cut(strings.TrimPrefix(s, "v"), "-")
	if s == "" || strings.Count(numbers, ".") == 2 && isDigits(strings.ReplaceAll(numbers, ".", "")) {
		return CodeOther
	}
	return CodeFormat
}

// checkV1 recognises a plan of Murano's first, Windows agent: no FormatVersion,
// Scripts a list, Commands to run them. murano-agent refuses it for want of Files.
func (r *reader) checkV1() error {
	if r.format.AtLeast(2, 0) {
		return nil
	}
	scripts, hasScripts := r.doc.Get("Scripts")
	_, hasFiles := r.doc.Get("Files")
	_, isDict := scripts.(*body.Dict)
	_, isList := scripts.(*body.List)
	var keys []string
	for _, key := range []string{"Commands", "RebootOnCompletion"} {
		if _, ok := r.doc.Get(key); ok {
			keys = append(keys, key)
		}
	}
	if isList {
		keys = append(keys, "Scripts as a list")
	}
	if len(keys) == 0 || isDict && hasFiles {
		return nil
	}
	e := &FormatError{
		Reason: fmt.Sprintf("a plan of format 1, for Murano's Windows agent (it has %s and no FormatVersion 2)", strings.Join(keys, ", ")),
		Next:   "write it as format 2: FormatVersion, a Body that calls Scripts by name, Files with their text",
	}
	switch {
	case !hasScripts:
		e.Wire = "Scripts is not in the execution plan"
	case !hasFiles:
		e.Wire = "Files is not in the execution plan"
	default:
		e.Wire = "Scripts is not a dictionary"
	}
	return e
}

func scriptPath(name string) string { return fmt.Sprintf("Scripts[%q]", valid(name)) }
func filePath(id string) string     { return fmt.Sprintf("Files[%q]", valid(id)) }

func isScriptType(s string) bool { return s == "Application" || s == "Chef" || s == "Puppet" }

func (r *reader) checkScript(name string, v body.Value) error {
	path := scriptPath(name)
	script, ok := v.(*body.Dict)
	if !ok {
		e := &FormatError{Path: path, Reason: kindOf(v) + " where an object is expected", Next: "give it Type, EntryPoint, Files and Options"}
		switch v.(type) {
		case string, *body.List:
			e.Wire = fmt.Sprintf("Incorrect Type entry in script %s", name)
		}
		return e
	}
	for _, attr := range []string{"Type", "EntryPoint"} {
		value, ok := script.Get(attr)
		if _, isText := value.(string); isText {
			continue
		}
		reason, next := "missing", "set it to a file ID"
		if ok {
			reason = kindOf(value) + " where a string is expected"
		}
		if attr == "Type" {
			next = "set it to Application, Chef or Puppet"
		}
		return &FormatError{Path: path + "." + attr, Reason: reason, Next: next, Wire: fmt.Sprintf("Incorrect %s entry in script %s", attr, name)}
	}
	if err := r.checkEntry(name, script); err != nil {
		return err
	}
	if err := r.checkChefOptions(path, script); err != nil {
		return err
	}
	return r.checkScriptFiles(name, script)
}

func (r *reader) checkEntry(name string, script *body.Dict) error {
	path := scriptPath(name)
	kind, entry := text(script, "Type"), text(script, "EntryPoint")
	switch {
	case r.is20() && kind != "Application":
		return &FormatError{Path: path + ".Type", Reason: fmt.Sprintf("%q is not a type of format %s", kind, r.format), Next: "set Application, or FormatVersion 2.1.0 for Chef and Puppet",
			Wire: fmt.Sprintf("Type %s is not valid for format %s", kind, r.format)}
	case !isScriptType(kind) && r.format.AtLeast(2, 1):
		return &FormatError{Path: path + ".Type", Reason: fmt.Sprintf("%q is not a type", kind), Next: "set it to Application, Chef or Puppet",
			Wire: "Script has not a valid type " + kind}
	case !r.is20() && !r.format.AtLeast(2, 1): // see checkOldEntry
	case kind == "Application":
		if _, ok := r.dict("Files").Get(entry); ok {
			return nil
		}
		return &FormatError{Path: path + ".EntryPoint", Reason: fmt.Sprintf("%q is no key of Files", entry), Next: r.suggestFile(entry),
			Wire: fmt.Sprintf("Script %s misses entry point %s", name, entry)}
	case r.format.AtLeast(2, 1) && !strings.Contains(entry, "::"):
		return &FormatError{Path: path + ".EntryPoint", Reason: fmt.Sprintf("%q is no name of two parts", entry), Next: "write cookbook::recipe for Chef, module::class for Puppet",
			Wire: fmt.Sprintf("Wrong EntryPoint %s for Puppet/Chef executors. :: needed", entry)}
	}
	return nil
}

// is20 tells whether the plan is of format 2.0, not a pre-release of it.
func (r *reader) is20() bool {
	return r.format.Major == 2 && r.format.Minor == 0 && r.format.AtLeast(2, 0)
}

func (r *reader) suggestFile(id string) string {
	var ids []string
	for k, f := range r.dict("Files").All() {
		ids = append(ids, k.(string))
		if d, ok := f.(*body.Dict); ok && text(d, "Name") == id {
			return fmt.Sprintf("name the file by its ID, %q", k)
		}
	}
	if near := nearest(id, ids); near != "" {
		return fmt.Sprintf("did you mean %q", near)
	}
	return "add the file to Files, or name one that is there"
}

// text gives the string under key, empty where there is none.
func text(d *body.Dict, key string) string {
	v, _ := d.Get(key)
	s, _ := v.(string)
	return s
}

func (r *reader) checkChefOptions(path string, script *body.Dict) error {
	if !r.format.AtLeast(2, 1) {
		return nil
	}
	v, _ := script.Get("Options")
	options, _ := v.(*body.Dict)
	for key := range options.All() {
		option := key.(string)
		if option != "useBerkshelf" && option != "berksfilePath" {
			continue
		}
		e := &FormatError{Path: path + ".Options." + option}
		kind := text(script, "Type")
		switch {
		case r.format.Major == 2 && r.format.Minor < 2:
			e.Reason, e.Next = fmt.Sprintf("not an option of format %s", r.format), "set FormatVersion 2.2.0"
			e.Wire = fmt.Sprintf("Script has an option %s invalid for version %s", option, r.format)
		case kind != "Chef":
			e.Reason, e.Next = fmt.Sprintf("an option of Chef only, Type is %q", kind), "leave it out"
			e.Wire = fmt.Sprintf("Script has an option %s invalid for type %s", option, kind)
		default:
			continue
		}
		return e
	}
	return nil
}

func (r *reader) checkScriptFiles(name string, script *body.Dict) error {
	path := scriptPath(name) + ".Files"
	items, err := scriptFiles(path, script)
	if err != nil {
		return err
	}
	for i, item := range items {
		id, ok := fileID(item)
		if !ok {
			return &FormatError{Path: fmt.Sprintf("%s[%d]", path, i), Reason: kindOf(item) + " where a file ID is expected", Next: "name a key of Files",
				Wire: fmt.Sprintf("Script %s misses file %s", name, pyText(item))}
		}
		if _, known := r.dict("Files").Get(id); known {
			continue
		}
		return &FormatError{Path: fmt.Sprintf("%s[%d]", path, i), Reason: fmt.Sprintf("%q is no key of Files", id), Next: r.suggestFile(id),
			Wire: fmt.Sprintf("Script %s misses file %s", name, pyText(item))}
	}
	return nil
}

// scriptFiles gives what Python's loop over a script's Files meets: the items of
// a list, the keys of an object, the characters of a string. Null means none.
func scriptFiles(path string, script *body.Dict) ([]body.Value, error) {
	v, _ := script.Get("Files")
	switch v := v.(type) {
	case nil:
		return nil, nil
	case *body.List:
		return v.Items, nil
	case *body.Dict:
		return v.Keys(), nil
	case string:
		var items []body.Value
		for _, c := range v {
			items = append(items, string(c))
		}
		return items, nil
	}
	return nil, &FormatError{Path: path, Reason: kindOf(v) + " where a list is expected", Next: "list file IDs"}
}

// fileID gives the ID that an item of a script's Files names: itself, or the
// first key of an object ({id: anything}, as package templates write it).
func fileID(item body.Value) (string, bool) {
	switch item := item.(type) {
	case string:
		return item, true
	case *body.Dict:
		for k := range item.All() {
			return k.(string), true
		}
	}
	return "", false
}

func (r *reader) checkFile(id string, v body.Value) error {
	path := filePath(id)
	const next = "give it Name, BodyType (Text or Base64) and Body"
	file, ok := v.(*body.Dict)
	if !ok {
		e := &FormatError{Path: path, Reason: kindOf(v) + " where an object is expected", Next: next}
		switch v.(type) {
		case string, *body.List:
			if !r.is20() {
				e.Wire = fmt.Sprintf("Invalid file %s: %s", id, pyText(v))
			}
		}
		return e
	}
	_, isTyped := file.Get("Type")
	_, isInline := file.Get("Body")
	_, hasURL := file.Get("URL")
	if r.is20() && (isTyped || hasURL) {
		return &FormatError{Path: path, Reason: fmt.Sprintf("format %s has no downloads", r.format), Next: "set FormatVersion 2.1.0, or send the content as Body",
			Wire: fmt.Sprintf("Download file is %s not valid for this version %s", id, r.format)}
	}
	switch {
	case isTyped:
		return need(path, id, file, "URL", "Name")
	case !isInline:
		return &FormatError{Path: path, Reason: "neither Body nor Type", Next: next + ", or Type Downloadable and URL",
			Wire: fmt.Sprintf("Invalid file %s: %s", id, pyText(file))}
	}
	if err := need(path, id, file, "BodyType", "Name"); err != nil {
		return err
	}
	if kind := text(file, "BodyType"); kind != "Text" && kind != "Base64" {
		value, _ := file.Get("BodyType")
		return &FormatError{Path: path + ".BodyType", Reason: pyText(value) + " is not a type of body", Next: "set it to Text or Base64",
			Wire: "Incorrect BodyType in file " + id}
	}
	return nil
}

func need(path, id string, file *body.Dict, attrs ...string) error {
	for _, attr := range attrs {
		if _, ok := file.Get(attr); !ok {
			return &FormatError{Path: path + "." + attr, Reason: "missing", Next: "add it", Wire: fmt.Sprintf("Incorrect %s entry in file %s", attr, id)}
		}
	}
	return nil
}
