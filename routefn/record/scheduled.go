package record

import (
	"context"

	"github.com/cim-go/cim/proto"
)

// Scheduled returns a page of a user's delayed messages that were not sent yet, in the
// order in which they are due. The parameter limit is the most messages of a page. The
// page begins behind the message that the parameter after names, or at the first message
// if that is zero. The result next names the last message of the page, or is zero if no
// more follow. A message that ends during the call is left out. If the message that after
// names has ended, messages that are due in the same millisecond may come again.
func (s *Store) Scheduled(ctx context.Context, user int64, after ScheduledAt, limit int) (list []Delayed, next ScheduledAt, err error) {
	kept, next, err := s.later.Pending(ctx, user, after, limit)
	for _, m := range kept {
		d := newDelayed(m.Key, m.Due, 0, m.Entry)
		d.State = proto.StatePending
		if m.Taken {
			d.State = proto.StateFiring
		}
		list = append(list, d)
	}
	return list, next, err
}

// Dropped returns the outcomes of a user's delayed messages that were dropped lately,
// the latest first. They were not sent, although the user did not cancel them.
func (s *Store) Dropped(ctx context.Context, user int64) ([]Outcome, error) {
	return s.later.Dropped(ctx, user)
}
