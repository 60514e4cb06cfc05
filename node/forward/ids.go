package forward

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/cim-go/cim/proto"
)

// idsKept bounds one generation of usedIDs. Two full ones take 1.3 MB, and cover five
// minutes of 100 messages per second.
const idsKept = 1 << 15

// usedIDs has the ids of messages that came to this node lately, by user and over any
// connection. It has two generations. When the young one is full it becomes the old one.
// The zero usedIDs is empty.
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

// novelty decides which messages to mark as repetitions (Again), although their client
// calls them first tries. A route stores a first try without a search for its id. So
// every message that may not be new is marked.
//
// A message is marked if its id is known on this node. All messages of a connection are
// marked until a route has searched for one and found none. They are marked again after
// a search found one. This is so because a client that was installed anew may count
// from 1 again, at another node.
type novelty struct {
	shown atomic.Bool // the last message that was searched for was new; set by the queue
}

// learn reads the result of a message that a route searched for.
func (n *novelty) learn(r *proto.SendResult) {
	switch {
	case r.Repeated || proto.Code(r.Code) == proto.IDReused:
		n.shown.Store(false)
	case proto.Code(r.Code) == proto.OK:
		n.shown.Store(true)
	}
}
