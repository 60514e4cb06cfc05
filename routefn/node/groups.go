package node

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/record"
)

// entries collects, from the items of one report, the groups that the node has to
// enter, each group once.
type entries struct {
	groups []record.Entering
	at     map[int64]int // index of a group's id in groups
	items  [][]int       // for each of groups: the report's items that name it, one per user
}

// add adds a group that the node has to enter for a user. The parameter item is the
// index of the report's item that names the group. The parameter known is the end of
// the group's log that the node knows, or zero.
func (e *entries) add(group, user int64, item int, known proto.Position) {
	if e.at == nil {
		e.at = make(map[int64]int)
	}
	k, ok := e.at[group]
	if !ok {
		k = len(e.groups)
		e.at[group] = k
		e.groups, e.items = append(e.groups, record.Entering{Group: group}), append(e.items, nil)
	}
	e.groups[k].Users = append(e.groups[k].Users, user)
	e.items[k] = append(e.items[k], item)
	if known.Number > 0 {
		e.groups[k].Known = known
	}
}

// reportEntered enters the node into groups of sessions that were opened before. If a
// group cannot be entered for now, the item's answer names it in Later, and the node sends
// that group again. The other groups are done and need no repetition, so there is progress
// even with a slow store.
func (n *Requests) reportEntered(ctx context.Context, q *proto.ReportRequest) []*proto.Entered {
	answers := make([]*proto.Entered, len(q.Entering))
	var asked entries
	for i, e := range q.Entering {
		answers[i] = new(proto.Entered)
		if err := n.cfg.Accounts.Session(e.GetSession(), q.Origin.Node); err != nil {
			failed := n.cfg.Codes.Of(err)
			answers[i].Code, answers[i].Message = int32(failed.Code), failed.Error()
			continue
		}
		user := e.Session.User
		for _, group := range e.Groups {
			asked.add(group, user, i, proto.Position{})
		}
		for _, mark := range e.Known {
			asked.add(mark.GetLog(), user, i, mark.Position())
		}
	}
	if len(asked.groups) == 0 {
		return answers
	}
	defer n.cfg.Admission.Hold(len(asked.groups))()
	for k, e := range n.cfg.Store.EnterNode(ctx, leaseOf(q.Origin), asked.groups) {
		for j, i := range asked.items[k] {
			a := answers[i]
			switch {
			case failure.MayRetry(e.Err):
				a.Later = append(a.Later, asked.groups[k].Group)
			case e.Err != nil || e.Joined[j] == 0: // the user is not a member
			case e.Held:
				a.Held = append(a.Held, asked.groups[k].Group)
			default:
				a.Newest = append(a.Newest, e.Newest.Mark())
			}
		}
	}
	return answers
}

// enterAll is for a node of an earlier release, which does not ask to enter groups. It
// enters the node into the groups of all openings. For each opening it returns the ends of
// the user's groups. If a group cannot be entered for now, the openings of its members get
// the error. Without the error, their users would miss the group's next messages. CIM's
// clients follow no groups.
func (n *Requests) enterAll(ctx context.Context, lease record.Lease, openings []record.Opening, opened []record.Opened) [][]proto.Position {
	newest := make([][]proto.Position, len(opened))
	var asked entries
	for i, o := range opened {
		if o.Err != nil || openings[i].Device == proto.CIMDevice {
			continue
		}
		for _, group := range o.Groups {
			asked.add(group, openings[i].User, i, proto.Position{})
		}
	}
	for k, e := range n.cfg.Store.EnterNode(ctx, lease, asked.groups) {
		for j, i := range asked.items[k] {
			switch {
			case e.Err == nil && e.Joined[j] > 0:
				newest[i] = append(newest[i], e.Newest)
			case failure.MayRetry(e.Err) && opened[i].Err == nil:
				opened[i].Err = e.Err
			}
		}
	}
	return newest
}
