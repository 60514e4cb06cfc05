package node

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// groupsPerOpening is how many groups a report asks for, for each opening that it
	// may have: 2,048 with the largest. New ones take a route some 10 ms of its store.
	groupsPerOpening = 4
	// leaseSure is how long after its last renewal a lease is relied on. Renewals come
	// every 30 s, and a lease ends after two minutes.
	leaseSure = time.Minute
)

// entering is a session that a route opened, and the groups of its user that were not
// asked for yet. It is confirmed when there are none. What was asked stays: the next
// user of a group finds it held, even if this session is gone by then.
type entering struct {
	session *session
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

// enter has a session confirmed when its groups were asked for. A later answer to an
// opening of the session replaces an earlier one, whose list of groups is older.
func (r *reporter) enter(s *session, a *proto.Opened) {
	groups := a.Groups
	a.Groups = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeEnteringLocked(s)
	r.entering = append(r.entering, &entering{session: s, answer: a, groups: groups})
}

func (r *reporter) removeEnteringLocked(s *session) {
	r.entering = slices.DeleteFunc(r.entering, func(e *entering) bool { return e.session == s })
}

// takeGroupsLocked returns what to ask for next, n groups at most, of the sessions
// that have waited longest. Those that have gone are forgotten.
func (r *reporter) takeGroupsLocked(n int) (list []asked) {
	r.entering = slices.DeleteFunc(r.entering, func(e *entering) bool { return e.session.at() == closed })
	now := time.Now()
	for _, e := range r.entering {
		if n == 0 {
			break
		}
		part := asked{entering: e, groups: e.groups[:min(n, len(e.groups))], known: make(map[int64]*proto.Mark)}
		n -= len(part.groups)
		part.ask = &proto.Entering{Session: e.session.current()}
		for _, group := range part.groups {
			if mark := r.node.relays.of(group).held(now); mark != nil {
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

// waitingLocked is how many groups are to be asked for.
func (r *reporter) waitingLocked() (n int) {
	for _, e := range r.entering {
		n += len(e.groups)
	}
	return n
}

// forget takes the session out of those whose groups are asked for.
func (r *reporter) forget(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeEnteringLocked(s)
}

// entered takes a route's answer to a part, which left at a time, and confirms the
// session if that was all. It returns how many groups have to be asked for again.
func (r *reporter) entered(part asked, a *proto.Entered, left time.Time) (later int) {
	s := part.session
	if code := proto.Code(a.Code); code != proto.OK {
		r.forget(s)
		s.dismiss(code, a.Message)
		return 0
	}
	for _, mark := range a.Newest {
		relay := r.node.relays.of(mark.Log)
		relay.observe(mark)
		relay.leasedAt(left)
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
		s.confirm(e.answer)
	}
	return len(a.Later)
}
