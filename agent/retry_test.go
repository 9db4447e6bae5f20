// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"
	"time"

	"github.com/openmurano/murano/plans"
)

func TestThePauseGrowsAndIsShortenedByUpToAQuarter(t *testing.T) {
	tests := []struct {
		name   string
		retry  plans.Retry
		random float64
		want   []time.Duration // after the first attempt, the second, ...
	}{
		{"it doubles", plans.Retry{Delay: time.Second}, 0, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		{"up to its bound", plans.Retry{Delay: time.Second, MaxDelay: 3 * time.Second}, 0, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second}},
		{"and varies", plans.Retry{Delay: 4 * time.Second, MaxDelay: 8 * time.Second}, 0.5, []time.Duration{3500 * time.Millisecond, 7 * time.Second, 7 * time.Second}},
		{"without a delay there is none", plans.Retry{}, 0.5, []time.Duration{0, 0}},
	}
	for _, tt := range tests {
		r := &Runner{Rand: func() float64 { return tt.random }}
		for n, want := range tt.want {
			if got := r.pause(tt.retry, n+1); got != want {
				t.Errorf("%s: after attempt %d %s, want %s", tt.name, n+1, got, want)
			}
		}
	}
	seen := map[time.Duration]bool{}
	for range 20 {
		d := (&Runner{}).pause(plans.Retry{Delay: time.Minute}, 1)
		if d > time.Minute || d < 45*time.Second {
			t.Errorf("%s", d)
		}
		seen[d] = true
	}
	if len(seen) < 2 {
		t.Error("it never varies")
	}
	if d := (&Runner{}).pause(plans.Retry{Delay: time.Second}, 1000); d > 3*time.Hour {
		t.Errorf("after a thousand attempts %s", d)
	}
}
