package report

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// A report may enter groupsPerOpening groups for each opening for which it has room. So
// the largest report enters 2,048 groups. If all of them are new, they take the store
// some 10 ms.
const groupsPerOpening = 4

// entering is a session that a route opened, with the groups of its user that were not
// entered yet. To enter a group means to get a lease of it and the end of its log. The
// session is confirmed when no group is left. The node keeps the leases even if this
// session has gone by then, so the next session has less to enter.
type entering struct {
	session Opener
	of      *proto.Session // the session as routes know it
	answer  *proto.Opened
	groups  []int64
}

// asked has those groups of an entering that are in one report.
type asked struct {
	*entering
	groups []int64               // all groups of this part
	known  map[int64]*proto.Mark // the log's end of each group that the node holds
	ask    *proto.Entering
}

// enter queues the groups in the answer a to the opening of s. The session is confirmed
// after all of them were entered. A later answer replaces an earlier one, because its
// list of groups is newer.
func (r *Sessions) enter(s Opener, of *proto.Session, a *proto.Opened) {
	groups := a.Groups
	a.Groups = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeEnteringLocked(s)
	r.entering = append(r.entering, &entering{session: s, of: of, answer: a, groups: groups})
}

func (r *Sessions) removeEnteringLocked(s Opener) {
	r.entering = slices.DeleteFunc(r.entering, func(e *entering) bool { return e.session == s })
}

// takeGroupsLocked returns at most n groups to enter next, which belong to the sessions
// that have waited longest. It removes sessions that have gone.
func (r *Sessions) takeGroupsLocked(n int) (list []asked) {
	r.entering = slices.DeleteFunc(r.entering, func(e *entering) bool { return e.session.Gone() })
	now := time.Now()
	for _, e := range r.entering {
		if n == 0 {
			break
		}
		part := asked{entering: e, groups: e.groups[:min(n, len(e.groups))], known: make(map[int64]*proto.Mark)}
		n -= len(part.groups)
		part.ask = &proto.Entering{Session: e.of}
		for _, group := range part.groups {
			if mark := r.config.Groups.Held(group, now); mark != nil {
				part.known[group] = mark
				part.ask.Known = append(part.ask.Known, &proto.Mark{Log: group, Epoch: mark.Epoch, Number: mark.Number})
			} else {
				part.ask.Groups = append(part.ask.Groups, group)
			}
		}
		list = append(list, part)
	}
	return list
}

// waitingLocked returns how many groups wait to be entered.
func (r *Sessions) waitingLocked() (n int) {
	for _, e := range r.entering {
		n += len(e.groups)
	}
	return n
}

// forget removes the session and its groups from r.entering.
func (r *Sessions) forget(s Opener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeEnteringLocked(s)
}

// entered handles a route's answer a for one part of a session's groups. The parameter
// left is the time at which the request left the node. If no group remains, entered
// confirms the session. It returns how many groups have to be entered again.
func (r *Sessions) entered(part asked, a *proto.Entered, left time.Time) (later int) {
	s := part.session
	if code := proto.Code(a.Code); code != proto.OK {
		r.forget(s)
		s.Opened(&proto.Opened{Code: a.Code, Message: a.Message})
		return 0
	}
	for _, mark := range a.Newest {
		r.config.Groups.Leased(mark, left)
	}
	marks := a.Newest
	for _, group := range a.Held {
		if mark := part.known[group]; mark != nil {
			marks = append(marks, mark)
		}
	}
	r.mu.Lock()
	e := part.entering
	e.answer.Newest = append(e.answer.Newest, marks...)
	e.groups = append(slices.Clip(a.Later), e.groups[len(part.groups):]...)
	done := len(e.groups) == 0 && slices.Contains(r.entering, e)
	if done {
		r.removeEnteringLocked(s)
	}
	r.mu.Unlock()
	if done {
		s.Opened(e.answer)
	}
	return len(a.Later)
}
