// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// bootstrap ends the agent's way into the guest. It is one script for all
// images: what it needs it looks for, and what is missing it says on the
// console, where the controller reads it.
//
//go:embed bootstrap.sh
var bootstrap string

// unit is written where a bare binary is brought; packages bring their own.
//
//go:embed murano-agent.service
var unit string

// Unit is the agent's unit of systemd, as the packages ship it.
func Unit() string { return unit }

// script is bootstrap.sh with the source filled in.
func (s Source) script() ([]byte, error) {
	kind := ""
	if s != (Source{}) {
		u, err := url.Parse(s.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("agent source %q is no http or https URL", s.URL)
		}
		if sum, err := hex.DecodeString(s.SHA256); err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("agent source %s needs its SHA-256 as 64 hex digits, not %q: it will run as root in the guest; sha256sum prints it", s.URL, s.SHA256)
		}
		switch path.Ext(u.Path) {
		case ".deb":
			kind = "deb"
		case ".rpm":
			kind = "rpm"
		default:
			kind = "binary"
		}
	}
	text := bootstrap
	for name, value := range map[string]string{
		"@URL@":    quote(s.URL),
		"@SHA256@": quote(strings.ToLower(s.SHA256)),
		"@KIND@":   quote(kind),
	} {
		text = strings.ReplaceAll(text, name, value)
	}
	body := ""
	if kind == "binary" {
		body = unit
	}
	return []byte(strings.ReplaceAll(text, "@UNIT@", strings.TrimRight(body, "\n"))), nil
}

// quote makes one word of sh out of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
