package node

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/cim-go/cim/proto"
)

// idsKept bounds one generation of usedIDs: two of them take 1.3 MB when they are full,
// and have five minutes of 100 messages a second.
const idsKept = 1 << 15

// usedIDs remembers which ids users gave to messages that came to this node lately, on
// whatever connection. Two generations: when the young one is full it becomes the old
// one. The zero usedIDs is empty.
type usedIDs struct {
	mu         sync.Mutex
	young, old map[uint64]struct{} // hashes of user and id
}

var idSeed = maphash.MakeSeed()

// add remembers an id and reports whether it was known.
func (u *usedIDs) add(user int64, id string) bool {
	h := maphash.Comparable(idSeed, struct {
		user int64
		id   string
	}{user, id})
	u.mu.Lock()
	defer u.mu.Unlock()
	_, young := u.young[h]
	_, old := u.old[h]
	if len(u.young) >= idsKept || u.young == nil {
		u.young, u.old = make(map[uint64]struct{}), u.young
	}
	u.young[h] = struct{}{}
	return young || old
}

// novelty judges whether the messages of a connection are new, as its client says of
// first tries. A route takes a first try as it comes, and looks for no other message
// that has its id. So those are marked as repetitions which may not be new: each whose
// id is known here, and all of a connection until one of them was looked for and not
// found, because a client that was installed anew may count from 1 again, at another
// node than before; then, too, all that follow one that was found.
type novelty struct {
	shown atomic.Bool // the last message that was looked for was new; set by the lane
}

// learn takes the answer to a message that was looked for.
func (n *novelty) learn(r *proto.SendResult) {
	switch {
	case r.Repeated || proto.Code(r.Code) == proto.IDReused:
		n.shown.Store(false)
	case proto.Code(r.Code) == proto.OK:
		n.shown.Store(true)
	}
}
