package report

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

// groupsPerOpening is how many groups a report may enter for each opening that it may
// have. For the largest report that is 2,048. If all are new, they take some 10 ms in
// the route's store.
const groupsPerOpening = 4

// entering is a session that a route opened, and the groups of its user that were not
// entered yet. It is confirmed when none is left. Groups that were entered stay so. The
// next user of a group finds it held, even if this session is gone by then.
type entering struct {
	session Opener
	of      *proto.Session // as routes know it
	answer  *proto.Opened
	groups  []int64
}

// asked is the part of an entering that is in a report.
type asked struct {
	*entering
	groups []int64               // all of them
	known  map[int64]*proto.Mark // of those that the node holds
	ask    *proto.Entering
}

// enter queues the session's groups. After all of them were entered, the session is
// confirmed. A later answer to an opening of the session replaces an earlier one, whose
// list of groups is older.
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

// takeGroupsLocked returns at most n groups to enter next, of the sessions that have
// waited longest. It forgets sessions that have gone.
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

// waitingLocked returns how many groups are to be entered.
func (r *Sessions) waitingLocked() (n int) {
	for _, e := range r.entering {
		n += len(e.groups)
	}
	return n
}

// forget takes the session out of those whose groups are entered.
func (r *Sessions) forget(s Opener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeEnteringLocked(s)
}

// entered handles a route's answer to a part of the groups, which was sent at the time
// left. It confirms the session if no group is left. It returns how many groups have to
// be entered again.
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
