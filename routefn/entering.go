package routefn

import (
	"context"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// enterings collects what a report asks of groups, each group once.
type enterings struct {
	groups []record.Entering
	at     map[int64]int // of a group, in groups
	who    [][]int       // of each group's users: whose they are, as the caller counts
}

// add asks for a user in a group. The node may know where its log ends.
func (e *enterings) add(group, user int64, who int, known proto.Position) {
	if e.at == nil {
		e.at = make(map[int64]int)
	}
	k, ok := e.at[group]
	if !ok {
		k = len(e.groups)
		e.at[group] = k
		e.groups, e.who = append(e.groups, record.Entering{Group: group}), append(e.who, nil)
	}
	e.groups[k].Users = append(e.groups[k].Users, user)
	e.who[k] = append(e.who[k], who)
	if known.Number > 0 {
		e.groups[k].Known = known
	}
}

// reportEntering enters the node for groups of sessions that were opened before. A
// group that cannot be asked for now is told to come again: what was done is not
// done twice, however slow the store is.
func (rt *Route) reportEntering(ctx context.Context, q *proto.ReportRequest) []*proto.Entered {
	answers := make([]*proto.Entered, len(q.Entering))
	var asked enterings
	for i, e := range q.Entering {
		answers[i] = new(proto.Entered)
		if err := rt.checkSession(e.GetSession(), q.Origin.Node); err != nil {
			failed := rt.asError(err)
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
	for k, e := range rt.cfg.Store.EnterNode(ctx, leaseOf(q.Origin), asked.groups) {
		for j, i := range asked.who[k] {
			a := answers[i]
			switch {
			case mayRetry(e.Err):
				a.Later = append(a.Later, asked.groups[k].Group)
			case e.Err != nil || e.Joined[j] == 0: // he does not belong
			case e.Held:
				a.Held = append(a.Held, asked.groups[k].Group)
			default:
				a.Newest = append(a.Newest, e.Newest.Mark())
			}
		}
	}
	return answers
}

// enterGroups enters a node of an earlier release, which does not ask for groups by
// itself, for those of all who opened, and returns the newest position of each group
// that each belongs to. An opening for which a group could not be asked gets the
// error, and those that could are answered. CIM's clients follow no groups.
func (rt *Route) enterGroups(ctx context.Context, lease record.Lease, openings []record.Opening, opened []record.Opened) [][]proto.Position {
	newest := make([][]proto.Position, len(opened))
	var asked enterings
	for i, o := range opened {
		if o.Err != nil || openings[i].Device == proto.CIMDevice {
			continue
		}
		for _, group := range o.Groups {
			asked.add(group, openings[i].User, i, proto.Position{})
		}
	}
	for k, e := range rt.cfg.Store.EnterNode(ctx, lease, asked.groups) {
		for j, i := range asked.who[k] {
			switch {
			case e.Err == nil && e.Joined[j] > 0:
				newest[i] = append(newest[i], e.Newest)
			case mayRetry(e.Err) && opened[i].Err == nil: // or he would miss what is said there from now on
				opened[i].Err = e.Err
			}
		}
	}
	return newest
}
