// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// kind is how an address is brought.
type kind int

const (
	plain kind = iota // a file, over http or https
	git
	svn
)

// An address is a URL of a plan, taken apart.
type address struct {
	kind  kind
	url   *url.URL
	shown string // for people: without credentials
	name  string // of the file; empty for a repository
}

// notValid is the wording of murano-agent 12.0.0, files_manager.py.
const notValid = "Provided URL is not valid"

// parse takes a URL apart and refuses what cannot be downloaded.
func parse(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		var p *url.Error
		if errors.As(err, &p) {
			err = p.Err
		}
		if strings.Contains(text, "@") { // the reason may quote a password
			err = errors.New("a character in it must be escaped, such as %2F for a slash in a password")
		}
		return address{}, fmt.Errorf("%s: %w; write http://HOST/PATH", notValid, err)
	}
	a := address{kind: kindOf(text), url: u, shown: redact(u), name: fileName(u, text)}
	switch {
	case u.Scheme == "":
		return a, fmt.Errorf("%s %s; write it whole, http://HOST/PATH", notValid, a.shown)
	case a.kind != plain:
		return a, nil
	case u.Scheme != "http" && u.Scheme != "https":
		return a, fmt.Errorf("download %s: the agent knows no scheme %q; use http, https, git or svn", a.shown, u.Scheme)
	case u.Host == "":
		return a, fmt.Errorf("download %s: the URL names no host; write %s://HOST/PATH", a.shown, u.Scheme)
	case a.name == "" || a.name == "." || a.name == "..":
		return a, fmt.Errorf("download %s: the URL ends in no file name; name the file, not its folder", a.shown)
	case strings.ContainsAny(a.name, "\x00\\"):
		return a, fmt.Errorf("download %s: the last part of it cannot be a file name; escape it in the URL", a.shown)
	}
	return a, nil
}

// fileName is the last part of a URL, query and all, as murano-agent names a download.
func fileName(u *url.URL, text string) string {
	if u.Host != "" && u.Path == "" && u.RawQuery == "" {
		return "" // http://host
	}
	return text[strings.LastIndexByte(text, '/')+1:]
}

// kindOf tells a repository from a file as murano-agent 12.0.0 does, and takes
// each scheme that says git for what it says.
func kindOf(text string) kind {
	switch {
	case strings.HasPrefix(text, "git://"), strings.HasPrefix(text, "git+"), strings.HasSuffix(text, ".git"):
		return git
	case strings.HasPrefix(text, "svn://"), strings.HasPrefix(text, "svn+ssh://"), regexp.MustCompile(`^https?://.*/svn/`).MatchString(text):
		return svn
	}
	return plain
}

// redact is u for people. What may be a credential is replaced: a password; a
// user name of http, which may be a token; query values whose names tell it.
func redact(u *url.URL) string {
	r := *u
	if _, password := u.User.Password(); u.User != nil {
		switch {
		case password:
			r.User = url.UserPassword(u.User.Username(), "xxxxx")
		case strings.Contains(u.Scheme, "http"):
			r.User = url.User("xxxxx")
		}
	}
	if at := strings.LastIndexByte(r.Opaque, '@'); at >= 0 {
		r.Opaque = "xxxxx" + r.Opaque[at:]
	}
	r.RawQuery = regexp.MustCompile(`(?i)([^&=]*(?:pass|pwd|token|secret|sig|key|auth|cred)[^&=]*=)[^&]*`).ReplaceAllString(r.RawQuery, "${1}xxxxx")
	return r.String()
}

// hide takes u's credentials out of what a program said.
func hide(text string, u *url.URL) string {
	if u.User == nil {
		return text
	}
	secret := u.User.Username()
	if password, ok := u.User.Password(); ok {
		secret = password
	} else if !strings.Contains(u.Scheme, "http") {
		return text
	}
	if secret == "" {
		return text
	}
	return strings.NewReplacer(secret, "xxxxx", url.QueryEscape(secret), "xxxxx", url.PathEscape(secret), "xxxxx", u.User.String(), "xxxxx").Replace(text)
}
