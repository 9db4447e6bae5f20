// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"container/heap"
	"slices"
	"time"
)

// An answer is a result that is owed to one sender.
type answer struct {
	r         *record
	round     int // of r
	replyTo   string
	notBefore time.Time
	tries     int
	seq       uint64
}

// answers is a heap: what is due first, in the order it came.
type answers struct {
	heap []*answer
	seq  uint64
}

func (q *answers) push(a *answer) {
	q.seq++
	a.seq = q.seq
	heap.Push(q, a)
}

// drop removes the answers of r.
func (q *answers) drop(r *record) {
	q.heap = slices.DeleteFunc(q.heap, func(a *answer) bool { return a.r == r })
	heap.Init(q)
}

func (q *answers) Len() int { return len(q.heap) }
func (q *answers) Less(i, j int) bool {
	a, b := q.heap[i], q.heap[j]
	if !a.notBefore.Equal(b.notBefore) {
		return a.notBefore.Before(b.notBefore)
	}
	return a.seq < b.seq
}
func (q *answers) Swap(i, j int) { q.heap[i], q.heap[j] = q.heap[j], q.heap[i] }
func (q *answers) Push(v any)    { q.heap = append(q.heap, v.(*answer)) }
func (q *answers) Pop() any {
	a := q.heap[len(q.heap)-1]
	q.heap[len(q.heap)-1] = nil
	q.heap = q.heap[:len(q.heap)-1]
	return a
}
