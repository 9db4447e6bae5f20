// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

// floor is the median time of what nothing durable can do without: 400 bytes
// appended to a file and synced, in the directory that the benchmark uses.
func floor(b *testing.B, dir string) time.Duration {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "floor"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	return median(b, 41, func() error {
		if _, err := f.Write(make([]byte, 400)); err != nil {
			return err
		}
		return f.Sync()
	})
}

func median(b *testing.B, n int, do func() error) time.Duration {
	b.Helper()
	var all []time.Duration
	for range n {
		start := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[n/2]
}

// The whole life of a plan on disk, beside one durable write.
func BenchmarkPlan(b *testing.B) {
	dir := b.TempDir()
	d := (&place{dir: filepath.Join(dir, "plans")}).spool(b)
	n := 0
	for b.Loop() {
		n++
		put(b, d, storetest.Message(fmt.Sprint("plan", n)))
		live(b, d, nil)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(floor(b, dir)), "x-floor")
}

// Plans put in batches of 64, beside one durable write for each.
func BenchmarkPut64(b *testing.B) {
	dir := b.TempDir()
	d := (&place{dir: filepath.Join(dir, "plans")}).spool(b)
	n := 0
	for b.Loop() {
		var ms []plans.Message
		for range 64 {
			n++
			ms = append(ms, storetest.Message(fmt.Sprint("plan", n)))
		}
		for _, err := range d.Put(b.Context(), ms) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	each := float64(b.Elapsed()) / float64(b.N) / 64
	b.ReportMetric(each, "ns/plan")
	b.ReportMetric(each/float64(floor(b, dir)), "x-floor/plan")
}
