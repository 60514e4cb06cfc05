package ring

import (
	"fmt"
	"math/bits"
	"slices"
)

// A Policy is the way in which Pick chooses among the open members.
type Policy uint8

// The policies. The zero Policy is the default.
const (
	HashLoop Policy = iota // the owner; if that is full, the member of the last session; otherwise round robin
	Hash                   // the owner; if that is full, the next candidate on the ring
	Loop                   // round robin
	Random                 // pseudo-random, computed from Pick's argument i
)

var policyNames = [...]string{HashLoop: "hash+loop", Hash: "hash", Loop: "loop", Random: "random"}

// String returns the name that ParsePolicy reads.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return fmt.Sprintf("policy(%d)", uint8(p))
}

// ParsePolicy returns the policy of the given name: hash+loop, hash, loop or random.
func ParsePolicy(name string) (Policy, error) {
	if i := slices.Index(policyNames[:], name); i >= 0 {
		return Policy(i), nil
	}
	return 0, fmt.Errorf("parse policy %q: want one of %q", name, policyNames)
}

// Pick returns a member for user, and false if no member serves. The same arguments
// give the same answer in every process.
//
// The candidates are the serving members below their limit (see doc.go) that are not in
// avoid. If there are no such members, the candidates are all serving members that are
// not in avoid. If there are none of these, either, they are all serving members.
// HashLoop takes the first candidate of
//
//  1. the user's owner on the ring
//  2. last, the id of the node that had the user's last session (may be empty)
//  3. the i-th candidate in ring order, modulo the number of candidates
//
// i is a counter that each caller starts at a random number. So if an owner is full, its
// users are spread evenly over all other members. Hash uses only the owner. Loop and
// Random use neither the owner nor last.
func Pick(v *View, user int64, last string, avoid []string, i uint64, p Policy) (Member, bool) {
	if v.ring.Len() == 0 {
		return Member{}, false
	}
	var buf [8]int32 // more than 8 nodes to avoid are rare
	c := v.candidates(v.indices(buf[:0], avoid))
	return v.serve(c.pick(v.ring, user, last, i, p)), true
}

func (c candidates) pick(r *Ring, user int64, last string, i uint64, p Policy) int32 {
	switch p {
	case Hash:
		return r.next(user, c.contain)
	case Random:
		i, _ = bits.Mul64(mix(i), uint64(c.len()))
	case HashLoop:
		if owner := r.owners()[arcOf(user)]; c.contain(owner) {
			return owner
		}
		if l, ok := r.index[last]; ok && c.contain(l) {
			return l
		}
	}
	return c.nth(int(i % uint64(c.len())))
}

// candidates is a set of ring indices: all elements of one list (from) that are not in
// another list (without). Both lists are ascending. Every index in without is also in
// from.
type candidates struct {
	from, without []int32
}

// candidates returns the members that Pick may take. v must have serving members.
func (v *View) candidates(avoid []int32) candidates {
	if c := exclude(v.open, avoid); c.len() > 0 {
		return c
	}
	if c := exclude(v.all, avoid); c.len() > 0 {
		return c
	}
	return candidates{from: v.all}
}

func exclude(from, avoid []int32) candidates {
	return candidates{from: from, without: slices.DeleteFunc(slices.Clone(avoid), func(a int32) bool {
		_, there := slices.BinarySearch(from, a)
		return !there
	})}
}

// indices appends to buf the ring indices of the serving members among ids, in
// ascending order and without duplicates.
func (v *View) indices(buf []int32, ids []string) []int32 {
	for _, id := range ids {
		if i, ok := v.ring.index[id]; ok {
			buf = append(buf, i)
		}
	}
	slices.Sort(buf)
	return slices.Compact(buf)
}

func (c candidates) len() int { return len(c.from) - len(c.without) }

func (c candidates) contain(i int32) bool {
	if slices.Contains(c.without, i) {
		return false
	}
	_, ok := slices.BinarySearch(c.from, i)
	return ok
}

// nth returns the n-th candidate, 0 <= n < len.
func (c candidates) nth(n int) int32 {
	for _, w := range c.without {
		if at, _ := slices.BinarySearch(c.from, w); at <= n {
			n++
		}
	}
	return c.from[n]
}
