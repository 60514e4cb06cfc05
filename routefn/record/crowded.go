package record

import (
	"fmt"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// ownInbox is the inbox of a sender. As far as this Store knows, the inbox has too many
// entries.
type ownInbox struct {
	user int64
	trim *op.Op
}

// mostEntries is how many entries the list of an inbox with waiting messages may have.
func (s *Store) mostEntries() int64 { return 2 * int64(s.retention.Count) }

// crowded returns those inboxes of senders that have too many entries. The Store trims
// them before it stores a message.
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
			list = append(list, &ownInbox{d.From, s.trimming(logref.Ref{User: d.From})})
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
			s.inboxes.Put(own.user, occupancy{waiting: left, length: left, guarded: s.guarded(own.user)})
			full[own.user] = left >= s.mostEntries()
		}
	}
	for _, d := range drafts {
		if full[d.From] && d.Group == 0 && d.err[receiverCopy] == nil && d.had == 0 {
			d.err[receiverCopy] = fmt.Errorf("inbox of %d: %w", d.From, ErrOwnInboxFull)
		}
	}
}
