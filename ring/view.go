package ring

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"
)

// C bounds the load of an open member to C times the mean load, by weight. It is c = 1
// + epsilon of "Consistent Hashing with Bounded Loads" (Mirrokni, Thorup, Zadimoghaddam
// 2016). With a smaller C, fewer users would get their owner, for little gain.
const C = float64(boundNum) / boundDen

const boundNum, boundDen = 5, 4

// A View holds the members that a process knows at one moment. It never changes and is
// safe for concurrent use.
type View struct {
	members []Member // sorted by ID
	ring    *Ring    // over the serving members
	at      []int32  // ring index -> index into members
	all     []int32  // every ring index
	open    []int32  // ring indices of members below their limit, ascending
	etag    func() string
}

// NewView returns the view of members. Their order does not matter. If several have the
// same ID, the one with the largest sealed form counts. That is arbitrary, but the same
// in every process. NewView does not keep members.
func NewView(members []Member) *View {
	return newView(canonical(members), nil)
}

// canonical returns the members sorted by ID, one per ID.
func canonical(members []Member) []Member {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return bytes.Compare(appendMember(nil, b, 0), appendMember(nil, a, 0))
	})
	return slices.CompactFunc(sorted, func(a, b Member) bool { return a.ID == b.ID })
}

// newView makes a view of canonical members. It reuses old's ring if the same members
// serve with the same weights. old may be nil.
func newView(members []Member, old *View) *View {
	v := &View{members: members}
	v.etag = sync.OnceValue(v.hash)
	serving := make([]Member, 0, len(members))
	for _, m := range members {
		if m.State == Serving {
			serving = append(serving, m)
		}
	}
	if old != nil && slices.EqualFunc(old.serving(), serving, sameOnRing) {
		v.ring = old.ring
	} else {
		v.ring = newRing(serving)
	}
	v.at = make([]int32, v.ring.Len())
	v.all = make([]int32, v.ring.Len())
	for i, m := range members {
		if m.State == Serving {
			v.at[v.ring.index[m.ID]] = int32(i)
		}
	}
	for i := range v.all {
		v.all[i] = int32(i)
	}
	v.open = v.below(v.published())
	return v
}

func sameOnRing(a, b Member) bool { return a.ID == b.ID && a.Weight == b.Weight }

func (v *View) serving() []Member {
	return slices.DeleteFunc(slices.Clone(v.members), func(m Member) bool { return m.State != Serving })
}

// published returns the loads that the members publish, by ring index, and the load that
// rounding hides. Both are doubled, so that they are whole numbers, because the hidden
// load may be half a unit.
func (v *View) published() (loads []uint64, hidden uint64) {
	loads = make([]uint64, len(v.at))
	for i := range loads {
		m := v.serve(int32(i))
		weight := weightOf(m)
		loads[i] = 2 * weight * uint64(max(m.Load, 0))
		hidden += weight
	}
	return loads, hidden
}

// WithLoads returns the view with exact loads instead of the published ones. The
// parameter loads has the number of users of each member, by the member's id. A member
// that is not in it has the load 0.
func (v *View) WithLoads(loads map[string]int64) *View {
	exact := make([]uint64, len(v.at))
	for i := range exact {
		exact[i] = uint64(max(loads[v.ring.ids[i]], 0))
	}
	w := *v
	w.open = w.below(exact, 1)
	return &w
}

// below returns the members whose load is below their limit. See doc.go.
func (v *View) below(loads []uint64, hidden uint64) []int32 {
	sum, weights := hidden, uint64(0)
	for i, load := range loads {
		sum += load
		weights += weightOf(v.serve(int32(i)))
	}
	open := make([]int32, 0, len(loads))
	for i, load := range loads {
		if load < limit(sum, weights, weightOf(v.serve(int32(i)))) {
			open = append(open, int32(i))
		}
	}
	return open
}

// limit returns ceil(C * sum * weight / weights). weight is at most weights, so the
// quotient fits if sum < 2^61.
func limit(sum, weights, weight uint64) uint64 {
	hi, lo := bits.Mul64(boundNum*sum, weight)
	q, rem := bits.Div64(hi, lo, boundDen*weights)
	if rem > 0 {
		q++
	}
	return q
}

func weightOf(m Member) uint64 { return uint64(max(m.Weight, 1)) }

// serve returns the member with a ring index.
func (v *View) serve(i int32) Member { return v.members[v.at[i]] }

// Members returns all members, sorted by ID. The slice belongs to the view and
// must not be changed.
func (v *View) Members() []Member { return v.members }

// Member returns the member with an ID, in any state.
func (v *View) Member(id string) (Member, bool) {
	i, ok := slices.BinarySearchFunc(v.members, id, func(m Member, id string) int { return cmp.Compare(m.ID, id) })
	if !ok {
		return Member{}, false
	}
	return v.members[i], true
}

// Ring returns the ring over the serving members.
func (v *View) Ring() *Ring { return v.ring }

// ETag returns a hash of the members without their loads, as a string without quotes.
func (v *View) ETag() string { return v.etag() }

func (v *View) hash() string {
	h := sha256.New()
	var buf []byte
	for _, m := range v.members {
		m.Load = 0
		buf = appendMember(buf[:0], m, 0) // this form has the length of each string, so it is unambiguous
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// LoadInterval returns the shortest time between two publications of a member's load. All
// members together publish at most 4 loads per second, which is little traffic for gossip
// and for the processes that follow it.
func LoadInterval(members int) time.Duration {
	return max(2*time.Second, time.Duration(members)*time.Second/4)
}
