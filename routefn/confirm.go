package routefn

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// shown are messages that a user says he was shown, by their keys, and whose
// senders want to know.
type shown struct {
	user int64
	keys []string
}

// confirm tells the connections that the senders have at this moment. It may fail
// to and nobody is told so: it is not stored, the receiver's cursor is the truth.
//
// That the keys are of messages which came to the user is not checked: that would
// cost a look into his log for each. A mark names him alone, so he can make up only
// that he was shown something, which is his to say anyway.
func (rt *Route) confirm(ctx context.Context, list ...shown) {
	marks, senders := rt.marks(list)
	if len(senders) == 0 {
		return
	}
	sessions, err := rt.cfg.Store.SessionsOf(ctx, senders)
	if err != nil {
		rt.cfg.Logger.Debug("some delivery marks are not told", "err", err)
	}
	for i, user := range senders {
		for at, held := range byNode(sessions[i], func(s record.Session) bool { return s.Device == proto.CIMDevice }) {
			for _, d := range marks[user] {
				rt.push.item(at.address, at.boot, &proto.PushItem{User: user, Numbers: numbers(held), Delivered: d}, held)
			}
		}
	}
}

// marks returns what there is to tell by the senders to tell it to, and these.
func (rt *Route) marks(list []shown) (marks map[int64][]*proto.Delivered, senders []int64) {
	marks = make(map[int64][]*proto.Delivered)
	now := rt.cfg.Now().UnixMilli()
	for _, s := range list {
		for from, ids := range s.bySender() {
			if marks[from] == nil {
				senders = append(senders, from)
			}
			marks[from] = append(marks[from], &proto.Delivered{To: s.user, Time: now, Ids: ids})
		}
	}
	return marks, senders
}

// bySender returns the ids in the keys, without what is no key and what the user
// sent himself.
func (s shown) bySender() map[int64][]string {
	ids := make(map[int64][]string)
	for _, key := range s.keys[:min(len(s.keys), proto.MaxShown)] {
		from, id, err := proto.ParseKey(key)
		if err == nil && validUser(from) && from != s.user && proto.ValidID(id) && !slices.Contains(ids[from], id) {
			ids[from] = append(ids[from], id)
		}
	}
	return ids
}
