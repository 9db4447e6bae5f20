// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"strings"
	"testing"

	"github.com/openmurano/murano/plans"
)

// The wanted contents and faults are CPython 3.11's base64.b64decode.
func TestContentIsDecodedAsPythonDoes(t *testing.T) {
	for _, tc := range []struct{ name, bodyType, text, want, fault string }{
		{"text is kept as it is", "Text", "a\r\nb\n", "a\r\nb\n", ""},
		{"text with half a character is refused", "Text", "\xed\xa0\x80", "", "lone surrogate"},
		{"line ends in base64 are skipped", "Base64", "YQ0KYg==\n", "a\r\nb", ""},
		{"characters outside the alphabet are skipped", "Base64", "!!IyEvYmluL3NoCmVjaG8gZwo= %%\n", "#!/bin/sh\necho g\n", ""},
		{"binary content stays byte for byte", "Base64", "iVBORw0KGgoA/w==", "\x89PNG\r\n\x1a\n\x00\xff", ""},
		{"nothing comes after the padding", "Base64", "YQ==YQ==", "a", ""},
		{"a pad before two characters is skipped", "Base64", "=Y=WE=", "aa", ""},
		{"padding that is missing is a fault", "Base64", "YQ", "", "Incorrect padding"},
		{"half of the padding is a fault", "Base64", "YQ=", "", "Incorrect padding"},
		{"one character more is a fault", "Base64", "YWFhY", "", "middle of a byte"},
		{"the URL alphabet is no alphabet", "Base64", "_-8=", "", "middle of a byte"},
		{"nothing is nothing", "Base64", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := plans.File{Name: "x", BodyType: tc.bodyType, Body: tc.text}.Content()
			switch {
			case tc.fault == "" && (err != nil || string(got) != tc.want):
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			case tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)):
				t.Errorf("got %q, %v; want fault %q", got, err, tc.fault)
			}
		})
	}
}

func TestADownloadableHasNoContentOfItsOwn(t *testing.T) {
	_, err := plans.File{Name: "x", Type: plans.Downloadable, URL: "http://h/x"}.Content()
	if err == nil || !strings.Contains(err.Error(), "http://h/x") {
		t.Errorf("got %v", err)
	}
}
