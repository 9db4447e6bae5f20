// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Package is an application package: what it is called, what it needs and
// does, and its files. It is read-only once made and may be shared.
type Package struct {
	Manifest Manifest
	Spec     ApplicationSpec
	Files    fs.FS
	Digest   string // SHA-256 over names and contents of all files, lower-case hex: the same files, the same digest
}

// A Manifest is manifest.yaml, in Murano's keys.
type Manifest struct {
	Format      string // Agent/1.0
	Type        string // Application
	FullName    string
	Name        string
	Description string
	Author      string
	Version     string
	Tags        []string
	Logo        string
	Require     map[string]string // FullName to version
}

// A FormatError says that a package is of a format this controller does not deploy.
type FormatError struct {
	Format string // MuranoPL/1.3, Heat.HOT/1.0
	What   string
	Do     string
}

func (e *FormatError) Error() string {
	return "manifest.yaml: Format " + e.Format + ": " + e.What + "; " + e.Do
}

// NewPackage reads manifest.yaml and application.yaml from the top of files.
// It is strict; all faults are found at once and come as Faults. A package of
// another format is refused with a *FormatError. files must not change as long
// as the package is used.
func NewPackage(files fs.FS) (*Package, error) {
	digest, err := digestFiles(files)
	if err != nil {
		return nil, fmt.Errorf("read package: %w", err)
	}
	p := &Package{Files: files, Digest: digest}
	text, err := fs.ReadFile(files, "manifest.yaml")
	if err != nil {
		return nil, Faults{{File: "manifest.yaml", What: "is missing", Do: "put one at the top of the package, with Format, Type, FullName, Name and Version"}}
	}
	d := &document{file: "manifest.yaml"}
	if top := d.root(text); top != nil {
		if err := foreignFormat(top); err != nil {
			return nil, err
		}
		p.Manifest = d.manifest(top, files)
	}
	a := &document{file: "application.yaml"}
	switch text, err := fs.ReadFile(files, "application.yaml"); {
	case err != nil:
		a.fault(nil, "", "is missing", "put one beside manifest.yaml, with servers and deploy")
	default:
		if top := a.root(text); top != nil {
			p.Spec = a.spec(top)
			if len(a.faults) == 0 {
				a.checkSpec(p, top)
			}
		}
	}
	if err := append(d.faults, a.faults...).Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// digestFiles hashes each file's name, size and content, in the order of names.
func digestFiles(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %d\n", name, len(b))
		sum.Write(b)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

const agentFormat = "Agent/1.0"

// foreignFormat recognises the packages of Murano that are not ours.
func foreignFormat(top *yaml.Node) error {
	var format string
	var classes bool
	for i := 0; top.Kind == yaml.MappingNode && i+1 < len(top.Content); i += 2 {
		switch top.Content[i].Value {
		case "Format":
			format = top.Content[i+1].Value
		case "Classes":
			classes = true
		}
	}
	switch {
	case strings.HasPrefix(format, "1.") || strings.HasPrefix(format, "MuranoPL/") || format == "" && classes:
		return &FormatError{
			Format: first(format, "MuranoPL (Classes)"),
			What:   "this is a MuranoPL package, whose workflow is a program that this controller does not run",
			Do:     "keep Resources/ as it is, set Format: Agent/1.0, take Classes and UI out, and write the deploy method's calls as steps of an application.yaml",
		}
	case strings.HasPrefix(format, "Heat.HOT/"):
		return &FormatError{
			Format: format,
			What:   "packages around a Heat template cannot be deployed yet",
			Do:     "deploy the template with OpenStack's own client, or write an application.yaml with Format: Agent/1.0",
		}
	case format != "" && format != agentFormat:
		return &FormatError{
			Format: format,
			What:   "this controller does not know the format",
			Do:     "use Format: " + agentFormat,
		}
	}
	return nil
}

var versionForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,2}([-+.][0-9A-Za-z.+-]+)?$`)

func (d *document) manifest(top *yaml.Node, files fs.FS) Manifest {
	var m Manifest
	texts := map[string]*string{
		"Format": &m.Format, "Type": &m.Type, "FullName": &m.FullName, "Name": &m.Name,
		"Description": &m.Description, "Author": &m.Author, "Version": &m.Version, "Logo": &m.Logo,
	}
	at := map[string]*yaml.Node{}
	for _, f := range d.mapping(top, "", "Format", "Type", "FullName", "Name", "Description", "Author", "Version", "Tags", "Logo", "Require") {
		at[f.key] = f.node
		switch f.key {
		case "Tags":
			m.Tags = d.texts(f.node, f.path)
		case "Require":
			m.Require = map[string]string{}
			for _, r := range d.mapping(f.node, f.path) {
				m.Require[r.key] = ""
				if !d.absent(r.node) {
					m.Require[r.key] = d.text(r.node, r.path)
				}
			}
		default:
			*texts[f.key] = d.text(f.node, f.path)
		}
	}
	for _, want := range []struct{ key, do string }{
		{"Format", "write Format: " + agentFormat},
		{"Type", "write Type: Application"},
		{"FullName", "give the package a name of its own, such as com.example.Greeting"},
		{"Name", "give the name that people see"},
		{"Version", "give the package's version, such as 1.0.0"},
	} {
		if at[want.key] == nil && top.Kind == yaml.MappingNode && !d.advised(want.key) {
			d.fault(top, want.key, "is missing", want.do)
		}
	}
	if m.Type != "" && m.Type != "Application" {
		d.fault(at["Type"], "Type", fmt.Sprintf("%q cannot be deployed", m.Type), "write Type: Application")
	}
	if m.FullName != "" && !packageForm.MatchString(m.FullName) {
		d.fault(at["FullName"], "FullName", fmt.Sprintf("%q is not a full name", m.FullName), "join words of letters, digits, _ and - by dots, such as com.example.Greeting")
	}
	if m.Version != "" && !versionForm.MatchString(m.Version) {
		d.fault(at["Version"], "Version", fmt.Sprintf("%q is not a version", m.Version), "write one to three numbers joined by dots, such as 1.0.0")
	}
	if m.Logo != "" {
		if _, err := fs.Stat(files, path.Clean(m.Logo)); err != nil {
			d.fault(at["Logo"], "Logo", fmt.Sprintf("there is no file %q in the package", m.Logo), "add it, or take Logo out")
		}
	}
	return m
}

// advised says whether a fault has already led to the key.
func (d *document) advised(key string) bool {
	for _, f := range d.faults {
		if strings.Contains(f.Do, strconv.Quote(key)) {
			return true
		}
	}
	return false
}
