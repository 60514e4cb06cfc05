package contacts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// A Relation is the state between a user and another one. The other one is a contact, is
// blocked, or one of the two asks to become a contact.
type Relation struct {
	User    int64  // the other one
	State   string // proto.RelationContact or one like it; empty: there is no relation
	Since   int64  // since when the state holds, in ms by the store's clock
	Blocked int64  // since when the user blocks the other one, in ms by the store's clock; zero: not blocked
	Remark  string // the user's own name for a contact
	Text    string // the text of an incoming request
}

// The largest numbers of relations of one user.
const (
	mostBlocked  = 1000
	mostContacts = 2000
	mostRequests = 200 // in each direction
)

// The steps of relate.lua.
const (
	stepBlock    = "block"
	stepUnblock  = "unblock"
	stepAsk      = "ask"
	stepAsked    = "asked"
	stepPermit   = "permit"
	stepAccept   = "accept"
	stepAccepted = "accepted"
	stepWithdraw = "withdraw"
	stepDrop     = "drop"
	stepRemark   = "remark"
)

// refusedStep is the error of a step that the state of the relation does not allow.
type refusedStep struct{ state string }

func (e refusedStep) Error() string { return fmt.Sprintf("state %q does not allow it", e.state) }

// relate changes the relation of a user to another one. It returns the state before the
// change. The error is a refusedStep, ErrTooManyRelations, ErrNoUser, ErrUnavailable or
// ErrUnknown. To repeat it is harmless.
func (s *Contacts) relate(ctx context.Context, user, other int64, step, text string) (string, error) {
	if user <= 0 || other <= 0 || user == other {
		return "", fmt.Errorf("%w: users %d and %d", op.ErrInvalid, user, other)
	}
	if strings.ContainsAny(text, "\t\n") {
		return "", fmt.Errorf("%w: text of a relation", op.ErrInvalid)
	}
	o := change(user, relateScript, step, other, text, mostBlocked, mostContacts, mostRequests)
	s.inboxes.Change(ctx, step, []int64{user}, []*op.Op{o})
	switch {
	case o.Err != nil:
		return "", o.Err
	case op.Text(o.Reply[0]) == "full":
		return "", ErrTooManyRelations
	case op.Text(o.Reply[0]) == "refused":
		return "", refusedStep{op.Text(o.Reply[1])}
	}
	return op.Text(o.Reply[1]), nil
}

// change returns an op that runs sc on three keys of a user: the hash of the inbox, the
// relations, and the key choosy.
func change(user int64, sc *op.Script, args ...any) *op.Op {
	l := logref.Ref{User: user}
	o := l.HashScript(sc, args...)
	o.Keys = append(o.Keys, l.Relations(), l.Choosy())
	return o
}

// Block makes the user's inbox refuse the messages of another one, from now on and at all
// routes. It also ends contact requests between the two. Contacts stay contacts. The
// error is ErrTooManyRelations, ErrNoUser, ErrInvalid, ErrUnavailable or ErrUnknown. To
// repeat it is harmless.
func (s *Contacts) Block(ctx context.Context, user, other int64) error {
	if _, err := s.relate(ctx, user, other, stepBlock, ""); err != nil {
		return fmt.Errorf("%d blocks %d: %w", user, other, err)
	}
	return nil
}

// Unblock ends what Block has begun. Its errors are those of Block.
func (s *Contacts) Unblock(ctx context.Context, user, other int64) error {
	if _, err := s.relate(ctx, user, other, stepUnblock, ""); err != nil {
		return fmt.Errorf("%d unblocks %d: %w", user, other, err)
	}
	return nil
}

// Relations returns all relations of a user, in the order of the other users' ids. The
// error is ErrUnavailable.
func (s *Contacts) Relations(ctx context.Context, user int64) ([]Relation, error) {
	key := logref.Ref{User: user}.Relations()
	o := op.Read(key, []any{"hgetall", key})
	s.db.Run(ctx, "relations", o)
	if o.Err != nil {
		return nil, fmt.Errorf("relations of %d: %w", user, o.Err)
	}
	fields, _ := o.Reply[0].([]any)
	var list []Relation
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) != 2 {
			continue
		}
		if r, ok := parseRelation(op.Integer(pair[0]), op.Text(pair[1])); ok {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Relation) int { return cmp.Compare(a.User, b.User) })
	return list, nil
}

// parseRelation reads a field of the relations: see relation.lua. It returns false for a
// field that is no relation.
func parseRelation(user int64, text string) (Relation, bool) {
	f := strings.Split(text, "\t")
	if user <= 0 || len(f) != 5 {
		return Relation{}, false
	}
	return Relation{User: user, Blocked: op.Integer(f[0]), State: f[1], Since: op.Integer(f[2]), Remark: f[3], Text: f[4]}, true
}
