package ring

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sync"
)

const (
	arcBits = 18
	arcs    = 1 << arcBits
)

// A Ring assigns an owner to every user. Its answers never change, and it is safe for
// concurrent use. Make it with New. The nil Ring has no members.
//
// The first call that needs an owner (Owner, Shares, Moved, and Pick under HashLoop
// and Hash) divides the arcs among the members. It blocks for about 15 ms, whatever
// the number of members. Other calls that need an owner of this ring wait for it.
type Ring struct {
	ids   []string // in ring order: sorted by hash, so unrelated to names
	index map[string]int32
	sig   uint64

	divide    sync.Once
	claimants []claimant // in ring order; nil once the arcs are divided
	divided   []int32    // the result of owners
}

// New returns the ring over members. Only ID and Weight matter: members of every state
// are on the ring. The order of members does not matter. If several members have the same
// ID, the largest counts (see NewView).
func New(members []Member) *Ring {
	return newRing(canonical(members))
}

// newRing does what New does, for members without duplicates.
func newRing(members []Member) *Ring {
	claimants := make([]claimant, len(members))
	for i, m := range members {
		claimants[i] = newClaimant(m)
	}
	slices.SortFunc(claimants, func(a, b claimant) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.id, b.id))
	})
	r := &Ring{ids: make([]string, len(members)), index: make(map[string]int32, len(members)), sig: golden, claimants: claimants}
	for i, c := range claimants {
		r.ids[i] = c.id
		r.index[c.id] = int32(i)
		r.sig = mix(mix(r.sig^c.hash) + c.weight)
	}
	return r
}

// owners returns the owner of every arc, as an index into ids, or nil without members.
func (r *Ring) owners() []int32 {
	r.divide.Do(func() {
		if len(r.claimants) > 0 {
			r.divided, r.claimants = claim(r.claimants), nil
		}
	})
	return r.divided
}

// roundTime is the time between two claims of a member of weight 1. A member of weight
// w makes a claim every roundTime/w. MaxWeight leaves 20 bits of precision, and 64 bits
// are enough for the 2^24 claims that a single member may need.
const roundTime = 1 << 40

// A claimant is a member and its place in its sequence of arcs.
type claimant struct {
	id     string
	hash   uint64
	weight uint64
	step   uint64 // time between two claims
	at     uint64 // time of the next claim
	seq    uint64 // state of the sequence: the highest bits of mix(seq) are the number of the next arc
}

func newClaimant(m Member) claimant {
	c := claimant{id: m.ID, hash: hashString(m.ID), weight: uint64(min(max(m.Weight, 1), MaxWeight))}
	c.step = roundTime / c.weight
	// The first claim is at a random point of the first step. So no member is early in
	// every round, and shares are proportional to weights from the first claim on.
	c.at, _ = bits.Mul64(mix(c.hash+golden), c.step)
	c.seq = mix(c.hash)
	return c
}

// claim returns the owner of every arc, which is the member that claims the arc first. If
// several claim it at the same time, the first of them in ring order wins.
//
// Time is divided into windows of about arcs/8 claims. Within a window each member makes
// all its claims in one go, and the earliest wins. Arcs claimed in earlier windows are
// final. A bitmap of these arcs fits the first-level cache and rejects the many late
// claims. The width of a window changes only the cost.
//
// The race detector does not instrument claim, because that would make it ten times
// slower. It shares no memory with other goroutines.
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

// Owner returns the id of user's owner, and false if the ring has no members.
func (r *Ring) Owner(user int64) (id string, ok bool) {
	if r.Len() == 0 {
		return "", false
	}
	return r.ids[r.owners()[arcOf(user)]], true
}

// next goes through all arcs, beginning with the arc of user. It returns the index of
// the first owner for which accept returns true, or -1 if there is none.
func (r *Ring) next(user int64, accept func(int32) bool) int32 {
	if r.Len() == 0 {
		return -1
	}
	start, owners := arcOf(user), r.owners()
	for i := range uint32(arcs) {
		if owner := owners[(start+i)%arcs]; accept(owner) {
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

// Signature returns a hash of the members' ids and weights. It is the same in every
// process and version.
func (r *Ring) Signature() uint64 {
	if r == nil {
		return golden // the signature of New(nil)
	}
	return r.sig
}

// Shares returns the fraction of all users that each member owns, by id. The fractions
// add up to 1.
func (r *Ring) Shares() map[string]float64 {
	shares := make(map[string]float64, r.Len())
	if r == nil {
		return shares
	}
	for _, id := range r.ids {
		shares[id] = 0
	}
	for _, owner := range r.owners() {
		shares[r.ids[owner]] += 1.0 / arcs
	}
	return shares
}

// Moved returns the fraction of all users, 0 to 1, whose owner differs between the two
// rings. These users move if the second ring replaces the first one.
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
	moved, owners := 0, to.owners()
	for arc, owner := range from.owners() {
		if same[owner] != owners[arc] {
			moved++
		}
	}
	return float64(moved) / arcs
}
