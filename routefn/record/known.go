package record

import "sync"

// knownSize bounds one generation of known: at 64,000 users and 16 bytes or so
// each, both generations stay within a few MB.
const knownSize = 64_000

// known remembers inboxes that were seen to be there, so that a message and its
// sender's own copy may go out in one round trip. Being wrong after the store
// lost a log costs order between two logs, nothing else. The zero known is
// empty. Two generations: when the young one is full it becomes the old one.
type known struct {
	mu         sync.Mutex
	young, old map[int64]struct{}
}

// add remembers a user's inbox.
func (k *known) add(user int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.young) >= knownSize {
		k.young, k.old = nil, k.young
	}
	if k.young == nil {
		k.young = make(map[int64]struct{})
	}
	k.young[user] = struct{}{}
}

// remove forgets it: it was not there.
func (k *known) remove(user int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.young, user)
	delete(k.old, user)
}

// has reports whether the user's inbox was seen.
func (k *known) has(user int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.young[user]; ok {
		return true
	}
	_, ok := k.old[user]
	return ok
}
