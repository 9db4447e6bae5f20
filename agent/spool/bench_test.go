// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openmurano/murano/agent"
	"github.com/openmurano/murano/agent/storetest"
	"github.com/openmurano/murano/plans"
)

// A floor is what nothing durable can do without: 400 bytes appended to a file
// and synced. It is measured in turn with what it is compared to, so that a disk
// that others use too slows both.
type floor struct{ f *os.File }

func newFloor(b *testing.B, dir string) floor {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "floor"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return floor{f}
}

func (f floor) once(b *testing.B) {
	if _, err := f.f.Write(make([]byte, 400)); err != nil {
		b.Fatal(err)
	}
	if err := f.f.Sync(); err != nil {
		b.Fatal(err)
	}
}

func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2])
}

// The whole life of a plan on disk, one plan after another: in durable writes.
func BenchmarkPlan(b *testing.B) {
	dir := b.TempDir()
	d := (&place{dir: filepath.Join(dir, "plans")}).spool(b)
	f := newFloor(b, dir)
	var lives, floors []time.Duration
	for n := 0; b.Loop(); n++ {
		lives = append(lives, took(func() {
			put(b, d, storetest.Message(fmt.Sprint("plan", n)))
			live(b, d, nil)
		}))
		floors = append(floors, took(func() { f.once(b) }))
	}
	b.ReportMetric(median(lives)/median(floors), "floors/plan")
}

// Plans put in batches: in durable writes for each plan.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("batches of ", size), func(b *testing.B) {
			dir := b.TempDir()
			d := (&place{dir: filepath.Join(dir, "plans")}).spool(b)
			f := newFloor(b, dir)
			var batches, floors []time.Duration
			for n := 0; b.Loop(); {
				var ms []plans.Message
				for range size {
					n++
					ms = append(ms, storetest.Message(fmt.Sprint("plan", n)))
				}
				batches = append(batches, took(func() {
					for _, err := range d.Put(b.Context(), ms) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}))
				floors = append(floors, took(func() { f.once(b) }))
			}
			b.ReportMetric(median(batches)/float64(size)/median(floors), "floors/plan")
		})
	}
}

// A spool of 10,000 plans that wait beside one of 10: the start, the first plan,
// the next plan, and until all have been read, for which Put waits.
func BenchmarkQueued(b *testing.B) {
	const few, many = 10, 10_000
	places := map[int]*place{}
	for _, n := range []int{few, many} {
		places[n] = &place{dir: filepath.Join(b.TempDir(), "plans")}
		queue(b, places[n], n)
	}
	type times map[int][]time.Duration
	opened, first, next, all := times{}, times{}, times{}, times{}
	for b.Loop() {
		for n, p := range places {
			p.crash()
			start := time.Now()
			d, err := Open(p.dir, p.o)
			if err != nil {
				b.Fatal(err)
			}
			opened[n] = append(opened[n], time.Since(start))
			p.open = d
			e, err := d.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			first[n] = append(first[n], time.Since(start))
			<-d.loaded
			all[n] = append(all[n], time.Since(start))
			id := e.Message.ID
			end(b, d, e)
			for range 5 {
				next[n] = append(next[n], took(func() {
					e, err := d.Next(b.Context())
					if err != nil {
						b.Fatal(err)
					}
					end(b, d, e)
				}))
			}
			for i := range 6 { // as many as before
				put(b, d, storetest.Message(fmt.Sprint("after ", id, i)))
			}
		}
	}
	ratio := func(t times) float64 { return median(t[many]) / median(t[few]) }
	b.Logf("10,000 plans queued on disk, beside 10: start %.2f times (%.2f ms), first plan %.1f ms later, next plan %.2f times (%.2f ms), reading all %.0f ms",
		ratio(opened), median(opened[many])/1e6, (median(first[many])-median(first[few]))/1e6, ratio(next), median(next[many])/1e6, median(all[many])/1e6)
	b.ReportMetric(ratio(opened), "start-ratio")
	b.ReportMetric(ratio(next), "next-ratio")
}

// end takes e from Begin to Archive.
func end(b *testing.B, d *Dir, e agent.Entry) {
	b.Helper()
	if err := d.Begin(b.Context(), e); err != nil {
		b.Fatal(err)
	}
	if err := d.Finish(b.Context(), e, storetest.Result(e.Message.ID)); err != nil {
		b.Fatal(err)
	}
	a, err := d.Owed(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Archive(b.Context(), a); err != nil {
		b.Fatal(err)
	}
}

// queue makes n plans that wait, without waiting for the disk.
func queue(b *testing.B, p *place, n int) {
	b.Helper()
	d := p.spool(b)
	for i := range n {
		m := storetest.Message(fmt.Sprintf("plan%05d", i))
		a := &arrival{r: d.newRecord(plans.ReadHead(m), m), body: m.Body}
		if err := d.draft(a); err != nil {
			b.Fatal(err)
		}
		for _, f := range a.files {
			f.Close()
		}
		if err := os.Rename(d.drafted(a), filepath.Join(d.path, a.r.key)); err != nil {
			b.Fatal(err)
		}
	}
}
