package ring

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

const (
	arcBits = 18
	arcs    = 1 << arcBits
)

// A Ring gives every user an owner. It never changes; make it with New. The
// nil Ring has no members.
type Ring struct {
	ids    []string // in ring order: sorted by hash, so unrelated to names
	index  map[string]int32
	owners []int32 // arc -> index into ids; nil without members
	sig    uint64
}

// New returns the ring over members, of which only ID and Weight count: all of
// them are on it, whatever their state. The order of members does not matter;
// of several with one ID the largest counts (see NewView). It takes about
// 15 ms, whatever the number of members: keep it until the members change.
func New(members []Member) *Ring {
	return newRing(canonical(members))
}

// newRing is New for members without duplicates.
func newRing(members []Member) *Ring {
	claimants := make([]claimant, len(members))
	for i, m := range members {
		claimants[i] = newClaimant(m)
	}
	slices.SortFunc(claimants, func(a, b claimant) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.id, b.id))
	})
	r := &Ring{ids: make([]string, len(members)), index: make(map[string]int32, len(members)), sig: golden}
	for i, c := range claimants {
		r.ids[i] = c.id
		r.index[c.id] = int32(i)
		r.sig = mix(mix(r.sig^c.hash) + c.weight)
	}
	if len(members) > 0 {
		r.owners = claim(claimants)
	}
	return r
}

// roundTime is the time between two claims of a member of weight 1. A member
// of weight w claims every roundTime/w: MaxWeight leaves 20 bits of precision,
// and the 2^24 claims that a lone member may need fit 64 bits.
const roundTime = 1 << 40

// A claimant is a member on its way through its sequence of arcs.
type claimant struct {
	id     string
	hash   uint64
	weight uint64
	step   uint64 // time between two claims
	at     uint64 // time of the next claim
	seq    uint64 // state of the sequence: the next arc is the top of mix(seq)
}

func newClaimant(m Member) claimant {
	c := claimant{id: m.ID, hash: hashString(m.ID), weight: uint64(min(max(m.Weight, 1), MaxWeight))}
	c.step = roundTime / c.weight
	// The first claim falls at a random point of the first step, so that no
	// member is early in every round, and shares are proportional to weights
	// from the first claim on.
	c.at, _ = bits.Mul64(mix(c.hash+golden), c.step)
	c.seq = mix(c.hash)
	return c
}

// claim returns the owner of every arc: who claims it at the earliest time, the
// first in ring order at equal times.
//
// Time passes in windows of some arcs/8 claims. Within a window every member
// makes its claims at once and the earliest wins; arcs claimed in earlier
// windows are final, and a bitmap of them, small enough for the fastest cache,
// answers the many claims that come too late. The width changes the cost only.
//
// It shares no memory with anybody, and is not instrumented by the race
// detector, which would make it ten times slower.
//
//go:norace
func claim(members []claimant) []int32 {
	var (
		owners = make([]int32, arcs)
		when   = make([]uint64, arcs)
		final  = make([]uint64, arcs/64)
		fresh  = make([]uint32, 0, arcs/4)
		total  uint64
	)
	for i := range when {
		when[i] = math.MaxUint64
	}
	for _, m := range members {
		total += m.weight
	}
	width := max(1, roundTime/total*(arcs/8))
	for end, free := width, arcs; free > 0; end += width {
		fresh = fresh[:0]
		for i := range members {
			m := &members[i]
			for ; m.at < end; m.at += m.step {
				arc := uint32(mix(m.seq) >> (64 - arcBits))
				m.seq += golden
				if final[arc/64]&(1<<(arc%64)) != 0 || when[arc] <= m.at {
					continue
				}
				if when[arc] == math.MaxUint64 {
					fresh = append(fresh, arc)
				}
				when[arc], owners[arc] = m.at, int32(i)
			}
		}
		for _, arc := range fresh {
			final[arc/64] |= 1 << (arc % 64)
		}
		free -= len(fresh)
	}
	return owners
}

// Owner returns the id of the member that user belongs to, and false if the
// ring has no members.
func (r *Ring) Owner(user int64) (id string, ok bool) {
	if r.Len() == 0 {
		return "", false
	}
	return r.ids[r.owners[arcOf(user)]], true
}

// next returns the index of the first member that accept takes, walking the
// arcs from user's own; -1 if it takes none, after all arcs have been asked.
func (r *Ring) next(user int64, accept func(int32) bool) int32 {
	if r.Len() == 0 {
		return -1
	}
	start := arcOf(user)
	for i := range uint32(arcs) {
		if owner := r.owners[(start+i)%arcs]; accept(owner) {
			return owner
		}
	}
	return -1
}

func arcOf(user int64) uint32 {
	return uint32(mix(uint64(user)+golden) >> (64 - arcBits))
}

// Len returns the number of members.
func (r *Ring) Len() int {
	if r == nil {
		return 0
	}
	return len(r.ids)
}

// Signature returns a number that is equal for rings over the same ids and
// weights, on every process and version, and differs for others.
func (r *Ring) Signature() uint64 {
	if r == nil {
		return golden // that of New(nil)
	}
	return r.sig
}

// Shares returns the part of all users that each member owns, by id. The parts
// add up to 1.
func (r *Ring) Shares() map[string]float64 {
	shares := make(map[string]float64, r.Len())
	if r == nil {
		return shares
	}
	for _, id := range r.ids {
		shares[id] = 0
	}
	for _, owner := range r.owners {
		shares[r.ids[owner]] += 1.0 / arcs
	}
	return shares
}

// Moved returns the part of all users, 0 to 1, whose owner differs between the
// two rings: what would move if one took the place of the other.
func Moved(from, to *Ring) float64 {
	if from.Len() == 0 && to.Len() == 0 {
		return 0
	}
	if from.Len() == 0 || to.Len() == 0 {
		return 1
	}
	same := make([]int32, len(from.ids)) // index in from -> index in to
	for i, id := range from.ids {
		same[i] = -1
		if j, ok := to.index[id]; ok {
			same[i] = j
		}
	}
	moved := 0
	for arc, owner := range from.owners {
		if same[owner] != to.owners[arc] {
			moved++
		}
	}
	return float64(moved) / arcs
}
