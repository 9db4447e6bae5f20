// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openmurano/murano/controller/catalog"
)

const greeting = examples + "/packages/com.example.Greeting"

type entry struct {
	name, text string
	mode       fs.FileMode
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unzipped reads a good package's files as entries, under a folder.
func unzipped(t *testing.T, folder string) []entry {
	t.Helper()
	b, err := catalog.Pack(greeting)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []entry
	for _, f := range r.File {
		text, err := fs.ReadFile(r, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, entry{name: folder + f.Name, text: string(text), mode: f.Mode()})
	}
	return out
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestADirectoryAndItsZipAreTheSamePackage(t *testing.T) {
	fromDir, zipped, err := catalog.Open(greeting)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "greeting.zip")
	if err := os.WriteFile(path, zipped, 0o644); err != nil {
		t.Fatal(err)
	}
	fromZip, again, err := catalog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if fromDir.Digest != fromZip.Digest || !bytes.Equal(zipped, again) {
		t.Errorf("digests %s and %s", fromDir.Digest, fromZip.Digest)
	}
	inFolder, err := catalog.FromZip(zipOf(t, unzipped(t, "greeting-1.0/")...))
	if err != nil {
		t.Fatal(err)
	}
	if inFolder.Digest != fromDir.Digest {
		t.Error("the folder around a package counts")
	}
}

func TestPackingTwiceGivesTheSameBytesWhateverTheTimes(t *testing.T) {
	one, err := catalog.Pack(greeting)
	if err != nil {
		t.Fatal(err)
	}
	dir := copyOf(t, greeting)
	for _, name := range []string{".git/config", ".hidden", "Resources/.swp"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "Resources/scripts/greeting.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	two, err := catalog.Pack(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the same files, other bytes")
	}
}

func TestADangerousZipIsRefused(t *testing.T) {
	bomb := zipOf(t, append(unzipped(t, ""), entry{name: "zeros", text: "x"})...)
	// The central directory says the last entry unpacks to 1 GiB.
	at := bytes.LastIndex(bomb, []byte("PK\x01\x02"))
	huge := bytes.Clone(bomb)
	binary.LittleEndian.PutUint32(huge[at+24:], 1<<30)
	// It says 1 byte, and more comes out.
	liar := zipOf(t, append(unzipped(t, ""), entry{name: "zeros", text: strings.Repeat("\x00", 1<<20)})...)
	at = bytes.LastIndex(liar, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(liar[at+24:], 1)

	many := make([]entry, 4001)
	for i := range many {
		many[i].name = "f" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
	}
	for name, c := range map[string]struct {
		zip  []byte
		want string
	}{
		"no zip":           {[]byte("hello"), "zip: not a valid zip file; a package is a .zip with manifest.yaml in it"},
		"up and away":      {zipOf(t, entry{name: "../evil"}), `the entry "../evil" leads out of the package; write names below the package, without any .. in them`},
		"up inside":        {zipOf(t, entry{name: "a/../../evil"}), `the entry "a/../../evil" leads out of the package`},
		"absolute":         {zipOf(t, entry{name: "/etc/passwd"}), `the entry "/etc/passwd" leads out of the package`},
		"backslash":        {zipOf(t, entry{name: `..\evil`}), `is no portable name; use / between folders and no colons`},
		"drive":            {zipOf(t, entry{name: `C:evil`}), `the entry "C:evil" is no portable name`},
		"link":             {zipOf(t, entry{name: "link", text: "/etc/passwd", mode: fs.ModeSymlink | 0o777}), `the entry "link" is a link; put the file itself in`},
		"device":           {zipOf(t, entry{name: "dev", mode: fs.ModeDevice | 0o666}), `the entry "dev" is no plain file; take it out`},
		"name twice":       {zipOf(t, entry{name: "a"}, entry{name: "a"}), `the entry "a" stands twice; pack the folder anew`},
		"too many entries": {zipOf(t, many...), "the zip has 4001 entries, more than 4000"},
		"bomb":             {huge, "the zip unpacks to more than 256 MiB; leave large files out and let the plan download them"},
		"lying bomb":       {liar, "zip: "},
		"too large":        {make([]byte, 64<<20+1), "more than 64 MiB; leave large files out"},
		"empty":            {zipOf(t), "manifest.yaml: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.FromZip(c.zip)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestALinkInADirectoryIsRefused(t *testing.T) {
	dir := copyOf(t, greeting)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "Resources/scripts/link")); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.Pack(dir); err == nil || !strings.Contains(err.Error(), "Resources/scripts/link is a link") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotThereIsAnErrorThatSaysSo(t *testing.T) {
	for _, open := range []func() error{
		func() error { _, _, err := catalog.Open("nowhere"); return err },
		func() error { _, err := catalog.Lint("nowhere"); return err },
	} {
		if err := open(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "name a directory or a .zip") {
			t.Errorf("got %v", err)
		}
	}
}

func TestLintFindsWhatOnlyAnAuthorCanSee(t *testing.T) {
	const page = examples + "/packages/com.example.Page"
	type edit struct{ file, before, after string }
	for name, c := range map[string]struct {
		from string
		edit edit
		want []string
	}{
		"broken manifest": {greeting, edit{"manifest.yaml", "Version: 1.0.0", "Version: x"}, []string{
			`manifest.yaml:8: Version: "x" is not a version; write one to three numbers joined by dots, such as 1.0.0`,
		}},
		"MuranoPL": {greeting, edit{"manifest.yaml", "Agent/1.0", "1.4"}, []string{
			`manifest.yaml: Format: 1.4: this is a MuranoPL package, whose workflow is a program that this controller does not run; keep Resources/ as it is, set Format: Agent/1.0, take Classes and UI out, and write the deploy method's calls as steps of an application.yaml`,
		}},
		"Body": {greeting, edit{"Resources/ReadGreeting.template", "return greet('read').stdout", "return greet('read').stdout)"}, []string{
			`Resources/ReadGreeting.template:7: Body: line 1, column `,
		}},
		"plan": {greeting, edit{"Resources/ReadGreeting.template", "EntryPoint: greeting.sh\n    Files: []", "EntryPoint: greeting.sh\n    Files: [{/etc/motd: greeting.sh}]"}, []string{
			`Resources/ReadGreeting.template:`,
		}},
		"unused name": {greeting, edit{"Resources/WriteGreeting.template", "name: $name", "name: you"}, []string{
			`application.yaml: deploy[0].with.name: Resources/WriteGreeting.template does not use it; bind $name in the template, or take it out (warning)`,
		}},
		"unused template": {greeting, edit{"Resources/Other.template", "", "x"}, []string{
			`Resources/Other.template: no step uses it; name it in a step's plan, or take it out (warning)`,
		}},
		"unused script without #!": {greeting, edit{"Resources/scripts/other.sh", "", "true\n"}, []string{
			`Resources/scripts/other.sh: no plan sends it; name it as EntryPoint or in Files of a template, or take it out (warning)`,
			`Resources/scripts/other.sh:1: has no first line #!, so what runs it depends on the guest's shell; begin it with #!/bin/sh, or what it is written for (warning)`,
		}},
		"line ends": {page, edit{"Resources/scripts/page.sh", "set -eu\n", "set -eu\r\n"}, []string{
			`Resources/scripts/page.sh:9: has line ends of Windows (CR LF), which a shell takes for part of the text; convert it, for instance with dos2unix (warning)`,
		}},
		"bundle": {greeting, edit{"application.yaml", "bundle: {}", ""}, nil},
		"bundle, and it fetches": {examples + "/packages/io.murano.apps.apache.ApacheHttpServer", edit{"application.yaml", "bundle:\n  apt: {packages: [apache2, libapache2-mod-php]}\n", ""}, []string{
			`application.yaml: bundle: is missing, though Resources/scripts/deployApache.sh brings something from the network; say what the package needs, so that it can be deployed without the internet, as in bundle: {apt: {packages: [apache2]}} (warning)`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, c.from)
			path := filepath.Join(dir, c.edit.file)
			text, _ := os.ReadFile(path)
			if !strings.Contains(string(text), c.edit.before) {
				t.Fatalf("%s does not hold %q", c.edit.file, c.edit.before)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), c.edit.before, c.edit.after, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			problems, err := catalog.Lint(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, p := range problems {
				one := p.Error()
				if p.Warning {
					one += " (warning)"
				}
				// What plans and body say is theirs: only the place is ours.
				if i < len(c.want) && strings.HasPrefix(one, c.want[i]) {
					one = c.want[i]
				}
				got = append(got, one)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
