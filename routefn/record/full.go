package record

import (
	"fmt"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/op"
)

// With Config.Limits.Inboxes, an inbox can be full. A message waits until a device of the
// inbox's owner has fetched it: has acknowledged it, or pulled what follows it. As long
// as a message waits, only Retention.Age removes it. So an inbox must refuse messages:
// see limit.Places. It always takes the owner's own messages, which do not wait.
//
// A message to an inbox is stored without a script while few entries wait, so that no
// sender can hold too many places. The answer to each message shows how many entries wait.
// If many do, or if this Store has not seen the inbox, the script decides: see room.lua.
// Another Store may have stored messages meanwhile, so that a share is exceeded by one
// call. Nothing is removed for that.
//
// Own messages among waiting ones are not removed. So a user who sends a lot and fetches
// nothing is refused, too, when the list has twice Retention.Count entries.

// counts returns the key of the counts of an inbox: see room.lua.
func (l logRef) counts() string { return l.key("u") }

// occupancy is what an answer of the store says about an inbox.
type occupancy struct {
	waiting int64 // at most so many messages wait; own ones that follow the first of them count, too
	length  int64 // of the list
}

// bounded reports whether the log is an inbox that can be full.
func (s *Store) bounded(l logRef) bool { return s.limits.Inboxes && l.user != 0 }

func (s *Store) places() limit.Places { return limit.PlacesOf(s.retention.Count) }

// tight reports whether the script must decide if an inbox has places for a batch.
func (s *Store) tight(b *batch) bool {
	if !s.bounded(b.log) || b.which == ownCopy {
		return false
	}
	in, seen := s.inboxes.Get(b.log.user)
	most := s.places().Sender
	return !seen || int(in.waiting)+len(b.drafts)+min(closeBy, most/2) > most
}

// bound makes o, an op of append.lua, refuse what the inbox l has no place for. args are
// the arguments that the op has so far.
func (s *Store) bound(l logRef, args []any) []any {
	p := s.places()
	return append(args, l.user, p.All, p.Sender, p.Strangers, s.retention.Age)
}

// boundKeys are the further keys of a script that counts places.
func boundKeys(l logRef) []string { return []string{l.counts(), l.receivers()} }

// ownInbox is the inbox of a sender that has too many entries, as far as this Store knows.
type ownInbox struct {
	user int64
	trim *op.Op
}

// mostEntries is how many entries a list may have in which messages wait.
func (s *Store) mostEntries() int64 { return 2 * int64(s.retention.Count) }

// crowded returns the inboxes of senders that have too many entries. They are trimmed
// before a message is stored.
func (s *Store) crowded(drafts []*draft) []*ownInbox {
	if !s.limits.Inboxes {
		return nil
	}
	var list []*ownInbox
	seen := make(map[int64]bool)
	for _, d := range drafts {
		if d.err[receiverCopy] != nil || d.Group != 0 || seen[d.From] {
			continue
		}
		seen[d.From] = true
		if in, _ := s.inboxes.Get(d.From); in.length >= s.mostEntries() {
			list = append(list, &ownInbox{d.From, s.trimming(logRef{user: d.From})})
		}
	}
	return list
}

// refuseCrowded refuses the private messages of senders whose inboxes are still too long.
// A repetition is accepted, because its receiver may have the message.
func (s *Store) refuseCrowded(drafts []*draft, list []*ownInbox) {
	full := make(map[int64]bool)
	for _, own := range list {
		s.unfetched.observe(own.trim)
		if own.trim.Err == nil {
			left := op.Integer(own.trim.Reply[2])
			s.inboxes.Put(own.user, occupancy{waiting: left, length: left})
			full[own.user] = left >= s.mostEntries()
		}
	}
	for _, d := range drafts {
		if full[d.From] && d.Group == 0 && d.err[receiverCopy] == nil && (!d.look || d.claimed) {
			d.err[receiverCopy] = fmt.Errorf("inbox of %d: %w", d.From, ErrOwnInboxFull)
		}
	}
}

// learn remembers what the answer to a batch says about its inbox.
func (s *Store) learn(b *batch) {
	if b.inbox.length > 0 {
		s.inboxes.Put(b.log.user, b.inbox)
	}
}
