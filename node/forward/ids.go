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

// usedIDs has the ids of messages that users lately sent to this node, over whatever
// connection. It has two generations. When the young one is full it becomes the old
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

// novelty decides which messages to mark as repetitions (Again), although their client
// did not mark them. A route stores an unmarked message without a search for its id. So
// every message that may not be new is marked.
//
// A message is marked if its id is known on this node. But the client may have used the
// id at another node, for example if it was installed anew and counts from 1 again. So at
// first, all messages of a connection are marked. The marking ends when a route has
// searched for one of these ids and not found it. The marking begins again when a route
// has found an id.
type novelty struct {
	shown atomic.Bool // a route did not find the last id for which it searched; set by the queue
}

// learn handles the result of a message that was marked.
func (n *novelty) learn(r *proto.SendResult) {
	switch {
	case r.Repeated || proto.Code(r.Code) == proto.IDReused:
		n.shown.Store(false)
	case proto.Code(r.Code) == proto.OK:
		n.shown.Store(true)
	}
}
