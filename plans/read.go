// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"fmt"
	"io/fs"
	"net/url"
	"strconv"
	"strings"

	"github.com/openmurano/murano/plans/body"
)

// Downloadable is the Type of a File that is brought from its URL.
const Downloadable = "Downloadable"

func (r *reader) readFiles(p *Plan) error {
	files := r.dict("Files")
	if files.Len() == 0 {
		return nil
	}
	p.Files = make(map[string]File, files.Len())
	for k, v := range files.All() {
		f, err := r.readFile(filePath(k.(string)), v.(*body.Dict))
		if err != nil {
			return err
		}
		p.Files[k.(string)] = f
	}
	return nil
}

func (r *reader) readFile(path string, d *body.Dict) (File, error) {
	var f File
	for _, field := range []struct {
		key string
		to  *string
	}{{"Name", &f.Name}, {"Type", &f.Type}, {"URL", &f.URL}, {"BodyType", &f.BodyType}, {"Body", &f.Body}} {
		v, _ := d.Get(field.key)
		s, isText := v.(string)
		if !isText && (v != nil || field.key == "Name") {
			return f, &FormatError{Path: path + "." + field.key, Reason: kindOf(v) + " where a string is expected", Next: "write it in quotes"}
		}
		*field.to = s
	}
	if reason := checkName(f.Name); reason != "" {
		return f, &FormatError{Path: path + ".Name", Reason: fmt.Sprintf("%.80q %s", f.Name, reason), Next: "use a relative path inside the script's folder"}
	}
	if err := r.readContent(path, d, &f); err != nil {
		return f, err
	}
	return f, readExtras(path, d, &f)
}

// readContent settles where the content comes from. murano-agent takes a file
// of any Type but Downloadable as inline.
func (r *reader) readContent(path string, d *body.Dict, f *File) error {
	if f.Type == Downloadable {
		if f.URL == "" {
			return &FormatError{Path: path + ".URL", Reason: "empty", Next: "say where to download the file"}
		}
		f.BodyType, f.Body = "", ""
		return r.checkURL(path+".URL", f.URL)
	}
	if body, _ := d.Get("Body"); body == nil {
		return &FormatError{Path: path, Reason: fmt.Sprintf("Type %q and no Body", f.Type), Next: "set Type to Downloadable, or give the content as Body"}
	}
	if f.BodyType == "" {
		f.BodyType = "Text"
	}
	if f.BodyType != "Text" && f.BodyType != "Base64" {
		return &FormatError{Path: path + ".BodyType", Reason: fmt.Sprintf("%.80q is not a type of body", f.BodyType), Next: "set it to Text or Base64"}
	}
	if r.Warn != nil {
		if _, err := f.Content(); err != nil {
			r.warn(&FormatError{Path: path + ".Body", Reason: err.Error(), Next: "encode the content anew; a script that uses the file will fail"})
		}
	}
	f.Type, f.URL = "", ""
	return nil
}

// checkURL refuses what cannot be downloaded; before format 2.3.0, where
// murano-agent would notice only once a script needs the file, it warns.
func (r *reader) checkURL(path, s string) error {
	u, err := url.Parse(s)
	e := &FormatError{Path: path, Next: "write it with its scheme, such as http://host/path", Wire: "Provided URL is not valid " + s, Code: CodeOther}
	switch {
	case err != nil:
		e.Reason = err.Error()
	case u.Scheme == "" && u.Host == "":
		e.Reason = fmt.Sprintf("%.200q has no scheme", s)
	default:
		return nil
	}
	if r.format.AtLeast(2, 3) {
		return e
	}
	r.warn(e)
	return nil
}

// checkName tells what is wrong with the Name of a file. Empty names pass, as
// in murano-agent: a script cannot run one.
func checkName(name string) string {
	slashed := strings.ReplaceAll(name, `\`, "/")
	switch {
	case strings.HasPrefix(slashed, "/"), len(slashed) > 2 && slashed[1] == ':' && slashed[2] == '/':
		return "is an absolute path"
	case strings.ContainsRune(name, 0):
		return "holds a NUL"
	case valid(name) != name:
		return "is not UTF-8"
	}
	for part := range strings.SplitSeq(slashed, "/") {
		if part == ".." {
			return "leads out of the script's folder"
		}
		if len(part) > 255 {
			return "has a part longer than 255 bytes"
		}
	}
	return ""
}

// readExtras reads the keys of format 2.3.0. They guard integrity, so a fault in
// them is one in every format.
func readExtras(path string, d *body.Dict, f *File) error {
	if v, ok := d.Get("SHA256"); ok && v != nil {
		s, _ := v.(string)
		s = strings.ToLower(s)
		if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
			return &FormatError{Path: path + ".SHA256", Reason: fmt.Sprintf("%.80s is not 64 hex digits in quotes", pyText(v)), Next: "take it from sha256sum"}
		}
		f.SHA256 = s
	}
	if v, ok := d.Get("Size"); ok && v != nil {
		n, isInt := v.(int64)
		if !isInt || n < 0 {
			return &FormatError{Path: path + ".Size", Reason: fmt.Sprintf("%.80s is not a number of bytes", pyText(v)), Next: "write a whole number"}
		}
		f.Size = n
	}
	if v, ok := d.Get("Mode"); ok && v != nil {
		s, _ := v.(string)
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n == 0 || n > 0o777 {
			return &FormatError{Path: path + ".Mode", Reason: fmt.Sprintf("%.80s is not permissions in quotes", pyText(v)), Next: `write octal digits from "0001" to "0777", such as "0755"`}
		}
		f.Mode = fs.FileMode(n)
	}
	return readURLs(path, d, f)
}

func readURLs(path string, d *body.Dict, f *File) error {
	v, ok := d.Get("URLs")
	if !ok || v == nil {
		return nil
	}
	list, isList := v.(*body.List)
	switch {
	case !isList:
		return &FormatError{Path: path + ".URLs", Reason: kindOf(v) + " where a list is expected", Next: "list the fallbacks as strings"}
	case len(list.Items) > 0 && f.Type != Downloadable:
		return &FormatError{Path: path + ".URLs", Reason: "fallbacks for a file that is not downloaded", Next: "set Type to Downloadable and URL, or leave them out"}
	}
	for i, item := range list.Items {
		s, _ := item.(string)
		if u, err := url.Parse(s); err != nil || u.Scheme == "" {
			return &FormatError{Path: fmt.Sprintf("%s.URLs[%d]", path, i), Reason: fmt.Sprintf("%.200s is not a URL", pyText(item)), Next: "write it with its scheme, such as http://host/path"}
		}
		f.URLs = append(f.URLs, s)
	}
	return nil
}

func (r *reader) readScripts(p *Plan) error {
	scripts := r.dict("Scripts")
	if scripts.Len() == 0 {
		return nil
	}
	p.Scripts = make(map[string]Script, scripts.Len())
	for k, v := range scripts.All() {
		name, d := k.(string), v.(*body.Dict)
		s := Script{Type: text(d, "Type"), Version: text(d, "Version"), EntryPoint: text(d, "EntryPoint")}
		if err := r.checkOldEntry(name, s); err != nil {
			return err
		}
		items, err := scriptFiles(scriptPath(name)+".Files", d)
		if err != nil {
			return err
		}
		for _, item := range items {
			id, _ := fileID(item)
			s.Files = append(s.Files, id)
		}
		if s.Options, err = r.readScriptOptions(scriptPath(name)+".Options", d); err != nil {
			return err
		}
		p.Scripts[name] = s
	}
	return nil
}

// checkOldEntry checks what murano-agent checks from format 2.0.0 on only, and
// meets as an exception once the script is made or called.
func (r *reader) checkOldEntry(name string, s Script) error {
	path := scriptPath(name)
	if !isScriptType(s.Type) {
		return &FormatError{Path: path + ".Type", Reason: fmt.Sprintf("%q is not a type", s.Type), Next: "set it to Application",
			Wire: fmt.Sprintf("The application type in %s is not a valid executor %s", name, s.Type), Code: CodeOther}
	}
	if _, known := r.dict("Files").Get(s.EntryPoint); s.Type == "Application" && !known {
		return &FormatError{Path: path + ".EntryPoint", Reason: fmt.Sprintf("%q is no key of Files", s.EntryPoint), Next: r.suggestFile(s.EntryPoint), Code: CodeOther}
	}
	return nil
}
