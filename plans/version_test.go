// SPDX-License-Identifier: Apache-2.0

package plans_test

import (
	"testing"

	"github.com/openmurano/murano/plans"
)

// The order is that of semver.org, item 11.
func TestVersionsAreOrderedAsSemverSays(t *testing.T) {
	order := []string{
		"0.0.0", "0.1.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
		"1.0.0", "2.0.0", "2.1.5", "2.2.0-alpha", "2.2.0", "2.2.1-rc1", "2.3.0", "10.0.0",
	}
	for i, a := range order {
		v, err := plans.ParseVersion(a)
		if err != nil || v.String() != a {
			t.Fatalf("%s: got %s, %v", a, v, err)
		}
		for j, b := range order {
			w, _ := plans.ParseVersion(b)
			want := map[bool]int{true: 1}[i > j]
			if i < j {
				want = -1
			}
			if got := v.Compare(w); got != want {
				t.Errorf("%s and %s: got %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestBuildMetadataIsDropped(t *testing.T) {
	v, err := plans.ParseVersion("2.2.0+b1.007")
	if err != nil || v != plans.MuranoVersion() {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestWhatIsNoVersionIsRefused(t *testing.T) {
	for _, s := range []string{"", "2", "2.2", "2.2.0.0", "v2.0.0", "2.00.0", "2.0.x", "2.0.0-", "2.0.0-a..b", "2.0.0-01", "2.0.0-é", "2.0.0+", "-1.0.0", "2.0.0 ", "99999999999999999999.0.0"} {
		if v, err := plans.ParseVersion(s); err == nil {
			t.Errorf("%q: got %s", s, v)
		}
	}
}
