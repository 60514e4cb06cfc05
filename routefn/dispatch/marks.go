package dispatch

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
)

// Shown has the keys of messages that a user's device reports as shown. Their senders
// want delivery marks.
type Shown struct {
	User int64
	Keys []string
}

// Confirm pushes delivery marks to the connections that the senders have at this
// moment. A mark may be lost without a trace: only the receiver's cursor is
// authoritative.
//
// Confirm does not check that the user received the messages, because that would cost a
// search of the log per key. A mark says only that this user was shown the message. So
// users can forge marks about themselves, and about nobody else.
func (d *Dispatcher) Confirm(ctx context.Context, list ...Shown) {
	marks, senders := d.marks(list)
	if len(senders) == 0 {
		return
	}
	sessions, err := d.store.SessionsOf(ctx, senders)
	if err != nil {
		d.log.Debug("some delivery marks are not sent", "err", err)
	}
	out := d.pusher.Begin()
	defer out.Send()
	for i, user := range senders {
		out.Mark(user, sessions[i], marks[user])
	}
}

// marks returns the marks for each sender, and the senders.
func (d *Dispatcher) marks(list []Shown) (marks map[int64][]*proto.Delivered, senders []int64) {
	marks = make(map[int64][]*proto.Delivered)
	now := d.now().UnixMilli()
	for _, s := range list {
		for from, ids := range s.bySender() {
			if marks[from] == nil {
				senders = append(senders, from)
			}
			marks[from] = append(marks[from], &proto.Delivered{To: s.User, Time: now, Ids: ids})
		}
	}
	return marks, senders
}

// bySender returns the ids of the shown messages for each sender. It leaves out
// malformed keys and the user's own messages.
func (s Shown) bySender() map[int64][]string {
	ids := make(map[int64][]string)
	for _, key := range s.Keys[:min(len(s.Keys), proto.MaxShown)] {
		from, id, err := proto.ParseKey(key)
		if err == nil && check.ValidUser(from) && from != s.User && proto.ValidID(id) && !slices.Contains(ids[from], id) {
			ids[from] = append(ids[from], id)
		}
	}
	return ids
}
