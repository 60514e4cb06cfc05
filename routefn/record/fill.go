package record

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

const (
	// fillMost bounds the users of one FillGroup, because a script can have some 8,000
	// arguments at most.
	fillMost = 1000
	// If one server has the lists of all users, one script puts a group into the lists of
	// enlistChunk users. It takes some 0.3 ms.
	enlistChunk = 100
)

// FillGroup makes users members of a group that its creator has just made, and returns
// one Changed for each. It does what ChangeGroups does for changes with Once, but needs a
// seventh of the commands:
//
//	slot of the group                            slots of the users
//
//	1  fill.lua appends all entries         ───► 2  enlist.lua puts the group into
//	   and records that it is being filled          the list of each user
//	                                                │
//	3  the record is removed                ◄───────┘
//
// If a process dies in between, the sweep of the group carries out step 2 a minute later.
// A repetition does it earlier. A user who has too many groups already is removed again,
// and the error is ErrTooManyGroups. The parameter members has at most 1,000 users, each
// of them once, with their names.
func (s *Store) FillGroup(ctx context.Context, group, creator int64, members []Account) []Changed {
	answers := make([]Changed, len(members))
	for i, m := range members {
		answers[i] = Changed{User: m.User, Group: group}
	}
	if len(members) == 0 {
		return answers
	}
	o, err := s.fill(ctx, group, creator, members)
	if err == nil {
		err = filledBy(answers, o)
	}
	if err != nil {
		for i := range answers {
			answers[i].Err = fmt.Errorf("fill group %d: %w", group, err)
		}
		return answers
	}
	s.enlist(ctx, group, creator, members, answers)
	s.trimJoined(ctx, answers)
	return answers
}

// fill sends fill.lua and returns its op, which has an answer.
func (s *Store) fill(ctx context.Context, group, creator int64, members []Account) (*op.Op, error) {
	if len(members) > fillMost || group <= proto.Everyone {
		return nil, fmt.Errorf("%w: %d users for group %d", ErrInvalid, len(members), group)
	}
	now, err := s.Time(ctx)
	if err != nil {
		return nil, err
	}
	l := logref.Ref{Group: group}
	args := []any{creator}
	for _, m := range members {
		if err := (Change{User: m.User, Name: m.Name, Group: group}).check(); err != nil {
			return nil, err
		}
		stored, err := proto.EncodeStored(fillKey(m.User, group, now), &proto.Entry{FromName: m.Name, Group: group, Time: now, Kind: proto.Kind_JOIN, By: creator})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		args = append(args, m.User, m.Name, stored)
	}
	o := l.GroupScript(fillScript, []string{l.Members(), l.Leases()}, args...)
	s.Accept(ctx, "change", o)
	switch {
	case o.Err != nil:
		return nil, o.Err
	case o.NoLog():
		return nil, ErrNoGroup
	case op.Text(o.Reply[0]) == "other":
		return nil, ErrNotCreator
	}
	return o, nil
}

// fillKey returns the key of the entry by which FillGroup makes a user a member, at the
// time now. The key has the group, because clients treat two entries with one key as the
// same entry, even in different groups. It has the time, because a group that has ended
// may be made again under the same id.
func fillKey(user, group, now int64) string {
	return proto.Key(user, fmt.Sprintf("fill-%d-%d", group, now))
}

// filledBy reads the answer of fill.lua.
func filledBy(answers []Changed, o *op.Op) error {
	r := o.Reply
	if len(r) != 6+len(answers) {
		return fmt.Errorf("fill answered %d values: %w", len(r), ErrUnknown)
	}
	epoch, number, prev := rows.ParseEpoch(op.Text(r[1])), op.Integer(r[2]), op.Text(r[3])
	nodes := rows.ParseLeases(op.Text(r[4]), op.Integer(r[5]))
	for i := range answers {
		a := &answers[i]
		verdict := op.Text(r[6+i])
		if a.Member = verdict != "0"; verdict != "2" {
			continue
		}
		number++
		encoded, _ := o.Args[3*i+3].([]byte) // as fill has passed it
		stored, err := entry.At(logref.Ref{Group: a.Group}.Position(epoch, number, ""), prev, encoded)
		if err != nil {
			return err
		}
		a.Copy = &Copy{Stored: stored, Nodes: nodes}
		prev = stored.Key
	}
	return nil
}

// enlist puts the group into the lists of the users who became members. Then it removes
// the record that the group is being filled.
func (s *Store) enlist(ctx context.Context, group, creator int64, members []Account, answers []Changed) {
	var todo []int
	for i, a := range answers {
		if a.Member {
			todo = append(todo, i)
		}
	}
	var rest []Change // changes that refill or leaveErased has to make
	var of []int
	complete := true
	size := 1
	if s.Topology.Single() {
		size = enlistChunk
	}
	var ops []*op.Op
	for chunk := range slices.Chunk(todo, size) {
		keys := make([]string, len(chunk))
		for k, i := range chunk {
			keys[k] = logref.Ref{User: members[i].User}.Hash()
		}
		ops = append(ops, &op.Op{Key: keys[0], Script: enlistScript, Keys: keys, Args: []any{group, proto.MaxGroups}, Write: true})
	}
	s.Accept(ctx, "settle", ops...)
	for k, i := range todo {
		o, at, a := ops[k/size], 3*(k%size), &answers[i]
		if o.Err != nil {
			a.Err, complete = o.Err, false
			continue
		}
		change := Change{User: a.User, Name: members[i].Name, Group: group, By: creator, Once: true}
		switch op.Text(o.Reply[at]) {
		case "ok":
			a.Version, a.Sessions = op.Integer(o.Reply[at+1]), rows.ParseSessions(op.Text(o.Reply[at+2]))
			continue
		case "full":
			change = Change{User: a.User, Name: members[i].Name, Group: group, Leave: true}
		}
		rest, of = append(rest, change), append(of, i)
	}
	for k, c := range s.ChangeGroups(ctx, rest) {
		a := &answers[of[k]]
		complete = complete && (c.Err == nil || errors.Is(c.Err, ErrErased))
		joined := *a
		if *a = c; joined.Copy != nil {
			joined.Earlier, a.Earlier = c.Earlier, &joined
		}
		switch {
		case rest[k].Leave && c.Err == nil:
			a.Err = fmt.Errorf("fill group %d: %w", group, ErrTooManyGroups)
		case errors.Is(c.Err, ErrErased): // the user was erased right after the creator had named them
			complete = s.leaveErased(ctx, rest[k], a) && complete
		}
	}
	if complete {
		s.endFilling(ctx, group)
	}
}

// leaveErased ends the membership of a user who was erased before the group was in their
// list. It puts the change into the parameter a. It returns false if the store failed.
func (s *Store) leaveErased(ctx context.Context, c Change, a *Changed) bool {
	now, err := s.Time(ctx)
	if err != nil {
		return false
	}
	left, err := s.leaveAll(ctx, accounts.Erasure{User: c.User, Name: c.Name}, now, []int64{c.Group})
	if err != nil {
		return false
	}
	why, earlier := a.Err, a.Earlier
	*a = left[0]
	a.Err, a.Earlier = why, earlier
	return true
}

// endFilling removes the record that a group is being filled. If that fails, the next
// sweep of the group removes it.
func (s *Store) endFilling(ctx context.Context, group int64) {
	hash := logref.Ref{Group: group}.Hash()
	s.Run(ctx, "settle", op.Write(hash, []any{"hdel", hash, "filling"}))
}

// If a process died while it filled a group, refill puts the group into the lists of all
// its members.
func (s *Store) refill(ctx context.Context, group int64) {
	key := logref.Ref{Group: group}.Members()
	o := op.Read(key, []any{"zrange", key, 0, -1, "withscores"})
	creator := op.Read(logref.Ref{Group: group}.Hash(), []any{"hget", logref.Ref{Group: group}.Hash(), "creator"})
	if s.Run(ctx, "members", o, creator); o.Err != nil || creator.Err != nil {
		return // the next sweep does it
	}
	members := rows.ParseMembers(o.Reply[0])
	answers := make([]Changed, len(members))
	for i, m := range members {
		answers[i] = Changed{User: m.User, Group: group, Member: true}
	}
	s.enlist(ctx, group, op.Integer(creator.Reply[0]), members, answers)
}
