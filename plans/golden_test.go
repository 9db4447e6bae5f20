// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

var update = flag.Bool("update", false, "write golden files from what the code gives")

// Each testdata/plans/NAME.json or NAME.yaml is read; NAME.want holds the
// warnings and what Encode makes of it.
func TestWholePlansAreReadAndEncodedAsGolden(t *testing.T) {
	inJSON, err := filepath.Glob("testdata/plans/*.json")
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := filepath.Glob("testdata/plans/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := append(inJSON, inYAML...)
	if len(names) < 5 {
		t.Fatalf("%d documents", len(names))
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			o := plans.ParseOptions{Warn: func(e *plans.FormatError) { got.WriteString("warning: " + e.Detail() + "\n") }}
			parse := o.Parse
			if filepath.Ext(name) == ".yaml" {
				parse = o.ParseYAML
			}
			p, err := parse(b)
			if err != nil {
				t.Fatalf("refused: %s", plans.Detail(err))
			}
			encoded, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got.Write(encoded)
			got.WriteByte('\n')
			golden(t, strings.TrimSuffix(name, filepath.Ext(name))+".want", got.Bytes())
			checkReadsBack(t, p)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
