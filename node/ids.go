package node

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/cim-go/cim/proto"
)

// rememberedIDs is how many ids of messages are remembered of a connection: 1 kB for
// one that sends, and 50 ns for each message.
const rememberedIDs = 128

var idSeed = maphash.MakeSeed()

// recentIDs judges whether the ids of a connection's messages are new, as its client says of
// first tries. A route takes a first try as it comes, and looks for no other message
// that has its id. So those are marked as repetitions which may not be new: all until
// one of them was looked for and not found, because a client that was installed anew
// may count from 1 again; all after one that was found; and each whose id came on this
// connection before.
type recentIDs struct {
	fresh atomic.Bool // the last message that was looked for was new; set by the lane

	// Owned by the read loop of the link.
	last [rememberedIDs]uint64 // hashes, the oldest is overwritten
	next int
}

// suspect reports whether a message with the id has to be looked for, and remembers it.
func (l *recentIDs) suspect(id string) bool {
	h := maphash.String(idSeed, id)
	known := slices.Contains(l.last[:], h)
	l.last[l.next%rememberedIDs] = h
	l.next++
	return known || !l.fresh.Load()
}

// learn takes the answer to a message that was looked for.
func (l *recentIDs) learn(r *proto.SendResult) {
	switch {
	case r.Repeated || proto.Code(r.Code) == proto.IDReused:
		l.fresh.Store(false)
	case proto.Code(r.Code) == proto.OK:
		l.fresh.Store(true)
	}
}
