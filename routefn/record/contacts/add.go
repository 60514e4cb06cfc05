package contacts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// choosyChunk is how many keys one command of choosyOf reads at most.
const choosyChunk = 500

// MayAdd checks whether a user, the parameter by, may add other users to groups. For each
// of the other users, the result is nil, ErrInvite, ErrBlocked or ErrUnavailable. On one
// server it takes three commands. It takes one more for each of them who blocks others or
// has said who may add them.
//
// If a user has not chosen, and the rules ask for a contact, MayAdd looks in the
// relations of the user who adds. Two contacts have each other in their relations.
func (s *Contacts) MayAdd(ctx context.Context, by int64, users []int64) []error {
	errs := make([]error, len(users))
	choosy, failed := s.choosyOf(ctx, users)
	contacts, err := s.contactsIfNeeded(ctx, by)
	var ops []*op.Op
	var of []int
	for i, user := range users {
		switch {
		case failed[i] != nil:
			errs[i] = failed[i]
		case choosy[i]:
			l := logref.Ref{User: user}
			ops = append(ops, op.Read(l.Hash(), []any{"hmget", l.Hash(), "add", fmt.Sprint("k:", by)}))
			of = append(of, i)
		case err != nil:
			errs[i] = err
		case !s.rules.MayAdd("", contacts[user]):
			errs[i] = ErrInvite
		}
	}
	s.db.Run(ctx, "may-add", ops...)
	for k, o := range ops {
		errs[of[k]] = s.judgeAdding(o)
	}
	return errs
}

// choosyOf reports for each user whether they block others or have chosen who may add
// them. One command reads up to choosyChunk of the keys on a single server.
func (s *Contacts) choosyOf(ctx context.Context, users []int64) (choosy []bool, errs []error) {
	choosy, errs = make([]bool, len(users)), make([]error, len(users))
	size := 1
	if s.db.Topology.Single() {
		size = choosyChunk
	}
	var ops []*op.Op
	for chunk := range slices.Chunk(users, size) {
		get := []any{"mget"}
		for _, user := range chunk {
			get = append(get, logref.Ref{User: user}.Choosy())
		}
		ops = append(ops, op.Read(logref.Ref{User: chunk[0]}.Choosy(), get))
	}
	s.db.Run(ctx, "may-add", ops...)
	for i := range users {
		o := ops[i/size]
		if errs[i] = o.Err; o.Err == nil {
			values, _ := o.Reply[0].([]any)
			choosy[i] = i%size < len(values) && op.Text(values[i%size]) == "1"
		}
	}
	return choosy, errs
}

// contactsIfNeeded returns the contacts of a user, or nil if they are not needed. They are
// needed if the rules let only contacts add a user who has made no choice (MayAdd).
func (s *Contacts) contactsIfNeeded(ctx context.Context, user int64) (map[int64]bool, error) {
	if s.rules.MayAdd("", false) {
		return nil, nil
	}
	list, err := s.Relations(ctx, user)
	contacts := make(map[int64]bool, len(list))
	for _, r := range list {
		contacts[r.User] = r.State == proto.RelationContact
	}
	return contacts, err
}

// judgeAdding reads the fields of a user who has made a choice.
func (s *Contacts) judgeAdding(o *op.Op) error {
	if o.Err != nil {
		return o.Err
	}
	fields, _ := o.Reply[0].([]any)
	if len(fields) != 2 {
		return fmt.Errorf("choices of %s: %w", o.Key, op.ErrUnavailable)
	}
	mark := op.Text(fields[1])
	switch {
	case strings.HasPrefix(mark, "blocked"):
		return ErrBlocked
	case !s.rules.MayAdd(op.Text(fields[0]), mark == proto.RelationContact):
		return ErrInvite
	}
	return nil
}
