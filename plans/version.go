// SPDX-License-Identifier: Apache-2.0

package plans

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Version is a FormatVersion: a semantic version. Its build metadata
// (2.2.0+b1) says nothing about the format and is dropped. The zero value is
// 0.0.0, which no plan built by hand may have.
type Version struct {
	Major, Minor, Patch int
	Pre                 string // 2.2.0-alpha has "alpha"; empty for a release
}

// MaxVersion is the newest format this package knows.
func MaxVersion() Version { return Version{Major: 2, Minor: 3} }

// MuranoVersion is the newest format of OpenStack's murano-agent 12.0.0.
func MuranoVersion() Version { return Version{Major: 2, Minor: 2} }

// String gives v as a plan writes it.
func (v Version) String() string {
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	return s
}

// Compare is -1, 0 or 1 by semver's precedence: 2.2.0-alpha comes before 2.2.0.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		cmp.Compare(v.Major, w.Major),
		cmp.Compare(v.Minor, w.Minor),
		cmp.Compare(v.Patch, w.Patch),
		comparePre(v.Pre, w.Pre),
	)
}

// AtLeast tells whether v has what format major.minor.0 brought. A pre-release
// of 2.1.0 has not (semantic_version's ranges, which murano-agent 12.0.0 uses).
func (v Version) AtLeast(major, minor int) bool {
	return v.Compare(Version{Major: major, Minor: minor}) >= 0
}

func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if c := compareIdentifier(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// compareIdentifier orders numbers by value and before words. Numbers have no
// leading zeros, so the longer one is the greater.
func compareIdentifier(a, b string) int {
	an, bn := isDigits(a), isDigits(b)
	switch {
	case an && bn:
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	case an:
		return -1
	case bn:
		return 1
	}
	return cmp.Compare(a, b)
}

// ParseVersion reads a semantic version: three numbers, no v before them, no
// leading zeros. The error says what is wrong with s, without a place.
func ParseVersion(s string) (Version, error) {
	if s == "" {
		return Version{}, fmt.Errorf("empty version")
	}
	numbers, build, hasBuild := strings.Cut(s, "+")
	numbers, pre, hasPre := strings.Cut(numbers, "-")
	if err := checkIdentifiers(pre, hasPre, true); err != nil {
		return Version{}, fmt.Errorf("%q: %w", s, err)
	}
	if err := checkIdentifiers(build, hasBuild, false); err != nil {
		return Version{}, fmt.Errorf("%q: %w", s, err)
	}
	parts := strings.Split(numbers, ".")
	if len(parts) != 3 {
		return Version{}, fmt.Errorf("%q is not three numbers with dots between", s)
	}
	v := Version{Pre: pre}
	for i, to := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if !isDigits(parts[i]) {
			return Version{}, fmt.Errorf("%q: %q is not a number", s, parts[i])
		}
		if len(parts[i]) > 1 && parts[i][0] == '0' {
			return Version{}, fmt.Errorf("%q: %q has a leading zero", s, parts[i])
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return Version{}, fmt.Errorf("%q: %q is too large", s, parts[i])
		}
		*to = n
	}
	return v, nil
}

func checkIdentifiers(list string, present, noLeadingZero bool) error {
	if !present {
		return nil
	}
	for id := range strings.SplitSeq(list, ".") {
		switch {
		case id == "":
			return fmt.Errorf("an identifier after the numbers is empty")
		case strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
			return fmt.Errorf("%q holds what no identifier can", id)
		case noLeadingZero && isDigits(id) && len(id) > 1 && id[0] == '0':
			return fmt.Errorf("%q has a leading zero", id)
		}
	}
	return nil
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
