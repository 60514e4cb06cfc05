package dispatch

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// Confirm pushes delivery marks to the connections that the senders have at this moment.
// A mark may be lost without an error, because only the receiver's cursor is
// authoritative.
//
// A sender gets marks only for messages that are among the latest 1,000 of the inbox of
// the user who reports them. So users can confirm only messages that were sent to them.
func (d *Dispatcher) Confirm(ctx context.Context, list ...record.Shown) {
	var senders []int64
	for i, s := range list {
		list[i].Keys = sentByOthers(s, &senders)
	}
	list = slices.DeleteFunc(list, func(s record.Shown) bool { return len(s.Keys) == 0 })
	if len(list) == 0 {
		return
	}
	stored, sessions, err := d.store.Confirm(ctx, list, senders)
	if err != nil {
		d.log.Debug("some delivery marks are not sent", "err", err)
	}
	marks := d.marks(list, stored)
	out := d.pusher.Begin()
	defer out.Send()
	for i, user := range senders {
		if len(marks[user]) > 0 {
			out.Mark(user, sessions[i], marks[user])
		}
	}
}

// sentByOthers returns those keys of s that may belong to messages of other users,
// without repetitions. It adds their senders to the list, unless they are in it already.
func sentByOthers(s record.Shown, senders *[]int64) (keys []string) {
	for _, key := range s.Keys[:min(len(s.Keys), proto.MaxShown)] {
		from, id, err := proto.ParseKey(key)
		if err != nil || !check.ValidUser(from) || from == s.User || !proto.ValidID(id) || slices.Contains(keys, key) {
			continue
		}
		keys = append(keys, key)
		if !slices.Contains(*senders, from) {
			*senders = append(*senders, from)
		}
	}
	return keys
}

// marks returns the marks for each sender. There is one mark for each item of the list. It
// has the ids of those messages that are stored.
func (d *Dispatcher) marks(list []record.Shown, stored [][]string) map[int64][]*proto.Delivered {
	marks := make(map[int64][]*proto.Delivered)
	now := d.now().UnixMilli()
	for i, s := range list {
		ids := make(map[int64][]string)
		for _, key := range s.Keys {
			if from, id, err := proto.ParseKey(key); err == nil && slices.Contains(stored[i], key) {
				ids[from] = append(ids[from], id)
			}
		}
		for from, shown := range ids {
			marks[from] = append(marks[from], &proto.Delivered{To: s.User, Time: now, Ids: shown})
		}
	}
	return marks
}
